"""What is named after a shot stays in the folder that was named for it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dmp_matting.cli.run_shots import _picture
from dmp_matting.cli.shot_lists import read_shots
from dmp_matting.shots import movies
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


def frames_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make the pictures of `clip.mov` beside `m.####.exr`; the names of those that were written."""
    written = []

    def engine(query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        path = Path(query["folder"], "clip.0001.png")
        path.write_bytes(b"a picture")
        written.append(path.name)
        yield {"file": str(path)}
        yield {"pattern": str(path.parent / "clip.%04d.png"), "numbers": [1], "count": 1,
               "first": 1, "note": ""}  # fmt: skip

    monkeypatch.setattr(movies, "movie_frames", engine)
    shot = Shot("s", str(folder / "clip.mov"), str(folder / "c.png"), str(folder / "m.####.exr"))
    found = movies.with_movie_frames(shot)
    assert found.image == str(folder / "m.frames" / "plate" / "clip.%04d.png")
    return written


@pytest.mark.parametrize(
    "record",
    [{"form": 1, "files": ["/victim"]}, {"form": 2, "files": {"/victim": [0, 0]}},
     {"form": 2, "files": {"../../victim": 0}}, {"form": 2, "files": 3}, {"form": 1, "query": 3},
     {"form": 2, "files": [[]]}, [], "nested"],
)  # fmt: skip
def test_the_record_of_a_movie_removes_nothing_outside_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record: Any
) -> None:
    (tmp_path / "clip.mov").write_bytes(b"a movie")
    victim = tmp_path / "victim"
    victim.write_text("another shot's picture")
    folder = tmp_path / "m.frames" / "plate"
    folder.mkdir(parents=True)
    text = "[" * 20_000 if record == "nested" else json.dumps(record)
    (folder / movies.RECORD).write_text(text.replace("/victim", str(victim)))
    assert frames_of(tmp_path, monkeypatch) == ["clip.0001.png"]
    assert victim.exists()


def test_a_copied_shot_makes_its_own_pictures_and_leaves_those_of_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, copy = tmp_path / "first", tmp_path / "copy"
    first.mkdir()
    (first / "clip.mov").write_bytes(b"a movie")
    assert frames_of(first, monkeypatch) == ["clip.0001.png"]
    shutil.copytree(first, copy)
    assert frames_of(copy, monkeypatch) == ["clip.0001.png"]
    assert (first / "m.frames" / "plate" / "clip.0001.png").exists()
    assert frames_of(first, monkeypatch) == []  # nothing has changed there


def test_a_picture_of_a_movie_that_was_cut_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "clip.mov").write_bytes(b"a movie")
    frames_of(tmp_path, monkeypatch)
    picture = tmp_path / "m.frames" / "plate" / "clip.0001.png"
    picture.write_bytes(b"a pic")
    assert frames_of(tmp_path, monkeypatch) == ["clip.0001.png"]
    assert picture.read_bytes() == b"a picture"
