"""*Build clean plate*: versions that are never over a file, and nothing left of what ended."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from dmp_matting.errors import InputError, OutputError
from dmp_matting.shots.build_clean_plate import new_clean_plate
from dmp_matting.shots.clean_plates import MOST_FRAMES, frames_to_look_at, has_unseen_map

from ...scenes import write_image


def test_versions(tmp_path: Path) -> None:
    folder = tmp_path / "dmp" / "shot"
    for number in (1, 2):
        with new_clean_plate(str(folder), "walk") as version:
            assert version.path() == str(folder / f"walk_clean_v00{number}" / "walk_clean.exr")
            Path(version.path()).write_text("made")
    assert version.path("%V") == str(folder / "walk_clean_v002" / "walk_clean.%V.exr")
    # A version that another program is making just now is not taken.
    with new_clean_plate(str(folder), "walk") as one, new_clean_plate(str(folder), "walk") as two:
        assert (Path(one.folder).name, Path(two.folder).name) == (
            "walk_clean_v003",
            "walk_clean_v004",
        )


@pytest.mark.parametrize("ended", [OutputError("The disk is full."), KeyboardInterrupt()])
def test_what_ended_leaves_nothing(tmp_path: Path, ended: BaseException) -> None:
    (tmp_path / "dmp").mkdir()
    folder = tmp_path / "dmp" / "shot" / "Scene"
    with pytest.raises(type(ended)), new_clean_plate(str(folder), "walk") as version:
        Path(version.path("left")).write_text("the first of two views")
        raise ended
    assert list(tmp_path.rglob("*")) == [tmp_path / "dmp"], "and what was there stays"


@pytest.mark.parametrize("ended", [OutputError("The disk is full."), KeyboardInterrupt()])
def test_a_folder_that_vanished_does_not_replace_what_ended(
    tmp_path: Path, ended: BaseException
) -> None:
    with pytest.raises(type(ended)) as caught, new_clean_plate(str(tmp_path), "walk") as version:
        Path(version.folder).rmdir()
        raise ended
    assert caught.value is ended


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    made = new_clean_plate(str(tmp_path / "file" / "x"), "walk")
    with pytest.raises(OutputError, match="The folder of the clean plate .* cannot be made"):
        made.__enter__()
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("count", "looked_at"), [(2, 2), (MOST_FRAMES, MOST_FRAMES), (500, MOST_FRAMES)]
)
def test_frames_are_spread_over_the_shot(count: int, looked_at: int) -> None:
    numbers = list(range(1001, 1001 + count))
    found = frames_to_look_at(numbers[::-1], "walk")
    assert len(found) == looked_at == len(set(found))
    assert found == sorted(found) and found[0] == numbers[0] and found[-1] == numbers[-1]


@pytest.mark.parametrize(("numbers", "what"), [([], "has no frames"), ([1001], "is one frame")])
def test_too_few_frames(numbers: list[int], what: str) -> None:
    with pytest.raises(InputError, match=f"walk {what}; a clean plate of the shot itself needs"):
        frames_to_look_at(numbers, "walk")


def test_which_files_have_a_map(tmp_path: Path) -> None:
    channels = {
        "map": ("R", "G", "B", "unseen.A"),
        "nuke": ("R", "G", "B", "unseen.alpha"),  # repainted there
        "capitals": ("R", "G", "B", "Unseen.Alpha"),
        "none": ("R", "G", "B", "A"),
        "other": ("R", "G", "B", "not_unseen.A"),  # whole names count
    }
    for name, names in channels.items():
        write_image(tmp_path / f"{name}.exr", np.zeros((4, 4, 4)), channels=names)
    (tmp_path / "damaged.exr").write_bytes(b"no picture")
    found = {one.stem for one in tmp_path.iterdir() if has_unseen_map(str(one))}
    assert found == {"map", "nuke", "capitals"} and not has_unseen_map(str(tmp_path / "gone.exr"))
