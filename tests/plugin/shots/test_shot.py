"""What a shot's options become: the plates of a frame, the parameters of a farm's job."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmp_matting import Shot
from dmp_matting.cli.shot_lists import read_shots
from dmp_matting.farm.openjd import job_template, parameter_values
from dmp_matting.job import Role


@pytest.fixture
def log_shot(tmp_path: Path) -> Shot:
    """A log plate with a linear clean plate, of a file with several layers."""
    (tmp_path / "shots.csv").write_text(
        "name,image,clean,output,frames,core,input_space,clean_space,layer\n"
        "sh010,p.####.exr,c.exr,m.####.exr,-2-1,k.exr,ACEScct,scene_linear,key\n"
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


def test_a_farms_job_has_all_of_it(log_shot: Shot) -> None:
    values = parameter_values(log_shot, chunk=4, missing="fail", python="python3")
    assert (values["Space"], values["CleanSpace"], values["Layer"], values["Frames"]) == (
        "ACEScct", "scene_linear", "key", "-2-1")  # fmt: skip
    template = job_template()
    names = {one["name"] for one in template["parameterDefinitions"]}
    assert set(values) <= names
    words = template["steps"][0]["script"]["actions"]["onRun"]["args"]
    for option, name in (("--clean-space", "CleanSpace"), ("--layer", "Layer")):
        assert words[words.index(option) + 1] == f"{{{{Param.{name}}}}}"
