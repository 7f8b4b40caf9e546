"""Real image files for the tests of the plates' room, written by OpenImageIO on the spot."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio
import pytest

from dmp_engine.plates.io import PlateImage, read_plate
from dmp_matting.job import Plate, Role

from ...scenes import write_image

Array = npt.NDArray[Any]
Picture = Callable[..., Path]
HEIGHT, WIDTH = 33, 51


@pytest.fixture
def noise() -> Array:
    """(33, 51, 3) in [0, 1], exact in half."""
    pixels = np.random.default_rng(7).random((HEIGHT, WIDTH, 3))
    return pixels.astype(np.float16).astype(np.float32)


@pytest.fixture
def picture(tmp_path: Path) -> Picture:
    """`write_image`, to a name in the test's folder."""

    def write(name: str, pixels: Array, kind: str = "half", **how: Any) -> Path:
        return write_image(tmp_path / name, pixels, kind, **how)

    return write


@pytest.fixture
def parts(tmp_path: Path) -> Picture:
    """Write a multi-part EXR of (part name, channel names, pixels)."""

    def write(name: str, *contents: tuple[str, Sequence[str], Array]) -> Path:
        path = tmp_path / name
        specs = []
        for part, channels, pixels in contents:
            spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], "half")
            spec.channelnames = tuple(channels)
            spec.attribute("oiio:subimagename", part)
            specs.append(spec)
        output = oiio.ImageOutput.create("openexr")
        assert output is not None
        assert output.open(str(path), specs), output.geterror()
        for number, (_, _, pixels) in enumerate(contents):
            if number:
                assert output.open(str(path), specs[number], "AppendSubimage")
            assert output.write_image(np.ascontiguousarray(pixels, np.float32))
        assert output.close()
        return path

    return write


@pytest.fixture
def image() -> Callable[..., PlateImage]:
    """Read a file as the image plate."""

    def read(path: Path, space: str = "auto", like: PlateImage | None = None) -> PlateImage:
        return read_plate(Plate(str(path), Role.CLEAN if like else Role.IMAGE, space), like)

    return read


@pytest.fixture(autouse=True)
def no_studio_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own OCIO setting, not the machine's."""
    monkeypatch.delenv("OCIO", raising=False)
