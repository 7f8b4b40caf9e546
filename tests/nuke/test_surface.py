"""The stand-in invents no name, and the adapter uses none that types-nuke does not know.

types-nuke 13.2.8.0 was made from Nuke itself by others; it knows the module ``nuke``, not the
knobs of node classes: docs/engineering/testing_nuke.md lists those that the
stand-in takes on trust.
"""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from pathlib import Path

import nuke
import pytest
from nuke_standin import api
from nuke_standin.session import reset

from .conftest import ROOT

try:
    STUBS = Path(str(importlib.metadata.distribution("types-nuke").locate_file("nuke-stubs")))
except importlib.metadata.PackageNotFoundError:
    pytest.skip("types-nuke is not installed (the dev extra)", allow_module_level=True)


def stubs() -> tuple[set[str], dict[str, tuple[set[str], list[str]]]]:
    """Names of the module, and of every class its methods and bases."""
    names: set[str] = set()
    classes: dict[str, tuple[set[str], list[str]]] = {}
    for file in STUBS.glob("*.pyi"):
        for item in ast.parse(file.read_text()).body:
            if isinstance(item, (ast.FunctionDef, ast.ClassDef)):
                names.add(item.name)
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
                names.add(item.target.id)
            if isinstance(item, ast.ClassDef):
                methods = {one.name for one in ast.walk(item) if isinstance(one, ast.FunctionDef)}
                bases = [base.id for base in item.bases if isinstance(base, ast.Name)]
                classes[item.name] = (methods, bases)
    return names, classes


NAMES, CLASSES = stubs()


def methods(name: str) -> set[str]:
    own, bases = CLASSES.get(name, (set(), []))
    return own.union(*(methods(base) for base in bases))


def test_no_function_or_class_is_invented() -> None:
    assert len(NAMES) > 300
    assert set(api.__all__) - NAMES == set()


@pytest.mark.parametrize(
    "name", [name for name in api.__all__ if isinstance(getattr(nuke, name), type)]
)
def test_no_method_is_invented(name: str) -> None:
    inherited = dir(Exception)  # of CancelledError
    ours = {one for one in dir(getattr(nuke, name)) if not one.startswith("_")}.difference(
        inherited
    )
    assert ours - methods(name) == set()


def test_an_invented_name_would_be_found() -> None:
    assert {"executeDeferredNow"} - NAMES and "frobnicate" not in methods("Node")
    assert {"setValue", "execute"} <= methods("Script_Knob")


def test_nothing_beyond_the_surface_can_be_reached() -> None:
    reset()
    with pytest.raises(AttributeError):
        nuke.executeDeferred  # noqa: B018
    assert nuke.GUI is True


def mypy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", "--explicit-package-bases"]
    return subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True)


def test_mypy_of_the_adapter_against_types_nuke(tmp_path: Path) -> None:
    """In `make check` mypy reads nuke/dmp_nuke; here, that it would see a typo."""
    pytest.importorskip("mypy")
    typo = tmp_path / "typo.py"
    typo.write_text('import nuke\nnuke.toNod("x")\nnuke.root().fullNme()\n')
    found = mypy("--config-file", str(ROOT / "pyproject.toml"), str(typo))
    assert found.returncode == 1, found.stdout + found.stderr
    assert '"toNod"' in found.stdout and '"fullNme"' in found.stdout
    config = (ROOT / "pyproject.toml").read_text()
    assert '"nuke/dmp_nuke"' in config
