"""One engine per user, and its end: idle, on request, stale files, races, no orphans."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dmp_matting import EngineError, EngineMissingError
from dmp_matting.client.background_job import BackgroundJob
from dmp_matting.client.launcher import ensure_engine, find_engine, start_engine, stop_engine
from dmp_matting.paths import run_folder, write_config

from ...conftest import ENDLESS, QUICK, Home, Pair, children, kill, wait_until
from ...processes import Processes
from .test_queue import state, submit

ROOT = Path(__file__).resolve().parents[3]

pytestmark = pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")


def test_files_are_private(home: Home) -> None:
    home.start()
    assert stat.S_IMODE(home.run.stat().st_mode) == 0o700
    for name in ("engine.json", "engine.sock", "engine.lock"):
        assert stat.S_IMODE((home.run / name).stat().st_mode) & 0o077 == 0, name
    assert stat.S_IMODE(home.cache.stat().st_mode) == 0o700


def test_five_hosts_start_one_engine(home: Home, start_process: Processes) -> None:
    code = "from dmp_matting.client.launcher import ensure_engine; print(ensure_engine().pid)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "plugin")}
    hosts = [
        start_process(
            [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(5)
    ]
    pids = {host.communicate(timeout=60)[0] for host in hosts}
    assert len(pids) == 1 and int(pids.pop())
    engines = [
        pid for pid in home.processes() if "serve" in Path(f"/proc/{pid}/cmdline").read_text()
    ]
    wait_until(lambda: len(home.processes()) <= 2, 5)  # the engine and its worker
    assert engines


def test_the_engine_belongs_to_no_host(home: Home, start_process: Processes) -> None:
    """It survives the host that started it, its process group and its terminal."""
    code = "from dmp_matting.client.launcher import ensure_engine; print(ensure_engine().pid)"
    host = start_process(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT / "plugin")},
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    pid = int(host.communicate(timeout=60)[0])
    with pytest.raises(ProcessLookupError):
        os.killpg(host.pid, signal.SIGKILL)
    assert os.getsid(pid) != host.pid
    assert Path(f"/proc/{pid}").exists()
    environment = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    names = {line.partition(b"=")[0] for line in environment}
    assert b"PYTHONPATH" not in names and b"PYTHONNOUSERSITE" in names
    assert os.readlink(f"/proc/{pid}/cwd") == str(home.run)  # keeps no disk of the host busy


def test_stale_files_of_a_killed_engine(home: Home) -> None:
    first = home.start()
    kill(first.pid)
    wait_until(lambda: not Path(f"/proc/{first.pid}").exists(), 5)
    assert (home.run / "engine.sock").exists() and find_engine() is None
    second = ensure_engine()
    assert second.pid != first.pid


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"address": 3}', "\0\0"])
def test_a_broken_run_file_is_no_engine(home: Home, content: str) -> None:
    run_folder()
    (home.run / "engine.json").write_text(content)
    assert find_engine() is None


def test_another_protocol_is_reported(home: Home) -> None:
    wire = home.start()
    import dmp_matting.client.launcher as launcher

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launcher, "PROTOCOL", 99)
        with pytest.raises(EngineError, match="dmp engine stop"):
            find_engine()
    assert wire.request("GET", "/v1")["protocol"] == launcher.PROTOCOL


def test_it_ends_when_idle(home: Home, pair: Pair, tmp_path: Path) -> None:
    wire = home.start(idle=2.0)
    list(pair.matting(wire, tmp_path / "o.exr").events())
    took = wait_until(lambda: not home.processes(), 10)
    assert took > 1.0  # not at once
    assert sorted(os.listdir(home.run)) == ["engine.lock"]
    assert "ends: idle" in home.log()


def test_looking_at_it_does_not_keep_it_awake(home: Home) -> None:
    wire = home.start(idle=1.5)
    deadline = time.monotonic() + 8
    while home.processes() and time.monotonic() < deadline:
        try:
            wire.request("GET", "/v1/status")
        except EngineError:
            break
        time.sleep(0.2)
    wait_until(lambda: not home.processes(), 5)


def test_an_idle_worker_ends_before_the_engine_and_comes_back(
    home: Home, pair: Pair, tmp_path: Path
) -> None:
    wire = home.start("--worker-idle", "1")
    list(pair.matting(wire, tmp_path / "o.exr").events())
    wait_until(lambda: not children(wire.pid), 8)
    (device,) = [d for d in wire.request("GET", "/v1/status")["devices"] if d["name"] == "cpu"]
    assert device["state"] == "asleep"
    list(pair.matting(wire, tmp_path / "o.exr", changes={"seed": 3}).events())
    assert (tmp_path / "o.exr").exists()


def test_stop_refuses_while_there_is_work(home: Home, pair: Pair) -> None:
    wire = home.start()
    job = submit(wire, pair, settings=ENDLESS)
    wait_until(lambda: state(wire, job)["state"] == "running", 30)
    with pytest.raises(Exception, match="has work"):
        stop_engine()
    assert stop_engine(force=True) is True
    wait_until(lambda: not home.processes(), 8)
    assert stop_engine() is False


def test_stop_ends_an_engine_that_hangs(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    wire = home.start()
    os.kill(wire.pid, signal.SIGSTOP)
    monkeypatch.setattr("dmp_matting.client.launcher.GREETING_LIMIT", 0.5)
    assert stop_engine(force=True) is True
    wait_until(lambda: not home.processes(), 8)


def test_sigterm_is_an_orderly_end(home: Home) -> None:
    wire = home.start()
    os.kill(wire.pid, signal.SIGTERM)
    wait_until(lambda: not home.processes(), 8)
    assert sorted(os.listdir(home.run)) == ["engine.lock"]


HOST = """
import sys, time
sys.path.insert(0, sys.argv[1])
from dmp_matting.job import Job
from dmp_matting.client.background_job import BackgroundJob
import json
task = BackgroundJob(Job.from_json(json.loads(sys.argv[2])), {1: sys.argv[3]})
task.wait()
task.result()
print("done", flush=True)
time.sleep(600)
"""


def test_it_ends_soon_after_the_last_host_has_quit(
    home: Home, pair: Pair, tmp_path: Path, start_process: Processes
) -> None:
    home.start("--grace", "1")
    arguments = [str(ROOT / "plugin"), json.dumps(pair.job().to_json()), str(tmp_path / "o.exr")]
    host = start_process([sys.executable, "-c", HOST, *arguments], stdout=subprocess.PIPE)
    assert host.stdout.readline() == b"done\n"
    time.sleep(2.5)
    assert find_engine() is not None  # warm for the next press of the button
    host.kill()
    host.communicate()
    wait_until(lambda: home.processes() == [], 10)


def test_a_command_line_job_leaves_it_warm(home: Home, pair: Pair, tmp_path: Path) -> None:
    wire = home.start("--grace", "1")
    list(pair.matting(wire, tmp_path / "o.exr").events())
    time.sleep(2.5)
    found = find_engine()
    assert found is not None and found.pid == wire.pid


def test_tcp_on_request(home: Home, pair: Pair, tmp_path: Path) -> None:
    wire = home.start(tcp=True)
    assert wire.address.startswith("http://127.0.0.1:")
    list(pair.matting(wire, tmp_path / "o.exr").events())
    assert (tmp_path / "o.exr").exists()
    ports = Path("/proc/net/tcp").read_text()
    assert f"{int(wire.address.rpartition(':')[2]):04X}" in ports
    assert "0100007F:" in ports


def test_a_python_without_the_engine(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = home.root / "python"
    bare.write_text(f'#!/bin/sh\nexec {os.path.realpath(sys.executable)} -S "$@"\n')
    bare.chmod(0o755)
    monkeypatch.setenv("DMP_ENGINE_PYTHON", str(bare))
    with pytest.raises(EngineMissingError, match="incomplete"):
        start_engine()
    assert home.processes() == []


def test_the_configured_python_is_used_and_its_loss_reported(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DMP_ENGINE_PYTHON", raising=False)
    write_config({"engine_python": "/nowhere/python"})
    with pytest.raises(EngineMissingError, match="dmp setup. wrote names"):
        start_engine()
    write_config({"engine_python": sys.executable})
    assert start_engine().pid


def test_a_task_keeps_quiet_when_no_engine_can_be_had(
    home: Home, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DMP_ENGINE_PYTHON", str(home.root / "missing"))
    task = BackgroundJob(pair.job(QUICK), {1: str(tmp_path / "o.exr")})
    assert task.wait(10)
    with pytest.raises(EngineMissingError):
        task.result()
