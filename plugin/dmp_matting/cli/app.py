"""The command's frame: its application, and the one place where failures become sentences."""

import contextlib
import io
import sys
import time
import traceback
from typing import Annotated, NoReturn

import typer

from ..errors import DmpError, EngineError, OutputError, bug_sentence, limit_error
from ..paths import make_cache_folder
from ..version import __version__
from . import (
    about,
    batch,
    bench,
    cleanplate,
    engine,
    evaluate,
    gui,
    matte,
    package,
    publish,
    setup,
    submit,
)
from .options import keep_as_one_word
from .output import (
    EXIT_CODES,
    drop_unwritten,
    err,
    open_standard_streams,
    out,
    print_json,
    styled,
)

app = typer.Typer(
    name="dmp",
    help="Background matting: a plate and its clean plate in, alpha and foreground out.",
    epilog=EXIT_CODES,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for group in (
    matte,
    batch,
    bench,
    cleanplate,
    gui,
    about,
    engine,
    evaluate,
    package,
    publish,
    setup,
    submit,
):
    group.register(app)


def main() -> None:
    """Entry point of the command; the one place where failures become sentences."""
    open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name may have letters that a locale has not
            stream.reconfigure(errors="backslashreplace")
    try:
        arguments = keep_as_one_word(sys.argv[1:])
        sys.exit(app(args=arguments, prog_name="dmp", standalone_mode=False) or 0)
    except DmpError as error:
        _fail(type(error).__name__, str(error), error.exit_code)
    except Exception as wrong:
        # typer's usage errors, by what they can do: their class has moved between its versions.
        if hasattr(wrong, "format_message") and hasattr(wrong, "exit_code"):
            sentence = str(wrong.format_message()).rstrip(".")
            if not sentence:  # a group without a command: its help was printed
                sys.exit(wrong.exit_code)
            _fail("UsageError", f"{sentence}. See `dmp --help`.", wrong.exit_code)
        limit = limit_error(wrong)
        if limit is not None:
            _fail(type(limit).__name__, str(limit), limit.exit_code)
        _fail("Bug", _logged(wrong), 1)


def _fail(kind: str, sentence: str, code: int) -> NoReturn:
    if "--json" in sys.argv[1:]:
        with contextlib.suppress(OutputError):
            print_json({"ok": False, "error": kind, "message": sentence, "exit_code": code})
    drop_unwritten()
    err.print(styled(sentence, "red"))
    sys.exit(code)


def _logged(bug: Exception) -> str:
    """A sentence for what nobody foresaw; the traceback goes to a log file."""
    sentence = bug_sentence(bug)
    try:
        log = make_cache_folder() / "logs" / f"dmp-{time.strftime('%Y%m%d-%H%M%S')}.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text("".join(traceback.format_exception(type(bug), bug, bug.__traceback__)))
    except (OSError, EngineError):  # no place for it
        return sentence
    return f"{sentence} See {log}."


def _print_version(wanted: bool) -> None:
    if wanted:
        out.print(f"dmp {__version__}")
        raise typer.Exit()


@app.callback()
def _dmp(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version."
        ),
    ] = False,
) -> None:
    pass
