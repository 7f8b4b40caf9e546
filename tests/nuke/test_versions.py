"""The adapter under the Pythons of Nuke 14 to 17: every module of it is imported, none is run."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from .conftest import ROOT

IMPORT = """
import sys, types
class Anything:
    def __init__(self, *a, **k): pass
    def __call__(self, *a, **k): return Anything()
    def __getattr__(self, name): return Anything()
nuke = types.ModuleType("nuke")
nuke.__getattr__ = lambda name: Anything if name[0].isupper() else Anything()
sys.modules["nuke"] = nuke
sys.path.insert(0, {room!r})
import dmp_nuke
dmp_nuke.find_client()
from dmp_nuke import buttons, jobs, knobs, menus, node, prepare, publish, render, terminal
from dmp_nuke.layout import custom_fields
print(len(list(custom_fields())))
"""


def python(version: str) -> str | None:
    """A working interpreter of that version: from PATH, or one that pyenv keeps."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = [shutil.which(f"python{version}"), *kept.glob(f"{version}.*/bin/python")]
    for one in filter(None, named):
        if not subprocess.run([one, "-c", ""], capture_output=True).returncode:
            return str(one)
    return None


@pytest.mark.parametrize(
    ("version", "nukes"), [("3.9", "14"), ("3.10", "15"), ("3.11", "16 and 17")]
)
def test_it_is_imported(version: str, nukes: str) -> None:
    found = python(version)
    if found is None:
        pytest.skip(f"no Python {version} here, which is that of Nuke {nukes}")
    code = IMPORT.format(room=str(ROOT / "nuke"))
    ran = subprocess.run([found, "-I", "-c", code], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 20
