"""The command `dmp package nuke`: one folder, or zip, that is an entry of NUKE_PATH by itself."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Dict

import typer

from ..atomic_write import atomic_write
from ..errors import InputError, OutputError
from ..version import __version__
from .output import Json, print_result
from .package import package_app

NAME = "dmp_for_nuke"
LEFT_OUT = ("cli", "farm.py", "farm")  # what only a terminal or a farm uses
HOW = f"""\
DMP {__version__} for Nuke 14 to 17. Add this folder to NUKE_PATH, or add to ~/.nuke/init.py:

    import nuke
    nuke.pluginAddPath("/path/to/{NAME}")

The engine is installed apart: pip install 'dmp-matting[engine]' into a Python of its own, then name
that Python in DMP_ENGINE_PYTHON, or run `dmp setup` once for every user.
"""


def register(app: typer.Typer) -> None:
    """Add the command of this file to `dmp package`."""
    package_app.command()(nuke)


def nuke(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder to make, or the zip to write.")
    ] = Path(NAME),
    as_json: Json = False,
) -> None:
    """Build what NUKE_PATH points to: the node, the menu, and dmp_matting in vendor/."""
    files = _files()
    target = output.absolute()
    try:
        if target.is_dir() and any(target.iterdir()):
            raise OutputError(f"The folder {target} is not empty; name a new one.")
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as draft:
            if target.suffix.lower() == ".zip":
                with tempfile.TemporaryDirectory() as made:
                    _fill(Path(made, NAME), files)
                    archive = shutil.make_archive(os.path.join(made, "made"), "zip", made, NAME)
                    shutil.copyfile(archive, draft)
            else:
                _fill(draft, files)
                if target.is_dir():
                    target.rmdir()
    except OSError as reason:
        raise OutputError(f"{target} cannot be written ({reason.strerror}).") from None
    print_result(as_json, {"ok": True, "path": str(target), "files": len(files) + 1},
        f"Wrote {target}; README.txt in it says how Nuke finds it.")  # fmt: skip


def _fill(folder: Path, files: Dict[str, Path]) -> None:
    for name, path in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / name)
    (folder / "README.txt").write_text(HOW, encoding="utf-8")


def _files() -> Dict[str, Path]:
    """What goes in, by its name there. InputError outside a source checkout."""
    core = Path(__file__).resolve().parent.parent
    top = core.parent.parent
    room = top / "nuke"
    if not (room / "dmp_nuke" / "__init__.py").is_file():
        raise InputError(
            "The Nuke plug-in's source is not here; run `dmp package nuke` in a source checkout."
        )
    found = {path.name: path for path in (*room.glob("*.py"), *room.glob("*.png"))}
    for path in sorted((room / "dmp_nuke").rglob("*.py")):
        found[path.relative_to(room).as_posix()] = path
    for path in sorted(core.rglob("*.py")):
        name = path.relative_to(core).as_posix()
        if name.split("/")[0] not in LEFT_OUT:
            found[f"vendor/dmp_matting/{name}"] = path
    qt = importlib.util.find_spec("Qt")  # Qt.py is one file, MIT; the panel wants it
    if qt is not None and qt.origin and qt.origin.endswith("Qt.py"):
        found["vendor/Qt.py"] = Path(qt.origin)
    if (top / "LICENSE").is_file():
        found["LICENSE"] = top / "LICENSE"
    return found
