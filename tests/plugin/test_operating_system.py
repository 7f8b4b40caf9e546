"""What differs between systems, tried for each: Windows and macOS by simulation alone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dmp_matting import operating_system as system
from dmp_matting import paths

HOME = Path("/home/jo doe")
LINUX, WINDOWS, MACOS = (False, False), (True, False), (False, True)
FOLDERS: list[tuple[Callable[..., Path], tuple[bool, bool], dict[str, str], str]] = [
    (system.config_folder, LINUX, {}, "{home}/.config/dmp-matting"),
    (system.data_folder, LINUX, {}, "{home}/.local/share/dmp-matting"),
    (system.cache_folder, LINUX, {}, "{home}/.cache/dmp-matting"),
    (system.config_folder, LINUX, {"XDG_CONFIG_HOME": "/x"}, "/x/dmp-matting"),
    (system.data_folder, LINUX, {"XDG_DATA_HOME": "/x"}, "/x/dmp-matting"),
    (system.cache_folder, LINUX, {"XDG_CACHE_HOME": "/x"}, "/x/dmp-matting"),
    (system.config_folder, MACOS, {}, "{home}/Library/Application Support/dmp-matting"),
    (system.data_folder, MACOS, {"XDG_DATA_HOME": "/x"},
     "{home}/Library/Application Support/dmp-matting"),
    (system.cache_folder, MACOS, {}, "{home}/Library/Caches/dmp-matting"),
    (system.config_folder, WINDOWS, {"LOCALAPPDATA": "/local"}, "/local/dmp-matting"),
    (system.data_folder, WINDOWS, {"LOCALAPPDATA": "/local"}, "/local/dmp-matting"),
    (system.cache_folder, WINDOWS, {"LOCALAPPDATA": "/local"}, "/local/dmp-matting/Cache"),
    (system.data_folder, WINDOWS, {}, "{home}/dmp-matting"),
]  # fmt: skip


@pytest.mark.parametrize(("folder", "which", "named", "place"), FOLDERS)
def test_where_a_users_files_lie(
    folder: Callable[..., Path], which: tuple[bool, bool], named: dict[str, str], place: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    assert folder(lambda: HOME, *which) == Path(place.format(home=HOME))


def test_the_run_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCALAPPDATA", "/local")
    there = list(system.run_folders(lambda: HOME, windows=True))
    assert there == [Path("/local/dmp-matting/run")]
    here = list(system.run_folders(lambda: HOME, windows=False))
    assert here[0] == Path(f"/tmp/dmp-{os.getuid()}") and len(set(here)) == len(here) >= 8


def test_a_program_of_windows_has_its_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of paths.py as there: owners and rights of files are not looked at."""
    for name in ("DMP_RUN_DIR", "DMP_CACHE_DIR", "DMP_CONFIG", "DMP_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))

    def on_windows(name: str) -> None:
        real = getattr(system, name)
        monkeypatch.setattr(system, name, lambda *given, **_: real(*given, windows=True))

    for name in (
        "config_folder", "data_folder", "cache_folder", "run_folders", "of_this_user", "is_own",
        "others_may_write",
    ):  # fmt: skip
        on_windows(name)
    monkeypatch.delattr(os, "getuid")
    own = tmp_path / "dmp-matting"
    own.mkdir()
    own.chmod(0o777)
    assert paths.run_folder() == own / "run" and paths.make_cache_folder() == own / "Cache"
    assert paths.config_file() == own / "config.json" and paths.data_folder() == own
    monkeypatch.setenv("DMP_CACHE_DIR", str(tmp_path / "named"))
    assert paths.make_cache_folder() == tmp_path / "named"


def test_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda *what: ended.append(what))
    system.kill(7, windows=True)
    system.kill(7, windows=False)
    assert ended == [(7, signal.SIGTERM), (7, signal.SIGKILL)]
    # On Windows nobody may ask: the query would kill.
    assert system.is_alive(7, windows=True) and len(ended) == 2
    assert not system.knows_the_dead(windows=True) and system.knows_the_dead(windows=False)
    assert system.detached(windows=True) == {"creationflags": 0x208}
    assert system.detached(windows=False) == {"start_new_session": True}
    assert system.fork(windows=True) is False


def test_what_asks_a_program_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    assert system.ending_signals() == [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
    monkeypatch.delattr(signal, "SIGHUP")
    assert system.ending_signals() == [signal.SIGINT, signal.SIGTERM]


def test_a_loop_of_windows_takes_no_signals() -> None:
    """As the engine relies on where it asks to be told of them."""
    with pytest.raises(NotImplementedError):
        asyncio.AbstractEventLoop().add_signal_handler(signal.SIGTERM, print)


def test_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    assert system.usable_cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")
    assert system.usable_cores() == os.cpu_count()


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    found = system.limits()
    assert found is not None and found.RLIMIT_NOFILE >= 0
    monkeypatch.setattr(sys, "platform", "win32")
    assert system.limits() is None


def test_a_lock_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Msvcrt:
        LK_NBLCK = 2
        locked: list[tuple[int, int]] = []

        @classmethod
        def locking(cls, number: int, how: int, size: int) -> None:
            cls.locked.append((how, size))

    monkeypatch.setitem(sys.modules, "msvcrt", Msvcrt)  # type: ignore[arg-type]
    with (tmp_path / "file").open("w") as file:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "platform", "win32")
            system.lock(file)
        assert Msvcrt.locked == [(Msvcrt.LK_NBLCK, 1)]
        system.lock(file)
        other = (
            "import sys; from dmp_matting.file_lock import try_lock\n"
            "print(try_lock(open(sys.argv[1], 'r+')))"
        )
        words = [sys.executable, "-c", other, str(tmp_path / "file")]
        assert subprocess.run(words, capture_output=True, text=True).stdout == "False\n"


def test_a_disk_that_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not system.runs_nothing(tmp_path)

    class Found:
        f_flag = 8

    monkeypatch.setattr(os, "ST_NOEXEC", 8)
    monkeypatch.setattr(os, "statvfs", lambda folder: Found)
    assert system.runs_nothing(tmp_path)
    monkeypatch.delattr(os, "ST_NOEXEC")  # macOS
    assert not system.runs_nothing(tmp_path)
    monkeypatch.delattr(os, "statvfs")  # Windows
    assert not system.runs_nothing(tmp_path)


@pytest.mark.parametrize(
    ("which", "named", "shown"),
    [(LINUX, {}, False), (LINUX, {"DISPLAY": ":0"}, True), (WINDOWS, {}, True), (MACOS, {}, True)],
)
def test_a_screen(
    which: tuple[bool, bool], named: dict[str, Any], shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in named.items():
        monkeypatch.setenv(name, value)
    assert system.has_screen(*which) is shown
