"""*Install engine* in a real Blender, with the wheel that the zip carries: to its first matte."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from dmp_matting.client.requirements import TORCH

from ..conftest import Home
from ..packages import wheel
from .conftest import Blender


@pytest.mark.parametrize("blender", ["4.5"], indirect=True)
def test_install_engine(blender: Blender, home: Home, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    # In place of a gigabyte of packages: those of the environment that runs the tests.
    wheel(wheels, "torch", TORCH, {"theirs.pth": f"{sysconfig.get_path('purelib')}\n"})
    for name in ("constraints-cpu.txt", "constraints-cuda.txt"):
        (wheels / name).write_text("")
    seen = blender.run("install_engine", python="", wheels=wheels, nothing=tmp_path / "nothing")
    assert seen["before"] == "missing" and str(home.root) in seen["plan"]
    assert seen["offline"].startswith("Blender may not go online: tick Preferences > System")
    assert (
        seen["wrong"] == f"The folder {tmp_path / 'nothing'} does not exist; name one with wheels."
    )
    assert seen["installed"] == [["FINISHED"], ""]
    assert (seen["after"], seen["update"]) == ("stopped", "")
    assert seen["config"]["engine_python"].startswith(str(home.root / "data"))
    assert seen["started"] == [["FINISHED"], ""]
