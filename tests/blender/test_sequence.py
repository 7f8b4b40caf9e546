"""A shot of eight frames: solved in a range, numbered as the scene, right in the compositor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from .conftest import PLATES, SMALL, Blender, mattes, read

WINDOW = (120, 60, 96, 64)  # of the furball: x, y, width, height
FRAMES = range(1001, 1009)


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The furball with a data window smaller than its display window."""
    folder = tmp_path_factory.mktemp("shot")
    x, y, width, height = WINDOW
    for name in ("clean", *(f"plate.{number}" for number in FRAMES)):
        whole = oiio.ImageBuf(str(PLATES / "furball" / f"{name}.exr"))
        cut = oiio.ImageBufAlgo.crop(whole, oiio.ROI(x, x + width, y, y + height, 0, 1, 0, 3))
        cut.specmod().attribute("compression", "zip")
        assert cut.write(str(folder / f"{name}.exr")), cut.geterror()
    return folder


def shown_part(plate: np.ndarray, shot: Path) -> tuple[slice, slice]:
    """Where a render has the plate of frame 1001: a Blender places a data window in its own way."""
    rows, columns = (np.flatnonzero((plate[..., 3] > 0.5).any(axis)) for axis in (1, 0))
    part = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    stored = read(shot / "plate.1001.exr")
    np.testing.assert_allclose(plate[part][..., :3], stored[..., :3], rtol=1e-4, atol=1e-5)
    return part


def test_a_range_with_a_data_window(
    any_blender: Blender, engine: Any, shot: Path, output: Path
) -> None:
    x, y, width, height = WINDOW
    # Up to 5.1 the data window lies in the middle of the render, and may fill it.
    size = [320, 240] if any_blender.version == "5.3" else [width, height]
    given = {"size": size, "output": output, "frames": list(FRAMES)}
    seen = any_blender.run(
        "sequence", plate=shot / "plate.1001.exr", clean=shot / "clean.exr", settings=SMALL, **given
    )
    assert seen["start, first"] == [1001, 1001]
    assert seen["range"] == [["FINISHED"], ""]
    exrs = [f"plate_matte.{number}.exr" for number in FRAMES]
    assert seen["exrs"] == exrs
    assert seen["node"] == [1001, 1000, 8]
    if "tree before" in seen:
        assert seen["tree before"] == seen["tree after"]
        assert "Blur" in seen["tree before"]

    # Frame 1001 was overwritten by 1002 at the end; 1003 was solved again, by itself.
    folder = mattes(output)[0].parent
    layers = {number: read(folder / exrs[number - 1001]) for number in (1001, *FRAMES[2:])}
    spec = oiio.ImageBuf(str(folder / exrs[2])).spec()
    assert (spec.x, spec.y, spec.width, spec.height) == WINDOW
    assert (spec.full_width, spec.full_height) == (320, 240)
    # 5.3 interpolates where it moves a picture, by about a hundred-thousandth.
    close = {"rtol": 1e-4, "atol": 3e-5 if any_blender.version == "5.3" else 1e-5}
    part = shown_part(read(seen["plate"]), shot)  # the matte lies on its plate, exactly
    for number in FRAMES[2:]:
        rendered = read(seen["first"][number - 1001])
        np.testing.assert_allclose(rendered[part], layers[number][..., :4], **close)
        rendered[part] = 0
        assert np.abs(rendered).max() <= close["atol"]
    first, second = map(read, seen["first"][:2])
    assert np.abs(first - second).max() > 0.01  # the frames do differ
    np.testing.assert_allclose(read(seen["second"][0]), second, **close)

    assert seen["reload with a gap"] == [["FINISHED"], ""]
    assert seen["gap sentence"] == [
        1, [f"Frame 1003 of 'plate_matte' is missing in {seen['folder']}."]
    ]  # fmt: skip
    assert seen["frame"] == [["FINISHED"], ""]
    in_range, alone = (read(f"{one}.exr") for one in seen["as in the range"])
    np.testing.assert_array_equal(alone, in_range)  # with its neighbours all the same
    assert seen["restored"] == [1, []]
    assert seen["groups"] == 1

    # Another machine, without the add-on.
    opened = any_blender.run("reopen", blend=output / "shot.blend", **{**given, "frames": [1004]})
    assert opened["enabled"] is False
    rendered = read(opened["rendered"][0])
    np.testing.assert_allclose(rendered[part], layers[1004][..., :4], **close)


def test_scene_frames_need_not_be_the_files_numbers(
    blender: Blender, engine: Any, shot: Path, output: Path
) -> None:
    seen = blender.run(
        "sequence", plate=shot / "plate.1001.exr", clean=shot / "clean.exr",
        settings=SMALL, size=WINDOW[2:], output=output, frames=[11, 12, 13],
    )  # fmt: skip
    assert seen["start, first"] == [11, 1001]
    assert seen["exrs"] == [f"plate_matte.00{number}.exr" for number in (11, 12, 13)]
    assert seen["node"] == [11, 10, 3]
    rendered = read(seen["first"][2])
    layers = read(mattes(output)[0].with_name("plate_matte.0013.exr"))
    np.testing.assert_allclose(rendered, layers[..., :4], rtol=1e-4, atol=1e-5)
