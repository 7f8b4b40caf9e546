"""Plates that a killed host left are removed, and nobody else's."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from dmp_matting.atomic_write import SYSTEM
from dmp_matting.client.temporary_folders import (
    OLD,
    new_temporary_folder,
    sweep_temporary_folders,
)

from ...processes import Processes


def made(folder: Path, name: str, age: float = 0.0) -> Path:
    path = folder / name
    path.mkdir()
    (path / "image.1001.exr").write_bytes(b"half a plate")
    then = time.time() - age
    os.utime(path, (then, then))
    return path


@pytest.mark.skipif(os.name == "nt", reason="Windows has no query for whether a process is there")
def test_what_ended_processes_of_this_machine_left_is_removed(
    tmp_path: Path, start_process: Processes
) -> None:
    ended = start_process([sys.executable, "-c", ""])
    ended.wait()
    own = Path(new_temporary_folder("plates", str(tmp_path)))
    kept = [
        own,
        made(tmp_path, f"dmp-plates-0badcafe.{ended.pid}.abc"),  # the number is another machine's
        made(tmp_path, f"dmp-nuke-{SYSTEM}.{os.getpid()}.abc", 2 * OLD),  # its host still runs
        made(tmp_path, "dmp-notes"),
        made(tmp_path, f"dmp-plates-{ended.pid}-abc"),
    ]
    for kind in ("plates", "publish", "nuke"):
        made(tmp_path, f"dmp-{kind}-{SYSTEM}.{ended.pid}.abc")
    made(tmp_path, f"dmp-plates-0badcafe.{os.getpid()}.abc", 2 * OLD)  # nobody's any more
    assert sweep_temporary_folders([str(tmp_path), str(tmp_path / "none")]) == 4
    assert sorted(tmp_path.iterdir()) == sorted(kept)
