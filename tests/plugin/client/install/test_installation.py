"""The private engine, made by the real pip from an index of the test's own, and removed again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dmp_matting.client.engine_python import engine_command
from dmp_matting.client.install import (
    installation,
    machine,
    records,
    removal,
    terminal,
    ways_in,
)
from dmp_matting.client.install.installation import (
    InstallRequest,
    plan_installation,
)
from dmp_matting.client.launcher import find_engine
from dmp_matting.errors import DmpError, EngineError, InputError, OutputError
from dmp_matting.file_lock import only_one
from dmp_matting.paths import config_file, read_config, unsaved_blends, write_config

from ....conftest import Home
from ....packages import Index, cancel_while_stuck, index, make_release, release, wheel
from ....processes import Processes

__all__ = ["index", "release"]  # fixtures


def install(release: Path, **request: Any) -> installation.Installed:
    """An installation to its end, on this Python."""
    plan = plan_installation(InstallRequest(base=sys.executable, release=release, **request))
    return installation.Installation(plan).run(lambda step: None)


def left(home: Home) -> list[str]:
    """What an installation leaves besides downloads, its log and its lock."""
    kept = ("downloads", "install.log", "install.lock")
    found = [path for path in (home.root / "data").rglob("*") if path.is_file()]
    return [
        str(path) for path in found if path.relative_to(home.root / "data").parts[0] not in kept
    ]


def test_installed_seen_by_all_hosts_and_removed(index: Index, release: Path, home: Home) -> None:
    write_config({"cache_gb": 3.0})
    plan = plan_installation(InstallRequest(base=sys.executable, release=release))
    assert str(home.root / "data" / "engines") in plan.sentence and "GB" in plan.sentence
    assert plan.sentence.endswith(
        "besides that folder only the configuration and the command of DMP change."
    )
    steps: list[installation.Step] = []
    done = installation.Installation(plan).run(steps.append)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    assert any("Getting small" in step.sentence for step in steps)
    assert engine_command()[0] == done.python == read_config()["engine_python"]
    assert (done.device, done.record.version, done.record.torch) == ("cpu", "0.1.0", "2.13.0")
    assert done.record.digest and done.record.disk > 1000
    assert not (home.root / "data" / "downloads").exists(), "what was downloaded is unpacked"
    # The command of the environment runs where the folder lies now.
    command = machine.command_file(Path(done.python).parent.parent)[0]
    printed = subprocess.run([str(command)], capture_output=True, text=True, check=True).stdout
    assert printed == f"dmp of {Path(done.python).parent.parent}\n"
    assert not [path for path in Path(done.python).parent.iterdir()
                if path.is_file() and b".part" in path.read_bytes()]  # fmt: skip

    # So does the one that outlasts updates, wherever it is led to from.
    link = home.root / "a link"
    link.symlink_to(done.command)
    printed = subprocess.run([str(link)], capture_output=True, text=True, check=True).stdout
    assert printed == f"dmp of {Path(done.python).parent.parent}\n"
    link.unlink()

    (home.cache / "results").mkdir(parents=True)
    planned = terminal.uninstall(cache=False, force=False, only_plan=True)["removed"]
    assert Path(done.python).is_file() and home.run.exists(), "a plan changes nothing"
    removed = removal.remove()
    assert planned and set(planned) <= set(removed)
    assert str(home.root / "data" / "engines") in removed
    assert read_config() == {"cache_gb": 3.0} and home.cache.exists()
    assert not home.run.exists()
    removal.remove(cache=True)
    assert not home.cache.exists() and not config_file().exists()
    assert [path for path in home.root.rglob("*") if path.is_file()] == []


def test_removal_leaves_what_is_not_ours(home: Home) -> None:
    """The user names these folders, and may name ones that hold more."""
    data = home.root / "data"
    ours = [
        data / "engines" / "0.1.0-1" / records.RECORD, data / "downloads" / "pip" / "http",
        data / "install.log", data / "pythons" / "cpython-3.11" / "bin" / "python",
        home.run / "engine.json", home.run / "engine.lock",
        home.cache / "results" / "aa" / "layers.exr", home.cache / "logs" / "engine.log",
        home.cache / "jobs-here.lock", home.cache / "jobs-here" / "a" / "job.json",
        home.cache / "unreadable-jobs-here" / "a" / "job.json",
    ]  # fmt: skip
    others = [
        home.run / "scene.nk", data / "engines" / "car" / "v8.obj", data / "downloads" / "a.zip",
        unsaved_blends() / "blender_a1" / "Scene" / "v001" / "m.0001.exr",
    ]  # fmt: skip
    home.run.mkdir(mode=0o700)
    for path in (*ours, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    removed = removal.remove(cache=True)
    found = {path for path in home.root.rglob("*") if path.is_file()}
    assert found == set(others)
    assert not (home.cache / "results").exists() and not (home.cache / "jobs-here").exists()
    assert str(home.cache) not in removed and str(home.cache / "results") in removed


def test_an_update_leaves_the_old_engine_until_its_work_is_done(
    index: Index, release: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = home.root / "data" / "engines" / ".0.1.0-1.00000000.1.00000000.part"
    killed.mkdir(parents=True)
    (killed / "half").write_text("what an installation that was killed has left")
    assert records.installed() == []
    first = install(release)
    assert not killed.exists() and records.update_sentence() == ""
    monkeypatch.setattr(records, "__version__", "0.2.0")
    assert records.update_sentence() == "The engine is DMP 0.1.0, older than this program (0.2.0)."

    def works(**_: Any) -> bool:
        raise EngineError("The engine has work; stop it with --force.")

    newer = make_release(tmp_path / "newer", tmp_path / "packages", "0.2.0")
    with monkeypatch.context() as patch:
        patch.setattr(installation, "stop_engine", works)
        second = install(newer)
    assert read_config()["engine_python"] == second.python != first.python
    assert Path(first.python).exists() and len(records.installed()) == 2
    assert second.notes == ("The old engine finishes its jobs first; a later update removes it.",)
    assert records.update_sentence() == ""
    third = install(newer)
    assert first.command == second.command == third.command
    assert third.command == str(home.root / "data" / "bin" / "dmp")
    for engine in (third, second):
        printed = subprocess.run([third.command], capture_output=True, text=True).stdout
        assert (printed == f"dmp of {Path(engine.python).parents[1]}\n") is (engine is third)
    assert Path(second.python).exists() and not Path(first.python).exists()
    assert third.notes == () and len(records.installed()) == 2


TROUBLES: dict[str, tuple[Any, str]] = {
    "cut": ("cut", "The download broke off; press *Install Engine* again"),
    "changed": ("changed", "A package arrived other than it was published"),
    "refused": (403, "The package index {index} refused access"),
    "unreachable": ("unreachable", "The package index {index} cannot be reached"),
    "unreachable, not tried again": ("no retries", "The package index {index} cannot be reached"),
    "not there": (
        "not there",
        "The package index {index} has no package small==1.0; correct its address",
    ),
    "another version": (
        "another version",
        "The package index {index} has no package small==1.0 for this Python and machine",
    ),
}


@pytest.mark.parametrize(("trouble", "sentence"), TROUBLES.values(), ids=TROUBLES)
def test_trouble_with_the_index_leaves_what_was_there(
    trouble: Any, sentence: str, index: Index, release: Path, tmp_path: Path, home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    write_config({"engine_python": "/the/one/before"})
    if trouble in ("unreachable", "no retries"):
        monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
        monkeypatch.setenv("PIP_RETRIES", "0" if trouble == "no retries" else "1")
    elif trouble in ("not there", "another version"):
        next((tmp_path / "packages").glob("small-*")).unlink()
        if trouble == "another version":
            wheel(tmp_path / "packages", "small", "2.0", {"small.py": "x = 2\n"})
    index.trouble = trouble
    with pytest.raises(EngineError) as raised:
        install(release)
    sentence = sentence.format(index=os.environ["PIP_INDEX_URL"])
    assert str(raised.value).startswith(sentence), raised.value
    assert read_config() == {"engine_python": "/the/one/before"}
    assert left(home) == []
    if trouble == "cut":
        index.trouble = ""
        assert install(release).record.version == "0.1.0"  # pressed again


def test_an_engine_that_fails_its_first_matte_is_not_installed(
    index: Index, tmp_path: Path, home: Home
) -> None:
    broken = make_release(tmp_path / "broken", tmp_path / "packages", "0.1.0", status="fail")
    with pytest.raises(EngineError, match=r"The engine cannot work: torch, as it is. Do this."):
        install(broken)
    assert left(home) == [] and not config_file().exists()


def test_cancelled_while_a_download_hangs(index: Index, release: Path, home: Home) -> None:
    cancel_while_stuck(index, release, home)
    assert left(home) == [] and not config_file().exists()


def test_without_network_from_a_folder(
    index: Index, release: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels = tmp_path / "packages"
    for file in release.iterdir():
        (wheels / file.name).write_bytes(file.read_bytes())
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    done = install(tmp_path / "nowhere", source=wheels)
    assert engine_command()[0] == done.python and index.served == []
    next(wheels.glob("small-*")).unlink()
    with pytest.raises(EngineError, match=f"The folder {wheels} has no package small"):
        install(release, source=wheels)
    assert engine_command()[0] == done.python
    with pytest.raises(InputError, match="does not exist"):
        plan_installation(InstallRequest(source=tmp_path / "none"))


def test_a_damaged_configuration_is_put_aside_before_anything_is_built(
    index: Index, release: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    config_file().write_text("half")
    aside = config_file().with_name("config.json.damaged")

    def built(*_: Any) -> None:
        assert aside.read_text() == "half" and read_config() == {}
        raise EngineError("It ends here.")

    with monkeypatch.context() as patch, pytest.raises(EngineError, match="It ends here"):
        patch.setattr(installation.Installation, "_install", built)
        install(release)
    config_file().write_text("half again")
    removed = terminal.uninstall(cache=False, force=False)
    assert f"is put aside as {aside}-2." in removed["sentence"] and not config_file().exists()


def test_one_at_a_time(index: Index, release: Path, home: Home) -> None:
    folder = home.root / "data"
    folder.mkdir()
    (folder / "install.lock").touch()
    with only_one(folder / "install.lock") as alone:
        assert alone
        with pytest.raises(EngineError, match="Another program is installing the engine"):
            install(release)
        with pytest.raises(EngineError, match="An engine is being installed"):
            removal.remove(force=True)


@pytest.fixture
def small_disk(home: Home) -> Iterator[Callable[[str], None]]:
    """Mounts a small disk where the engine would lie."""
    place = home.root / "data"
    place.mkdir()

    def mount(options: str) -> None:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True
        )
        if done.returncode:
            pytest.skip("a small disk cannot be mounted here")

    yield mount
    subprocess.run(["umount", str(place)], capture_output=True)


def test_a_disk_that_is_too_small_and_one_that_fills(
    index: Index, release: Path, home: Home, small_disk: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    small_disk("size=60k")
    with pytest.raises(OutputError, match=r"needs 1.8 GB at .* make room, or set DMP_DATA_DIR"):
        plan_installation(InstallRequest(base=sys.executable, release=release))
    monkeypatch.setattr(installation, "SIZES", {False: (1e9, 0), True: (1e9, 0)})
    offline = InstallRequest(base=sys.executable, release=release, source=release)
    assert plan_installation(offline).download == 0, "nothing is downloaded from a folder"
    monkeypatch.setattr(installation, "SIZES", {False: (0, 0), True: (0, 0)})
    with pytest.raises(OutputError, match=r"The disk of .* is full; make room, or set DMP_DATA_DI"):
        install(release)
    assert left(home) == [] and not config_file().exists()


def test_a_disk_that_cannot_be_written(
    index: Index, release: Path, home: Home, small_disk: Callable[[str], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    small_disk("ro,size=10m")
    monkeypatch.setattr(installation, "SIZES", {False: (0, 0), True: (0, 0)})
    with pytest.raises(OutputError, match="set DMP_DATA_DIR .* a read-only disk at"):
        install(release)
    subprocess.run(
        ["mount", "-o", "remount,rw,noexec,size=10m", str(home.root / "data")], check=True
    )
    with pytest.raises(OutputError, match="set DMP_DATA_DIR .* is mounted noexec"):
        install(release)
    monkeypatch.setenv("DMP_DATA_DIR", "/dev/null/data")
    with pytest.raises(OutputError, match="/dev/null/data/engines cannot be written"):
        install(release)


def test_no_python_but_the_hosts(
    release: Path, tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machine, "python_places", lambda: [])
    monkeypatch.setattr(machine, "uv_places", lambda: [])
    with pytest.raises(InputError, match=r"No Python 3.11 to 3.14 was found .* or uv\.$"):
        plan_installation(InstallRequest(release=release))
    with pytest.raises(InputError, match=r"No Python 3.11 to 3.14 was found .* `dmp setup --inst"):
        plan_installation(InstallRequest(release=release, way=ways_in.DMP))
    with pytest.raises(InputError, match="is no Python 3.11 to 3.14"):
        plan_installation(InstallRequest(release=release, base=str(tmp_path)))


def test_the_release_folders_own_command(index: Index, release: Path, home: Home) -> None:
    """As install.sh runs it, with the client in another wheel than the payload's."""
    root = Path(__file__).resolve().parents[4] / "plugin"
    command = [sys.executable, "-m", "dmp_matting.client.install", "--release", str(release)]
    environment = {**os.environ, "PYTHONPATH": str(root)}

    def run(*words: str) -> tuple[int, dict[str, Any], str]:
        base = () if "--remove" in words else ("--base", sys.executable)
        done = subprocess.run(
            [*command, *base, "--json", *words], env=environment, capture_output=True, text=True
        )
        return done.returncode, json.loads(done.stdout), done.stderr

    code, plan, _ = run("--plan")
    assert code == 0 and plan["torch"] == "cpu" and plan["version"] == "0.1.0"
    assert not (home.root / "data").exists(), "a plan changes nothing"
    # A path may have letters that the locale of a cron job has not.
    environment.update(DMP_DATA_DIR=str(home.root / "d\u00e4ta"), PYTHONIOENCODING="ascii")
    plain = subprocess.run([*command, "--plan"], env=environment, capture_output=True, text=True)
    assert plain.returncode == 0 and "d\\xe4ta" in plain.stdout
    environment.update(DMP_DATA_DIR=str(home.root / "data"))
    code, refused, shown = run()
    assert (code, refused["error"]) == (2, "InputError") and "add --yes" in refused["message"]
    assert not (home.root / "data").exists(), "nothing is installed unasked"
    for words in (
        ["--bogus"], ["--torch"], ["--cache"], ["--remove", "--into", "shared"],
        ["--rem"], ["--remove", "--torch", "cpu"], ["--remove", "--from", "wheels"],
    ):  # fmt: skip
        code, failed, shown = run(*words)
        assert (code, failed["error"], shown.count("\n")) == (2, "InputError", 1), shown
    code, done, shown = run("--yes")
    assert code == 0 and done["engine_python"] == engine_command()[0], shown
    assert "Getting small" in shown
    code, failed, shown = run("--torch", "rocm")
    assert (code, failed["error"]) == (2, "InputError") and shown.count("\n") == 1
    code, removed, _ = run("--remove")
    assert code == 0 and str(home.root / "data" / "engines") in removed["removed"]
    with pytest.raises(DmpError):
        engine_command("/no/such")


def test_sigterm_ends_it_cleanly(
    index: Index, release: Path, home: Home, start_process: Processes
) -> None:
    root = Path(__file__).resolve().parents[4] / "plugin"
    index.trouble = "slow"
    child = start_process(
        [sys.executable, "-m", "dmp_matting.client.install", "--release", release, "--base",
         sys.executable, "--yes"],
        env={**os.environ, "PYTHONPATH": str(root)}, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert index.stuck.wait(60)
    time.sleep(0.2)
    child.terminate()
    assert child.wait(30) == 130
    assert (
        child.stderr.read().decode().splitlines()[-1].startswith("The installation was cancelled")
    )
    assert left(home) == [] and find_engine() is None
