"""The command `dmp`: what an artist or a farm types. Never imports the engine, only starts it.

Rules: the one file of this package that may see typer, rich and fileseq. Results go to standard
output, everything said on the way to standard error; every failure is one sentence and an exit
code, told in :func:`main` and nowhere else.
"""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import json
import signal
import sys
import time
import traceback
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, Dict, Generator, List, NoReturn, Optional

import typer
from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from . import __version__, cli_engine, cli_eval
from .client import run_in_engine
from .describe import describe_presets, describe_settings, range_text, value_text
from .direct import Event, Notice, ask_engine, run_directly
from .enginepython import MEND, engine_command
from .errors import CancelledError, DmpError, EngineMissingError
from .job import (
    Frame,
    Job,
    Layers,
    Plate,
    Progress,
    Role,
    Settings,
    Stage,
    Value,
    parse_assignments,
)
from .places import cache_folder
from .presets import PRESETS, preset

EXIT_CODES = (
    "Exit codes: 0 done; 2 something handed to dmp is wrong (a file, a setting, the output "
    "folder); 3 the engine is missing or failed; 130 stopped by Ctrl-C; 1 a bug."
)
STAGES = {
    Stage.READ: "Reading plates",
    Stage.INITIALISE: "First alpha",
    Stage.FIT: "Fitting",
    Stage.JOINT: "Solving",
    Stage.PROJECT: "Projecting",
    Stage.REFINE: "Refining",
    Stage.LIFT: "Lifting",
    Stage.WRITE: "Writing",
}
QUIET_INTERVAL = 10.0  # seconds between progress lines where there is no terminal
MARKS = {"ok": "green", "warn": "yellow", "fail": "red"}

app = typer.Typer(
    name="dmp",
    help="Background matting: a plate and its clean plate in, alpha and foreground out.",
    epilog=EXIT_CODES,
    add_completion=False,
    pretty_exceptions_enable=False,
)
cli_engine.register(app)
cli_eval.register(app)
out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


def main() -> None:
    """Entry point of the command; the one place where failures become sentences."""
    try:
        sys.exit(app(prog_name="dmp", standalone_mode=False) or 0)
    except DmpError as error:
        _fail(type(error).__name__, str(error), error.exit_code)
    except Exception as wrong:
        # typer's usage errors, by what they can do: their class has moved between its versions.
        if hasattr(wrong, "format_message") and hasattr(wrong, "exit_code"):
            told = str(wrong.format_message()).rstrip(".")
            _fail("UsageError", f"{told}. See `dmp --help`.", wrong.exit_code)
        _fail("Bug", _logged(wrong), 1)


def _fail(kind: str, sentence: str, code: int) -> NoReturn:
    if "--json" in sys.argv[1:]:
        _print_json({"ok": False, "error": kind, "message": sentence, "exit_code": code})
    err.print(Text(sentence, style="red"))
    sys.exit(code)


def _logged(bug: Exception) -> str:
    """A sentence for what nobody foresaw; the traceback goes to a log file."""
    told = f"dmp hit a bug: {type(bug).__name__}: {bug}"
    log = cache_folder() / "logs" / f"dmp-{time.strftime('%Y%m%d-%H%M%S')}.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("".join(traceback.format_exception(type(bug), bug, bug.__traceback__)))
    except OSError:
        return told
    return f"{told}; see {log}"


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


Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output.")]


@app.command(epilog=EXIT_CODES)
def matte(
    image: Annotated[Path, typer.Argument(help="The plate with the subject.")],
    clean: Annotated[Path, typer.Option("--clean", help="The same view without the subject.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The EXR to write.")],
    garbage: Annotated[
        Optional[Path], typer.Option("--garbage", help="Matte outside of which alpha is 0.")
    ] = None,
    core: Annotated[
        Optional[Path], typer.Option("--core", help="Matte inside of which alpha is 1.")
    ] = None,
    preset_name: Annotated[
        str,
        typer.Option(
            "--preset",
            help=f"{', '.join(PRESETS)}, or auto: final on a CUDA GPU, draft on the CPU.",
        ),
    ] = "auto",
    device: Annotated[
        str, typer.Option("--device", help="auto (a CUDA GPU if there is one), cpu or cuda:N.")
    ] = "auto",
    seed: Annotated[
        Optional[int], typer.Option("--seed", help="The same seed gives the same matte.")
    ] = None,
    input_space: Annotated[
        str,
        typer.Option(
            "--input-space",
            help="The plates' colour space, a name from OCIO; auto: scene-linear for EXR, sRGB "
            "for 8-bit; raw: values as stored.",
        ),
    ] = "auto",
    working_size: Annotated[
        Optional[int], typer.Option("--working-size", help="Long side for the networks, pixels.")
    ] = None,
    threads: Annotated[
        Optional[int], typer.Option("--threads", help="CPU threads; 0 takes all cores.")
    ] = None,
    assignments: Annotated[
        Optional[List[str]],
        typer.Option("--set", metavar="FIELD=VALUE", help="Any setting of `dmp presets`."),
    ] = None,
    in_process: Annotated[
        bool,
        typer.Option(
            "--in-process", help="Solve in a process of its own instead of the shared engine."
        ),
    ] = False,
    as_json: Json = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Say only warnings and errors.")
    ] = False,
) -> None:
    """Make the matte of one plate: alpha and foreground in one EXR."""
    changes: Dict[str, Value] = {"device": device}
    for name, value in (("seed", seed), ("working_size", working_size), ("threads", threads)):
        if value is not None:
            changes[name] = value
    changes.update(parse_assignments(assignments or []))

    on_cpu: Optional[Settings] = None
    if preset_name == "auto":
        # Only the engine knows its device: it is told both, and takes what fits.
        on_cpu = preset("draft").changed(**changes)
        settings = on_cpu if device == "cpu" else preset("final").changed(**changes)
    else:
        settings = preset(preset_name).changed(**changes)

    plates = [_plate(image, Role.IMAGE, input_space), _plate(clean, Role.CLEAN, input_space)]
    for path, role in ((garbage, Role.GARBAGE), (core, Role.CORE)):
        if path is not None:
            plates.append(_plate(path, role, "raw"))
    job = Job((Frame(1, tuple(plates)),), settings, __version__)

    outputs = {1: str(output.absolute())}
    run = run_directly if in_process else run_in_engine
    layers = _watched(run(job, outputs, on_cpu), quiet)
    for warning in layers.warnings:
        err.print(Text(f"Warning: {warning}", style="yellow"))
    if as_json:
        _print_json({"ok": True, **layers.to_json()})
    elif not quiet:
        seconds = layers.seconds.get("total", sum(layers.seconds.values()))
        size = f"{layers.width}x{layers.height}"
        used = f"preset {layers.settings.preset} on {layers.device}"
        out.print(f"Wrote {output} ({size}, {used}, {seconds:.1f} s).")


@app.command()
def presets(as_json: Json = False) -> None:
    """List the presets, every setting, and what each preset changes."""
    settings, kinds = describe_settings(), describe_presets()
    if as_json:
        _print_json({"ok": True, "presets": kinds, "settings": settings})
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
        told = f"{setting['label']}: {setting['help']}" + (f" ({numbered})" if numbered else "")
        table.add_row(name, range_text(setting), value_text(setting["default"]), *cells, told)
    Console(highlight=False, width=None if out.is_terminal else 160).print(table)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Say what this machine has, what is wrong with it and how to mend that."""
    here = {"status": "ok", "mend": ""}
    checks = [{**here, "name": "dmp", "detail": f"{__version__}, Python {sys.version.split()[0]}"}]
    try:
        engine_command()
        checks += ask_engine("doctor")["checks"]
    except EngineMissingError as missing:
        told = str(missing).replace(MEND, "").rstrip(" .")
        checks.append({"name": "DMP engine", "status": "fail", "detail": told, "mend": MEND})
    sound = all(check["status"] != "fail" for check in checks)
    if as_json:
        _print_json({"ok": sound, "checks": checks})
    else:
        for check in checks:
            mark = Text(f"{check['status']:4}  ", style=MARKS[check["status"]])
            mend = f". {check['mend']}" if check["mend"] else ""
            out.print(mark.append(f"{check['name']:13} {check['detail']}{mend}", style="default"))
    raise typer.Exit(0 if sound else EngineMissingError.exit_code)


@app.command(epilog=EXIT_CODES)
def view(
    result: Annotated[Path, typer.Argument(help="An EXR that `dmp matte` wrote.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The picture to write (PNG).")],
    image: Annotated[
        Optional[Path], typer.Option("--image", help="The plate, if it has moved.")
    ] = None,
    clean: Annotated[
        Optional[Path], typer.Option("--clean", help="The clean plate, if it has moved.")
    ] = None,
    over: Annotated[
        Optional[Path], typer.Option("--over", help="A picture to put behind the subject.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a contact sheet: plates, alpha, foreground, over grey and over another plate."""
    arguments = ["view", str(result), "--output", str(output)]
    for name, path in (("--image", image), ("--clean", clean), ("--over", over)):
        if path is not None:
            arguments += [name, str(path)]
    answer = ask_engine(*arguments)
    if as_json:
        _print_json(answer)
    else:
        out.print(f"Wrote {output}.")


def _plate(path: Path, role: Role, space: str) -> Plate:
    return Plate(str(path.absolute()), role, space)


def _watched(running: Generator[Event, None, None], quiet: bool) -> Layers:
    """Run the job of one frame and show its progress; Ctrl-C and SIGTERM end it cleanly."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    show = _Silence() if quiet else _BarDisplay() if err.is_terminal else _LineDisplay()
    result: Optional[Layers] = None
    try:
        with closing(running) as events, show:
            for event in events:
                if isinstance(event, Layers):
                    result = event
                show.see(event)
    except KeyboardInterrupt:
        raise CancelledError("Stopped; no unfinished file was left.") from None
    assert result is not None  # both ways raise where an engine ends without it
    return result


class _Silence:
    """No progress display; the two others are this with something to say."""

    def __enter__(self) -> "_Silence":
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def see(self, event: Event) -> None:
        pass


class _LineDisplay(_Silence):
    """A short line for each stage, and now and then one in between: for logs and farms."""

    def __init__(self) -> None:
        self._stage: Optional[Stage] = None
        self._said = 0.0

    def see(self, event: Event) -> None:
        if isinstance(event, Notice):
            err.print(Text(event))
        if not isinstance(event, Progress):
            return
        now = time.monotonic()
        if event.stage is not self._stage or now - self._said >= QUIET_INTERVAL:
            self._stage, self._said = event.stage, now
            err.print(Text(f"{STAGES[event.stage]} {_steps(event)} {_left(event)}".rstrip()))


class _BarDisplay(_Silence):
    """A progress bar over the whole frame, with the stage, its steps and the time left."""

    def __init__(self) -> None:
        self._bar = Bar(
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[steps]:>11}"),
            TextColumn("{task.fields[left]}"),
            console=err,
            transient=True,
            expand=True,
        )
        self._task: TaskID = self._bar.add_task("Starting", total=1.0, steps="", left="")

    def __enter__(self) -> "_BarDisplay":
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()

    def see(self, event: Event) -> None:
        if isinstance(event, Notice):
            self._bar.console.print(Text(event))
        if isinstance(event, Progress):
            self._bar.update(
                self._task,
                description=STAGES[event.stage],
                completed=event.fraction,
                steps=_steps(event),
                left=_left(event),
            )


def _steps(progress: Progress) -> str:
    return f"{progress.step}/{progress.steps}" if progress.steps > 1 else ""


def _left(progress: Progress) -> str:
    if progress.eta is None:
        return ""
    minutes, seconds = divmod(round(progress.eta), 60)
    return f"{minutes}:{seconds:02} left" if minutes else f"{seconds} s left"


def _print_json(data: Dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(data) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
