"""`python -m dmp_matting.client.install`: what a release's install.sh and install.ps1 run.

The options are those of `dmp setup --install`, which wants packages that are not there yet.
"""

from __future__ import annotations

import argparse
import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Dict, List, NoReturn, Optional

from ...errors import CancelledError, DmpError, InputError, as_dmp_error
from . import terminal
from .installation import InstallRequest
from .ways_in import RELEASE

WHEELS = "wheels"  # a folder of that name in the release is used in place of the network


def main(arguments: Optional[List[str]] = None) -> int:
    """Install or remove; the exit code, as of `dmp`."""
    words = sys.argv[1:] if arguments is None else arguments
    as_json = "--json" in words  # also of words that cannot be read
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a path may have letters that a locale has not
            stream.reconfigure(errors="backslashreplace")
    try:
        data = _run(_parser().parse_args(words))
    except (Exception, KeyboardInterrupt) as wrong:
        error: DmpError = CancelledError("Stopped by Ctrl-C.")
        if isinstance(wrong, Exception):
            error = as_dmp_error(wrong)
        if as_json:
            terminal.print_json({"ok": False, **error.to_wire(), "exit_code": error.exit_code})
        print(error, file=sys.stderr)
        return error.exit_code
    if as_json:
        terminal.print_json(data)
    else:
        print(data["sentence"])
    return 0


def _run(chosen: argparse.Namespace) -> Dict[str, Any]:
    request = InstallRequest(
        chosen.torch, chosen.source, chosen.into, chosen.base, chosen.release, way=RELEASE
    )
    if chosen.remove:
        terminal.refuse_with_remove(request)
        return terminal.uninstall(cache=chosen.cache, force=chosen.force, only_plan=chosen.plan)
    terminal.refuse_without_remove(cache=chosen.cache, force=chosen.force)
    wheels = chosen.release / WHEELS if chosen.release else None
    if request.source is None and wheels is not None and wheels.is_dir():
        request = replace(request, source=wheels)
    return terminal.install(request, yes=chosen.yes, only_plan=chosen.plan)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="install", description="Install the engine of DMP for this user, or remove it.",
        allow_abbrev=False,
    )  # fmt: skip
    for option, name, about in (
        ("--release", "release", "where this release lies"),
        ("--from", "source", "wheels, in place of the network"),
        ("--into", "into", "a shared folder, in place of the user's"),
    ):
        parser.add_argument(option, dest=name, type=Path, metavar="FOLDER", help=about)
    parser.add_argument("--torch", default="auto", help="auto, cpu or such as cu126")
    parser.add_argument("--base", default="", help="the Python 3.11 to 3.14 to build on")
    parser.add_argument("--plan", action="store_true", help="show what would be done")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--remove", action="store_true", help="remove what was installed")
    parser.add_argument("--cache", action="store_true", help="with --remove: finished frames too")
    parser.add_argument("--force", action="store_true", help="with --remove: even while it works")
    return parser


class _Parser(argparse.ArgumentParser):
    """One sentence for words that it does not know, as for everything else."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}. See --help.")


if __name__ == "__main__":
    sys.exit(main())
