"""What an earlier engine left never keeps the next one from starting, and stopping always works."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dmp_engine.server import lifecycle, options, pool
from dmp_engine.server.dispatcher import Dispatcher
from dmp_engine.server.job_store import KEEP_UNREADABLE, Store
from dmp_engine.server.pool import Pool
from dmp_engine.server.result_cache import ResultCache
from dmp_matting import EngineError, Settings
from dmp_matting.client.launcher import find_engine, stop_engine
from dmp_matting.job import Frame, Job, Plate, Role

from ...conftest import Home, wait_until

DAMAGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "unknown setting": lambda job: job["job"]["settings"].update(of_a_later_version=1),
    "no frames": lambda job: job["job"].update(frames=[]),
    "a frame without plates": lambda job: job["job"]["frames"][0].update(plates=[]),
    "another id": lambda job: job.update(id="../../elsewhere"),
    "a plate elsewhere": lambda job: job["plates"][0].update(file="../../../etc/passwd"),
    "no plates": lambda job: job.update(plates=[]),
    "a state of its own": lambda job: job.update(state="happy"),
    "no time": lambda job: job.update(created="yesterday"),
    "an extra field": lambda job: job.update(more=1),
}
CONTENTS = {
    "not JSON": b"{",
    "not text": b"\xff\xfe\x00",
    "a list": b"[]",
    "deep nesting": b"[" * 100_000,
    "a huge number": b"1" * 100_000,
    "empty": b"",
}
PLACES: dict[str, Callable[[Path], object]] = {
    "a folder": Path.mkdir,
    "a pipe": os.mkfifo,
    "a file without an end": lambda place: place.symlink_to("/dev/zero"),
}


def stored_job(store: Store) -> Path:
    """The job.json of a job that waits in the queue."""
    plates = Plate("image.exr", Role.IMAGE), Plate("clean.exr", Role.CLEAN)
    job = Job((Frame(1, plates),), Settings())
    record = store.create(job, attended=False, ocio="")
    return store.folder(record) / "job.json"


def resumed(store: Store) -> list[str]:
    async def test() -> list[str]:
        dispatcher = Dispatcher(store, ResultCache(store.root / "results"), Pool())
        dispatcher.resume()
        found = list(dispatcher.jobs)
        await dispatcher.stop()
        return found

    return asyncio.run(test())


@pytest.mark.parametrize("damage", [*DAMAGES, *CONTENTS, *PLACES])
def test_a_job_folder_that_does_not_load_is_put_aside_with_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    damage: str,
) -> None:
    monkeypatch.setattr(pool, "BOOT", "")  # no worker is needed
    store = Store(tmp_path / "jobs-here")
    record = stored_job(store)
    if damage in CONTENTS:
        record.write_bytes(CONTENTS[damage])
    elif damage in PLACES:
        record.unlink()
        PLACES[damage](record)
    else:
        content = json.loads(record.read_text())
        content["state"] = "done"
        DAMAGES[damage](content)
        record.write_text(json.dumps(content))
    with caplog.at_level(logging.WARNING, "dmp.jobs"):
        assert resumed(store) == []
    (line,) = [each for each in caplog.messages if "put aside" in each]
    assert record.parent.name in line and "\n" not in line and len(line) < 1000
    assert not record.parent.exists()
    (aside,) = store.unreadable.glob("*/job.json")
    assert resumed(store) == [] and aside.exists()
    past = time.time() - KEEP_UNREADABLE - 60
    os.utime(aside.parent, (past, past))
    resumed(store)
    assert not aside.exists()


def test_good_jobs_beside_a_damaged_one_go_on(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs-here")
    good, bad = stored_job(store), stored_job(store)
    bad.write_text("[]")
    (store.root / "begun").mkdir()  # by a server that was killed
    assert [record.id for record in store.load()] == [good.parent.name]
    assert sorted(os.listdir(store.root)) == [good.parent.name]
    assert os.listdir(store.unreadable) == [bad.parent.name]


def engine_options(home: Home) -> Namespace:
    parser = ArgumentParser()
    options.add_arguments(parser)
    home.run.mkdir(mode=0o700)
    return parser.parse_args(["--run-folder", str(home.run), "--cache-folder", str(home.cache)])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="a Unix socket")
def test_an_engine_that_cannot_write_its_run_file_ends(
    home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With the temporary folder full nobody could find it, and it would hold the lock for ever."""

    def full(engine: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pool, "BOOT", "")
    monkeypatch.setattr(lifecycle._Engine, "_write_run_file", full)
    assert lifecycle.serve(engine_options(home)) == 3
    assert "No space left on device" in caplog.text
    assert os.listdir(home.run) == ["engine.lock"]
    assert stop_engine() is False


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")
def test_a_run_file_that_is_gone_is_written_again_and_stop_needs_none(home: Home) -> None:
    first = home.start()
    (home.run / "engine.json").unlink()
    wait_until(lambda: find_engine() is not None, 10)
    again = find_engine()
    assert again is not None and (again.pid, again.token) == (first.pid, first.token)
    os.kill(first.pid, signal.SIGSTOP)  # it hangs, and its run file is removed once more
    (home.run / "engine.json").unlink()
    with pytest.raises(EngineError, match="does not answer"):
        stop_engine()
    assert stop_engine(force=True) is True
    wait_until(lambda: not home.processes(), 10)
    assert stop_engine(force=True) is False


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc")
def test_an_engine_whose_run_folder_was_removed_ends(home: Home) -> None:
    """Another one may start then, and two must not share the jobs."""
    home.start()
    for name in os.listdir(home.run):
        (home.run / name).unlink()
    home.run.rmdir()
    wait_until(lambda: not home.processes(), 20)
