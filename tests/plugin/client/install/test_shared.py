"""``--into``: one engine for all users of a farm, in a folder that the TD names."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dmp_matting.client.install import machine, records
from dmp_matting.client.install.installation import InstallRequest, plan_installation
from dmp_matting.errors import EngineError, OutputError
from dmp_matting.file_lock import only_one
from dmp_matting.paths import config_file

from ....conftest import Home
from ....packages import Index, index, release
from .test_installation import install, left

__all__ = ["index", "release"]  # fixtures


def test_into_a_shared_folder(index: Index, release: Path, tmp_path: Path, home: Home) -> None:
    shared = tmp_path / "shared" / "dmp" / "0.1.0"
    before = os.umask(0o077)
    try:
        done = install(release, into=shared)
    finally:
        os.umask(before)
    assert Path(done.python).parent.parent == shared
    assert done.command == str(shared / "bin" / "dmp")
    for folder in (shared.parent, shared.parent.parent):
        assert folder.stat().st_mode & 0o777 == 0o755, "made on the way, and open too"
    assert not config_file().exists() and left(home) == []
    assert {path.name for path in shared.parent.iterdir()} == {"0.1.0"}
    files = [path for path in shared.rglob("*") if not path.is_symlink()]
    assert all(path.stat().st_mode & 0o004 for path in files)
    assert all(path.stat().st_mode & 0o005 == 0o005 for path in files if path.is_dir())
    assert records.record_of(done.python) == done.record
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for place, sentence in (
        (shared, "is not empty; name a new one with --into"),
        (tmp_path / "file", "is a file or a link; name a new folder with --into"),
        (tmp_path / "link", "is a file or a link; name a new folder with --into"),
        (tmp_path / "file" / "dmp", "name another folder with --into .*it is no folder"),
    ):
        with pytest.raises(OutputError, match=sentence):
            plan_installation(InstallRequest(into=place, base="/no/python"))


def test_a_shared_folder_that_others_cannot_reach_is_named(
    index: Index, release: Path, tmp_path: Path, home: Home
) -> None:
    home.root.chmod(0o711)
    own = home.root / "own"
    own.mkdir(mode=0o700)
    plan = plan_installation(InstallRequest(into=own / "dmp", base=sys.executable, release=release))
    notes = install(release, into=own / "dmp").notes
    assert f"Other users cannot enter {own}; let them with `chmod a+rx {own}`." in notes
    own.chmod(0o711)
    assert machine.closed_to_others(own / "dmp") is None
    base = os.path.realpath(sys.executable)
    closed = machine.closed_to_others(Path(base))
    named = [note for note in notes if f"Python that it is built on, {base}: {closed} is" in note]
    assert len(named) == (closed is not None) and all(note in plan.sentence for note in named)


def test_a_folder_that_the_td_made_is_used_and_outlives_a_failure(
    index: Index, release: Path, tmp_path: Path, home: Home
) -> None:
    shared = tmp_path / "dmp"
    shared.mkdir()
    index.trouble = 403
    with pytest.raises(EngineError, match="refused access"):
        install(release, into=shared)
    assert shared.is_dir() and list(shared.iterdir()) == []
    index.trouble = ""
    assert Path(install(release, into=shared).python).is_relative_to(shared)


def test_a_second_installer_leaves_lock_and_log_of_the_first(
    index: Index, release: Path, tmp_path: Path, home: Home
) -> None:
    lock, log = tmp_path / ".dmp.install.lock", tmp_path / ".dmp.install.log"
    lock.touch()
    log.write_text("of the first")
    with only_one(lock) as alone:
        assert alone
        with pytest.raises(EngineError, match="Another program is installing the engine"):
            install(release, into=tmp_path / "dmp")
    assert lock.exists() and log.read_text() == "of the first"
