"""Nuke's own command line: ``-t SCRIPT.py ARGUMENTS``, ``-x -X WRITE -F 1001-1003 SCRIPT.nk``.

Start-up as Nuke's: the folders of NUKE_PATH go on sys.path, and each one's init.py
runs, in the terminal as in the GUI; menu.py only with --gui (then -t runs in a GUI).
"""

from __future__ import annotations

import os
import re
import runpy
import sys

import nuke

from .session import reset, session


def start_up(gui: bool) -> None:
    folders = [one for one in os.environ.get("NUKE_PATH", "").split(os.pathsep) if one]
    for folder in folders:
        nuke.pluginAddPath(folder)
    for name in ["init.py", "menu.py"][: 2 if gui else 1]:
        for folder in folders:
            if os.path.exists(os.path.join(folder, name)):
                runpy.run_path(os.path.join(folder, name))


def without_range(arguments: list[str]) -> list[str]:
    """Nuke takes a trailing frame number or range away from a Python script, and keeps it."""
    return arguments[: -1 if re.fullmatch(r"-?\d+(-\d+)?(x\d+)?", arguments[-1]) else None]


def main() -> None:
    arguments = sys.argv[1:]
    gui = "--gui" in arguments
    if gui:
        arguments.remove("--gui")
    reset(gui)
    start_up(gui)
    if arguments[0] == "-t":
        sys.argv = without_range(arguments[1:])
        runpy.run_path(arguments[1], run_name="__main__")
    else:
        assert arguments[0] == "-x" and arguments[1::2] == ["-X", "-F", arguments[-1]]
        write, frames, script = arguments[2], arguments[4], arguments[5]
        first, _, last = frames.partition("-")
        nuke.scriptOpen(script)
        nuke.execute(write, int(first), int(last or first), 1)
    if session.refusals:
        sys.exit(f"refused: {session.refusals}")


if __name__ == "__main__":
    main()
