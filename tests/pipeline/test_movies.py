"""Movies as plate and clean plate, through `dmp matte` and a real engine."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmp_matting.client.connection import Connection

from ..movies import write_movie
from ..scenes import blocks, disc_over, write_image
from .conftest import FEW_STEPS, dmp, events, pixels

pytest.importorskip("av", reason="no PyAV here")
QUICK = ["--preset", "draft", "--device", "cpu", "--set", "threads=1", "--no-check"]
COUNT = 3


class Scene:
    """A disc that moves before a wall, as codes of a display; movies of it, and a still."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        random = np.random.default_rng(list(str(folder).encode()))
        wall = 0.2 + 0.6 * blocks(random, 8, 12, 8)[:64, :96]
        self.scenes = [disc_over(wall, (30 + 12 * number, 32), 18, 4) for number in range(COUNT)]
        self.clip = write_movie(
            folder / "clip.mov", [one.plate for one in self.scenes], timecode="00:00:04:04"
        )
        self.clean = write_image(folder / "clean.png", wall, "uint8")
        self.wall = wall

    def dmp(self, *more: object, image: object = None, clean: object = None) -> Any:
        return dmp("matte", image or self.clip, "--clean", clean or self.clean, *QUICK, *more)

    def error(self, number: int, name: str = "m.0100.exr") -> float:
        """Mean error of alpha against the truth of a picture."""
        return float(np.abs(pixels(self.folder / name)[..., 3] - self.scenes[number].alpha).mean())


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_clip_with_a_still_of_the_empty_set(engine: Connection, scene: Scene) -> None:
    output = scene.folder / "m.####.exr"
    done = scene.dmp("-o", output)
    assert done.returncode == 0, done.stderr
    assert "frames 100-102 from timecode 00:00:04:04" in done.stderr
    for number in range(COUNT):
        assert scene.error(number, f"m.{100 + number:04d}.exr") < 0.01
    made = sorted(os.listdir(scene.folder / "m.frames" / "plate"))
    assert made == ["clip.0100.png", "clip.0101.png", "clip.0102.png", "frames.json"]
    # Nothing is done again while the movie is the same, and all of it when it is another.
    (scene.folder / "m.0101.exr").unlink()
    before = (scene.folder / "m.frames" / "plate" / "clip.0100.png").stat().st_mtime_ns
    lines = events(scene.dmp("-o", output, "--json"))
    assert lines[0]["finished"] == [100, 102]
    assert (scene.folder / "m.frames/plate/clip.0100.png").stat().st_mtime_ns == before
    write_movie(scene.clip, [one.plate * 0.9 for one in scene.scenes], timecode="00:00:04:04")
    assert events(scene.dmp("-o", output, "--json"))[0]["finished"] == []


@pytest.mark.parametrize("count", [1, COUNT, 5])
def test_a_movie_of_the_empty_set(engine: Connection, scene: Scene, count: int) -> None:
    """As many pictures as the plate has: frame by frame. Else their median."""
    clean = write_movie(scene.folder / "clean.mov", count * [scene.wall])
    done = scene.dmp("-o", scene.folder / "m.####.exr", "--frames", "101", clean=clean)
    assert done.returncode == 0, done.stderr
    assert scene.error(1, "m.0101.exr") < 0.01
    made = sorted(os.listdir(scene.folder / "m.frames" / "clean"))
    assert made[0] == ("clean.0101.png" if count == COUNT else "clean.clean.png")
    assert ("median" in done.stderr, "frame by frame" in done.stderr) == (count == 5, count == 3)


def test_a_still_with_a_movie_of_the_empty_set(engine: Connection, scene: Scene) -> None:
    still = write_image(scene.folder / "p.png", scene.scenes[0].plate, "uint8")
    clean = write_movie(scene.folder / "clean.mov", 2 * [scene.wall])
    done = scene.dmp("-o", scene.folder / "m.exr", image=still, clean=clean)
    assert done.returncode == 0, done.stderr
    assert scene.error(0, "m.exr") < 0.01


def test_a_list_of_shots_has_movies_too(engine: Connection, scene: Scene) -> None:
    (scene.folder / "shots.csv").write_text(
        f"name,image,clean,output,frames\nsh1,{scene.clip},{scene.clean},{{shot}}/m.####.exr,102\n"
    )
    done = dmp("batch", scene.folder / "shots.csv", *QUICK[:-3], "--no-check")
    assert done.returncode == 0, done.stderr
    assert scene.error(2, "sh1/m.0102.exr") < 0.01


def test_frames_that_a_movie_has_not_are_named_after_all_of_it_was_matted(
    engine: Connection, scene: Scene
) -> None:
    output = scene.folder / "m.####.exr"
    assert scene.dmp("-o", output).returncode == 0
    done = scene.dmp("-o", output, "--frames", "101-105")
    assert done.returncode == 2 and "103 is not among them" in done.stderr


def test_what_cannot_be_is_a_sentence_and_leaves_nothing(engine: Connection, scene: Scene) -> None:
    output = scene.folder / "m.####.exr"
    broken = scene.folder / "broken.mov"
    broken.write_bytes(scene.clip.read_bytes()[:5000])
    before = sorted(os.listdir(scene.folder))
    for arguments, sentence in (
        (["-o", scene.folder / "one.exr"], "has 3 frames, which cannot all be written to one file"),
        (["-o", output, "--frames", "1-2"], "has the frames 100-102, from timecode 00:00:04:04"),
        (["-o", scene.folder / "no" / "m.####.exr"], "does not exist; make it first"),
    ):
        done = scene.dmp(*arguments)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert sentence in done.stderr
    for clip in (broken, scene.folder / "absent.mov"):
        done = scene.dmp("-o", output, image=clip)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert sorted(os.listdir(scene.folder)) == before


def test_a_named_colour_space_is_that_of_the_codes(engine: Connection, scene: Scene) -> None:
    """A movie that states PQ is read as light, unless the artist knows better."""
    plates = [one.plate for one in scene.scenes]
    clip = write_movie(
        scene.folder / "pq.mov", plates, "libx264", "yuv444p10le", transfer=16, primaries=9,
        matrix=9,
    )  # fmt: skip
    for more, suffix in (([], "exr"), (["--input-space", "raw"], "png")):
        name = f"{suffix}.####.exr"
        done = dmp("matte", clip, "--clean", clip, "-o", scene.folder / name, *FEW_STEPS,
                   "--frames", "1", "--no-check", *more)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert (scene.folder / f"{suffix}.frames" / "plate" / f"pq.0001.{suffix}").is_file()
