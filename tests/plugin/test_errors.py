"""Exceptions that nobody foresaw become one sentence in one place; the traceback is printed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dmp_matting.errors import EngineError, PlateError, as_dmp_error

ROOT = Path(__file__).resolve().parents[2]


def raised() -> Exception:
    try:
        return ZeroDivisionError(1 // 0)
    except ZeroDivisionError as error:
        return error


def test_a_bug_is_a_sentence_and_its_traceback_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = as_dmp_error(raised())
    assert type(error) is EngineError
    assert str(error).startswith("DMP hit a bug: ZeroDivisionError: ")
    printed = capsys.readouterr().err
    assert "Traceback" in printed and "1 // 0" in printed


def test_our_own_errors_stay_themselves(capsys: pytest.CaptureFixture[str]) -> None:
    error = PlateError("The plate is empty.")
    assert as_dmp_error(error) is error and capsys.readouterr().err == ""


def test_no_other_file_has_the_sentence() -> None:
    having = [
        file.relative_to(ROOT).as_posix()
        for room in ("plugin", "nuke", "blender_addon")
        for file in (ROOT / room).rglob("*.py")
        if "hit a bug" in file.read_text("utf-8")
    ]
    assert having == ["plugin/dmp_matting/errors.py"]
