"""The engines of a user: which of them an update removes, and how."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from dmp_matting.client.install import machine, records, removal
from dmp_matting.client.install.environment import write_command
from dmp_matting.errors import OutputError

from ....conftest import Home


def engines(*names: str) -> list[Path]:
    """Engines of those names, the first one the oldest."""
    made = []
    for age, name in enumerate(reversed(names)):
        path = records.engines_folder() / name
        python = Path(machine.python_of(path))
        python.parent.mkdir(parents=True)
        python.touch()
        (path / records.RECORD).write_text("{}")
        os.utime(path / records.RECORD, (1e9 - age, 1e9 - age))
        made.append(path)
    return made[::-1]


def test_an_update_keeps_the_engine_before_and_those_in_use(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, named, older, before, kept = engines("own", "named", "older", "before", "kept")
    monkeypatch.setattr(sys, "executable", str(machine.python_of(own)))
    monkeypatch.setenv("DMP_ENGINE_PYTHON", str(machine.python_of(named)))
    records.prune(kept)
    assert records.installed() == [own, named, before, kept]
    assert not older.exists() and set(records.engines_folder().iterdir()) == {
        own, named, before, kept
    }  # fmt: skip


def test_an_engine_that_cannot_be_removed_whole_is_none_any_more(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, before, kept = engines("older", "before", "kept")

    def broken(path: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", broken)
        records.prune(kept)
        assert records.installed() == [before, kept] and not older.exists()
        with pytest.raises(OutputError, match="cannot be removed"):
            removal.remove()
    removal.remove()
    assert not records.engines_folder().exists()


def test_the_command_that_outlasts_updates_names_the_file_that_is_in_its_way(home: Home) -> None:
    (engine,) = engines("0.1.0-1")
    data = home.root / "data"
    command = write_command(data, engine)
    assert command == str(data / "bin" / "dmp") and os.access(command, os.X_OK)
    removal.remove()
    assert list(data.iterdir()) == [], "the command is removed with its engine"
    (data / "bin").touch()
    with pytest.raises(OSError, match=f"{data}/bin/dmp"):
        write_command(data, engine)
