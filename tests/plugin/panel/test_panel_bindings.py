"""The panel keeps to what PySide2 and PySide6 share: shown without PySide2, which few can install.

Its source is read for imports and names, and type-checked against the stubs of PySide2.
"""

from __future__ import annotations

import ast
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PANEL = ROOT / "plugin" / "dmp_matting" / "panel"
MODULES = ("QtCore", "QtGui", "QtWidgets")

SETTINGS = """
[mypy]
explicit_package_bases = true
follow_imports = silent
check_untyped_defs = true
[mypy-PySide2.*,shiboken2.*]
ignore_errors = true
"""
# What PySide6 has and PySide2 has not.
PLANTED = """
from Qt import QtGui, QtWidgets
QtGui.QImage(1, 1, QtGui.QImage.Format.Format_RGBA32FPx4)
QtWidgets.QApplication([]).setBadgeNumber(1)
"""


def stubs() -> Path:
    """The folder that the stubs of PySide2 lie in."""
    try:
        found = importlib.metadata.distribution("types-PySide2").locate_file("")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("types-PySide2 is not installed")
    return Path(str(found))


@pytest.fixture
def checked_against_pyside2(tmp_path: Path) -> list[str]:
    """The roots to look in: our source, and a Qt.py whose every name is PySide2's."""
    for name in ("PySide2", "shiboken2"):
        (tmp_path / name).symlink_to(stubs() / f"{name}-stubs")
    (tmp_path / "Qt").mkdir()
    for name in MODULES:
        (tmp_path / "Qt" / f"{name}.pyi").write_text(f"from PySide2.{name} import *\n")
    parts = "".join(f"from . import {name} as {name}\n" for name in MODULES)
    (tmp_path / "Qt" / "__init__.pyi").write_text(parts)
    (tmp_path / "mypy.ini").write_text(SETTINGS)
    return [str(tmp_path), str(ROOT / "plugin")]


def mypy(roots: list[str], *files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mypy", "--no-site-packages", "--config-file",
         f"{roots[0]}/mypy.ini", "--cache-dir", f"{roots[0]}/cache", *map(str, files)],
        env={**os.environ, "MYPYPATH": os.pathsep.join(roots)}, cwd=roots[0],
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip


def test_every_call_exists_in_pyside2(checked_against_pyside2: list[str], tmp_path: Path) -> None:
    done = mypy(checked_against_pyside2, PANEL)
    assert done.returncode == 0 and "no issues found" in done.stdout, done.stdout + done.stderr
    planted = tmp_path / "planted.py"
    planted.write_text(PLANTED)
    done = mypy(checked_against_pyside2, planted)
    assert "Format_RGBA32FPx4" in done.stdout and "setBadgeNumber" in done.stdout


def foreign(source: str, common: dict[str, list[str]]) -> list[str]:
    """What a file imports or names that Qt.py does not give under every binding."""
    wrong = []
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            wrong += [
                a.name for a in node.names if a.name.startswith(("PySide", "PyQt", "shiboken"))
            ]
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "Qt":
                wrong += [a.name for a in node.names if a.name not in MODULES]
            elif node.module.startswith(("Qt", "PySide", "PyQt", "shiboken")):
                wrong.append(node.module)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = node.value.id
            if module in MODULES and node.attr not in common[module]:
                wrong.append(f"{module}.{node.attr}")
    return wrong


def test_only_names_that_every_binding_has() -> None:
    from .qtapp import application

    assert application is not None  # or it would have been skipped: Qt.py wants some binding
    import Qt

    # Signal is PyQt's pyqtSignal under PyQt, which Qt.py renames; its own list leaves it out.
    common = {**Qt._common_members, "QtCore": [*Qt._common_members["QtCore"], "Signal"]}
    sources = {file.name: file.read_text(encoding="utf-8") for file in PANEL.glob("*.py")}
    assert len(sources) > 8
    assert {name: foreign(text, common) for name, text in sources.items()} == {
        name: [] for name in sources
    }
    planted = "from PySide6 import QtWidgets\nfrom Qt import QtGui, QtSvg\nQtGui.QColorSpace()\n"
    assert foreign(planted, common) == ["PySide6", "QtSvg", "QtGui.QColorSpace"]


def test_this_binding_counts_its_nones() -> None:
    """PySide6 6.12.0 loses one None at every call on Python 3.11, until Python ends; setup.py."""
    from .qtapp import application

    before = sys.getrefcount(None)
    for _ in range(1000):
        application.processEvents()
    assert sys.getrefcount(None) > before - 500
