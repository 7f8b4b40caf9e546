"""The command `dmp package`: what a host's artist installs, as one file."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import zipfile
from pathlib import Path
from typing import Annotated, Dict

import typer

from ..atomic_write import atomic_write
from ..errors import InputError, OutputError
from ..version import __version__
from .output import Json, print_result

package_app = typer.Typer(help="Make what a host's artist installs.")

ADDON = "dmp_blender"
# The core goes along without what only a terminal, Qt or a farm can use. Of `publish` only the
# engine's Python, or a host that has pyblish, ever imports anything.
LEFT_OUT = ("cli", "panel", "panel.py", "farm.py", "farm")
MOMENT = (2020, 1, 1, 0, 0, 0)  # of every entry: the same sources give the same zip


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the command `dmp`."""
    app.add_typer(package_app, name="package", no_args_is_help=True)


@package_app.callback()
def _package() -> None:
    pass  # keeps `blender` a subcommand while it is the only one


@package_app.command()
def blender(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The zip to write, or a folder for it.")
    ] = Path(),
    as_json: Json = False,
) -> None:
    """Build the add-on for Blender 3.4 to 5.0: one zip, to be dropped onto Blender's window."""
    target = output / f"{ADDON}-{__version__}.zip" if output.is_dir() else output
    core = Path(__file__).resolve().parent.parent
    addon = core.parent.parent / "blender_addon" / ADDON
    if not (addon / "__init__.py").is_file():
        raise InputError(
            "The add-on's source is not here; run `dmp package blender` in a source checkout."
        )
    files = {f"{ADDON}/{name}": path for name, path in _sources(addon).items()}
    for name, path in _sources(core).items():
        if name.split("/")[0] not in LEFT_OUT:
            files[f"{ADDON}/dmp_matting/{name}"] = path
    licence = core.parent.parent / "LICENSE"
    if licence.is_file():
        files[f"{ADDON}/LICENSE"] = licence
    _write(target.absolute(), files)
    print_result(as_json, {"ok": True, "path": str(target.absolute()), "files": len(files)},
         f"Wrote {target}; drop it onto the window of Blender.")  # fmt: skip


def _sources(folder: Path) -> Dict[str, Path]:
    """The files of a package by their names inside it."""
    found = [*folder.rglob("*.py"), *folder.rglob("*.toml")]
    return {path.relative_to(folder).as_posix(): path for path in sorted(found)}


def _write(target: Path, files: Dict[str, Path]) -> None:
    """The zip, whole or not at all. OutputError."""
    try:
        with (
            atomic_write(target) as draft,
            zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as archive,
        ):
            for name, path in files.items():
                entry = zipfile.ZipInfo(name, MOMENT)
                entry.compress_type = zipfile.ZIP_DEFLATED
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes())
    except OSError as reason:
        raise OutputError(f"{target} cannot be written ({reason.strerror}).") from None
