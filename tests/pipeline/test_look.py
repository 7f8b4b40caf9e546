"""Contact sheets and movies of shots, and the measures that tell a good matte from a bad one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.review.measures import Measure, measure_frames
from dmp_matting.client.connection import Connection

from ..scenes import write_image
from .conftest import FEW_STEPS, TinyShot, dmp


def test_a_sheet_and_a_movie_of_finished_frames(
    engine: Connection, shot: TinyShot, tmp_path: Path
) -> None:
    wanted = ("matte", shot.pattern, "--clean", shot.clean, "-o", tmp_path / "m.####.exr")
    assert dmp(*wanted, *FEW_STEPS, "--no-check").returncode == 0
    done = dmp("view", tmp_path / "m.%04d.exr", "-o", tmp_path / "sheet.png")
    assert done.stdout == f"Wrote {tmp_path / 'sheet.png'}.\n", done.stderr
    sheet = oiio.ImageBuf(str(tmp_path / "sheet.png")).get_pixels("float")
    assert sheet.shape[0] > sheet.shape[1] / 3 and sheet.max() > 0.9

    movie = dmp("view", tmp_path / "m.####.exr", "-o", tmp_path / "shot.mp4")
    if shutil.which("ffmpeg") is None:
        assert movie.returncode == 2 and "needs ffmpeg" in movie.stderr
        pytest.skip("there is no ffmpeg here, so no movie was made")
    assert movie.returncode == 0, movie.stderr
    result = subprocess.run(
        ["ffprobe", "-v", "error", "-count_frames", "-show_entries",
         "stream=nb_read_frames,width,height", "-of", "csv=p=0", tmp_path / "shot.mp4"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert result.stdout.strip() == "144,32,4"
    assert not list(tmp_path.glob(".*"))


def test_a_movie_without_ffmpeg_is_a_sentence(
    engine: Connection, shot: TinyShot, tmp_path: Path
) -> None:
    wanted = ("matte", shot.pattern, "--clean", shot.clean, "-o", tmp_path / "m.####.exr",
              "--frames", "1001", "--movie", tmp_path / "shot.mp4", *FEW_STEPS)  # fmt: skip
    done = dmp(*wanted, PATH="/nowhere")
    assert done.returncode == 0  # the matte is there
    assert "plate: no shot.mp4: A movie needs ffmpeg" in done.stderr


class Scene:
    """Results as a solver would have written them, with an alpha of the test's choice."""

    def __init__(self, folder: Path) -> None:
        self.shot = TinyShot(folder, count=2)
        self.folder = folder

    def measure(
        self,
        change: Callable[[int, np.ndarray, np.ndarray], object],
        plate: Callable[[np.ndarray], np.ndarray] = lambda pixels: pixels,
    ) -> list[Measure]:
        """``change`` gets the frame's index, its alpha and its premultiplied colours."""
        entries = []
        for index, number in enumerate(self.shot.numbers):
            image = plate(oiio.ImageBuf(str(self.shot.plate(number))).get_pixels("float"))
            write_image(self.shot.plate(number), image)
            y, x = np.mgrid[:32, :48]
            alpha = (np.hypot(x - 12 - 2 * index, y - 16) < 12).astype(np.float32)
            premultiplied = alpha[..., None] * image
            change(index, alpha, premultiplied)
            layers = np.dstack([premultiplied, alpha, image])
            names = ("R", "G", "B", "A", "foreground.R", "foreground.G", "foreground.B")
            path = self.folder / f"m.{number}.exr"
            space = {"dmp:space": "scene_linear"}
            write_image(path, layers, channels=names, attributes=space)
            entries.append({"number": number, "result": str(path),
                            "image": str(self.shot.plate(number)),
                            "clean": str(self.shot.clean)})  # fmt: skip
        return list(measure_frames(entries))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_right_matte_has_no_flag(scene: Scene) -> None:
    for measure in scene.measure(lambda *_: None):
        assert (measure.specks, measure.holes, measure.clipped) == (0, 0, 0)
        assert measure.residual == 0 and measure.drift is not None and measure.drift < 0.001
        assert measure.pixels == 48 * 32 and 0.2 < measure.coverage < 0.4


def test_holes_that_show_the_subject_and_gaps_that_show_the_background(scene: Scene) -> None:
    def pierce(_: int, alpha: np.ndarray, colour: np.ndarray) -> None:
        alpha[16, 13:15] = 0.3

    assert [measure.holes for measure in scene.measure(pierce)] == [2, 2]

    def ring(pixels: np.ndarray) -> np.ndarray:
        pixels[16, 13:15] = scene.shot.behind[16, 13:15]  # one sees through
        return pixels

    assert [measure.holes for measure in scene.measure(pierce, ring)] == [0, 0]


def test_drift_grain_flicker_and_clipping(scene: Scene) -> None:
    brighter = scene.measure(lambda *_: None, lambda pixels: pixels * 1.2)
    assert all(m.drift is not None and m.drift > 0.03 for m in brighter)

    def speckle(_: int, alpha: np.ndarray, colour: np.ndarray) -> None:
        alpha[3, 44] = 0.2

    assert [m.specks for m in scene.measure(speckle)] == [1, 1]

    def shimmer(index: int, alpha: np.ndarray, colour: np.ndarray) -> None:
        alpha[2:12, 34:46] = 0.3 + 0.4 * index

    flicker = scene.measure(shimmer)[1].flicker
    assert flicker is not None and flicker > 0.2

    def clip(_: int, alpha: np.ndarray, colour: np.ndarray) -> None:
        np.minimum(colour, 1.0, out=colour)

    bright = scene.measure(clip, lambda pixels: pixels * 5)
    assert all(m.clipped > 100 for m in bright)
    assert [m.clipped for m in scene.measure(lambda *_: None)] == [0, 0]
