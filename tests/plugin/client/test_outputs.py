"""Where layers cannot be written is known before the solve, and both ways say the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dmp_matting import InputError, OutputError
from dmp_matting.atomic_write import check_output
from dmp_matting.client import engine_process
from dmp_matting.client.connection import Connection
from dmp_matting.client.engine_process import run_directly
from dmp_matting.client.job_client import Matting
from dmp_matting.job import Frame, Job, Plate, Role

PLATES = ("image.exr", "clean.exr")


def never(*_: object, **__: object) -> Connection:
    raise AssertionError("work began")


def folder_in_its_place(folder: Path) -> Path:
    (folder / "o.exr").mkdir()
    return folder / "o.exr"


def link_to_a_plate(folder: Path) -> Path:
    (folder / "o.exr").symlink_to(folder / "image.exr")
    return folder / "o.exr"


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "o.exr")
    return folder / "o.exr"


def file_in_the_way(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "o.exr"


OUTPUTS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a plate": (lambda folder: folder / "clean.exr", "is one of the plates"),
    "a link to a plate": (link_to_a_plate, "is one of the plates"),
    "a folder": (folder_in_its_place, "is a folder"),
    "a pipe": (pipe, "a device or a pipe"),
    "no folder": (lambda folder: folder / "none" / "o.exr", "none' does not exist; make it first"),
    "a file as a folder": (file_in_the_way, "is a file, not a folder"),
    "a name too long": (lambda folder: folder / ("o" * 252 + ".exr"), "could not be written"),
    "a pattern": (lambda folder: folder / "o.####.exr", "is a sequence pattern"),
    "no EXR": (lambda folder: folder / "o.png", "does not end in .exr"),
    "no text": (lambda folder: folder / "o\udce9.exr", "letters that are not UTF-8"),
    "a zero byte": (lambda folder: folder / "o\0.exr", "could not be written|not end in|exist"),
}


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Job]:
    monkeypatch.setattr(engine_process, "start_engine", never)
    roles = (Role.IMAGE, Role.CLEAN)
    for name in PLATES:
        (tmp_path / name).write_bytes(b"plate")
    plates = [Plate(str(tmp_path / name), role) for name, role in zip(PLATES, roles, strict=True)]
    yield Job((Frame(1, tuple(plates)),))


@pytest.mark.parametrize("case", OUTPUTS)
def test_both_ways_refuse_the_same_outputs_before_the_solve(
    tmp_path: Path, job: Job, case: str
) -> None:
    place, sentence = OUTPUTS[case]
    output = place(tmp_path)
    refusals, there = [], sorted(os.listdir(tmp_path))
    for events in (
        Matting(job, {1: str(output)}, connect=never).events(),
        run_directly(job, {1: str(output)}),
    ):
        with pytest.raises(OutputError, match=sentence) as caught:
            next(events)
        refusals.append(str(caught.value))
    assert refusals[0] == refusals[1]
    assert sorted(os.listdir(tmp_path)) == there


@pytest.mark.parametrize("name", ["o.exr", "O.EXR", "o" * 246 + ".exr", "ö [v2].exr"])
def test_both_ways_accept_the_same_outputs(tmp_path: Path, job: Job, name: str) -> None:
    for events in (
        Matting(job, {1: str(tmp_path / name)}, connect=never).events(),
        run_directly(job, {1: str(tmp_path / name)}),
    ):
        with pytest.raises(AssertionError, match="work began"):
            next(events)
    assert sorted(os.listdir(tmp_path)) == sorted(PLATES)


def test_a_frame_without_an_output_is_named(tmp_path: Path, job: Job) -> None:
    for events in (Matting(job, {}, connect=never).events(), run_directly(job, {})):
        with pytest.raises(InputError, match="names no output for frame 1"):
            next(events)


@pytest.mark.skipif(os.name == "nt" or os.getuid() == 0, reason="this user may write everywhere")
def test_a_write_protected_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "o.exr").touch(0o444)
    with pytest.raises(OutputError, match="write-protected"):
        check_output(tmp_path / "o.exr")


def test_a_full_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage._replace(free=1000))
    with pytest.raises(OutputError, match=f"disk of '{tmp_path}' is full"):
        check_output(tmp_path / "o.exr")
