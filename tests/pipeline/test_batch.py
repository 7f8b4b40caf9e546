"""`dmp batch`: the same shots from every kind of file; killed at random, the same pixels."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import opentimelineio as otio
import pytest
import yaml

from dmp_matting import Shot
from dmp_matting.cli.shot_lists import read_shots
from dmp_matting.client.connection import Connection
from dmp_matting.job import Job

from ..conftest import Home, kill
from ..processes import Processes
from .conftest import FEW, TinyShot, command, dmp, environment, events, same_pixels

SHOTS = [
    {"name": "sh010", "image": "in10/plate.####.exr", "clean": "in10/clean.exr",
     "output": "out/sh010.####.exr", "frames": "1001-1003x2"},
    {"name": "sh020", "image": "in20/plate.####.exr", "clean": "in20/clean.exr",
     "output": "out/sh020.####.exr", "frames": "1001-1002", "preset": "draft"},
]  # fmt: skip
GENERAL = {"preset": "paper", "device": "cpu", "threads": 1, "set": FEW}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("in10", "in20"):
        TinyShot(tmp_path / name)
    return tmp_path


def as_yaml(folder: Path, shots: list[dict[str, object]]) -> Path:
    file = folder / "shots.yaml"
    file.write_text(yaml.safe_dump({**GENERAL, "shots": shots}))
    return file


def as_csv(folder: Path) -> Path:
    sets = ";".join(f"{name}={value}" for name, value in FEW.items())
    rows = [{**GENERAL, **shot, "set": sets} for shot in SHOTS]
    names = list(rows[0])
    lines = [",".join(names)] + [",".join(str(row[name]) for name in names) for row in rows]
    file = folder / "shots.csv"
    file.write_text("\ufeff" + "\n".join(lines) + "\n", encoding="utf-8")
    return file


def as_otio(folder: Path) -> Path:
    timeline = otio.schema.Timeline("cut")
    track = otio.schema.Track("V1")
    timeline.tracks.append(track)
    for shot, (first, last, step) in zip(SHOTS, ((1001, 1003, 2), (1001, 1002, 1)), strict=True):
        count = (last - first) // step + 1
        media = otio.schema.ImageSequenceReference(
            (folder / str(shot["image"])).parent.as_uri(), "plate.", ".exr", first, step, 24, 4,
            available_range=otio.opentime.TimeRange(
                otio.opentime.RationalTime(first, 24), otio.opentime.RationalTime(count * step, 24)
            ),
        )  # fmt: skip
        clip = otio.schema.Clip(str(shot["name"]), media)
        clip.metadata["dmp"] = {
            key: value for key, value in {**GENERAL, **shot}.items()
            if key not in ("image", "frames", "name")
        }  # fmt: skip
        track.append(clip)
    file = folder / "cut.otio"
    otio.adapters.write_to_file(timeline, str(file))
    return file


def jobs(shots: list[Shot]) -> list[Job]:
    return [shot.job(shot.numbers()) for shot in shots]


def test_every_kind_of_file_means_the_same_shots(folder: Path) -> None:
    (folder / "shots.json").write_text(json.dumps({**GENERAL, "shots": SHOTS}))
    wanted = read_shots(as_yaml(folder, SHOTS), {})
    assert [shot.name for shot in wanted] == ["sh010", "sh020"]
    assert [shot.numbers() for shot in wanted] == [(1001, 1003), (1001, 1002)]
    assert wanted[0].output_of(7) == str(folder / "out" / "sh010.0007.exr")
    assert (wanted[0].settings.preset, wanted[1].settings.preset) == ("paper", "draft")
    assert wanted[1].settings.joint_steps == 3
    for file in (as_csv(folder), as_otio(folder), folder / "shots.json"):
        found = read_shots(file, {})
        assert jobs(found) == jobs(wanted), file
        assert [s.outputs((1001,)) for s in found] == [s.outputs((1001,)) for s in wanted]


def test_a_batch_from_the_command_line(engine: Connection, folder: Path) -> None:
    done = dmp("batch", as_yaml(folder, SHOTS), "--sheets", folder / "sheets", "--json")
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (folder / "out").iterdir()) == [
        "sh010.1001.exr", "sh010.1003.exr", "sh020.1001.exr", "sh020.1002.exr",
    ]  # fmt: skip
    assert sorted(path.name for path in (folder / "sheets").iterdir()) == ["sh010.png", "sh020.png"]
    result = events(done)[-1]
    assert result["ok"] and [shot["solved"] for shot in result["shots"]] == [
        [1001, 1003],
        [1001, 1002],
    ]
    again = events(dmp("batch", folder / "shots.yaml", "--only", "sh020", "--json"))[-1]
    assert [(shot["shot"], shot["kept"]) for shot in again["shots"]] == [("sh020", [1001, 1002])]


def test_what_shots_leave_out_comes_from_the_command_line(folder: Path) -> None:
    rows = [{"name": f"sh{n}", "image": f"in{n}/plate.####.exr"} for n in (10, 20)]
    (folder / "shots.json").write_text(json.dumps(rows))
    defaults = {"clean": "in10/clean.exr", "output": "m/{shot}/{shot}.####.exr", "preset": "final"}
    shots = read_shots(folder / "shots.json", defaults)
    assert [shot.output for shot in shots] == ["m/sh10/sh10.####.exr", "m/sh20/sh20.####.exr"]
    assert {shot.settings.preset for shot in shots} == {"final"}
    assert [len(shot.numbers()) for shot in shots] == [4, 4]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"imgae": "x"}, "Shot sh010 of 'shots.yaml': there is no 'imgae'"),
        ({"clean": ""}, "Shot sh010 of 'shots.yaml' has no 'clean'"),
        ({"frames": "10-"}, "Shot sh010 of 'shots.yaml': '10-' is no frame range"),
        ({"preset": "best"}, "Shot sh010 of 'shots.yaml': There is no preset 'best'"),
        ({"set": {"seed": -1}}, "'seed' lies between"),
        ({"name": "sh020"}, "Two shots are called sh020"),
        ({"output": "out/sh020.####.exr"}, "both write"),
        ({"frames": "1-2"}, "sh010: frames 1-2 of "),
    ],
)
def test_what_is_wrong_is_reported_by_shot(
    engine: Connection, folder: Path, change: dict[str, object], words: str
) -> None:
    done = dmp("batch", as_yaml(folder, [{**SHOTS[0], **change}, SHOTS[1]]))
    assert done.returncode == 2 and words in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1 and not (folder / "out").exists()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("shots.txt", "", "is no list of shots"),
        ("shots.yaml", "shots: [a, {", "no valid YAML in line 1"),
        ("shots.yaml", "shots: 3", "has no list of shots"),
        ("shots.json", "{", "no valid JSON in line 1"),
        ("shots.csv", "name,image\n", "names no shot"),
        ("shots.csv", "name,image\na,b,c\n", "more values than columns"),
        ("shots.otio", "not JSON", "no timeline"),
        ("none.csv", None, "No such file"),
        ("none.otio", None, "does not exist"),
    ],
)
def test_files_that_list_no_shots(tmp_path: Path, name: str, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / name).write_text(text)
    done = dmp("batch", tmp_path / name)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr and "hit a bug" not in done.stderr


def test_killed_three_times_at_random_the_same_pixels(
    home: Home, folder: Path, start_process: Processes
) -> None:
    """Client, engine and worker, each killed with -9 at a random moment."""
    shots = [{**shot, "frames": "1001-1004"} for shot in SHOTS]
    slow = {**FEW, "joint_steps": 25}
    for shot in shots:
        shot.update(set=slow, preset="paper")
    shots[0].update(set={}, preset="draft")  # each frame depends on its neighbours
    file = as_yaml(folder, shots)
    assert dmp("batch", file, "--no-check", "--quiet").returncode == 0
    (folder / "out").rename(folder / "undisturbed")
    assert dmp("engine", "stop", "--force").returncode == 0
    assert dmp("cache", "clear").returncode == 0  # or the engine would remember the frames

    dice, kills = random.Random(time.time_ns()), 0
    while kills < 3:
        batch = start_process(  # in other jobs than before, too
            command("batch", file, "--no-check", "--quiet", "--chunk", 3), env=environment()
        )
        time.sleep(dice.uniform(0.5, 2.0))
        if batch.poll() is not None:  # done already: once more, from nothing
            for made in (folder / "out").iterdir():
                made.unlink()
            dmp("cache", "clear")
            continue
        victims = [batch.pid, *(home.processes() if dice.random() < 0.7 else [])]
        for pid in victims:
            kill(pid)
        kills += 1
        batch.wait()
    done = dmp("batch", file, "--no-check")
    assert done.returncode == 0, done.stderr
    assert same_pixels(folder / "undisturbed", folder / "out")
    assert not [path for path in (folder / "out").iterdir() if path.suffix != ".exr"]
