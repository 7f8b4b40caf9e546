"""A shot on a render farm: a job bundle in Open Job Description, checked and run by its own tools.

The template is one for every shot; what differs are its parameters, in ``parameter_values.json``
beside it, as AWS Deadline Cloud wants them. A step environment starts one engine for a session and
ends it; each task is one ``dmp matte --frames CHUNK --openjd``. Nothing here schedules anything.

The engine of a session is its own: another one of the same user on that machine (an artist's, or
another session's) has other folders. It also ends by itself, ``Idle`` seconds after its last work,
when a session is killed so hard that nobody can end it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Optional

from ..atomic_write import atomic_write
from ..client.launcher import start_engine, stop_engine
from ..client.requirements import how_to_add
from ..errors import EngineError, InputError
from ..job import MATTES
from ..presets import AUTO, preset
from ..shots.sequences import range_text
from ..shots.shot import CHUNK, Shot

IDLE = 60.0  # seconds
MOST_IDLE = 7 * 24 * 3600.0
EXTENSION = "TASK_CHUNKING"
HELP = f"Install it with `{how_to_add('farm')}`."


def job_template(gpu: bool = False) -> Dict[str, Any]:
    """The job template, for any shot; ``gpu`` requires workers that have one."""
    dmp = ["-m", "dmp_matting.cli"]
    plates = [("Image", "plate.####.exr"), ("Clean", "a still or a sequence"),
              ("Output", "matte.####.exr")]  # fmt: skip
    # Paths, so that a farm maps them from one machine's disks to another's; it copies nothing.
    path = {"type": "PATH", "objectType": "FILE", "dataFlow": "NONE"}
    parameters: List[Dict[str, Any]] = [
        {"name": "Shot", "type": "STRING", "default": "shot"},
        *({**path, "name": name, "description": about} for name, about in plates),
        *({**path, "name": role.name.capitalize(), "default": ""} for role in MATTES),
        {"name": "Frames", "type": "STRING", "description": "1001-1100, or 1001-1100:2"},
        {"name": "Around", "type": "STRING",
         "description": "all frames of the shot: neighbours to look at"},
        {"name": "ChunkSize", "type": "INT", "default": CHUNK, "minValue": 1},
        {"name": "Space", "type": "STRING", "default": "auto"},
        {"name": "CleanSpace", "type": "STRING", "default": ""},
        {"name": "Layer", "type": "STRING", "default": ""},
        {"name": "Settings", "type": "STRING", "default": "{}",
         "description": "JSON: preset, and the settings that differ from it"},
        {"name": "Missing", "type": "STRING", "default": "fail", "allowedValues": ["fail", "skip"]},
        {"name": "Python", "type": "STRING", "default": "python3",
         "description": "a Python with dmp-matting on the workers"},
        {"name": "Idle", "type": "INT", "default": int(IDLE), "minValue": 1},
    ]  # fmt: skip
    session = "{{Session.WorkingDirectory}}"
    environment = {
        "name": "Engine",
        "description": "One engine for all chunks of the session, ended with it.",
        "script": {
            "actions": {
                "onEnter": {
                    "command": "{{Param.Python}}",
                    "args": [*dmp, "farm-enter", "--session", session, "--idle", "{{Param.Idle}}"],
                    "timeout": 300,
                },
                "onExit": {
                    "command": "{{Param.Python}}",
                    "args": [*dmp, "farm-exit", "--session", session],
                    "timeout": 60,
                },
            }
        },
    }
    matte = [
        *dmp, "matte", "{{Param.Image}}", "--clean", "{{Param.Clean}}", "-o", "{{Param.Output}}",
        "--frames", "{{Task.Param.Frame}}", "--around", "{{Param.Around}}",
        *(part for role in MATTES
          for part in (f"--{role.value}", f"{{{{Param.{role.name.capitalize()}}}}}")),
        "--input-space", "{{Param.Space}}", "--clean-space", "{{Param.CleanSpace}}",
        "--layer", "{{Param.Layer}}",
        "--missing", "{{Param.Missing}}", "--settings", "{{Param.Settings}}", "--openjd",
        "--no-check", "--overwrite",  # who submitted the job was asked
    ]  # fmt: skip
    step: Dict[str, Any] = {
        "name": "Matte",
        "stepEnvironments": [environment],
        "parameterSpace": {
            "taskParameterDefinitions": [
                {
                    "name": "Frame",
                    "type": "CHUNK[INT]",
                    "range": "{{Param.Frames}}",
                    "chunks": {
                        "defaultTaskCount": "{{Param.ChunkSize}}",
                        "rangeConstraint": "NONCONTIGUOUS",
                    },
                }
            ]
        },
        "script": {
            "actions": {
                "onRun": {
                    "command": "{{Param.Python}}",
                    "args": matte,
                    "cancelation": {
                        "mode": "NOTIFY_THEN_TERMINATE",
                        "notifyPeriodInSeconds": 15,
                    },
                }
            }
        },
    }
    if gpu:
        step["hostRequirements"] = {"amounts": [{"name": "amount.worker.gpu", "min": 1}]}
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": [EXTENSION],
        "name": "DMP {{Param.Shot}}",
        "parameterDefinitions": parameters,
        "steps": [step],
    }


def parameter_values(
    shot: Shot, *, chunk: int, missing: str, python: str, idle: float = IDLE
) -> Dict[str, Any]:
    """The template's parameters for a shot; paths are made absolute."""

    def absolute(path: str) -> str:
        return os.path.abspath(path) if path else ""

    return {
        "Shot": shot.name,
        "Image": absolute(shot.image),
        "Clean": absolute(shot.clean),
        "Output": absolute(shot.output),
        **{role.name.capitalize(): absolute(shot.sources().get(role, "")) for role in MATTES},
        "Frames": to_openjd(range_text(shot.numbers())),
        "Around": to_openjd(range_text((*shot.numbers(), *shot.around))),
        "ChunkSize": chunk,
        "Space": shot.space,
        "CleanSpace": shot.clean_space,
        "Layer": shot.layer,
        "Settings": json.dumps(named_settings(shot), sort_keys=True),
        "Missing": missing,
        "Python": python,
        "Idle": int(min(max(idle, 1.0), MOST_IDLE)),
    }


def named_settings(shot: Shot) -> Dict[str, Any]:
    """The preset and what differs from it; ``auto`` where the worker's device decides."""
    given = shot.settings_on_cpu or shot.settings
    name = AUTO if shot.settings_on_cpu else given.preset
    default = preset(given.preset).to_json()
    changes = {
        key: value
        for key, value in given.to_json().items()
        if key != "preset" and value != default[key]
    }
    return {"preset": name, **changes}


def to_openjd(frames: str) -> str:
    """A range of ours in OpenJD's spelling: ``1001-1100:2`` for ``1001-1100x2``."""
    return frames.replace("x", ":")


def from_openjd(frames: str) -> str:
    """A chunk in our spelling. fileseq reads a colon after a range as something else."""
    return frames.replace(":", "x")


def write_bundle(folder: Path, shot: Shot, *, gpu: bool = False, **how: Any) -> Path:
    """Write the job bundle of a shot into ``folder``; returns the template. InputError, OSError.

    ``how`` as in :func:`parameter_values`. The template is checked with OpenJD's own model where
    that is installed.
    """
    template = job_template(gpu)
    check_template(template)
    values = parameter_values(shot, **how)
    folder.mkdir(parents=True, exist_ok=True)
    listed = [{"name": name, "value": value} for name, value in values.items()]
    for name, data in (
        ("template.json", template),
        ("parameter_values.json", {"parameterValues": listed}),
        ("openjd_parameters.json", values),
    ):
        with atomic_write(folder / name) as temporary:
            temporary.write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    return folder / "template.json"


def check_template(template: Dict[str, Any]) -> bool:
    """True when OpenJD accepts it; False when OpenJD is not here. InputError when it does not."""
    try:
        from openjd.model import DecodeValidationError, decode_job_template
    except ImportError:
        return False
    try:
        decode_job_template(template=template, supported_extensions=[EXTENSION])
    except DecodeValidationError as reason:
        raise InputError(f"OpenJD does not accept the job template: {reason}") from None
    return True


def run_bundle(folder: Path) -> int:
    """Run a bundle on this machine with OpenJD's runner; returns its exit code. InputError."""
    try:
        import openjd.cli  # noqa: F401
    except ImportError:
        raise InputError(f"Running a job here needs the OpenJD runner. {HELP}") from None
    parameters = f"file://{folder.absolute() / 'openjd_parameters.json'}"
    command = [sys.executable, "-m", "openjd", "run", str(folder / "template.json"),
               "--step", "Matte", "-p", parameters]  # fmt: skip
    running = subprocess.Popen(command)
    while True:
        try:
            return running.wait()
        except KeyboardInterrupt:
            continue  # the runner got it as well, and ends the session in order


# --- on the worker -------------------------------------------------------------------------------


RUN_PREFIX = "dmp-farm-"  # of a session's run folder


def enter_session(session: Path, idle: float) -> Dict[str, str]:
    """Start the session's engine; returns the environment that its tasks need.

    The run folder is short and outside of the session: a socket's path has 107 characters at most.
    """
    run = tempfile.mkdtemp(prefix=RUN_PREFIX)
    environment = {"DMP_RUN_DIR": run, "DMP_CACHE_DIR": str(session / "dmp-cache")}
    os.environ.update(environment)
    (session / "dmp-run-folder").write_text(run, encoding="utf-8")
    try:
        start_engine(idle=idle)
    except BaseException:
        leave_session(session)
        raise
    return environment


def leave_session(session: Path) -> None:
    """End the session's engine, whatever it is doing. EngineError when it outlives that."""
    run: Optional[str] = None
    with contextlib.suppress(OSError):
        run = (session / "dmp-run-folder").read_text(encoding="utf-8")
    if not run or not os.path.basename(run).startswith(RUN_PREFIX):  # nothing that we have made
        return
    os.environ.update({"DMP_RUN_DIR": run, "DMP_CACHE_DIR": str(session / "dmp-cache")})
    try:
        stop_engine(force=True)
    except EngineError:
        stop_engine(force=True)  # it was ending; now it is killed
    shutil.rmtree(run, ignore_errors=True)
