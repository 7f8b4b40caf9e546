"""Engines that see the same disk: none takes another's jobs, and what dead ones left goes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dmp_engine.server import dispatcher as dispatcher_module
from dmp_engine.server.dispatcher import Dispatcher
from dmp_engine.server.job_folders import FORGOTTEN, take_jobs_folder
from dmp_engine.server.job_store import Store
from dmp_engine.server.lifecycle import take_lock
from dmp_engine.server.pool import Pool
from dmp_engine.server.result_cache import ResultCache
from dmp_matting.atomic_write import ABANDONED, atomic_write, sweep_abandoned
from dmp_matting.job import Frame, Job, JobState, Plate, Role
from dmp_matting.settings import Settings

JOB = Job((Frame(1, (Plate("i.exr", Role.IMAGE), Plate("c.exr", Role.CLEAN))),), Settings())


def age(seconds: float, *paths: Path) -> None:
    for path in paths:
        os.utime(path, (time.time() - seconds, time.time() - seconds))


def test_two_engines_have_two_folders_and_the_next_takes_over_what_is_left(tmp_path: Path) -> None:
    first, first_lock = take_jobs_folder(tmp_path, take_lock)
    second, second_lock = take_jobs_folder(tmp_path, take_lock)
    assert first != second
    kept = Store(first).create(JOB, attended=False, ocio="")
    left = Store(second).create(JOB, attended=False, ocio="")
    assert [record.id for record in Store(first).load()] == [kept.id]
    second_lock.close()  # as the kernel does for one that is killed
    third, third_lock = take_jobs_folder(tmp_path, take_lock)
    assert third == second and [record.id for record in Store(third).load()] == [left.id]
    third_lock.close()
    first_lock.close()
    again, lock = take_jobs_folder(tmp_path, take_lock)
    assert again == first
    assert {record.id for record in Store(again).load()} == {kept.id, left.id}
    assert not second.exists()
    lock.close()


def test_folders_of_hosts_that_are_gone_are_removed_by_age_and_never_a_live_one(
    tmp_path: Path,
) -> None:
    locks = contextlib.ExitStack()
    for name in ("jobs-old", "jobs-fresh", "jobs-held", "jobs-working", "unreadable-jobs-old"):
        (tmp_path / name / "job").mkdir(parents=True)
        (tmp_path / f"{name}.lock").touch()
    locks.enter_context(take_lock(tmp_path / "jobs-held.lock"))
    for name in ("jobs-old", "jobs-held", "jobs-working", "unreadable-jobs-old"):
        age(FORGOTTEN + 60, tmp_path / name / "job", tmp_path / name, tmp_path / f"{name}.lock")
    (tmp_path / "jobs-working" / "job" / "job.json").touch()
    age(FORGOTTEN + 60, tmp_path / "jobs-working" / "job", tmp_path / "jobs-working")
    with locks:
        ours, lock = take_jobs_folder(tmp_path, take_lock)
        lock.close()
    left = {path.name for path in tmp_path.glob("*") if path.is_dir()}
    assert left - {ours.name} == {"jobs-fresh", "jobs-held", "jobs-working"}


def test_an_upload_that_nobody_ends_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a client that died without a stream; one that shows itself stays."""
    store = Store(tmp_path / "jobs")
    dispatcher = Dispatcher(store, ResultCache(tmp_path / "results"), Pool())
    ghost, alive = (
        dispatcher.enter(dispatcher.stored(JOB, attended=False, ocio="")) for _ in range(2)
    )
    with alive.presence.present():
        dispatcher.forget_old()
        assert ghost.record.state is JobState.UPLOADING
        monkeypatch.setattr(dispatcher_module, "UPLOAD_SILENCE", -1.0)
        monkeypatch.setattr(alive.presence, "absent_for", lambda: -2.0)
        dispatcher.forget_old()
    assert ghost.record.state is JobState.CANCELLED and not store.folder(ghost.record).exists()
    assert alive.record.state is JobState.UPLOADING


def test_temporary_files_of_killed_engines_are_counted_and_swept(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path / "results")
    writer = (
        "import os, sys; from pathlib import Path; from dmp_matting.atomic_write import *\n"
        "with atomic_write(Path(sys.argv[1])) as temporary:\n"
        "    temporary.mkdir(); (temporary / 'layers.exr').write_bytes(bytes(1000)); os._exit(9)\n"
    )
    entry = tmp_path / "results" / "aa" / ("a" * 64)
    entry.parent.mkdir(parents=True)
    subprocess.run([sys.executable, "-c", writer, str(entry)], check=False)
    older = tmp_path / "results" / "part-1234"
    older.mkdir()
    (older / "layers.exr").write_bytes(bytes(500))
    with atomic_write(tmp_path / "results" / "aa" / "b") as alive:
        alive.mkdir()
        assert cache.usage().bytes == 1500 and cache.usage().entries == 0
        cache.sweep()
        assert cache.usage().bytes == 500, "one of an older version may still be written"
        age(ABANDONED + 60, older)
        cache.sweep()
        assert cache.usage().bytes == 0 and alive.exists()


@pytest.mark.parametrize(
    ("seconds", "swept"),
    [(0, False), (7200, False), (-7200, False), (ABANDONED + 60, True), (-ABANDONED - 60, True)],
)
def test_a_temporary_file_of_another_host_is_judged_by_a_clock_that_may_be_wrong(
    tmp_path: Path, seconds: float, swept: bool
) -> None:
    temporary = tmp_path / ".m.1001.exr.0badcafe.1.0123abcd.part"
    temporary.write_bytes(b"half")
    age(seconds, temporary)
    sweep_abandoned(tmp_path)
    assert temporary.exists() is not swept
