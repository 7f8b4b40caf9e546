"""Is a file still what it was? Its content decides, and is read only where its status changed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dmp_matting.client import file_states
from dmp_matting.client.file_states import FileStates, states_of_files
from dmp_matting.frame_window import recorded_inputs, window_digest
from dmp_matting.job import Frame, Job, Plate, Role


def plate(path: Path, role: Role = Role.IMAGE, space: str = "raw", layer: str = "") -> Plate:
    return Plate(str(path), role, space, layer)


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        (lambda file: os.utime(file, (1.6e9, 1.6e9)), True),
        (lambda file: file.write_bytes(b"1234"), True),  # delivered again, the same
        (lambda file: file.write_bytes(b"4321"), False),  # of the same size
        (lambda file: (file.write_bytes(b"4321"), os.utime(file, (1.6e9, 1.6e9))), False),
        (lambda file: (file.write_bytes(b"4321"), os.utime(file, ns=(7, 7))), False),
        (lambda file: file.write_bytes(b"12345"), False),
        (lambda file: file.unlink(), False),
    ],
    ids=["date", "again", "swapped", "older", "same date", "longer", "gone"],
)
def test_content_decides(tmp_path: Path, change: Callable[[Path], object], is_same: bool) -> None:
    file = tmp_path / "p.exr"
    file.write_bytes(b"1234")
    os.utime(file, ns=(7, 7))
    before = FileStates()
    status, content = before.status(plate(file)), before.content(plate(file))
    change(file)
    after = FileStates()
    assert after.status(plate(file)) != status
    assert (after.content(plate(file)) == content) is is_same


def test_an_untouched_file_is_not_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "p.exr"
    file.write_bytes(b"1234")
    content = FileStates().content(plate(file))
    monkeypatch.setattr(file_states, "BLOCK", "unreadable")
    assert FileStates().content(plate(file)) == content


def test_a_file_that_changes_before_it_is_read_is_another(tmp_path: Path) -> None:
    """A host's inputs are looked at, rendered, and only then read here."""
    file = tmp_path / "p.exr"
    file.write_bytes(b"1234")
    states = FileStates()
    states.look(Frame(1, (plate(file),)))
    file.write_bytes(b"43210")
    assert states.content(plate(file)) != FileStates().content(plate(file))


def test_role_space_and_layer_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, png = tmp_path / "p.exr", tmp_path / "p.png"
    file.write_bytes(b"1234")
    png.write_bytes(b"1234")
    several = [
        plate(file), plate(file, Role.CLEAN), plate(file, space="auto"), plate(file, layer="key"),
        plate(file, space="plate"), plate(png, space="auto"),
    ]  # fmt: skip
    states = FileStates()
    without = [states.content(one) for one in several]
    assert len(set(without)) == len(several)
    monkeypatch.setenv("OCIO", "ocio://studio-config-latest")
    states = FileStates()
    changed = [states.content(one) != old for one, old in zip(several, without, strict=True)]
    assert changed == [False, False, False, False, True, True], "where OCIO has a part in it"


def test_what_a_result_records(tmp_path: Path) -> None:
    """All plates of the window, by their distance: the same in whatever job the frame is."""
    files = [tmp_path / f"p.{number}.exr" for number in range(4)]
    for number, file in enumerate(files):
        file.write_bytes(b"%d" % number)
    frames = tuple(Frame(number, (plate(file),)) for number, file in enumerate(files))
    job = FileStates().of_job(Job(frames[:2], context=frames[2:]))
    window = (*job.frames, *job.context)
    content, _, status = recorded_inputs(job.frames[1], window).partition(" ")
    states = FileStates()
    assert window_digest(frames[1], frames, states.content) == content
    assert window_digest(frames[1], frames, states.status) == status
    assert window_digest(frames[1], frames[:3], states.content) != content
    assert window_digest(frames[0], frames, states.content) != content
    files[3].write_bytes(b"x")
    assert window_digest(frames[1], frames, FileStates().content) != content


def test_of_rendered_plates_nothing_is_recorded(tmp_path: Path) -> None:
    frame = Frame(1, (plate(tmp_path / "name"), plate(tmp_path / "c.exr", Role.CLEAN)))
    (tmp_path / "c.exr").write_bytes(b"1")
    (known,) = (
        states_of_files({str(tmp_path / "name"): "rendered.exr"}).of_job(Job((frame,))).frames
    )
    assert [bool(one.state) for one in known.plates] == [False, True]
    assert recorded_inputs(known, ()) == ""
