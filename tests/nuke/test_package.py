"""`dmp package nuke`: an entry of NUKE_PATH for machines that have nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from .conftest import ROOT
from .test_terminal import run_nuke

LOOK = """
import dmp_nuke.node, dmp_matting, nuke
made = dmp_nuke.node.create()
print("LOOK", made.name(), dmp_matting.__file__)
made["matte_frame"].execute()
print("LOOK", made["status"].value())
"""


def package(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "dmp_matting.cli", "package", "nuke", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugin"), "COLUMNS": "400"}
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_the_folder_works_by_itself(tmp_path: Path) -> None:
    room = tmp_path / "for nuke"
    ran = package("-o", room)
    assert ran.returncode == 0, ran.stderr
    assert {"init.py", "menu.py", "dmp.png", "dmp_batch.py", "dmp_nuke", "vendor", "README.txt",
            "LICENSE"} == {one.name for one in room.iterdir()}  # fmt: skip
    inside = {one.relative_to(room).as_posix() for one in room.rglob("*.py")}
    assert "vendor/dmp_matting/panel/__init__.py" in inside
    assert not any("/cli/" in name for name in inside)
    assert "vendor/dmp_matting/publish/plugins/collect_host.py" in inside
    (tmp_path / "look.py").write_text(LOOK)
    ran = run_nuke("--gui", "-t", tmp_path / "look.py", path=str(room))
    assert ran.returncode == 0, ran.stderr
    printed = [line for line in ran.stdout.splitlines() if line.startswith("LOOK")]
    assert printed == [
        f"LOOK DMPMatte1 {room}/vendor/dmp_matting/__init__.py",
        "LOOK The script is not saved, and the output lies beside it; "
        "save it, or name another output.",
    ]


def test_the_zip_holds_that_folder(tmp_path: Path) -> None:
    ran = package("-o", tmp_path / "x.zip", "--json")
    assert ran.returncode == 0 and '"ok": true' in ran.stdout.lower(), ran.stderr
    names = zipfile.ZipFile(tmp_path / "x.zip").namelist()
    assert "dmp_for_nuke/init.py" in names
    assert "dmp_for_nuke/vendor/dmp_matting/__init__.py" in names
    assert {one.name for one in tmp_path.iterdir()} == {"x.zip"}, "nothing half-made stays"


@pytest.mark.parametrize("where", ["full", "nowhere/deep/x"])
def test_a_folder_that_cannot_be(tmp_path: Path, where: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "artist.nk").write_text("mine")
    target = tmp_path / where
    ran = package("-o", target)
    if where == "full":
        assert ran.returncode == 2
        assert ran.stderr.strip() == f"The folder {target} is not empty; name a new one."
        assert [one.name for one in target.iterdir()] == ["artist.nk"]
    else:
        assert ran.returncode == 0 and (target / "init.py").exists(), "the way there is made"
    assert not list(tmp_path.rglob("*.part"))
