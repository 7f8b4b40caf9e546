"""The test plates are what their READMEs say: exact composites, soft edges, highlights, small.

A half has 11 significant bits: rounding to it is off by at most 2^-11 of the value (2^-25 near 0).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray

PLATES = Path(__file__).parents[1] / "plates"
FURBALL = PLATES / "furball"
FRAMES = range(1001, 1009)
HALF, TINY = 2.0**-11, 2.0**-25

Pixels = NDArray[np.float32]  # (H, W, C)


def read(path: Path) -> tuple[Pixels, oiio.ImageSpec]:
    image = oiio.ImageBuf(str(path))
    assert image.initialized and not image.has_error, f"{path}: {image.geterror()}"
    return np.asarray(image.get_pixels("float"), np.float32), image.spec()


def test_the_lemurs_plate_is_its_composite_to_half_a_code() -> None:
    plate, clean, alpha, foreground = (
        read(PLATES / "lemur" / f"{name}.png")[0].astype(np.float64)
        for name in ("plate", "clean", "alpha", "foreground")
    )
    assert plate.shape == clean.shape == foreground.shape == (220, 340, 3)
    assert alpha.shape == (220, 340, 1)
    residual = np.abs(alpha * foreground + (1.0 - alpha) * clean - plate)
    assert residual.max() * 255.0 <= 0.5 + 1e-4
    assert (alpha == 0.0).mean() > 0.5
    assert (alpha == 1.0).mean() > 0.15
    assert ((alpha > 0.0) & (alpha < 1.0)).mean() > 0.1


@pytest.mark.parametrize("frame", FRAMES)
def test_a_furball_frame_is_exact(frame: int) -> None:
    plate, plate_spec = read(FURBALL / f"plate.{frame}.exr")
    clean, _ = read(FURBALL / "clean.exr")
    truth, truth_spec = read(FURBALL / f"truth.{frame}.exr")
    assert plate_spec.format == truth_spec.format == "half"
    assert plate_spec.channelnames == ("R", "G", "B")
    assert truth_spec.channelnames[:4] == ("R", "G", "B", "A")
    assert truth_spec.channelnames[4:] == ("foreground.R", "foreground.G", "foreground.B")
    assert plate.shape == clean.shape == (240, 320, 3)
    for pixels in (plate, clean, truth):
        assert np.isfinite(pixels).all() and (pixels >= 0.0).all()

    premultiplied, alpha, straight = truth[..., :3], truth[..., 3:4], truth[..., 4:]
    exact = premultiplied + (np.float32(1.0) - alpha) * clean
    np.testing.assert_array_equal(exact.astype(np.float16).astype(np.float32), plate)

    # The straight foreground carries one more rounding to half.
    a, f, b = (part.astype(np.float64) for part in (alpha, straight, clean))
    residual = np.abs(a * f + (1.0 - a) * b - plate)
    assert (residual <= 1.01 * HALF * (plate + a * f) + 2.0 * TINY).all()

    assert alpha.max() == 1.0
    nothing = alpha[..., 0] == 0.0
    assert (truth[nothing] == 0.0).all()
    np.testing.assert_array_equal(plate[nothing], clean[nothing])


@pytest.mark.parametrize("frame", FRAMES)
def test_a_furball_frame_has_soft_edges_and_a_highlight(frame: int) -> None:
    truth, _ = read(FURBALL / f"truth.{frame}.exr")
    alpha, straight = truth[..., 3], truth[..., 4:]
    assert (alpha == 0.0).mean() > 0.6
    assert (alpha == 1.0).mean() > 0.08
    assert ((alpha > 0.02) & (alpha < 0.98)).mean() > 0.04
    solid_and_bright = (alpha > 0.5) & (straight.max(axis=2) > 5.0)
    assert solid_and_bright.sum() >= 10


def test_the_furball_moves() -> None:
    alphas = [read(FURBALL / f"truth.{frame}.exr")[0][..., 3] for frame in FRAMES]
    columns = np.arange(320)
    centres = [float((alpha * columns).sum() / alpha.sum()) for alpha in alphas]
    assert all(later - earlier > 2.0 for earlier, later in zip(centres, centres[1:], strict=False))
    assert centres[-1] - centres[0] > 60.0


def test_the_plates_stay_small() -> None:
    total = sum(path.stat().st_size for path in PLATES.rglob("*") if path.is_file())
    assert total < 15e6
