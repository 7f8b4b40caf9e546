"""Running shots on a terminal, in a log, for a tool or for a farm; and the summary at the end."""

import signal
import time
from contextlib import closing
from typing import Any, Dict, Generator, List, Mapping, Optional, Sequence, Set, Tuple

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from ..errors import CancelledError, DmpError
from ..shots.events import (
    ShotEnd,
    ShotEvent,
    ShotFailure,
    ShotFrame,
    ShotProgress,
    ShotReport,
    ShotStart,
)
from ..shots.review import flagged_frames, measure_shot, summary_of
from ..shots.sequences import range_text
from ..shots.shot import Shot, gap_sentence
from .output import err, out, print_json

Reports = Tuple[ShotReport, ...]


def watch_shots(
    running: Generator[ShotEvent, None, Reports], shots: Sequence[Shot], display: "Display"
) -> Reports:
    """Run the shots and show their events; Ctrl-C and SIGTERM end them cleanly."""

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    display.shots = {shot.name: shot for shot in shots}
    try:
        with closing(running), display:
            while True:
                try:
                    display.see(next(running))
                except StopIteration as end:
                    reports: Reports = end.value
                    return reports
    except KeyboardInterrupt:
        raise CancelledError(
            "Stopped; finished frames stay, and the same command goes on after them."
        ) from None


def event_json(event: ShotEvent) -> Dict[str, Any]:
    """The event as a tool reads it, one object a line (docs/td/shots.md)."""
    if isinstance(event, ShotStart):
        return {"event": "shot", "shot": event.shot, "frames": list(event.frames),
                "finished": list(event.done),
                "missing": [{"frame": g.frame, "role": g.role.value, "path": g.path,
                             "empty": g.empty} for g in event.gaps]}  # fmt: skip
    if isinstance(event, ShotProgress):
        return {"event": "progress", "shot": event.shot, "done": round(event.fraction, 4),
                **event.progress.to_json()}  # fmt: skip
    if isinstance(event, ShotFrame):
        return {"event": "frame", "shot": event.shot, **event.layers.to_json()}
    if isinstance(event, ShotFailure):
        return {"event": "failed", "shot": event.shot, "frames": list(event.frames),
                **event.error.to_wire()}  # fmt: skip
    return {"event": "shot_end", **report_json(event.report)}


def report_json(report: ShotReport) -> Dict[str, Any]:
    return {
        "shot": report.shot,
        "solved": sorted(report.solved),
        "kept": report.kept,
        "skipped": report.skipped,
        "failed": [{"frames": list(f.frames), **f.error.to_wire()} for f in report.failures],
        "warnings": report.warnings,
        "device": report.device,
        "seconds": round(report.seconds, 3),
    }


class Display:
    """Says nothing; the others are this with something to say."""

    def __init__(self) -> None:
        self.shots: Mapping[str, Shot] = {}
        self._warned: Set[Tuple[str, str]] = set()

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def see(self, event: ShotEvent) -> None:
        if isinstance(event, ShotFailure):
            self.say(f"{event.shot} {range_text(event.frames)}: {event.error}", "red")
        elif isinstance(event, ShotProgress):
            # At once: nobody wants to hear after a night that the clean plate is another take.
            for warning in event.progress.warnings:
                if (event.shot, warning) not in self._warned:
                    self._warned.add((event.shot, warning))
                    self.say(f"{event.shot} {event.progress.frame}: {warning}", "yellow")

    def say(self, sentence: str, style: str = "") -> None:
        err.print(Text(sentence, style=style))


class LineDisplay(Display):
    """A line for each shot and each frame: for logs and farms."""

    def __init__(self) -> None:
        super().__init__()
        self._noted: Set[str] = set()

    def note(self, event: ShotFrame) -> None:
        """What was done to the plates of a shot's first frame to which anything was done."""
        if event.layers.notes and event.shot not in self._noted:
            self._noted.add(event.shot)
            self.say(f"{event.shot} {event.layers.frame}: {' '.join(event.layers.notes)}")

    def see(self, event: ShotEvent) -> None:
        super().see(event)
        if isinstance(event, ShotStart):
            parts = [f"{event.shot}: {len(event.frames)} frames ({range_text(event.frames)})"]
            if event.done:
                parts.append(f"{len(event.done)} finished already")
            self.say(", ".join(parts) + ".")
            if event.gaps:
                self.say(f"Skipped: {gap_sentence(self.shots[event.shot], event.gaps)}", "yellow")
        elif isinstance(event, ShotFrame):
            seconds = event.layers.seconds.get("total", 0.0)
            self.say(f"{event.shot} {event.layers.frame} ({seconds:.1f} s)")
            self.note(event)


class JsonDisplay(Display):
    """Every event on a line of standard output; progress ten times a second at most."""

    def __init__(self) -> None:
        super().__init__()
        self._said = 0.0

    def see(self, event: ShotEvent) -> None:
        super().see(event)
        if isinstance(event, ShotProgress):
            if time.monotonic() - self._said < 0.1:
                return
            self._said = time.monotonic()
        print_json(event_json(event))


class OpenJdDisplay(LineDisplay):
    """For a farm: the lines that an OpenJD session reads from standard output."""

    def __init__(self) -> None:
        super().__init__()
        self._said = 0.0

    def see(self, event: ShotEvent) -> None:
        super().see(event)
        if isinstance(event, ShotFrame):
            print(f"openjd_status: {event.shot} {event.layers.frame}", flush=True)
        elif isinstance(event, ShotProgress) and time.monotonic() - self._said > 1.0:
            self._said = time.monotonic()
            print(f"openjd_progress: {100 * event.fraction:.1f}", flush=True)
        elif isinstance(event, ShotFailure):
            told = f"{event.shot} {range_text(event.frames)}: {event.error}"
            print(f"openjd_fail: {told}", flush=True)


class BarDisplay(LineDisplay):
    """A bar for the running shot; a shot that ends leaves a line."""

    def __init__(self) -> None:
        super().__init__()
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[stage]}"),
            console=err,
            transient=True,
            expand=True,
        )
        self._tasks: Dict[str, TaskID] = {}

    def __enter__(self) -> "BarDisplay":
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()

    def say(self, sentence: str, style: str = "") -> None:
        self._bar.console.print(Text(sentence, style=style))

    def see(self, event: ShotEvent) -> None:
        if isinstance(event, ShotFrame):
            self.note(event)
        else:
            super().see(event)
        if isinstance(event, ShotProgress):
            if event.shot not in self._tasks:
                self._tasks[event.shot] = self._bar.add_task(event.shot, total=1.0, stage="")
            stage = f"{event.progress.frame} {event.progress.stage.called}"
            self._bar.update(self._tasks[event.shot], completed=event.fraction, stage=stage)
        elif isinstance(event, ShotEnd) and event.report.shot in self._tasks:
            self._bar.remove_task(self._tasks.pop(event.report.shot))


def display_for(as_json: bool, quiet: bool, openjd: bool = False) -> Display:
    if as_json:
        return JsonDisplay()
    if openjd:
        return OpenJdDisplay()
    if quiet:
        return Display()
    return BarDisplay() if err.is_terminal else LineDisplay()


# --- the summary ---------------------------------------------------------------------------------


def conclude(
    shots: Sequence[Shot], reports: Reports, *, as_json: bool, quiet: bool, check: bool
) -> int:
    """Measure what was made, print one summary, and return the exit code."""
    looked: Dict[str, List[Dict[str, Any]]] = {}
    for shot, report in zip(shots, reports):
        if not check or not report.solved:
            continue
        try:
            looked[shot.name] = measure_shot(shot, report.finished)
        except DmpError as error:  # the mattes are there; their measures are not worth a failure
            err.print(Text(f"{shot.name} could not be measured: {error}", style="yellow"))
    failures = [failure for report in reports for failure in report.failures]
    code = failures[0].error.exit_code if failures else 0
    if as_json:
        told = [_json(report, looked.get(report.shot)) for report in reports]
        print_json({"event": "summary", "ok": not failures, "exit_code": code, "shots": told})
    elif not quiet:
        wide = None if out.is_terminal else 160
        Console(highlight=False, width=wide).print(_table(reports, looked))
    if not as_json:
        for report in reports:
            _say_doubts(report, looked.get(report.shot, []), quiet)
    return code


def _json(report: ShotReport, measures: Optional[List[Dict[str, Any]]]) -> Dict[str, Any]:
    return {
        **report_json(report),
        "measures": summary_of(measures) if measures else None,
        "doubts": flagged_frames(measures or []),
        "per_frame": measures or [],
    }


def _say_doubts(report: ShotReport, measures: Sequence[Mapping[str, Any]], quiet: bool) -> None:
    for failure in [] if quiet else report.failures:  # said once already, perhaps hours ago
        told = f"Failed: {report.shot} {range_text(failure.frames)}: {failure.error}"
        err.print(Text(told, style="red"))
    for sentence, frames in {**report.warnings, **flagged_frames(measures)}.items():
        told = f"{report.shot} {range_text(frames)}: {sentence.rstrip('.')}."
        err.print(Text(f"Warning: {told}", style="yellow"))


def _table(reports: Reports, looked: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    columns = ("shot", "solved", "kept", "skipped", "failed", "s/frame", "residual", "drift",
               "flicker", "confidence")  # fmt: skip
    table = Table(*columns)
    for report in reports:
        measures = summary_of(looked.get(report.shot, ()))
        pace = f"{report.seconds / len(report.solved):.1f}" if report.solved else ""
        table.add_row(
            report.shot, str(len(report.solved)), str(len(report.kept)),
            range_text(report.skipped), range_text(report.failed), pace,
            *(_number(measures[name]) for name in columns[6:]),
        )  # fmt: skip
    return table


def _number(value: Optional[float]) -> str:
    return "" if value is None else f"{value:.4f}"
