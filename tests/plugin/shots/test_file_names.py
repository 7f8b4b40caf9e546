"""What is named after a shot stays in the folder that was named for it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dmp_matting.cli.run_shots import _picture
from dmp_matting.cli.shot_lists import read_shots
from dmp_matting.shots.events import ShotReport
from dmp_matting.shots.shot import Shot, file_name, path_below

EVIL = ["../../evil", "/etc/evil", "..", ".", "", "a/../../b", "a\\..\\b", "C:\\evil", "n\0ul",
        "a\nb", "x" * 500, "é" * 300, ".hidden", "con:", "~/x", "caf\udce9"]  # fmt: skip


@pytest.mark.parametrize("name", EVIL)
def test_a_name_becomes_one_file_in_its_folder(tmp_path: Path, name: str) -> None:
    made = file_name(name)
    assert made and os.path.basename(made) == made and made not in (".", "..")
    (tmp_path / f"{made}.png").write_text("a file can have that name")
    assert (tmp_path / f"{made}.png").parent == tmp_path


@pytest.mark.parametrize("name", [name for name in EVIL if "\0" not in name])
def test_an_output_with_a_shots_name_stays_below_its_folder(tmp_path: Path, name: str) -> None:
    row = {"name": name or "x", "image": "i.exr", "clean": "c.exr", "output": "out/{shot}/m.exr"}
    (tmp_path / "shots.json").write_text(json.dumps([row]))
    (shot,) = read_shots(tmp_path / "shots.json", {})
    place = Path(os.path.normpath(shot.output))
    assert place.is_relative_to(tmp_path / "out") and place.name == "m.exr"
    assert ".." not in Path(shot.output).parts


def test_sound_names_stay_and_no_two_names_share_a_file() -> None:
    for name in ("sh010", "sh 010", "Aufnahme ü", "a.b-c_d", "日本"):
        assert file_name(name) == path_below(name) == name
    assert path_below("sq010/sh020") == "sq010/sh020"
    assert len({file_name(name) for name in EVIL}) == len(EVIL)
    assert file_name("a/b") != file_name("a_b")


def test_a_picture_of_a_shot_stays_in_its_folder(tmp_path: Path) -> None:
    made: list[str] = []
    shot = Shot("../../evil", "i.exr", "c.exr", "o.exr")
    report = ShotReport(shot.name, solved=[1])
    _picture(shot, report, tmp_path, ".png", lambda shot, numbers, path: made.append(path))
    assert [Path(path).parent for path in made] == [tmp_path]
