"""In continuous integration a test that is skipped for want of something fails, with its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .required import ALLOWED, REQUIRED, ROOT
from .schedule import LONG, SECONDS, slowest_first

pytest_plugins = ["pytester"]

TESTS = Path(__file__).parent
HOOKS = f"""
import sys
sys.path.insert(0, {str(TESTS)!r})
from required import pytest_make_collect_report, pytest_runtest_makereport
"""
SKIPS = """
import pytest
def test_of_a_window():
    pytest.skip("no Blender 4.5 here")
@pytest.mark.skipif(True, reason="no chromium")
def test_of_a_page():
    pass
@pytest.fixture
def wire():
    pytest.skip("no wire")
def test_of_a_fixture(wire):
    pass
def test_of_nuke():
    pytest.skip("NUKE_EXECUTABLE is not set: nothing here was tried in a real Nuke")
@pytest.mark.xfail
def test_of_a_known_fault():
    assert False
def test_of_nothing():
    pass
"""
SKIPPED_FILE = 'import pytest\npytest.importorskip("no_such_module", reason="no Dask here")\n'


@pytest.mark.parametrize("word", ["true", "1"])
def test_in_ci_a_skip_that_is_not_allowed_fails_by_name(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, word: str
) -> None:
    monkeypatch.setenv("CI", word)
    pytester.makeconftest(HOOKS)
    pytester.makepyfile(SKIPS)
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    ran.assert_outcomes(failed=1, errors=2, skipped=1, xfailed=1, passed=1)
    ran.stdout.fnmatch_lines_random(
        [
            "*test_of_a_window was skipped in continuous integration: *no Blender 4.5 here",
            "*test_of_a_page was skipped in continuous integration: *no chromium",
            "*test_of_a_fixture was skipped in continuous integration: *no wire",
        ]
    )
    assert ran.ret == pytest.ExitCode.TESTS_FAILED


def test_in_ci_a_whole_file_that_is_skipped_fails(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makeconftest(HOOKS)
    pytester.makepyfile(SKIPPED_FILE)
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    ran.assert_outcomes(errors=1)
    ran.stdout.fnmatch_lines(["*was skipped in continuous integration: *no Dask here*"])
    assert ran.ret == pytest.ExitCode.INTERRUPTED


def test_several_processes_report_it_too(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI", "true")
    pytester.makeconftest(HOOKS)
    pytester.makepyfile(test_whole=SKIPPED_FILE, test_single=SKIPS)
    ran = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-n", "1")
    ran.stdout.fnmatch_lines(["*was skipped in continuous integration: *no Dask here*"])
    assert ran.ret != pytest.ExitCode.OK


def test_elsewhere_it_stays_a_skip(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CI", raising=False)
    pytester.makeconftest(HOOKS)
    pytester.makepyfile(test_whole=SKIPPED_FILE, test_single=SKIPS)
    ran = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    ran.assert_outcomes(skipped=5, xfailed=1, passed=1)
    assert ran.ret == pytest.ExitCode.OK


def test_each_allowed_reason_stands_in_a_test() -> None:
    """An exception whose test has gone, or whose reason reads otherwise now, is dropped."""
    texts = [path.read_text() for path in TESTS.rglob("test_*.py") if path != Path(__file__)]
    texts += [path.read_text() for path in TESTS.rglob("conftest.py")]
    for pattern in ALLOWED:
        for part in pattern.split("|"):
            words = part.replace(r"3\.\d+", "{version}").replace(r"5\.3", "{version}")
            assert any(re.search(words, text) for text in texts), part


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert not REQUIRED["ffmpeg"]() and not REQUIRED["chromium"]()


def test_the_schedule_names_files_that_are_there() -> None:
    assert [file for file in SECONDS if not (TESTS / file).is_file()] == []
    assert all(seconds >= LONG for seconds in SECONDS.values())


def test_the_slowest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.schedule.SECONDS", {"b/test_b.py": 30, "test_c.py": 90})
    files = [ROOT / name for name in ("test_a.py", "b/test_b.py", "test_c.py", "test_d.py")]
    ordered = [path.name for path in sorted(files, key=slowest_first(ROOT))]
    assert ordered == ["test_c.py", "test_b.py", "test_a.py", "test_d.py"]
