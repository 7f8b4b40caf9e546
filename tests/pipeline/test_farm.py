"""`dmp submit`: the bundle, and OpenJD's own runner with it on this machine."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from openjd.model import DecodeValidationError, decode_job_template

from dmp_matting import InputError, Shot
from dmp_matting.farm.openjd import (
    check_template,
    from_openjd,
    job_template,
    parameter_values,
    to_openjd,
)

from ..conftest import Home, wait_until
from ..processes import Processes
from .conftest import FEW_STEPS, TinyShot, command, dmp, environment, same_pixels


def submit(shot: TinyShot, folder: Path, *more: object) -> list[object]:
    return ["submit", shot.pattern, "--clean", shot.clean, "-o", folder / "out" / "m.####.exr",
            "--bundle", folder / "bundle", "--chunk", 2, *FEW_STEPS, *more]  # fmt: skip


def engines(home: Home) -> list[int]:
    """Engines and workers that any session of this test started: they have no home of it."""
    mark = f"DMP_CONFIG={home.root / 'config.json'}\0".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()
            mine = mark in (folder / "environ").read_bytes() + b"\0"
            alive = (folder / "stat").read_text().rpartition(") ")[2][0] != "Z"
        except OSError:
            continue
        if mine and alive and b"dmp_engine" in words:
            found.append(int(folder.name))
    return found


def test_the_template_is_what_openjd_accepts() -> None:
    for gpu in (False, True):
        template = job_template(gpu)
        assert check_template(template)
        decode_job_template(template=template, supported_extensions=["TASK_CHUNKING"])
    template["steps"][0]["nonsense"] = 1
    with pytest.raises(DecodeValidationError):
        decode_job_template(template=template, supported_extensions=["TASK_CHUNKING"])
    with pytest.raises(InputError, match="does not accept the job template"):
        check_template(template)


def test_ranges_in_the_farms_spelling(tmp_path: Path) -> None:
    assert to_openjd("1001-1100x2,1200") == "1001-1100:2,1200"
    assert from_openjd("1001-1100:2,1200") == "1001-1100x2,1200"
    shot = Shot("s", "p.####.exr", "c.exr", "m.####.exr", (1, 3, 5, 7, 20), trimap="t.exr")
    values = parameter_values(shot, chunk=4, missing="skip", python="python3")
    assert values["Trimap"].endswith("/t.exr") and values["Holdout"] == ""
    assert values["Around"] == values["Frames"]
    part = parameter_values(
        replace(shot, frames=(3,), around=(1, 3, 5)), chunk=4, missing="skip", python="python3"
    )
    assert (part["Frames"], part["Around"]) == ("3", "1-5:2")
    assert values["Frames"] == "1-7:2,20" and json.loads(values["Settings"]) == {"preset": "auto"}


def test_three_chunks_one_warm_engine(home: Home, shot: TinyShot, tmp_path: Path) -> None:
    shot = TinyShot(tmp_path / "six", count=6)
    done = dmp(*submit(shot, tmp_path, "--run"))
    assert done.returncode == 0, done.stdout + done.stderr
    result = done.stdout
    assert "Chunks run: 3" in result and "Session ended successfully" in result
    assert result.count("Entering Environment: Engine") == 1
    assert result.count("Exiting Environment: Engine") == 1
    assert re.findall(r"openjd_status: (.*)", result) == [f"six {n}" for n in shot.numbers] or (
        re.findall(r"openjd_status: plate (\d+)", result) == [str(n) for n in shot.numbers]
    )
    assert "openjd_progress: " in result and engines(home) == []
    # the same pixels as without a farm
    (tmp_path / "alone").mkdir()
    alone = dmp("matte", shot.pattern, "--clean", shot.clean, "-o", tmp_path / "alone/m.####.exr",
                *FEW_STEPS)  # fmt: skip
    assert alone.returncode == 0, alone.stderr
    assert same_pixels(tmp_path / "alone", tmp_path / "out")


def test_a_failing_frame_ends_the_task_with_a_reason(
    home: Home, shot: TinyShot, tmp_path: Path
) -> None:
    shot.plate(1003).write_text("no picture")
    done = dmp(*submit(shot, tmp_path, "--run"))
    assert done.returncode != 0
    result = done.stdout + done.stderr
    assert f"openjd_fail: plate 1003: '{shot.plate(1003)}'" in result
    assert "exited with code: 2" in result and "Session ended with errors" in result
    assert "Exiting Environment: Engine" in result and engines(home) == []
    assert (tmp_path / "out" / "m.1001.exr").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_session_leaves_no_engine(
    home: Home, shot: TinyShot, tmp_path: Path, start_process: Processes, number: signal.Signals
) -> None:
    wanted = submit(shot, tmp_path, "--idle", 3, "--set", "joint_steps=100000")
    assert dmp(*wanted).returncode == 0
    bundle = tmp_path / "bundle"
    runner = start_process(
        [command()[0], "-m", "openjd", "run", bundle / "template.json", "--step", "Matte",
         "-p", f"file://{bundle / 'openjd_parameters.json'}"],
        interruptible=True, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    while "openjd_progress" not in runner.stdout.readline():
        assert runner.poll() is None
    assert engines(home)
    os.kill(runner.pid, number)
    if number == signal.SIGKILL:  # nobody is left to end the task: the farm's own agent does that
        wait_until(lambda: _tasks_killed(bundle), 5)
    runner.communicate(timeout=60)
    wait_until(lambda: engines(home) == [], 30)
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def _tasks_killed(bundle: Path) -> bool:
    """Kill the orphaned `dmp matte` of the session, as an agent that restarts does."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"matte" in words and str(bundle.parent).encode() in b" ".join(words):
            os.kill(int(folder.name), signal.SIGKILL)
            return True
    return False


def test_an_engine_that_cannot_start_ends_the_session(
    home: Home, shot: TinyShot, tmp_path: Path
) -> None:
    assert dmp(*submit(shot, tmp_path)).returncode == 0
    done = subprocess.run(
        [command()[0], "-m", "openjd", "run", str(tmp_path / "bundle" / "template.json"), "--step",
         "Matte", "-p", f"file://{tmp_path / 'bundle' / 'openjd_parameters.json'}"],
        env=environment(DMP_ENGINE_PYTHON="/no/such/python"), capture_output=True, text=True,
    )  # fmt: skip
    result = done.stdout + done.stderr
    assert done.returncode != 0 and "names '/no/such/python', which is not a program" in result
    assert engines(home) == [] and not list((tmp_path / "out").iterdir())


def test_a_bundle_for_each_shot_of_a_file(shot: TinyShot, tmp_path: Path) -> None:
    rows = [{"name": name, "image": shot.pattern, "clean": str(shot.clean),
             "output": f"out/{name}.####.exr", "preset": "final", "set": {"joint_steps": 7}}
            for name in ("a", "b")]  # fmt: skip
    (tmp_path / "shots.json").write_text(json.dumps(rows))
    done = dmp("submit", tmp_path / "shots.json", "--bundle", tmp_path / "jobs", "--gpu", "--json")
    assert done.returncode == 0, done.stderr
    folders = json.loads(done.stdout)["bundles"]
    assert folders == [str(tmp_path / "jobs" / name) for name in ("a", "b")]
    template = json.loads((tmp_path / "jobs" / "a" / "template.json").read_text())
    (gpu,) = template["steps"][0]["hostRequirements"]["amounts"]
    assert gpu == {"name": "amount.worker.gpu", "min": 1}
    listed: list[dict[str, Any]] = json.loads(
        (tmp_path / "jobs" / "b" / "parameter_values.json").read_text()
    )["parameterValues"]
    values = {entry["name"]: entry["value"] for entry in listed}
    assert values["Shot"] == "b" and values["Output"] == str(tmp_path / "out" / "b.####.exr")
    assert json.loads(values["Settings"]) == {"preset": "final", "joint_steps": 7}


def test_missing_frames_are_named_before_anything_is_submitted(
    shot: TinyShot, tmp_path: Path
) -> None:
    done = dmp(*submit(shot, tmp_path, "--frames", "1003-1006"))
    assert done.returncode == 2 and "frames 1005-1006 of" in done.stderr
    assert not (tmp_path / "bundle").exists()
