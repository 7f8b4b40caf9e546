"""A home that cannot be written: one sentence names all that is to be set; following it helps."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dmp_matting.client.engine_python import engine_command
from dmp_matting.client.install.installation import (
    Installation,
    InstallRequest,
    plan_installation,
)
from dmp_matting.client.install.writable import check_folders
from dmp_matting.errors import EngineError, OutputError
from dmp_matting.paths import cache_folder, config_file, data_folder

from ....conftest import Home
from ....packages import Index, index, release

__all__ = ["index", "release"]  # fixtures

STRANGER = 12345
MOVED = ("DMP_DATA_DIR", "DMP_CONFIG", "DMP_CACHE_DIR")
AS_ROOT = pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="is another user")


@pytest.fixture
def own_home(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder that no variable of DMP or the desktop leads away from."""
    for name in (*MOVED, "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@contextmanager
def as_stranger() -> Iterator[None]:
    os.seteuid(STRANGER)
    try:
        yield
    finally:
        os.seteuid(0)


def follow(sentence: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Set each variable that the sentence names to what it says; their names."""
    steps = re.findall(r"set (DMP_\w+) to a (folder|file in a folder) of your own", sentence)
    for name, kind in steps:
        place = folder / name.lower()
        monkeypatch.setenv(name, str(place / "own.json" if kind.startswith("file") else place))
    return [name for name, _ in steps]


def test_the_sentence_about_a_home_without_rights_followed_installs(
    index: Index, release: Path, own_home: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/dev/null/home")
    request = InstallRequest(base=sys.executable, release=release)
    with pytest.raises(OutputError) as raised:
        plan_installation(request)
    for place in (data_folder() / "engines", config_file().parent, cache_folder()):
        assert f"({place} cannot be written: it is no folder at /dev/null)" in str(raised.value)
    assert index.served == []
    assert follow(str(raised.value), home.root, monkeypatch) == list(MOVED)
    done = Installation(plan_installation(request)).run(lambda step: None)
    assert engine_command()[0] == done.python


@AS_ROOT
def test_each_folder_that_cannot_be_written_is_named(
    own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DMP_RUN_DIR")
    for folder in (own_home, *own_home.parents):
        if folder.stat().st_uid == 0 and folder != Path("/tmp"):
            folder.chmod(folder.stat().st_mode | 0o555)
    place = data_folder() / "engines"
    check_folders(place, shared=False)  # by its owner
    with as_stranger(), pytest.raises(OutputError) as raised:
        check_folders(place, shared=False)
    assert str(raised.value).count(f"no permission, or a read-only disk at {own_home})") == 3
    (tmp_path / "free").mkdir()
    (tmp_path / "free").chmod(0o777)
    assert follow(str(raised.value), tmp_path / "free", monkeypatch) == list(MOVED)
    with as_stranger():
        check_folders(data_folder() / "engines", shared=False)
    assert not (tmp_path / "free" / "dmp_data_dir").exists(), "a look makes nothing"


def test_a_shared_folder_wants_no_configuration(
    own_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DMP_CONFIG", "/dev/null/config.json")
    check_folders(own_home / "shared", shared=True)
    with pytest.raises(OutputError, match="installed; name another folder with --into .* /dev/nul"):
        check_folders(Path("/dev/null/dmp/0.1.0"), shared=True)


@AS_ROOT
def test_a_run_folder_of_another_user(own_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = own_home / "run"
    theirs.mkdir(mode=0o700)
    os.chown(theirs, STRANGER, STRANGER)
    monkeypatch.setenv("DMP_RUN_DIR", str(theirs))
    with pytest.raises(EngineError, match="does not belong to you.*set DMP_RUN_DIR"):
        check_folders(data_folder() / "engines", shared=False)
    monkeypatch.setenv("DMP_RUN_DIR", "/dev/null/run")
    with pytest.raises(OutputError, match="set DMP_RUN_DIR to a folder of your own"):
        check_folders(data_folder() / "engines", shared=False)
