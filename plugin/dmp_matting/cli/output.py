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

from ..errors import OutputError, printable


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


def open_standard_streams() -> None:
    """Give a command that was started without its standard streams some that nobody reads.

    Without them the first file that it opens would be its standard output.
    """
    number = os.open(os.devnull, os.O_RDWR)
    while number <= 2:
        os.set_inheritable(number, True)
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)
    for number, name in ((1, "stdout"), (2, "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", encoding="utf-8", closefd=False))


def drop_unwritten() -> None:
    """Forget what standard output does not take, before the interpreter tries again at its end."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_json(data: Dict[str, Any]) -> None:
    """One JSON object on one line of standard output; ends quietly when nobody reads it."""
    try:
        sys.stdout.write(json.dumps(data) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        drop_unwritten()
        sys.exit(SIGPIPE_EXIT)
    except OSError as reason:
        drop_unwritten()
        raise OutputError(f"Standard output cannot be written ({reason.strerror}).") from None


def print_result(as_json: bool, data: Dict[str, Any], sentence: str = "") -> None:
    """The result of a command: ``data`` for a tool, ``sentence`` for a person."""
    if as_json:
        print_json(data)
    else:
        out.print(sentence)
