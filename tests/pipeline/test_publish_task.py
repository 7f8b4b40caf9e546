"""A publish as a host runs it, in a process of its own: how it ends, whoever ends it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dmp_matting import CancelledError, EngineError, EngineMissingError, InputError, Shot, preset
from dmp_matting.client.connection import Connection
from dmp_matting.publish.background_publish import BackgroundPublish
from dmp_matting.publish.request import PublishRequest

from ..conftest import engine_jobs, kill, wait_until
from ..processes import Processes
from .conftest import FEW, TinyShot, environment

ON_RESULT = ("ValidateCoreHoles", "ValidateGrainOutside", "ValidateFlicker", "ValidateHighlights")


def request_for(plates: TinyShot, to: Path, name: str = "sh010", **settings: int) -> PublishRequest:
    quick = preset("paper").changed(device="cpu", threads=1, **{**FEW, **settings})
    shot = Shot(
        name, plates.pattern, str(plates.clean), f"{name}.####.exr", plates.numbers,
        settings=quick,
    )  # fmt: skip
    return PublishRequest((shot,), str(to), accept=ON_RESULT, source={"host": "a test"})


def finished(task: BackgroundPublish) -> list[str]:
    """Everything that the task reported, in its order."""
    result = []
    end = time.monotonic() + 120
    while not task.done:
        assert time.monotonic() < end
        result += task.poll()
        time.sleep(0.02)
    assert [one.fraction for one in result] == sorted(one.fraction for one in result)
    return [one.text for one in result]


def test_two_shots_one_of_them_broken(engine: Connection, shot: TinyShot, tmp_path: Path) -> None:
    other = TinyShot(tmp_path / "other", count=2)
    other.plate(1002).unlink()
    good, bad = (
        request_for(one, tmp_path / "pub", name) for one, name in ((shot, "a b"), (other, "bad"))
    )
    request = PublishRequest(good.shots + bad.shots, good.to, accept=ON_RESULT)
    assert PublishRequest.from_json(request.to_json()) == request
    task = BackgroundPublish(request)
    texts = finished(task)
    assert "a_b: Matte" in texts and "bad: Matte" not in texts and "a_b 1004" in texts
    report = task.result()
    assert report.published == {"a_b": str(tmp_path / "pub" / "a_b" / "v001")}
    (failure,) = report.failures
    assert (failure.check, failure.shot) == ("ValidateFrames", "bad")
    assert failure.repairs == ("Leave out missing frames",)
    assert report.sentences() == [
        f"{failure.sentence} Repair: Leave out missing frames.",
        f"Published {tmp_path / 'pub' / 'a_b' / 'v001'}.",
    ]
    # Repaired, and only what is left of it.
    again = report.left_of(request).repaired("ValidateFrames", "bad", failure.repairs[0])
    task = BackgroundPublish(again)
    finished(task)
    assert list(task.result().published) == ["bad"]


def test_repairs_are_chosen_by_name(shot: TinyShot, tmp_path: Path) -> None:
    request = request_for(shot, tmp_path)
    assert request.repaired("ValidateFlicker", "x", "Accept as it is").accept[-1] == (
        "ValidateFlicker"
    )
    solved = request.repaired("ValidateFlicker", "sh010", "Solve again with preset final")
    assert solved.shots[0].settings == preset("final").changed(device="cpu")
    assert request.repaired("ValidateFlicker", "x", "Solve again with preset final") == request
    assert request.repaired("ValidateNotPublished", "sh010", "Take the next version").repairs == {
        "ValidateNotPublished": "Take the next version"
    }


def test_cancel_ends_the_job_in_the_engine(
    engine: Connection, shot: TinyShot, tmp_path: Path
) -> None:
    task = BackgroundPublish(request_for(shot, tmp_path / "pub", joint_steps=1_000_000))
    texts: list[str] = []
    end = time.monotonic() + 60
    while "sh010 1001" not in texts and time.monotonic() < end:
        texts += [one.text for one in task.poll()]
        time.sleep(0.05)
    task.cancel()
    finished(task)
    with pytest.raises(CancelledError, match="nothing was published"):
        task.result()
    wait_until(lambda: not running(engine), 30)
    assert not (tmp_path / "pub" / "sh010" / "v001").exists()


def running(engine: Connection) -> bool:
    return any(job["state"] in ("running", "queued") for job in engine_jobs(engine))


def test_it_ends_with_a_host_that_is_killed(
    engine: Connection, shot: TinyShot, tmp_path: Path, start_process: Processes
) -> None:
    file = tmp_path / "request.json"
    request = request_for(shot, tmp_path / "pub", joint_steps=1_000_000)
    file.write_text(json.dumps(request.to_json()))
    host = start_process(
        [sys.executable, "-c", (
            "import json, sys, time\n"
            "from dmp_matting.hosts import BackgroundPublish, PublishRequest\n"
            "task = BackgroundPublish(PublishRequest.from_json(json.load(open(sys.argv[1]))))\n"
            "while True: [print(one.text, flush=True) for one in task.poll()]; time.sleep(0.05)\n"
        ), file],
        env=environment(DMP_ENGINE_PYTHON=sys.executable), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in host.stdout:
        if line.strip() == "sh010 1001":
            break
    threads = Path(f"/proc/{host.pid}/task").iterdir()  # a child belongs to the thread that made it
    (publisher,) = (int(pid) for one in threads for pid in (one / "children").read_text().split())
    kill(host.pid)
    host.wait()
    host.stdout.close()
    wait_until(lambda: not os.path.exists(f"/proc/{publisher}"), 20)
    wait_until(lambda: not running(engine), 40)


@pytest.mark.parametrize(
    ("python", "kind", "words"),
    [
        ("/no/python", EngineMissingError, "names '/no/python', which is not a program"),
        ("/bin/true", EngineError, "Publishing ended without a result."),
        ("/bin/sh", EngineError, "Publishing ended without a result: "),
    ],
)
def test_a_python_that_cannot_publish(
    shot: TinyShot, tmp_path: Path, python: str, kind: type[Exception], words: str
) -> None:
    task = BackgroundPublish(request_for(shot, tmp_path / "pub"), python=python)
    finished(task)
    with pytest.raises(kind, match=words.replace("(", ".")):
        task.result()


def test_two_shots_of_one_name_and_no_folder(
    engine: Connection, shot: TinyShot, tmp_path: Path
) -> None:
    one = request_for(shot, tmp_path)
    task = BackgroundPublish(PublishRequest(one.shots * 2, "", trouble=("The node has no input.",)))
    finished(task)
    (failure,) = task.result().failures
    assert failure.check == "ValidatePlates" and failure.shot == ""
    assert "The node has no input. Two shots are called sh010; give each" in failure.sentence
    assert "No folder to publish to; choose one" in failure.sentence


def test_bad_settings_from_another_version(
    engine: Connection, tmp_path: Path, shot: TinyShot
) -> None:
    request = request_for(shot, tmp_path).to_json()
    request["shots"][0]["settings"]["joint_stepz"] = 3
    with pytest.raises(InputError, match="joint_stepz"):
        PublishRequest.from_json(request)
