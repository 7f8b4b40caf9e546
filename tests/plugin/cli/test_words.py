"""Text from outside is printed as it is: no markup, no control characters, no line of its own."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.progress import Progress as Bar
from rich.table import Table

from dmp_matting import InputError, Settings
from dmp_matting.cli import shot_progress
from dmp_matting.cli.output import PlainConsole, err, out, print_result, print_table, styled
from dmp_matting.cli.shot_progress import Display, LineDisplay, OpenJdDisplay, event_json
from dmp_matting.errors import EngineError, as_dmp_error, from_wire, printable
from dmp_matting.job import Layers, Progress, Stage
from dmp_matting.shots.events import (
    ShotEnd,
    ShotEvent,
    ShotFailure,
    ShotFrame,
    ShotNotice,
    ShotProgress,
    ShotReport,
    ShotStart,
)

from ...conftest import Pair
from .test_engine import dmp, matte

# As it comes from outside, and as it is printed.
TEXTS = {
    "[v2] [bold]name[/bold] [/] [/no] :smile:": "[v2] [bold]name[/bold] [/] [/no] :smile:",
    "\x1b[2J\x1b]0;title\x07": r"\x1b[2J\x1b]0;title\x07",
    "two\nlines\r\x85\u2028": r"two\nlines\r\x85\u2028",
    "\u202egnp.exe": r"\u202egnp.exe",
    "caf\udce9.exr": r"caf\udce9.exr",
    "日本語 é 🎬": "日本語 é 🎬",
}
EVENTS: list[Callable[[str], ShotEvent]] = [
    lambda text: ShotStart(text, (1,), (), ()),
    lambda text: ShotNotice("s", text),
    lambda text: ShotFailure(text, (1,), EngineError(text)),
    lambda text: ShotFrame(text, layers(text)),
    lambda text: ShotProgress(text, Progress(1, Stage.READ, 0, 1, 0.0, warnings=(text,)), 0.5),
    lambda text: ShotEnd(ShotReport(text)),
]


def layers(text: str) -> Layers:
    return Layers(1, text, ("A",), 1, 1, text, {}, (text,), Settings(), (text,))


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_printed(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(text)
    table.add_row(text)
    print_table(table, 200)
    print_result(False, {}, f"Wrote {text}.")
    err.print(styled(text, "red"))
    printed = capsys.readouterr()
    shown = TEXTS[text]
    assert printed.out.count(shown) == 3 and f"Wrote {shown}.\n" in printed.out
    assert printed.err == shown + "\n"
    assert printable(text) == shown and printable(shown) == shown


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("display", [LineDisplay, OpenJdDisplay, Display])
def test_every_event_is_one_line_of_plain_text(
    capsys: pytest.CaptureFixture[str],
    display: type[Display],
    event: Callable[[str], ShotEvent],
    text: str,
) -> None:
    display().show(event(text))
    printed = capsys.readouterr()
    for line in (printed.out + printed.err).splitlines():
        assert printable(line) == line
    assert (printed.out + printed.err).count("\n") <= 4
    json.dumps(event_json(event(text))).encode("ascii")


def test_a_session_of_a_farm_obeys_no_shots_name(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("openjd_env: PATH=/evil", "  openjd_fail: no", "a\nopenjd_env: PATH=/evil"):
        OpenJdDisplay().show(ShotStart(name, (1,), (), ()))
        OpenJdDisplay().show(ShotFailure(name, (1,), EngineError(name)))
    printed = capsys.readouterr()
    lines = [line.lstrip() for line in (printed.out + printed.err).splitlines()]
    assert [line.partition(":")[0] for line in lines if line.startswith("openjd_")] == [
        "openjd_fail"
    ] * 3


def test_a_bar_has_no_markup() -> None:
    columns = [one for one in shot_progress.BarDisplay()._bar.columns if hasattr(one, "markup")]
    assert isinstance(shot_progress.BarDisplay()._bar, Bar) and columns
    assert not columns[0].markup  # the one with the shot's name
    assert isinstance(shot_progress.BarDisplay()._bar.console, PlainConsole) and out is not err


@pytest.mark.parametrize("text", TEXTS)
def test_an_error_is_printable_wherever_it_is_shown(text: str) -> None:
    for error in (
        InputError(text),
        from_wire({"error": "PlateError", "message": text}),
        as_dmp_error(InputError(text)),
    ):
        assert str(error) == error.to_wire()["message"] == TEXTS[text]
    first = printable((text.splitlines() or [""])[0])
    assert str(as_dmp_error(ValueError(text))) == f"DMP hit a bug: ValueError: {first}."


def test_a_job_whose_names_look_like_markup_ends_well(pair: Pair, tmp_path: Path) -> None:
    """Its EXR was written, and then the sentence about it failed."""
    output = tmp_path / "matte [" / "] [v2].exr"
    output.parent.mkdir()
    done = dmp(*matte(pair, output))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Wrote {output} (48x32") and output.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("streams", [">&-", ">/dev/full", "2>/dev/full", "2>&-", ">&- 2>&- <&-"])
@pytest.mark.parametrize("command", ["presets --json", "presets", "--help"])
def test_standard_streams_that_take_nothing(tmp_path: Path, streams: str, command: str) -> None:
    """A command without them, or on a full disk: a sentence at most."""
    trace = tmp_path / "stderr"
    kept = "" if "2>" in streams else f" 2>{trace}"
    line = f"exec {shlex.quote(sys.executable)} -m dmp_matting.cli {command} {streams}{kept}"
    done = subprocess.run(["sh", "-c", line], stdin=subprocess.DEVNULL, capture_output=True)
    text = trace.read_text() if kept else ""
    assert "Traceback" not in text and "bug:" not in text and "Exception ignored" not in text
    full = streams == ">/dev/full"
    assert done.returncode == (2 if full else 0)
    assert not full or "disk is full" in text or "cannot be written" in text


def test_the_first_file_of_a_command_without_streams_is_not_its_output(tmp_path: Path) -> None:
    code = (
        "from dmp_matting.cli.output import open_standard_streams as go; import os, sys; go();"
        f"file = open({str(tmp_path / 'o.exr')!r}, 'w'); assert file.fileno() > 2, file.fileno();"
        "os.write(1, b'words'); print('words', flush=True)"
    )
    line = f"exec {shlex.quote(sys.executable)} -c {shlex.quote(code)} >&- <&-"
    done = subprocess.run(["sh", "-c", line], stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o.exr").read_bytes() == b""


def test_a_pipe_in_the_place_of_a_matte_is_never_waited_for(pair: Pair, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "o.exr")
    command = [sys.executable, "-m", "dmp_matting.cli", *map(str, matte(pair, tmp_path / "o.exr"))]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert done.returncode == 2 and b"a device or a pipe" in done.stderr
