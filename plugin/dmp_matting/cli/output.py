"""What every command shares: where it prints, and in which form."""

import json
import os
import sys
from typing import Annotated, Any, Dict

import typer
from rich.console import Console

out = Console(soft_wrap=True, highlight=False)  # results
err = Console(stderr=True, soft_wrap=True, highlight=False)  # progress, warnings, failures

SIGPIPE_EXIT = 141  # as a program that SIGPIPE ended
EXIT_CODES = (
    "Exit codes: 0 done; 2 something handed to dmp is wrong (a file, a setting, the output "
    "folder); 3 the engine is missing or failed; 130 stopped by Ctrl-C; 1 a bug."
)
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


def print_json(data: Dict[str, Any]) -> None:
    """One JSON object on one line of standard output; ends quietly when nobody reads it."""
    try:
        sys.stdout.write(json.dumps(data) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more to flush
        sys.exit(SIGPIPE_EXIT)


def print_result(as_json: bool, data: Dict[str, Any], sentence: str = "") -> None:
    """The result of a command: ``data`` for a tool, ``sentence`` for a person."""
    if as_json:
        print_json(data)
    else:
        out.print(sentence)
