"""Pairs with a known answer, as the solver takes them: the photograph and the rendered shot."""

from __future__ import annotations

import dmp_engine  # noqa: F401  before torch: it says how torch's threads wait

# isort: split
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
import torch
from torch import Tensor

PLATES = Path(__file__).parents[1] / "plates"


@dataclass(frozen=True)
class Truth:
    """A pair and its exact layers; images (1, 3, H, W), alpha (1, 1, H, W), float32."""

    image: Tensor
    clean: Tensor
    alpha: Tensor
    foreground: Tensor
    linear: bool  # scene-linear, not values as stored

    def cut(self, top: int, left: int, height: int, width: int) -> Truth:
        """The window of it that starts at (top, left)."""
        names = ("image", "clean", "alpha", "foreground")
        rows, columns = slice(top, top + height), slice(left, left + width)
        cuts = {name: getattr(self, name)[..., rows, columns].contiguous() for name in names}
        return replace(self, **cuts)


def pixels(path: Path) -> Tensor:
    """A file's channels as stored, (1, C, H, W) float32."""
    file = oiio.ImageBuf(str(path))
    assert file.initialized and not file.has_error, f"{path}: {file.geterror()}"
    array = np.asarray(file.get_pixels("float"), np.float32)
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1)))[None]


@pytest.fixture(scope="session")
def lemur() -> Truth:
    """340 x 220, 8 bit, values as stored."""
    folder = PLATES / "lemur"
    image, clean, alpha, foreground = (
        pixels(folder / f"{name}.png") for name in ("plate", "clean", "alpha", "foreground")
    )
    return Truth(image, clean, alpha, foreground, linear=False)


@pytest.fixture(scope="session")
def fur(lemur: Truth) -> Truth:
    """96 x 64 of the lemur: its head's edge before the sky."""
    return lemur.cut(28, 130, 64, 96)


@pytest.fixture(scope="session")
def tiny(lemur: Truth) -> Truth:
    """64 x 48 of the lemur, half of it sky."""
    return lemur.cut(28, 150, 48, 64)


@pytest.fixture(scope="session")
def furball() -> Callable[[int], Truth]:
    """A frame (1001 to 1008) of the furball, 320 x 240, scene-linear."""
    folder = PLATES / "furball"

    def frame(number: int) -> Truth:
        truth = pixels(folder / f"truth.{number}.exr")
        image, clean = pixels(folder / f"plate.{number}.exr"), pixels(folder / "clean.exr")
        return Truth(image, clean, truth[:, 3:4], truth[:, 4:], linear=True)

    return frame


@pytest.fixture
def shared() -> Path:
    """The data folder beside the checkout; the test is skipped where there is none."""
    folder = Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside this checkout")
    return folder
