"""The commands `dmp presets` and `dmp doctor`: what there is to set, and what this machine has."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import sys
import tempfile
from typing import Dict, List

import typer
from rich.table import Table
from rich.text import Text

from ..client.engine_process import query_engine
from ..client.engine_python import engine_command
from ..client.install.records import update_sentence
from ..errors import EngineError, EngineMissingError, InputError, printable, update_remedy
from ..paths import read_config, run_folder
from ..settings_schema import describe_presets, describe_settings, range_text, value_text
from ..version import __version__
from .output import Json, out, print_json, print_table

MARKS = {"ok": "green", "warn": "yellow", "fail": "red"}


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the command `dmp`."""
    app.command()(presets)
    app.command()(doctor)


def presets(as_json: Json = False) -> None:
    """List the presets, every setting, and what each preset changes."""
    settings, kinds = describe_settings(), describe_presets()
    if as_json:
        print_json({"ok": True, "presets": kinds, "settings": settings})
        return
    for kind in kinds:
        out.print(Text.assemble((f"{kind['name']}: ", "bold"), kind["description"]))
    table = Table("setting", "range", "default", *(kind["name"] for kind in kinds), "what it is")
    for setting in settings:
        name = setting["name"]
        cells = [
            value_text(kind["changes"][name]) if name in kind["changes"] else "" for kind in kinds
        ]
        equation = setting["equation"]
        numbered = f"eq. {equation}" if equation[:1].isdigit() else equation
        about = f"{setting['label']}: {setting['help']}" + (f" ({numbered})" if numbered else "")
        table.add_row(name, range_text(setting), value_text(setting["default"]), *cells, about)
    print_table(table, 160)


def doctor(as_json: Json = False) -> None:
    """Check this machine: what it has, what is wrong with it and how to fix that."""
    here = {"status": "ok", "fix": ""}
    checks = [{**here, "name": "dmp", "detail": f"{__version__}, Python {sys.version.split()[0]}"}]
    damaged = _damaged_configuration()
    checks += [*damaged, _run_folder()]
    try:
        command = engine_command(configured=not damaged)
        checks += query_engine("doctor", command=command)["checks"]
        update = update_sentence()
        if update:
            check = _failed("Version", update.rstrip("."), f"{update_remedy()}.")
            checks.append({**check, "status": "warn"})
    except EngineMissingError as missing:
        reason, _, remedy = str(missing).rpartition("; ")
        checks.append(_failed("DMP engine", reason, remedy))
    sound = all(check["status"] != "fail" for check in checks)
    if as_json:
        print_json({"ok": sound, "checks": checks})
    else:
        for check in checks:
            mark = Text(f"{check['status']:4}  ", style=MARKS[check["status"]])
            fix = f". {check['fix']}" if check["fix"] else ""
            line = f"{check['name']:13} {check['detail']}{fix}"
            out.print(mark.append(printable(line), style="default"))
    raise typer.Exit(0 if sound else EngineMissingError.exit_code)


def _damaged_configuration() -> List[Dict[str, str]]:
    """One failed check where the configuration cannot be read, else none."""
    try:
        read_config()
    except InputError as damaged:
        reason, _, remedy = str(damaged).partition("; ")
        return [_failed("Configuration", reason, remedy)]
    return []


def _run_folder() -> Dict[str, str]:
    """The folder in which clients and engine meet, as each client looks for it."""
    try:
        folder = run_folder()
        with tempfile.TemporaryFile(dir=folder):
            pass
    except EngineError as refused:
        reason, _, remedy = str(refused).partition("; ")
        return _failed("Run folder", reason, remedy)
    except OSError as reason:
        remedy = "set DMP_RUN_DIR to a folder of your own."
        return _failed("Run folder", f"{folder} cannot be written ({reason.strerror})", remedy)
    return {"name": "Run folder", "status": "ok", "detail": str(folder), "fix": ""}


def _failed(name: str, reason: str, remedy: str) -> Dict[str, str]:
    fix = remedy[:1].upper() + remedy[1:]
    return {"name": name, "status": "fail", "detail": reason, "fix": fix}
