"""What every command shares: where it prints, and in which form.

Names of files and shots, messages of libraries and other text from outside are printed as they
are: brackets are no markup (``[v2]``), and what a terminal would obey is escaped.
"""

import json
import os
import sys
from typing import Annotated, Any, Dict

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ..errors import printable


class PlainConsole(Console):
    """A console that takes texts literally; styles come as :func:`styled`, tables as tables."""

    def __init__(self, **how: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **how)

    def render_str(self, text: str, **how: Any) -> Text:
        """Every text that is printed as such comes through here, also the cells of a table."""
        return super().render_str(printable(text), **how)


out = PlainConsole(soft_wrap=True)  # results
err = PlainConsole(stderr=True, soft_wrap=True)  # progress, warnings, failures


def styled(sentence: str, style: str = "") -> Text:
    """A text in one style, with nothing raw in it."""
    return Text(printable(sentence), style=style)


def print_table(table: Table, width: int) -> None:
    """A table on standard output, ``width`` letters wide where that is no terminal."""
    PlainConsole(width=None if out.is_terminal else width).print(table)


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
