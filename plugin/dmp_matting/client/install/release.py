"""What is handed out: Blender's zip, Nuke's folder, and the release folder with everything.

Each is a dict of names and contents, made from a checkout or an installed distribution. The copies
for the hosts carry the wheel, from which their *Install Engine* makes the engine.
"""

from __future__ import annotations

import hashlib
import importlib.util
import io
import sys
import tempfile
from pathlib import Path
from typing import Dict

from ...atomic_write import atomic_write
from ...errors import InputError, OutputError
from ...version import __version__
from ..requirements import UI
from . import sources
from .payload import LOCKS
from .wheel import WHEEL_NAME, write_wheel, write_zip

ADDON = "dmp_blender"
BLENDER_ZIP = f"{ADDON}-{__version__}.zip"
NUKE_FOLDER = "dmp_for_nuke"
# The core goes along without what only a terminal, Qt or a farm can use. Of `publish` only the
# engine's Python, or a host that has pyblish, ever imports anything.
NOT_IN_BLENDER = ("cli/", "panel/", "farm/dask.py")
NOT_IN_NUKE = ("cli/", "farm/dask.py")
NUKE_README = """\
DMP {version} for Nuke 14 to 17. Add this folder to NUKE_PATH, or add to ~/.nuke/init.py:

    import nuke
    nuke.pluginAddPath("/path/to/{folder}")

Then install the engine, once for each user: DMP Matte > Install Engine. A facility that has one
for all names its Python in DMP_ENGINE_PYTHON instead.
"""


def blender_files() -> Dict[str, bytes]:
    """The add-on, by names in its zip. InputError in a host's copy."""
    addon = sources.adapters() / "blender_addon" / ADDON
    files = {
        f"{ADDON}/{path.relative_to(addon).as_posix()}": path.read_bytes()
        for path in sources.files_of(addon)
    }
    files.update(_core(f"{ADDON}/dmp_matting", NOT_IN_BLENDER))
    files[f"{ADDON}/LICENSE"] = sources.licence().encode()
    return files


def nuke_files() -> Dict[str, bytes]:
    """The plug-in, by names in its folder. InputError in a host's copy, and without Qt.py."""
    room = sources.adapters() / "nuke"
    files = {
        path.relative_to(room).as_posix(): path.read_bytes() for path in sources.files_of(room)
    }
    files.update(_core("vendor/dmp_matting", NOT_IN_NUKE))
    qt = importlib.util.find_spec("Qt")  # Qt.py is one file, MIT
    if qt is None or not qt.origin or not qt.origin.endswith("Qt.py"):
        raise InputError(
            "Nuke's panel needs Qt.py, which this Python lacks; run "
            f"`{sys.executable} -m pip install '{UI[0]}'` and try again."
        )
    files["vendor/Qt.py"] = Path(qt.origin).read_bytes()
    files["LICENSE"] = sources.licence().encode()
    text = NUKE_README.format(version=__version__, folder=NUKE_FOLDER)
    files["README.txt"] = text.encode()
    return files


def release_files() -> Dict[str, bytes]:
    """Everything that somebody needs, by names in the release folder. InputError in a host's copy.

    The same sources give the same bytes.
    """
    archive = io.BytesIO()
    write_zip(archive, blender_files())
    files = {BLENDER_ZIP: archive.getvalue(), WHEEL_NAME: _wheel()}
    files.update({f"{NUKE_FOLDER}/{name}": one for name, one in nuke_files().items()})
    own = Path(__file__).parent
    for name in LOCKS.values():
        files[name] = (own / name).read_bytes()
    scripts = own / "scripts"
    files["install.sh"] = (scripts / "install.sh.txt").read_bytes()
    files["install.ps1"] = (scripts / "install.ps1.txt").read_bytes()
    text = (scripts / "README.txt").read_text(encoding="utf-8")
    files["README.txt"] = text.format(version=__version__).encode()
    files["LICENSE"] = sources.licence().encode()
    sums = [f"{hashlib.sha256(one).hexdigest()}  {name}\n" for name, one in sorted(files.items())]
    files["SHA256SUMS"] = "".join(sums).encode()
    return files


def write_folder(target: Path, files: Dict[str, bytes]) -> None:
    """The folder, whole or not at all; one that exists must be empty. OutputError."""
    try:
        if target.is_dir() and any(target.iterdir()):
            raise OutputError(f"The folder {target} is not empty; name a new one.")
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as temporary:
            for name, content in files.items():
                (temporary / name).parent.mkdir(parents=True, exist_ok=True)
                (temporary / name).write_bytes(content)
                if name.endswith(".sh"):
                    (temporary / name).chmod(0o755)
            if target.is_dir():
                target.rmdir()
    except OSError as reason:
        raise OutputError(f"{target} cannot be written ({reason.strerror}).") from None


def _core(folder: str, left_out: tuple[str, ...]) -> Dict[str, bytes]:
    files = {
        f"{folder}/{name}": path.read_bytes()
        for name, path in sources.core_files().items()
        if not name.startswith(left_out)
    }
    files[f"{folder}/{sources.RELEASE}/{WHEEL_NAME}"] = _wheel()
    return files


def _wheel() -> bytes:
    with tempfile.TemporaryDirectory(prefix="dmp-") as folder:
        write_wheel(Path(folder, WHEEL_NAME))
        return Path(folder, WHEEL_NAME).read_bytes()
