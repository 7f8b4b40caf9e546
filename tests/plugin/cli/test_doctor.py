"""Each next step that `dmp doctor` prints is taken as it is printed, and helps."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dmp_matting.client.install import machine
from dmp_matting.client.install.records import RECORD
from dmp_matting.paths import write_config

from ...conftest import Home

ROOT = Path(__file__).resolve().parents[3]


def dmp(words: str, environment: dict[str, str]) -> dict[str, Any]:
    roots = os.pathsep.join((str(ROOT / "plugin"), str(ROOT / "engine")))
    done = subprocess.run(
        [sys.executable, "-m", "dmp_matting.cli", *shlex.split(words), "--json"],
        env={**environment, "PYTHONPATH": roots}, capture_output=True, text=True,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def troubles(environment: dict[str, str]) -> dict[str, str]:
    """The next step of each check that failed, by the check's name."""
    checks = dmp("doctor", environment)["checks"]
    return {one["name"]: one["fix"] for one in checks if one["status"] == "fail"}


def follow(fix: str, environment: dict[str, str], folder: Path) -> None:
    """Do what the sentence names: unset a variable, set one to a folder, or run a command."""
    unset = re.search(r"[Uu]nset \$?(\w+)", fix)
    set_to = re.search(r"[Ss]et (DMP_\w+) to", fix)
    command = re.search(r"`dmp ([^`]+)`", fix)
    if unset:
        del environment[unset[1]]
    elif set_to:
        environment[set_to[1]] = str(folder)
    else:
        assert command, f"no step in: {fix}"
        planned = dmp(f"{command[1]} --plan", environment)  # here without its gigabyte
        assert planned["ok"] and planned["sentence"]


def test_each_step_helps(home: Home, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DMP_ENGINE_PYTHON"}
    environment.update(
        DMP_ENGINE_PYTHON="/no/such/python", OCIO="/no/such/config.ocio",
        DMP_CACHE_DIR="/dev/null/cache",
    )  # fmt: skip
    seen = []
    while found := troubles(environment):
        seen += sorted(found)
        assert len(seen) < 6, found
        for fix in found.values():
            follow(fix, environment, tmp_path)
    assert seen == ["DMP engine", "Cache folder", "OCIO"]


def test_a_run_folder_that_no_client_can_use(home: Home, tmp_path: Path) -> None:
    """A file in its place, another user's folder, and one that others may write to."""
    file, theirs, opened = tmp_path / "file", tmp_path / "theirs", tmp_path / "opened"
    file.touch()
    opened.mkdir()
    opened.chmod(0o777)
    places = [(file, "cannot be made"), (opened, "Others may write to")]
    if os.getuid() == 0:
        theirs.mkdir(mode=0o700)
        os.chown(theirs, 12345, 12345)
        places.append((theirs, "does not belong to you"))
    for place, reason in places:
        environment = {**os.environ, "DMP_RUN_DIR": str(place)}
        answer = dmp("doctor", environment)
        (found,) = [one for one in answer["checks"] if one["status"] == "fail"]
        assert not answer["ok"] and found["name"] == "Run folder" and reason in found["detail"]
        follow(found["fix"], environment, tmp_path / "own")
        assert troubles(environment) == {}


def test_an_engine_that_is_gone_and_none_at_all(home: Home, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DMP_ENGINE_PYTHON"}
    write_config({"engine_python": str(tmp_path / "gone" / "bin" / "python")})
    (fix,) = troubles(environment).values()
    assert fix == "Press Install Engine, or run `dmp setup --install`."
    follow(fix, environment, tmp_path)


def test_an_old_engine_is_named(home: Home, tmp_path: Path) -> None:
    """One that was installed by an older release; here its Python is ours."""
    python = Path(machine.python_of(tmp_path))
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    record = {"version": "0.0.9", "digest": "", "torch": "", "base": "", "downloaded": 0,
              "disk": 0, "seconds": 1.0}  # fmt: skip
    (tmp_path / RECORD).write_text(json.dumps(record))
    write_config({"engine_python": str(python)})
    environment = {name: value for name, value in os.environ.items() if name != "DMP_ENGINE_PYTHON"}
    answer = dmp("doctor", environment)
    found = next(one for one in answer["checks"] if one["name"] == "Version")
    assert answer["ok"] and found["detail"].startswith("The engine is DMP 0.0.9, older than this")
    follow(found["fix"], environment, tmp_path)
    environment["DMP_ENGINE_PYTHON"] = str(python)  # it comes before what an update would make
    found = next(one for one in dmp("doctor", environment)["checks"] if one["name"] == "Version")
    fix = "Unset DMP_ENGINE_PYTHON, or point it at an engine that belongs to this program."
    assert found["fix"] == fix


@pytest.mark.parametrize(
    "words",
    ["setup --install --remove", "setup x --install", "setup --remove --into shared",
     "setup --remove --from wheels", "setup --remove --torch cpu", "setup --remove --base python",
     "setup --torch cu126", "setup --from wheels", "setup --cache",
     "setup --install --force", "setup --bogus"],
)  # fmt: skip
def test_options_that_exclude_each_other(words: str, home: Home) -> None:
    answer = dmp(words, dict(os.environ))
    kind = "UsageError" if "--bogus" in words else "InputError"
    assert (answer["error"], answer["exit_code"]) == (kind, 2)
    assert not (home.root / "config.json").exists()
