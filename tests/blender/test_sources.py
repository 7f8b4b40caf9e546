"""What the engine gets from every kind of input, pixel by pixel: Blender fails silently there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from ..scenes import write_image
from .avi import write_avi
from .conftest import Blender, read

HEIGHT, WIDTH = 12, 16


def linear(values: np.ndarray) -> np.ndarray:
    """The sRGB curve of IEC 61966-2-1."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def bytes_(values: np.ndarray) -> np.ndarray:
    return np.round(values * 255) / 255


class Inputs:
    """A folder of pictures, and what they hold."""

    def __init__(self, folder: Path) -> None:
        random = np.random.default_rng(3)
        self.folder = folder
        self.picture = bytes_(random.random((HEIGHT, WIDTH, 3)))
        self.high = (random.random((HEIGHT, WIDTH, 3)) * 20).astype(np.float32)
        self.clear = np.stack([self.picture * (1 - n / 4) for n in range(3)])
        self.clear = bytes_(self.clear)
        self.movie = random.integers(0, 256, (5, HEIGHT, WIDTH, 3), dtype=np.uint8)
        write_image(folder / "plate.png", self.picture, "uint8")
        write_image(folder / "plate.exr", self.high, "float")
        cut = oiio.ImageBuf(self.high + 1.0)
        cut.set_origin(7, 2)
        cut.set_full(0, 3 * WIDTH, 0, 2 * HEIGHT, 0, 1)
        assert cut.write(str(folder / "cut.exr"), "float"), cut.geterror()
        for n, frame in enumerate(self.clear):
            opaque = np.ones((HEIGHT, WIDTH, 1))
            write_image(folder / f"clear.{11 + n:04d}.png", np.dstack([frame, opaque]), "uint8")
        write_avi(folder / "movie.avi", self.movie)
        np.save(folder / "float.npy", self.high)
        np.save(folder / "byte.npy", self.picture.astype(np.float32))


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    return Inputs(tmp_path_factory.mktemp("inputs"))


def check(found: list[list[str]], space: str, *expected: np.ndarray, within: float = 2e-5) -> None:
    """Rendered anew, recorded as ``space``, with these pixels."""
    assert [one[1] for one in found] == [space] * len(expected)
    for (path, _), wanted in zip(found, expected, strict=True):
        np.testing.assert_allclose(read(path)[..., :3], wanted, rtol=within, atol=within)


def test_pixels_of_every_source(any_blender: Blender, inputs: Inputs, output: Path) -> None:
    folder, picture = inputs.folder, inputs.picture
    seen: dict[str, Any] = any_blender.run(
        "sources", folder=folder, output=output, float=folder / "float.npy",
        byte=folder / "byte.npy",
    )  # fmt: skip

    # Files that the engine reads as Blender does go as they are.
    assert seen["png"] == [[str(folder / "plate.png"), "sRGB"]]
    assert seen["exr"] == [[str(folder / "plate.exr"), "scene_linear"]]
    assert seen["data"] == [[str(folder / "plate.png"), "raw"]]

    check(seen["packed"], "scene_linear", linear(picture))
    check(seen["packed data"], "raw", picture)
    painted = picture.copy()
    painted[-1, :8] = (1.0, 0.0, 0.0)
    check(seen["painted"], "scene_linear", linear(painted))
    check(seen["float"], "scene_linear", inputs.high)
    check(seen["byte"], "scene_linear", linear(picture))

    converted = oiio.ImageBufAlgo.colorconvert(
        oiio.ImageBuf(inputs.high), "ACEScg", "lin_rec709", colorconfig="ocio://default"
    )
    check(seen["acescg"], "scene_linear", converted.get_pixels("float"), within=5e-3)

    # A data window smaller than the picture: whole, wherever that Blender places it.
    lit = oiio.ImageBufAlgo.colorconvert(
        oiio.ImageBuf(inputs.high + 1.0), "ACEScg", "lin_rec709", colorconfig="ocio://default"
    ).get_pixels("float")
    for name in ("cut", "cut packed"):
        ((path, space),) = seen[name]
        rendered = read(path)
        rows, columns = (np.flatnonzero((rendered > 0.1).any((axis, 2))) for axis in (1, 0))
        part = rendered[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1, :3]
        np.testing.assert_allclose(part, lit, rtol=5e-3, atol=5e-3, err_msg=name)
        assert space == "scene_linear"

    # Each frame its own, whatever was rendered before: the failure that gives no error.
    check(seen["sequence"], "scene_linear", *(linear(frame) for frame in inputs.clear))
    assert seen["movie kind"] == "MOVIE"
    movie = inputs.movie / 255
    # Frame 2 of the movie at scene frame 3.
    check(seen["movie"], "scene_linear", linear(movie[2]), linear(movie[1]))
    assert seen["handlers"] == [0, 1, 1]  # other add-ons' are there and did not run
    check(seen["clip"], "scene_linear", linear(movie[2]), linear(movie[0]))
    check(seen["clip of files"], "scene_linear", *(linear(one) for one in inputs.clear[1:]))

    # Named as the artist knows them, and not as the temporary files that they are rendered to.
    names = [name.rpartition(", ")[0] for _, name in seen["pair"]]
    assert names == [f"{folder}/movie.avi (plate, frame 2", f"{folder}/plate.png (clean plate"]
    assert [space for space, _ in seen["pair"]] == ["scene_linear", "scene_linear"]

    assert seen["mask"][0][1] == "raw"
    mask = read(seen["mask"][0][0])[..., 0]
    assert mask.shape == (HEIGHT, WIDTH)
    assert (mask[:, :7] > 0.99).all() and (mask[:, 9:] < 0.01).all()

    assert [name for name in seen["left over"] if name.startswith("DMP")] == []


@pytest.mark.parametrize("blender", ["5.0"], indirect=True)
def test_a_file_with_another_working_space(blender: Blender, inputs: Inputs, output: Path) -> None:
    mapped = np.zeros((HEIGHT, WIDTH, 4))
    built = write_image(output / "built.exr", mapped, channels=("R", "G", "B", "unseen.A"))
    seen = blender.run(
        "working_space", plate=inputs.folder / "plate.png", output=output, built=built
    )
    assert seen["built"] == [str(built), "scene_linear"]  # as it is: a rendered one has no map
    assert seen["works_in"] == "ACEScg"
    check([[seen["path"], seen["space"]]], "scene_linear", linear(inputs.picture), within=2e-3)
