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
    """Write pixels (H, W, C) to a file in the test's folder.

    ``window`` is the display window (x, y, width, height) and ``at`` the data
    window's corner; ``attributes`` are (type, value) or plain values.
    """

    def write(
        name: str,
        pixels: Array,
        kind: str = "half",
        *,
        channels: Sequence[str] = (),
        at: tuple[int, int] = (0, 0),
        window: tuple[int, int, int, int] | None = None,
        tile: int = 0,
        attributes: dict[str, Any] | None = None,
    ) -> Path:
        path = tmp_path / name
        spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], pixels.shape[2], kind)
        if channels:
            spec.channelnames = tuple(channels)
        spec.x, spec.y = at
        spec.full_x, spec.full_y, spec.full_width, spec.full_height = window or (
            0, 0, spec.width, spec.height,
        )  # fmt: skip
        spec.tile_width = spec.tile_height = tile
        for key, value in (attributes or {}).items():
            if isinstance(value, tuple):
                spec.attribute(key, value[0], value[1])
            else:
                spec.attribute(key, value)
        output = oiio.ImageOutput.create(name)
        assert output is not None
        assert output.open(str(path), spec), output.geterror()
        assert output.write_image(np.ascontiguousarray(pixels, np.float32)), output.geterror()
        assert output.close()
        return path

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


@pytest.fixture
def shared() -> Path:
    """The data folder beside the checkout; the test is skipped where there is none."""
    folder = Path(__file__).parents[4] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no ../shared/data beside this checkout")
    return folder


@pytest.fixture(autouse=True)
def no_studio_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own OCIO setting, not the machine's."""
    monkeypatch.delenv("OCIO", raising=False)
