"""The ready comps against numpy, pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ..scenes import write_image
from .conftest import Blender, read

HEIGHT, WIDTH = 32, 48


def grown(alpha: np.ndarray, pixels: int) -> np.ndarray:
    """The highest value within a square of ``pixels`` on each side; the lowest, below 0."""
    if pixels == 0:
        return alpha
    reach, choose = abs(pixels), np.max if pixels > 0 else np.min
    around = np.pad(alpha, reach, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(around, (2 * reach + 1,) * 2)
    return np.asarray(choose(windows, axis=(2, 3)))


@pytest.mark.parametrize("any_blender", ["5.0", "5.3"], indirect=True)
def test_the_ready_comps(any_blender: Blender, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    alpha[8:24, 12:36] = random.random((16, 24))
    colours = random.random((HEIGHT, WIDTH, 3)).astype(np.float32)
    matte = np.dstack([colours * alpha[..., None], alpha])
    back = (random.random((HEIGHT, WIDTH, 3)) * 4).astype(np.float32)
    write_image(tmp_path / "matte.exr", matte, "float")
    write_image(tmp_path / "back.exr", back, "float")
    seen = any_blender.run("comps", folder=tmp_path, size=[WIDTH, HEIGHT])
    assert seen["added"] == [[["FINISHED"], ""]] * 2
    assert seen["groups"] == ["DMP Despill Green", "DMP Edge", "DMP Light Wrap"]  # once each
    assert seen["assets"] == [True, True, True]
    assert seen["defaults"] == {
        "DMP Edge": {"Alpha": 1.0, "Size": 1},
        "DMP Despill Green": {"Amount": 1.0},
        "DMP Light Wrap": {"Size": 10.0, "Amount": 0.5},
    }
    rendered = {name: read(path) for name, path in seen["rendered"].items()}
    close = {"rtol": 1e-5, "atol": 1e-6}

    for pixels in (-2, 0, 3):
        wanted = grown(alpha, pixels)
        found = rendered[f"edge {pixels}"]
        np.testing.assert_allclose(rendered[f"alpha {pixels}"][..., 0], wanted, **close)
        np.testing.assert_allclose(found[..., 3], wanted, **close)
        np.testing.assert_allclose(found[..., :3], back * wanted[..., None], **close)

    red, green, blue = np.moveaxis(matte[..., :3], 2, 0)
    for amount in (0.5, 1.0):
        rest = green - amount * np.maximum(green - np.maximum(red, blue), 0)
        wanted = np.dstack([red, rest, blue, alpha])
        np.testing.assert_allclose(rendered[f"despill {amount}"], wanted, **close)

    inside = alpha * (1 - rendered["blurred alpha"][..., 0]) * 0.75
    lit = matte[..., :3] + rendered["blurred back"][..., :3] * inside[..., None]
    np.testing.assert_allclose(rendered["wrap"][..., :3], lit, **close)
    np.testing.assert_allclose(rendered["wrap"][..., 3], alpha, **close)
    assert np.abs(lit - matte[..., :3]).max() > 0.1  # there is light
