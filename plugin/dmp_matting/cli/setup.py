"""The command `dmp setup`: which engine hosts use, and the private one installed and removed."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Dict, Optional

import typer

from ..client.engine_setup import choose_engine
from ..client.install import terminal
from ..client.install.installation import InstallRequest
from ..client.install.ways_in import DMP
from ..errors import InputError
from ..paths import config_file, read_config
from .output import EXIT_CODES, Json, print_result


def register(app: typer.Typer) -> None:
    """Add the command of this file to the command `dmp`."""
    app.command(epilog=EXIT_CODES)(setup)


def setup(
    python: Annotated[
        Optional[Path],
        typer.Argument(help="A Python with the engine in it; left out: the one that runs dmp."),
    ] = None,
    install: Annotated[
        bool, typer.Option("--install", help="Install an engine of its own, or update it.")
    ] = False,
    source: Annotated[
        Optional[Path],
        typer.Option("--from", help="Install from this folder of wheels, without network."),
    ] = None,
    torch: Annotated[
        str, typer.Option("--torch", help="auto (by the NVIDIA driver), cpu, or such as cu126.")
    ] = "auto",
    into: Annotated[
        Optional[Path],
        typer.Option("--into", help="Install into this shared folder; no configuration changes."),
    ] = None,
    base: Annotated[
        Optional[Path], typer.Option("--base", help="The Python 3.11 to 3.14 to build on.")
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only show what --install or --remove would do here.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the engine that --install made.")
    ] = False,
    cache: Annotated[
        bool, typer.Option("--cache", help="With --remove: finished frames and logs as well.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="With --remove: even while the engine works.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Install the engine (--install), or remember which Python has it, for every host of yours."""
    if install + remove > 1 or (python is not None and install + remove):
        raise InputError("PYTHON, --install and --remove exclude each other; name one of them.")
    request = InstallRequest(torch, source, into, str(base) if base else "", way=DMP)
    if remove:
        terminal.refuse_with_remove(request)
        data = terminal.uninstall(cache=cache, force=force, only_plan=plan)
        print_result(as_json, data, data["sentence"])
        return
    terminal.refuse_without_remove(cache=cache, force=force)
    if install or plan:
        data = terminal.install(request, yes=yes, only_plan=plan)
    elif source is not None or into is not None or base is not None or torch != "auto":
        raise InputError(
            "--from, --torch, --into and --base are for an installation; add --install."
        )
    else:
        data = _remember(python)
    sentence = data["sentence"]
    print_result(as_json, data, sentence)


def _remember(python: Optional[Path]) -> Dict[str, Any]:
    chosen = str(python.absolute() if python is not None else Path(sys.executable))
    before = None
    with suppress(InputError):  # it is put aside
        before = read_config().get("engine_python")
    sentence = choose_engine(chosen)
    return {
        "ok": True, "engine_python": chosen, "config": str(config_file()), "before": before,
        "sentence": f"{sentence} `dmp doctor` checks it.",
    }  # fmt: skip
