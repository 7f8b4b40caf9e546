"""Where DMP's own files lie, in a checkout and in an installed distribution alike.

A release is made of them: the wheel, Blender's zip, Nuke's folder. In an installed distribution
the sources of both adapters lie in ``dmp_matting/adapters`` (setup.py puts them there).
"""

from __future__ import annotations

from pathlib import Path
from typing import Dict, Iterator, Optional

from ...errors import InputError

CORE = Path(__file__).resolve().parents[2]  # the folder of dmp_matting
ADAPTERS = "adapters"
RELEASE = "release"  # in a host's copy: the wheel that the copy carries
KINDS = (".py", ".toml", ".txt", ".png")  # of files that belong to a package


def checkout() -> Optional[Path]:
    """The top of the source checkout that this package runs from, or None."""
    top = CORE.parent.parent
    return top if CORE.parent.name == "plugin" and (top / "setup.py").is_file() else None


def adapters() -> Path:
    """The folder that holds ``nuke`` and ``blender_addon``. InputError where it is not to be had.

    A host's own copy has none: it holds what that host needs.
    """
    folder = checkout() or CORE / ADAPTERS
    if not (folder / "nuke" / "dmp_nuke").is_dir():
        raise InputError(
            f"The copy of DMP at {CORE} does not hold the sources of the adapters; run "
            "`dmp package` in the Python that a release's install.sh or `dmp setup --install` made."
        )
    return folder


def engine() -> Optional[Path]:
    """The folder of dmp_engine beside this package, or None (in a host's copy)."""
    top = checkout()
    folder = (top / "engine" if top else CORE.parent) / "dmp_engine"
    return folder if (folder / "__main__.py").is_file() else None


def licence() -> str:
    """The text of the licence."""
    top = checkout()
    places = [top / "LICENSE"] if top else [CORE / ADAPTERS / "LICENSE"]
    places += sorted(CORE.parent.glob("dmp_matting-*.dist-info/**/LICENSE"))
    for place in places:
        if place.is_file():
            return place.read_text(encoding="utf-8")
    raise InputError(f"The copy of DMP at {CORE} lacks its LICENSE; install it again.")


def files_of(folder: Path) -> Iterator[Path]:
    """The files of a package that belong to a release, sorted by name."""
    for path in sorted(folder.rglob("*")):
        if path.suffix in KINDS and path.is_file() and "__pycache__" not in path.parts:
            yield path


def core_files() -> Dict[str, Path]:
    """dmp_matting by names inside it, without the adapters and a carried release."""
    named = {path.relative_to(CORE).as_posix(): path for path in files_of(CORE)}
    return {
        name: path for name, path in named.items() if name.split("/")[0] not in (ADAPTERS, RELEASE)
    }
