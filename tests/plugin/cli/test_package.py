"""`dmp package release`: all that somebody needs, the same bytes from wherever it is made."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import dmp_matting
from dmp_matting.client.requirements import ENGINE, EXTRAS, TORCH, how_to_add

from ...conftest import Home
from ...packages import wheel

ROOT = Path(__file__).resolve().parents[3]
VERSION = dmp_matting.__version__
WHEEL = f"dmp_matting-{VERSION}-py3-none-any.whl"


def dmp(*words: object, path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command with the packages of one folder, standing in another."""
    return subprocess.run(
        [sys.executable, "-m", "dmp_matting.cli", *map(str, words)], cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(path)}, capture_output=True, text=True,
    )  # fmt: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release, made from this checkout."""
    folder = tmp_path_factory.mktemp("made")
    done = dmp(
        "package", "release", "-o", folder / "dmp", "--json", path=ROOT / "plugin", cwd=folder
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] and told["path"] == str(folder / "dmp") and told["bytes"] > 100_000
    return folder / "dmp"


def test_a_release_holds_everything(release: Path) -> None:
    assert {path.name for path in release.iterdir()} == {
        WHEEL, f"dmp_blender-{VERSION}.zip", "dmp_for_nuke", "install.sh", "install.ps1",
        "constraints-cpu.txt", "constraints-cuda.txt", "SHA256SUMS", "README.txt", "LICENSE",
    }  # fmt: skip
    sums = dict(
        reversed(line.split("  ")) for line in (release / "SHA256SUMS").read_text().splitlines()
    )
    made = contents(release)
    del made["SHA256SUMS"]
    assert sums == {name: hashlib.sha256(one).hexdigest() for name, one in made.items()}
    names = zipfile.ZipFile(release / WHEEL).namelist()
    for wanted in (
        "dmp_engine/__main__.py", "dmp_matting/adapters/nuke/dmp_nuke/node.py",
        "dmp_matting/adapters/blender_addon/dmp_blender/blender_manifest.toml",
        "dmp_matting/client/install/constraints-cpu.txt",
    ):  # fmt: skip
        assert wanted in names
    # Both hosts' copies carry that wheel, byte by byte.
    with zipfile.ZipFile(release / f"dmp_blender-{VERSION}.zip") as archive:
        carried = archive.read(f"dmp_blender/dmp_matting/release/{WHEEL}")
    assert carried == (release / WHEEL).read_bytes()
    nuke = release / "dmp_for_nuke" / "vendor" / "dmp_matting" / "release" / WHEEL
    assert carried == nuke.read_bytes()


def test_an_installed_distribution_makes_the_same_bytes(release: Path, tmp_path: Path) -> None:
    """As after `pip install` of a release's wheel, and of pip's own wheel of the checkout."""
    source, built = tmp_path / "source", tmp_path / "built"
    source.mkdir()
    for name in ("setup.py", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, source / name)
    for name in ("plugin", "engine", "nuke", "blender_addon"):
        ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(ROOT / name, source / name, ignore=ignored)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index",
         "--quiet", "-w", built, source], check=True, capture_output=True,
    )  # fmt: skip
    for number, made in enumerate([release / WHEEL, next(built.glob("*.whl"))]):
        installed = tmp_path / f"site{number}"
        zipfile.ZipFile(made).extractall(installed)
        again = tmp_path / f"again{number}"
        done = dmp("package", "release", "-o", again, path=installed, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        first, second = contents(release), contents(again)
        assert sorted(first) == sorted(second)
        assert [name for name in first if first[name] != second[name]] == []
    for command in ("blender", "nuke"):
        done = dmp("package", command, "-o", tmp_path / command, path=tmp_path / "site1",
                   cwd=tmp_path)  # fmt: skip
        assert done.returncode == 0, done.stderr
    # A name without a suffix is a folder, for Blender too, whether it is there or not.
    assert (tmp_path / "blender" / f"dmp_blender-{VERSION}.zip").is_file()


def test_a_python_without_qt_py_is_named(tmp_path: Path) -> None:
    """A folder without it would give Nuke no panel, without a word."""
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['Qt'] = None\n")
    path = f"{ROOT / 'plugin'}{os.pathsep}{tmp_path}"
    for command in ("release", "nuke"):
        done = dmp("package", command, "-o", tmp_path / command, path=Path(path), cwd=tmp_path)
        assert done.returncode == 2 and not (tmp_path / command).exists()
        assert f"{sys.executable} -m pip install 'Qt.py>=2.0'" in done.stderr.replace("\n", " ")


def test_a_group_of_commands_by_itself_prints_its_help_alone(tmp_path: Path) -> None:
    done = dmp("package", path=ROOT / "plugin", cwd=tmp_path)
    assert done.returncode == 2 and "release" in done.stdout and done.stderr == ""


def test_a_hosts_copy_cannot_make_one(release: Path, tmp_path: Path) -> None:
    vendor = release / "dmp_for_nuke" / "vendor"
    ask = "from dmp_matting.client.install import release; release.release_files()"
    done = subprocess.run(
        [sys.executable, "-c", ask], env={**os.environ, "PYTHONPATH": str(vendor)}, cwd=tmp_path,
        capture_output=True, text=True,
    )  # fmt: skip
    assert "InputError: The copy of DMP at" in done.stderr


def install_sh(release: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(release / "install.sh"), *words], env={**os.environ, **more},
        capture_output=True, text=True,
    )  # fmt: skip


def test_the_install_script_plans_with_what_lies_beside_it(
    release: Path, home: Home, tmp_path: Path
) -> None:
    moved = tmp_path / "a release, moved"
    shutil.copytree(release, moved)
    base = ("--base", sys.executable, "--json")
    plan: dict[str, Any] = json.loads(install_sh(moved, "--plan", *base).stdout)
    assert plan["version"] == VERSION and str(home.root) in plan["place"]
    (moved / "wheels").mkdir()
    empty = json.loads(install_sh(moved, "--plan", *base).stdout)
    assert f"The folder {moved / 'wheels'} has no wheels" in empty["message"]
    shutil.copyfile(moved / WHEEL, moved / "wheels" / WHEEL)
    plan = json.loads(install_sh(moved, "--plan", *base).stdout)
    assert f"from the folder {moved / 'wheels'}, without network" in plan["sentence"]


@pytest.mark.parametrize("lacks", ["the wheel", "a Python", "a whole Python", "uv's Python"])
def test_an_install_script_that_cannot_begin(
    lacks: str, release: Path, home: Home, tmp_path: Path
) -> None:
    """One sentence, and with --json one object."""
    path, moved = tmp_path / "bin", tmp_path / "release"
    path.mkdir()
    for name in ("sh", "dirname"):
        (path / name).symlink_to(str(shutil.which(name)))
    shutil.copytree(release, moved)
    sentence, code = "No Python 3.9 or newer that works was found", 3
    if lacks == "the wheel":
        (moved / WHEEL).unlink()
        sentence, code = "dmp_matting-*.whl is not beside it; copy the whole folder.", 2
    elif lacks == "a whole Python":  # as one that was built without zlib
        broken = "import sys; sys.modules['zlib'] = None\n"
        (path / "python3").write_text(
            f'#!/bin/sh\n[ "$2" = -c ] && exec {sys.executable} -I -c "{broken}$3" "$4"\n'
        )
        (path / "python3").chmod(0o755)
    elif lacks == "uv's Python":
        (path / "uv").write_text("#!/bin/sh\necho no network >&2\nexit 2\n")
        (path / "uv").chmod(0o755)
        sentence = "uv brought no Python 3.11 that works"
    done = install_sh(moved, "--plan", PATH=str(path))
    assert (done.returncode, done.stdout) == (code, "") and sentence in done.stderr
    assert done.stderr.count("\n") == (2 if lacks == "uv's Python" else 1)
    done = install_sh(moved, "--plan", "--json", PATH=str(path))
    answer = json.loads(done.stdout)
    assert answer.pop("error") == ("InputError" if code == 2 else "EngineError")
    assert sentence in answer.pop("message") and answer == {"ok": False, "exit_code": code}


@pytest.mark.skipif(shutil.which("pwsh") is None, reason="no PowerShell here")
def test_powershell_parses_its_script(release: Path) -> None:
    parse = (
        "$errors = $null; [void][System.Management.Automation.Language.Parser]::ParseFile("
        f"'{release / 'install.ps1'}', [ref]$null, [ref]$errors); exit $errors.Count"
    )
    assert subprocess.run(["pwsh", "-NoProfile", "-Command", parse]).returncode == 0


def test_a_grammar_of_powershell_parses_its_script(release: Path) -> None:
    """Where there is no PowerShell: what it means is not tried, its syntax is."""
    tree_sitter = pytest.importorskip("tree_sitter")
    grammar = pytest.importorskip("tree_sitter_powershell")
    parser = tree_sitter.Parser(tree_sitter.Language(grammar.language()))
    script = (release / "install.ps1").read_bytes()
    assert not parser.parse(script).root_node.has_error
    assert parser.parse(script.replace(b"--release $here", b"--release) $here")).root_node.has_error


def test_the_locks_have_every_package_with_hashes(release: Path) -> None:
    for name, torch in (("cpu", False), ("cuda", True)):
        text = (release / f"constraints-{name}.txt").read_text()
        entries = [one for one in text.replace("\\\n", " ").splitlines() if not one.startswith("#")]
        assert all("==" in one and "--hash=sha256:" in one for one in entries)
        pins = [one.split()[0].lower().split("==") for one in entries]
        locked = {name.replace("_", "-") for name, _ in pins}
        bounds = {one.name.lower(): one.specifier for one in map(Requirement, ENGINE)}
        assert set(bounds) - {"torch"} <= locked and ("torch" in locked) is torch
        assert all(version in bounds.get(name, SpecifierSet()) for name, version in pins)
        assert any(one.startswith("nvidia-") for one in locked) is torch
        assert "://" not in text, "no index is named"


def test_an_extras_packages_are_named_with_a_command_that_works() -> None:
    for extra in EXTRAS:
        command = how_to_add(extra)
        assert (
            command.startswith(f"{sys.executable} -m pip install '")
            and "dmp" not in command[len(sys.executable) :]
        )


def test_a_fresh_user_installs_a_real_engine_without_network(
    release: Path, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real wheel and the real first matte; the other packages are this environment's."""
    monkeypatch.delenv("DMP_ENGINE_PYTHON", raising=False)
    theirs = sysconfig.get_path("purelib")
    moved = tmp_path / "release"
    shutil.copytree(release, moved)
    (moved / "wheels").mkdir()
    wheel(moved / "wheels", "torch", TORCH, {"theirs.pth": f"{theirs}\n"})
    for name in ("constraints-cpu.txt", "constraints-cuda.txt"):
        (moved / "wheels" / name).write_text("")
    shutil.copyfile(moved / WHEEL, moved / "wheels" / WHEEL)
    done = install_sh(moved, "--yes", "--json", "--base", sys.executable)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["device"] == "cpu" and told["version"] == VERSION
    command = Path(told["engine_python"]).parent / "dmp"
    assert Path(told["engine_python"]).is_relative_to(home.root)

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [command, *map(str, words)], env=clean, capture_output=True, text=True
        )

    checks = json.loads(run("doctor", "--json").stdout)
    assert checks["ok"], checks
    found = next(one["detail"] for one in checks["checks"] if one["name"] == "DMP engine")
    assert str(home.root) in found, "the engine of the wheel, not of the checkout"
    removed = run("setup", "--remove", "--cache", "--json")
    assert json.loads(removed.stdout)["ok"] and not command.exists(), removed.stderr
    assert [path for path in home.root.rglob("*") if path.is_file()] == []
