"""What a shot's options become: the plates of a frame, the parameters of a farm's job."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from dmp_matting import InputError, Missing, OutputError, PlateError, Shot
from dmp_matting.cli.app import app
from dmp_matting.cli.shot_lists import read_shots
from dmp_matting.farm.openjd import job_template, parameter_values
from dmp_matting.job import Role
from dmp_matting.shots.events import ShotStart
from dmp_matting.shots.run import check_others, run_shots

from ...scenes import write_image


@pytest.fixture
def log_shot(tmp_path: Path) -> Shot:
    """A log plate with a linear clean plate, of a file with several layers."""
    (tmp_path / "shots.csv").write_text(
        "name,image,clean,output,frames,around,core,input_space,clean_space,layer,keep\n"
        "sh010,p.####.exr,c.exr,m.####.exr,-2-1,-9-9x3,k.exr,ACEScct,scene_linear,key,"
        '"at 40,30"\n'
    )
    (shot,) = read_shots(tmp_path / "shots.csv", {})
    return shot


def test_each_plate_has_its_own_colour_space(log_shot: Shot) -> None:
    found = {one.role: (one.colour_space, one.layer) for one in log_shot.frame(1).plates}
    assert found == {
        Role.IMAGE: ("ACEScct", "key"), Role.CLEAN: ("scene_linear", "key"), Role.CORE: ("raw", ""),
    }  # fmt: skip
    both = Shot("s", "p.exr", "c.exr", "m.exr", space="sRGB").frame(1)
    assert [one.colour_space for one in both.plates] == ["sRGB", "sRGB"]


def test_a_part_of_a_shot_has_the_rest_around_it(log_shot: Shot) -> None:
    assert log_shot.numbers() == (-2, -1, 0, 1) and log_shot.around == tuple(range(-9, 10, 3))


def test_a_farms_job_has_all_of_it(log_shot: Shot) -> None:
    values = parameter_values(log_shot, chunk=4, missing="fail", python="python3")
    assert (values["Space"], values["CleanSpace"], values["Layer"], values["Frames"]) == (
        "ACEScct", "scene_linear", "key", "-2-1")  # fmt: skip
    assert log_shot.settings.keep == json.loads(values["Settings"])["keep"] == "at 40,30"
    template = job_template()
    names = {one["name"] for one in template["parameterDefinitions"]}
    assert set(values) <= names
    words = template["steps"][0]["script"]["actions"]["onRun"]["args"]
    for option, name in (("--clean-space", "CleanSpace"), ("--layer", "Layer")):
        assert words[words.index(option) + 1] == f"{{{{Param.{name}}}}}"


def test_a_missing_output_folder_is_one_sentence_before_any_work(tmp_path: Path) -> None:
    for number in (1001, 1002):
        (tmp_path / f"plate.{number}.exr").write_bytes(b"x")
    (tmp_path / "c.exr").write_bytes(b"x")
    shot = Shot(
        "s", *(str(tmp_path / name) for name in ("plate.####.exr", "c.exr", "no/m.####.exr"))
    )
    with pytest.raises(OutputError, match="/no' does not exist; make it first.$"):
        next(run_shots([shot]))
    assert isinstance(next(run_shots([shot], make_folders=True)), ShotStart)


def test_a_folder_of_a_frames_name_is_a_missing_frame(tmp_path: Path) -> None:
    """Before: nobody missed it, and every frame near it failed with it."""
    for number in (1001, 1002, 1004):
        (tmp_path / f"plate.{number}.exr").write_bytes(b"x")
    (tmp_path / "plate.1003.exr").mkdir()
    (tmp_path / "c.exr").write_bytes(b"x")
    shot = Shot("s", *(str(tmp_path / name) for name in ("plate.####.exr", "c.exr", "m.####.exr")))
    with pytest.raises(PlateError, match="frame 1003 of .*plate.####.exr is missing.*skip"):
        next(run_shots([shot]))
    started = next(run_shots([shot], missing=Missing.SKIP))
    assert isinstance(started, ShotStart) and [gap.frame for gap in started.gaps] == [1003]
    assert shot.context([1002]) == (1001, 1004)


# --- what is not replaced ------------------------------------------------------------------------


def result_of(path: Path, plate: str) -> None:
    """An EXR as DMP writes it for ``plate``; of none where that is empty."""
    names = {"dmp:image": plate} if plate else {}
    write_image(path, np.zeros((2, 3, 4), np.float32), attributes=names)


@pytest.mark.parametrize(
    ("origin", "sentence"),
    [
        ("plate.1002.exr", ""),
        ("other.1002.exr", "m.1002.exr comes from another plate, .*other.1002.exr."),
        ("", "m.1002.exr was not made by DMP."),
    ],
)
def test_a_sequence_of_something_else_is_not_replaced(
    tmp_path: Path, origin: str, sentence: str
) -> None:
    result_of(tmp_path / "m.1002.exr", origin and str(tmp_path / origin))
    for number in (1001, 1002):
        (tmp_path / f"plate.{number}.exr").write_bytes(b"x")
    (tmp_path / "c.exr").write_bytes(b"x")
    names = (str(tmp_path / name) for name in ("plate.####.exr", "c.exr", "m.####.exr"))
    shot = Shot("sh010", *names)
    if not sentence:
        check_others([shot])
        return
    for attempt in (lambda: check_others([shot]), lambda: next(run_shots([shot]))):
        with pytest.raises(InputError, match=f"^sh010: .*{sentence} Choose .*--overwrite"):
            attempt()
    assert isinstance(next(run_shots([shot], overwrite=True)), ShotStart)


def test_a_stills_output_may_be_any_exr_of_dmp(tmp_path: Path) -> None:
    shot = Shot("a", *(str(tmp_path / name) for name in ("a.exr", "c.exr", "o.exr")))
    result_of(tmp_path / "o.exr", "/elsewhere/b.exr")
    check_others([shot])
    result_of(tmp_path / "o.exr", "")
    with pytest.raises(InputError, match="o.exr was not made by DMP"):
        check_others([shot])


@pytest.mark.parametrize("command", [("matte",), ("submit", "--bundle", "job")])
def test_the_command_line_refuses_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: Sequence[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("p.1.exr", "c.exr"):
        (tmp_path / name).write_bytes(b"x")
    result_of(tmp_path / "m.1.exr", "/elsewhere/b.exr")
    kept = (tmp_path / "m.1.exr").read_bytes()
    words = [command[0], "p.#.exr", *command[1:], "--clean", "c.exr", "-o", "m.#.exr"]
    refused = CliRunner().invoke(app, words)
    assert isinstance(refused.exception, InputError)
    assert (tmp_path / "m.1.exr").read_bytes() == kept
    assert not (tmp_path / "job").exists()
    if command[0] == "submit":
        assert CliRunner().invoke(app, [*words, "--overwrite"]).exit_code == 0
