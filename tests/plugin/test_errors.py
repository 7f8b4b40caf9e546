"""Exceptions that nobody foresaw become one sentence in one place; the traceback is printed."""

from __future__ import annotations

import errno

import pytest

from dmp_matting.errors import EngineError, PlateError, as_dmp_error, limit_error


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


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "ulimit -u"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (MemoryError(), "Memory is short"),
    ],
)
def test_a_limit_of_the_account_is_no_bug(error: Exception, sentence: str) -> None:
    found = as_dmp_error(error)
    assert sentence in str(found) and "bug" not in str(found)
    assert limit_error(ValueError("odd")) is None
