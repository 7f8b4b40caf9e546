"""Where things lie: only in places that are this user's own, and always with a sentence."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from dmp_matting import EngineError, paths
from dmp_matting.paths import (
    cache_folder,
    config_file,
    make_cache_folder,
    put_damaged_config_aside,
    read_config,
    run_folder,
    write_config,
)

AS_ROOT = pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="gives folders away")
STRANGER = 12345


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for this test's own; nothing is named in the environment but HOME."""
    for name in ("DMP_RUN_DIR", "DMP_CACHE_DIR", "DMP_CONFIG", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    yield tmp_path


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("variable", ["DMP_RUN_DIR", "DMP_CACHE_DIR"])
def test_a_folder_that_the_user_made_stays_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    find = {"DMP_RUN_DIR": run_folder, "DMP_CACHE_DIR": make_cache_folder}[variable]
    own = folder / "own"
    monkeypatch.setenv(variable, str(own))
    place = find()
    assert mode(place) == 0o700 and place.is_relative_to(own)
    place.chmod(0o755)
    assert find() == place and mode(place) == 0o755
    place.chmod(0o775)
    if variable == "DMP_CACHE_DIR":  # the folder in it is ours
        assert find() == place and mode(place) == 0o700
    else:
        with pytest.raises(EngineError, match="Others may write to .*chmod 700.*DMP_RUN_DIR"):
            find()
        assert mode(place) == 0o775
        place.chmod(0o700)  # a link to one's own folder is one
        (folder / "link").symlink_to(own)
        monkeypatch.setenv(variable, "~/link")
        assert find() == folder / "link"


@AS_ROOT
def test_a_strangers_folder_is_refused_and_so_is_a_strangers_link(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, theirs, link = folder / "own", folder / "theirs", folder / "link"
    own.mkdir(mode=0o700)
    theirs.mkdir(mode=0o700)
    os.chown(theirs, STRANGER, STRANGER)
    link.symlink_to(own)
    os.chown(link, STRANGER, STRANGER, follow_symlinks=False)
    for place in (theirs, link):
        monkeypatch.setenv("DMP_RUN_DIR", str(place))
        with pytest.raises(EngineError, match="does not belong to you.*DMP_RUN_DIR"):
            run_folder()
    file = folder / "file"
    file.touch()
    monkeypatch.setenv("DMP_RUN_DIR", str(file))
    with pytest.raises(EngineError, match="cannot be made.*DMP_RUN_DIR"):
        run_folder()


@AS_ROOT
def test_where_another_user_has_taken_the_run_folder_the_next_place_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every program of this user, and it stays the same when it is there."""
    places = [folder / name for name in ("tmp", "tmp-2", "tmp-3")]
    monkeypatch.setattr(paths, "_run_folders", lambda: iter(places))
    for place in places[:2]:
        place.mkdir()
        os.chown(place, STRANGER, STRANGER)
    assert run_folder() == run_folder() == places[2]
    os.chown(places[2], STRANGER, STRANGER)
    with pytest.raises(EngineError, match=f"{places[0]} does not belong to you"):
        run_folder()


@AS_ROOT
def test_several_users_share_one_named_cache(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMP_CACHE_DIR", str(folder / "cache"))
    ours = make_cache_folder()
    assert mode(folder / "cache") == 0o1777 and ours.parent == folder / "cache"
    with monkeypatch.context() as patch:
        patch.setattr(os, "getuid", lambda: STRANGER)
        assert cache_folder().parent == ours.parent and cache_folder() != ours
    os.chown(ours, STRANGER, STRANGER)
    with pytest.raises(EngineError, match="does not belong to you.*DMP_CACHE_DIR"):
        make_cache_folder()


def test_without_a_home_folder_a_sentence_names_the_variable(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(*_: object) -> str:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nobody)
    monkeypatch.setattr(Path, "expanduser", nobody)
    with pytest.raises(EngineError, match="no home folder; set HOME, or DMP_CACHE_DIR"):
        cache_folder()
    with pytest.raises(EngineError, match="no home folder; set HOME, or DMP_CONFIG"):
        config_file()
    with pytest.raises(EngineError, match="DMP_CONFIG"):
        write_config({"cache_gb": 1})
    assert read_config() == {}
    monkeypatch.setenv("DMP_CACHE_DIR", "~/cache")
    with pytest.raises(EngineError, match="DMP_CACHE_DIR"):
        cache_folder()


def test_a_home_that_nothing_can_be_written_to(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "file").touch()
    monkeypatch.setenv("HOME", str(folder / "file"))
    assert read_config() == {}
    with pytest.raises(EngineError, match="cannot be made .*set DMP_CACHE_DIR"):
        make_cache_folder()


def test_a_damaged_configuration_is_put_aside_and_no_other_replaced(folder: Path) -> None:
    assert put_damaged_config_aside() == ""
    write_config({"cache_gb": 1})
    assert put_damaged_config_aside() == "" and read_config() == {"cache_gb": 1}
    for number, name in enumerate(("config.json.damaged", "config.json.damaged-2")):
        config_file().write_text(f"half {number}")
        assert put_damaged_config_aside().endswith(
            f"is put aside as {config_file().parent / name}."
        )
        assert config_file().with_name(name).read_text() == f"half {number}"
        assert read_config() == {}
