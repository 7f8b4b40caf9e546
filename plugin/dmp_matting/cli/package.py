"""The commands `dmp package`: what a host's artist installs, and a whole release.

They work from a checkout and from an installed distribution alike, and the same sources give the
same bytes.
"""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import tempfile
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..atomic_write import atomic_write
from ..client.install import release, wheels
from ..client.install.wheel import write_zip
from ..errors import OutputError
from ..version import __version__
from .extension_repository import write_index
from .output import Json, err, print_result

package_app = typer.Typer(help="Make what a host's artist installs, or a whole release.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the command `dmp`."""
    app.add_typer(package_app, name="package", no_args_is_help=True)


@package_app.command()
def blender(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The zip to write, or a folder for it.")
    ] = Path(),
    repository: Annotated[
        Optional[Path],
        typer.Option(
            help="A folder to make an extension repository of instead, by Blender's own tool: "
            "artists add its index.json once, and updates arrive."
        ),
    ] = None,
    program: Annotated[
        str,
        typer.Option(
            "--blender", help="The Blender 4.2 or later whose tool is run, or a Python with bpy."
        ),
    ] = "",
    as_json: Json = False,
) -> None:
    """Build the add-on for Blender 3.4 to 5.3: one zip, to be dropped onto Blender's window."""
    files = release.blender_files()
    if repository is not None:
        folder = repository.absolute()
        _write_zip(folder / release.BLENDER_ZIP, files)
        index = write_index(folder, program)
        print_result(as_json, {"ok": True, "path": str(index), "files": len(files)},
            f"Wrote {index}; in Blender add {index.as_uri()}, or where the folder is served, "
            "as a remote repository.")  # fmt: skip
        return
    is_zip = output.suffix.lower() == ".zip" and not output.is_dir()
    target = (output if is_zip else output / release.BLENDER_ZIP).absolute()
    _write_zip(target, files)
    print_result(as_json, {"ok": True, "path": str(target), "files": len(files)},
         f"Wrote {target}; drop it onto the window of Blender.")  # fmt: skip


@package_app.command()
def nuke(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The folder to make, or the zip to write.")
    ] = Path(release.NUKE_FOLDER),
    as_json: Json = False,
) -> None:
    """Build what NUKE_PATH points to: the node, the menu, and dmp_matting in vendor/."""
    target, files = output.absolute(), release.nuke_files()
    if target.suffix.lower() == ".zip":
        _write_zip(target, {f"{release.NUKE_FOLDER}/{name}": one for name, one in files.items()})
    else:
        release.write_folder(target, files)
    print_result(as_json, {"ok": True, "path": str(target), "files": len(files)},
        f"Wrote {target}; README.txt in it says how Nuke finds it.")  # fmt: skip


@package_app.command("release")
def whole_release(
    output: Annotated[
        Optional[Path], typer.Option("--output", "-o", help="The folder to make.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Build everything that somebody needs: wheel, Blender's zip, Nuke's folder, installers."""
    target = (output or Path(f"dmp-{__version__}")).absolute()
    files = release.release_files()
    release.write_folder(target, files)
    size = sum(map(len, files.values()))
    print_result(as_json, {"ok": True, "path": str(target), "files": len(files), "bytes": size},
        f"Wrote {target} ({size / 1e6:.1f} MB); README.txt in it explains the rest.")  # fmt: skip


@package_app.command("wheels")
def offline_wheels(
    output: Annotated[Path, typer.Option("--output", "-o", help="The folder to fill.")],
    torch: Annotated[
        str, typer.Option("--torch", help="auto (by the NVIDIA driver), cpu, or such as cu126.")
    ] = "auto",
    base: Annotated[
        Optional[Path], typer.Option("--base", help="The Python 3.11 to 3.14 to download for.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Download what the engine needs, for `dmp setup --install --from` on machines like this."""
    with tempfile.TemporaryDirectory(prefix="dmp-") as scratch:
        found, notes = wheels.download(
            output.absolute(), torch, str(base) if base else "", Path(scratch),
            lambda step: None if as_json else err.print(step.sentence),
        )  # fmt: skip
    size = sum(path.stat().st_size for path in found)
    data = {"ok": True, "path": str(output.absolute()), "files": len(found), "bytes": size,
            "notes": notes}  # fmt: skip
    print_result(as_json, data,
        f"Wrote {len(found)} wheels ({size / 1e6:.0f} MB) to {output}; install from them with "
        + " ".join([f"`dmp setup --install --from {output}`.", *notes]))  # fmt: skip


def _write_zip(target: Path, files: "dict[str, bytes]") -> None:
    """The zip, whole or not at all. OutputError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as temporary:
            write_zip(temporary, files)
    except OSError as reason:
        raise OutputError(f"{target} cannot be written ({reason.strerror}).") from None
