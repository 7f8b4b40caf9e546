"""`dmp matte --keep` over a shot: one of two subjects, followed while it moves and shrinks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dmp_matting.client.connection import Connection

from ..scenes import blocks, disc_over, write_image
from .conftest import dmp, events, pixels

COUNT = 4
QUICK = ["--preset", "draft", "--device", "cpu", "--set", "threads=1", "--no-check", "--json"]


class Meeting:
    """A red disc that goes to the right and shrinks, and a green one that stands and grows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        random = np.random.default_rng(list(str(folder).encode()))
        wall = blocks(random, 12, 28, 6)[:64, :160] * 0.5
        write_image(folder / "clean.exr", wall)
        self.mine, self.other = [], []
        for number in range(COUNT):
            mine = disc_over(wall, (24 + 14 * number, 32), 20 - 2 * number, 4)
            other = disc_over(wall, (130, 32), 12 + 2 * number, 4, (0.1, 0.9, 0.1))
            plate = np.where(other.alpha[..., None] > 0, other.plate, mine.plate)
            write_image(folder / f"p.{1001 + number}.exr", plate)
            self.mine.append(mine.alpha)
            self.other.append(other.alpha)

    def matte(self, keep: str, *more: object) -> list[dict[str, object]]:
        done = dmp("matte", self.folder / "p.####.exr", "--clean", self.folder / "clean.exr",
                   "-o", self.folder / "m.####.exr", "--keep", keep, *QUICK, *more)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return events(done)

    def error(self, number: int, truth: list[np.ndarray]) -> float:
        alpha = pixels(self.folder / f"m.{1001 + number}.exr")[..., 3]
        return float(np.abs(alpha - truth[number]).mean())


@pytest.fixture
def meeting(tmp_path: Path) -> Meeting:
    return Meeting(tmp_path)


def test_a_subject_is_followed_and_frames_are_kept(engine: Connection, meeting: Meeting) -> None:
    meeting.matte("at 24,32")
    for number in range(COUNT):
        assert meeting.error(number, meeting.mine) < 0.01, number
    started = meeting.matte("at 24,32")[1]
    assert started["finished"] == [1001, 1002, 1003, 1004]
    # The artist's own keys are not followed.
    meeting.matte("at 130,32@1001 24,32@1002", "--frames", "1001")
    assert meeting.error(0, meeting.other) < 0.01


def test_a_farms_job_has_the_places_of_all_frames(engine: Connection, meeting: Meeting) -> None:
    done = dmp("submit", meeting.folder / "p.####.exr", "--clean", meeting.folder / "clean.exr",
               "-o", meeting.folder / "m.####.exr", "--keep", "at 24,32", "--device", "cpu",
               "--bundle", meeting.folder / "job")  # fmt: skip
    assert done.returncode == 0, done.stderr
    values = json.loads((meeting.folder / "job" / "parameter_values.json").read_text())
    (settings,) = (one["value"] for one in values["parameterValues"] if one["name"] == "Settings")
    keep = json.loads(settings)["keep"]
    assert [f"@{1001 + number}" in keep for number in range(COUNT)] == [True] * COUNT
