"""A file appears whole or not at all, and a killed writer leaves nothing for good."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from dmp_matting.atomic_write import ABANDONED, atomic_write

from ..conftest import wait_until
from ..processes import Processes

WRITER = """
import sys, time
from pathlib import Path
from dmp_matting.atomic_write import atomic_write
with atomic_write(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half")
    time.sleep(600)
"""


def write(target: Path, content: bytes) -> None:
    with atomic_write(target) as temporary:
        temporary.write_bytes(content)


def unfinished(folder: Path) -> list[Path]:
    return sorted(folder.glob(".*.part"))


def test_nothing_appears_when_the_writing_fails(tmp_path: Path) -> None:
    target = tmp_path / "m.1001.exr"
    write(target, b"before")
    with pytest.raises(OSError, match="full"), atomic_write(target) as temporary:
        temporary.write_bytes(b"ha")
        raise OSError("full")
    assert target.read_bytes() == b"before" and os.listdir(tmp_path) == [target.name]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no query for whether a process is there")
def test_what_a_killed_writer_left_goes_with_the_next_writing(
    tmp_path: Path, start_process: Processes
) -> None:
    target, other = tmp_path / "m.1001.exr", tmp_path / "m.1002.exr"
    writers = [
        start_process([sys.executable, "-c", WRITER, path]) for path in (target, target, other)
    ]
    wait_until(lambda: len(unfinished(tmp_path)) == 3, 30)
    for killed in writers[1:]:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    write(target, b"whole")
    left = [path.name for path in unfinished(tmp_path)]
    assert target.read_bytes() == b"whole"
    assert len(left) == 2  # one still being written, one of another target
    assert [str(writers[0].pid) in name for name in left].count(True) == 1
    assert [name.startswith(".m.1002.exr.") for name in left].count(True) == 1


def test_a_temporary_file_of_another_host_goes_when_it_is_abandoned(tmp_path: Path) -> None:
    target = tmp_path / "m.1001.exr"
    fresh, old = (tmp_path / f".m.1001.exr.0badcafe.1.{one}.part" for one in ("0a" * 4, "0b" * 4))
    mine = tmp_path / ".m.1001.exr.notes.part"  # an artist's own
    for path in (fresh, old, mine):
        path.write_bytes(b"half")
    long_ago = time.time() - ABANDONED - 60
    for path in (old, mine):
        os.utime(path, (long_ago, long_ago))
    write(target, b"whole")
    assert unfinished(tmp_path) == sorted([fresh, mine])


def test_the_temporary_file_ends_as_the_target_does_for_a_writer_that_looks_at_the_name(
    tmp_path: Path,
) -> None:
    target = tmp_path / "movie.mp4"
    with atomic_write(target, keep_suffix=True) as temporary:
        assert temporary.suffix == ".mp4" and temporary.name.startswith(".movie.mp4.")
        temporary.write_bytes(b"whole")
    left = tmp_path / ".movie.mp4.0badcafe.1.0123abcd.part.mp4"
    left.write_bytes(b"half")
    os.utime(left, (1, 1))
    write(target, b"again")
    assert os.listdir(tmp_path) == ["movie.mp4"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "entry"
    with pytest.raises(OSError, match="full"), atomic_write(target) as temporary:
        temporary.mkdir()
        (temporary / "layers.exr").write_bytes(b"half")
        raise OSError("full")
    assert os.listdir(tmp_path) == []
    with atomic_write(target) as temporary:
        temporary.mkdir()
        (temporary / "layers.exr").write_bytes(b"whole")
    assert os.listdir(tmp_path) == ["entry"] and os.listdir(target) == ["layers.exr"]


@pytest.mark.parametrize("name", ["m" * 250 + ".exr", "\u6c34" * 80 + ".exr"])
def test_the_longest_names_can_be_written(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    write(target, b"whole")
    with atomic_write(target) as temporary:
        temporary.write_bytes(b"half")
        start = temporary.name.split(".part")[0][:-8]
        left = temporary.with_name(f"{start}00000000.part")
        left.write_bytes(b"half")
        os.utime(left, (1, 1))
    assert target.read_bytes() == b"half" and os.listdir(tmp_path) == [name]
