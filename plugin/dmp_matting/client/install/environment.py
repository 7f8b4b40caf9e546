"""The environment of an engine, once its packages are in it: made fit for its place, and measured.

Standard library only, Python 3.9.
"""

from __future__ import annotations

import os
from pathlib import Path

from ...atomic_write import atomic_write
from . import machine


def put_in_place(side: Path, target: Path) -> None:
    """Have the environment's scripts name the folder that it will have; and the command dmp."""
    scripts = Path(machine.scripts_folder(side))
    before, after = str(side).encode(), str(target).encode()
    for path in [*scripts.iterdir(), side / "pyvenv.cfg"]:
        if path.is_symlink() or not path.is_file():
            continue
        content = path.read_bytes()
        if before not in content:
            continue
        if b"\0" in content:
            path.unlink()  # a program of pip's for Windows: it would look for the folder beside
        else:
            path.write_bytes(content.replace(before, after))
    command, text = machine.command_file(side)
    Path(command).write_bytes(text.encode())
    Path(command).chmod(0o755)


def torch_version(environment: Path) -> str:
    """The version of the torch in an environment, from the name of its metadata."""
    names = [path.name for path in environment.glob("[Ll]ib*/**/site-packages/torch-*.dist-info")]
    return names[0][len("torch-") : -len(".dist-info")] if names else "none"


def bytes_of(folder: Path) -> int:
    """Bytes of all files in a folder; a link counts as itself."""
    sizes = 0
    for place, _, files in os.walk(folder):
        for name in files:
            sizes += os.lstat(os.path.join(place, name)).st_size
    return sizes


def write_command(data: Path, environment: Path) -> str:
    """Lead the command that outlasts updates to ``environment``; its path. OSError names it."""
    place, text = map(str, machine.stable_command_file(data, environment))
    try:
        Path(place).parent.mkdir(exist_ok=True)
        with atomic_write(Path(place)) as written:
            written.write_bytes(text.encode())
            written.chmod(0o755)
    except OSError as reason:
        raise OSError(reason.errno, reason.strerror, place) from None
    return place
