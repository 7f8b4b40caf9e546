"""kill -9 of everything that can be killed: nobody is left hanging, nothing is left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest

from dmp_matting import EngineError, Layers, Progress
from dmp_matting.client.background_job import BackgroundJob
from dmp_matting.client.connection import Connection
from dmp_matting.client.engine_process import Event
from dmp_matting.client.job_client import Matting
from dmp_matting.client.launcher import ensure_engine, find_engine

from ...conftest import ENDLESS, QUICK, Home, Pair, children, engine_jobs, kill, wait_until
from ...processes import Processes

ROOT = Path(__file__).resolve().parents[3]

PATIENCE = 60.0  # seconds after which a test gives up; nothing depends on them

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")


def next_progress(events: Generator[Event, None, None]) -> Progress:
    while True:
        event = next(events)
        if isinstance(event, Progress):
            return event


def run_until_step(events: Generator[Event, None, None], step: int) -> Progress:
    progress = next_progress(events)
    while progress.step < step or progress.stage.value != "joint":
        progress = next_progress(events)
    return progress


def checkpoint(home: Home) -> list[Path]:
    return list(home.cache.glob("jobs-*/*/checkpoint/1"))


def test_a_killed_worker_goes_on_from_its_checkpoint(
    home: Home, pair: Pair, tmp_path: Path
) -> None:
    wire = home.start()
    events = pair.matting(wire, tmp_path / "o.exr", ENDLESS).events()
    before = next_progress(events)
    saved = {0.0: before.step}  # the time at which a state was saved, a step of before the next
    while len(saved) < 3:
        before = next_progress(events)
        for path in checkpoint(home):
            saved.setdefault(path.stat().st_mtime, before.step)
    lines = wire.lines(f"/v1/jobs/{engine_jobs(wire)[0]['id']}/events")
    (worker,) = children(wire.pid)
    kill(worker)
    # Its death is logged after everything that it has sent: what comes then is the next one's.
    wait_until(lambda: "worker died" in home.log(), PATIENCE)
    last = engine_jobs(wire)[0]["progress"]
    for line in lines:
        after = engine_jobs(wire)[0]["progress"]
        if line["event"] == "progress" and after != last and after["stage"] == before.stage.value:
            break
    assert children(wire.pid) != [worker]
    assert after["step"] >= sorted(saved.items())[1][1] > 1, "it started over"
    lines.close()  # type: ignore[attr-defined]
    events.close()


def test_the_frame_that_a_worker_died_on_is_finished(
    home: Home, pair: Pair, tmp_path: Path
) -> None:
    wire = home.start()
    settings = QUICK.changed(joint_steps=60)
    undisturbed = pair.matting(wire, tmp_path / "a.exr", settings, changes={"seed": 1})
    (calm,) = [event for event in undisturbed.events() if isinstance(event, Layers)]
    events = pair.matting(wire, tmp_path / "b.exr", settings, changes={"seed": 2}).events()
    next_progress(events)
    kill(children(wire.pid)[0])
    (layers,) = [event for event in events if isinstance(event, Layers)]
    assert (layers.width, layers.height) == (calm.width, calm.height)
    assert (tmp_path / "b.exr").exists()
    assert "worker died" in home.log()


def test_a_frame_that_always_kills_its_worker_fails(home: Home, pair: Pair, tmp_path: Path) -> None:
    wire = home.start()
    events = pair.matting(wire, tmp_path / "o.exr", ENDLESS).events()
    with pytest.raises(EngineError) as caught:
        while True:
            next_progress(events)
            for worker in children(wire.pid):
                kill(worker)
    # A progress that was still on its way lets the kill fall into the next worker's start.
    sentences = ("died 3 times on frame 1", "worker could not start")
    assert any(sentence in str(caught.value) for sentence in sentences)
    assert find_engine() is not None
    assert list(home.cache.glob("jobs-*/*/layers/*")) == []


def test_a_killed_server_is_replaced_and_finished_frames_are_kept(
    home: Home, pair: Pair, tmp_path: Path
) -> None:
    first = home.start()
    job = pair.job(QUICK.changed(joint_steps=40), frames=4)
    outputs = {number: str(tmp_path / f"{number}.exr") for number in (1, 2, 3, 4)}
    events = Matting(job, outputs).events()
    frames: list[int] = []
    while len(frames) < 2:
        event = next(events)
        if isinstance(event, Layers):
            frames.append(event.frame)
    workers = children(first.pid)
    kill(first.pid)
    frames += [event.frame for event in events if isinstance(event, Layers)]
    assert frames == [1, 2, 3, 4]
    second = find_engine()
    assert second is not None and second.pid != first.pid
    assert all(Path(path).exists() for path in outputs.values())
    assert "goes on, 2 frames left" in home.log()
    # Its worker went with the first server: it holds no GPU and no CPU.
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), PATIENCE)


def test_a_server_killed_while_plates_are_sent(home: Home, pair: Pair, tmp_path: Path) -> None:
    home.start()

    class Unlucky(Matting):
        kills = 1

        def _submit(self, wire: Connection) -> None:
            super()._submit(wire) if not self.kills else self._die(wire)

        def _die(self, wire: Connection) -> None:
            self.kills -= 1
            self._id = wire.request("POST", "/v1/jobs", {"job": self.job.to_json()})["id"]
            kill(wire.pid)
            wire.request("POST", f"/v1/jobs/{self._id}/start")

    events = list(Unlucky(pair.job(), {1: str(tmp_path / "o.exr")}).events())
    assert isinstance(events[-1], Layers)
    wire = ensure_engine()
    assert engine_jobs(wire) == [] and home.jobs() == []  # the half-sent job is gone too


CLIENT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from dmp_matting.job import Job
from dmp_matting.client.job_client import Matting
from dmp_matting.job import Progress
for event in Matting(Job.from_json(json.loads(sys.argv[2])), {1: sys.argv[3]}).events():
    if isinstance(event, Progress):
        print("going", flush=True)
"""


def start_client(
    start_process: Processes, pair: Pair, output: Path, seed: int
) -> subprocess.Popen[str]:
    job = json.dumps(pair.job(ENDLESS, seed=seed).to_json())
    client = start_process(
        [sys.executable, "-c", CLIENT, ROOT / "plugin", job, output],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return client


def test_a_killed_clients_job_ends_and_others_go_on(
    home: Home, pair: Pair, tmp_path: Path, start_process: Processes
) -> None:
    wire = home.start("--grace", "2")
    client = start_client(start_process, pair, tmp_path / "lost.exr", 1)
    assert client.stdout is not None and client.stdout.readline() == "going\n"
    # A second host waits behind it.
    task = BackgroundJob(pair.job(), {1: str(tmp_path / "kept.exr")}, connect=lambda: wire)
    wait_until(lambda: any(job["state"] == "queued" for job in engine_jobs(wire)), PATIENCE)
    client.send_signal(signal.SIGKILL)
    client.communicate()
    assert task.wait(PATIENCE)
    assert task.result()
    states = {job["state"] for job in engine_jobs(wire)}
    assert states <= {"cancelled"}
    assert home.jobs() == []


def test_a_stopped_client_that_comes_back_in_time_keeps_its_job(
    home: Home, pair: Pair, tmp_path: Path
) -> None:
    """Two clients hang up as a broken connection does; one of them comes back."""
    wire = home.start("--grace", "4")
    hosts = wire.lines("/v1/attend")
    next(hosts)
    lost, kept = (_left_alone(pair, wire, tmp_path, seed) for seed in (1, 2))
    again = wire.lines(f"/v1/jobs/{kept}/events")
    next(again)
    states = partial(_states, wire)
    wait_until(lambda: states()[lost] == "cancelled", PATIENCE)
    for line in again:  # nobody else is waited for
        if line["event"] == "progress":
            break
    assert states()[kept] == "running"
    again.close()  # type: ignore[attr-defined]
    wait_until(lambda: states()[kept] == "cancelled", PATIENCE)
    hosts.close()  # type: ignore[attr-defined]


def _left_alone(pair: Pair, wire: Connection, folder: Path, seed: int) -> str:
    """The id of a job whose client has hung up."""
    matting = pair.matting(wire, folder / f"{seed}.exr", ENDLESS, changes={"seed": seed})
    matting._submit(wire)
    assert matting._id is not None
    lines = wire.lines(f"/v1/jobs/{matting._id}/events")
    next(lines)
    lines.close()  # type: ignore[attr-defined]
    return matting._id


def _states(wire: Connection) -> dict[str, str]:
    return {job["id"]: job["state"] for job in engine_jobs(wire)}


def test_the_last_client_dies_and_the_engine_follows(
    home: Home, pair: Pair, tmp_path: Path, start_process: Processes
) -> None:
    wire = home.start("--grace", "1")
    client = start_client(start_process, pair, tmp_path / "lost.exr", 1)
    assert client.stdout is not None and client.stdout.readline() == "going\n"
    client.kill()
    client.communicate()
    wait_until(lambda: not home.processes(), PATIENCE)
    assert find_engine() is None
    assert sorted(os.listdir(home.run)) == ["engine.lock"]
    assert home.jobs() == [] and wire.pid


def test_killed_in_the_middle_of_an_upload(home: Home, pair: Pair) -> None:
    """A connection that breaks half way leaves neither a plate nor, soon, a job."""

    wire = home.start("--grace", "1")
    staying = wire.lines("/v1/attend")
    next(staying)
    made = wire.request("POST", "/v1/jobs", {"job": pair.job().to_json()})
    line = socket.socket(socket.AF_UNIX)
    line.connect(wire.address[5:])
    line.sendall(
        f"PUT /v1/jobs/{made['id']}/plates/0 HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {wire.token}\r\nContent-Length: 100000\r\n\r\n".encode()
        + bytes(5000)
    )
    wait_until(lambda: bool(home.loose_files()), PATIENCE)
    line.close()
    wait_until(lambda: not home.loose_files(), PATIENCE)
    wait_until(lambda: home.jobs() == [], PATIENCE)
    assert wire.request("GET", f"/v1/jobs/{made['id']}")["state"] == "cancelled"
    staying.close()  # type: ignore[attr-defined]
