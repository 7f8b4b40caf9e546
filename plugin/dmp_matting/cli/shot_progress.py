"""Running shots on a terminal, in a log, for a tool or for a farm; and the summary at the end."""

import signal
import time
from typing import Any, Dict, Generator, List, Mapping, Optional, Sequence, Set, Tuple

from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar
from rich.table import Table

from ..errors import CancelledError, DmpError, printable
from ..generators import finish
from ..shots.events import (
    ShotEnd,
    ShotEvent,
    ShotFailure,
    ShotFrame,
    ShotNotice,
    ShotProgress,
    ShotReport,
    ShotStart,
)
from ..shots.review import flagged_frames, measure_shot, summary_of
from ..shots.sequences import range_text
from ..shots.shot import Shot, gap_sentence
from .output import err, print_json, print_table, styled

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
        with display:
            return finish(running, display.show)
    except KeyboardInterrupt:
        raise CancelledError(display.stopped) from None


def failure_line(failure: ShotFailure) -> str:
    """Shot, frames and reason; no frames where what is made of the finished ones failed."""
    return f"{failure.shot} {range_text(failure.frames)}".rstrip() + f": {failure.error}"


def event_json(event: ShotEvent) -> Dict[str, Any]:
    """The event as a tool reads it, one object a line (docs/td/shots.md)."""
    if isinstance(event, ShotStart):
        return {"event": "shot", "shot": event.shot, "frames": list(event.frames),
                "finished": list(event.done),
                "missing": [{"frame": g.frame, "role": g.role.value, "path": g.path,
                             "empty": g.empty} for g in event.gaps]}  # fmt: skip
    if isinstance(event, ShotNotice):
        return {"event": "notice", "shot": event.shot, "text": event.text}
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
    """Shows failures and warnings only; the others are this with progress."""

    stopped = "Stopped; finished frames stay, and the same command goes on after them."

    def __init__(self) -> None:
        self.shots: Mapping[str, Shot] = {}
        self._warned: Set[Tuple[str, str]] = set()

    def __enter__(self) -> "Display":
        return self

    def __exit__(self, *_: Any) -> None:
        pass

    def show(self, event: ShotEvent) -> None:
        if isinstance(event, ShotFailure):
            self.write(failure_line(event), "red")
        elif isinstance(event, ShotProgress):
            # At once: after a night it is too late to learn that the clean plate is another take.
            for warning in event.progress.warnings:
                self.warn(event.shot, event.progress.frame, warning)

    def warn(self, shot: str, frame: int, warning: str) -> None:
        if self.is_new(shot, warning):
            self.write(f"{shot} {frame}: {warning}", "yellow")

    def is_new(self, shot: str, warning: str) -> bool:
        """True the first time that a warning of a shot comes up."""
        known = (shot, warning) in self._warned
        self._warned.add((shot, warning))
        return not known

    def write(self, sentence: str, style: str = "") -> None:
        err.print(styled(sentence, style))


class LineDisplay(Display):
    """A line for each shot and each frame: for logs and farms."""

    def __init__(self) -> None:
        super().__init__()
        self._noted: Set[str] = set()
        self._notices: Set[str] = set()

    def note(self, event: ShotFrame) -> None:
        """What was done to the plates of a shot's first frame to which anything was done."""
        if event.layers.notes and event.shot not in self._noted:
            self._noted.add(event.shot)
            self.write(f"{event.shot} {event.layers.frame}: {' '.join(event.layers.notes)}")

    def show(self, event: ShotEvent) -> None:
        super().show(event)
        if isinstance(event, ShotStart):
            parts = [f"{event.shot}: {len(event.frames)} frames ({range_text(event.frames)})"]
            if event.done:
                parts.append(f"{len(event.done)} finished already")
            self.write(", ".join(parts) + ".")
            if event.gaps:
                self.write(f"Skipped: {gap_sentence(self.shots[event.shot], event.gaps)}", "yellow")
        elif isinstance(event, ShotNotice) and event.text not in self._notices:
            self._notices.add(event.text)
            self.write(event.text)
        elif isinstance(event, ShotFrame):
            seconds = event.layers.seconds.get("total", 0.0)
            self.write(f"{event.shot} {event.layers.frame} ({seconds:.1f} s)")
            self.note(event)


class JsonDisplay(Display):
    """Every event on a line of standard output; progress ten times a second at most."""

    def __init__(self) -> None:
        super().__init__()
        self._shown = 0.0

    def show(self, event: ShotEvent) -> None:
        super().show(event)
        if isinstance(event, ShotProgress):
            if time.monotonic() - self._shown < 0.1:
                return
            self._shown = time.monotonic()
        print_json(event_json(event))


class OpenJdDisplay(LineDisplay):
    """For a farm: the lines that an OpenJD session reads from standard output."""

    def __init__(self) -> None:
        super().__init__()
        self._shown = 0.0

    def show(self, event: ShotEvent) -> None:
        super().show(event)
        if isinstance(event, ShotFrame):
            _report("status", f"{event.shot} {event.layers.frame}")
        elif isinstance(event, ShotProgress) and time.monotonic() - self._shown > 1.0:
            self._shown = time.monotonic()
            _report("progress", f"{100 * event.fraction:.1f}")
        elif isinstance(event, ShotFailure):
            _report("fail", failure_line(event))

    def write(self, sentence: str, style: str = "") -> None:
        # A session obeys such words at the start of any line, and a shot may have them as its name.
        mark = "- " if sentence.lstrip().startswith("openjd_") else ""
        super().write(mark + sentence, style)


def _report(what: str, text: str) -> None:
    print(f"openjd_{what}: {printable(text)}", flush=True)


class OnBar(Display):
    """Above a progress bar, which is gone at the end; ``columns`` are texts of rich's."""

    def __init__(self, description: str, *columns: str) -> None:
        super().__init__()
        self._bar = Bar(
            TextColumn(description, markup=False),
            BarColumn(bar_width=None),
            TextColumn("{task.percentage:>3.0f} %"),
            *(TextColumn(text, markup=False) for text in columns),
            console=err,
            transient=True,
            expand=True,
        )

    def __enter__(self) -> "OnBar":
        self._bar.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._bar.stop()

    def write(self, sentence: str, style: str = "") -> None:
        self._bar.console.print(styled(sentence, style))


class BarDisplay(OnBar, LineDisplay):
    """A bar for the running shot; a shot that ends leaves a line."""

    def __init__(self) -> None:
        super().__init__("{task.description}", "{task.fields[stage]}")
        self._tasks: Dict[str, TaskID] = {}

    def show(self, event: ShotEvent) -> None:
        if isinstance(event, ShotFrame):
            self.note(event)
        else:
            super().show(event)
        if isinstance(event, ShotProgress):
            if event.shot not in self._tasks:
                self._tasks[event.shot] = self._bar.add_task(
                    printable(event.shot), total=1.0, stage=""
                )
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
    measured: Dict[str, List[Dict[str, Any]]] = {}
    for shot, report in zip(shots, reports):
        if not check or not report.solved:
            continue
        try:
            measured[shot.name] = measure_shot(shot, report.finished)
        except DmpError as error:  # the mattes are there; their measures are not worth a failure
            err.print(styled(f"{shot.name} could not be measured: {error}", "yellow"))
    failures = [failure for report in reports for failure in report.failures]
    code = failures[0].error.exit_code if failures else 0
    if as_json:
        rows = [_json(report, measured.get(report.shot)) for report in reports]
        print_json({"event": "summary", "ok": not failures, "exit_code": code, "shots": rows})
    elif not quiet:
        print_table(_table(reports, measured), 160)
    if not as_json:
        for report in reports:
            _print_flagged(report, measured.get(report.shot, []), quiet)
    return code


def _json(report: ShotReport, measures: Optional[List[Dict[str, Any]]]) -> Dict[str, Any]:
    return {
        **report_json(report),
        "measures": summary_of(measures) if measures else None,
        "flagged": flagged_frames(measures or []),
        "per_frame": measures or [],
    }


def _print_flagged(report: ShotReport, measures: Sequence[Mapping[str, Any]], quiet: bool) -> None:
    for failure in [] if quiet else report.failures:  # shown once already, perhaps hours ago
        err.print(styled(f"Failed: {failure_line(failure)}", "red"))
    for sentence, frames in {**report.warnings, **flagged_frames(measures)}.items():
        text = f"{report.shot} {range_text(frames)}: {sentence.rstrip('.')}."
        err.print(styled(f"Warning: {text}", "yellow"))


def _table(reports: Reports, measured: Mapping[str, Sequence[Mapping[str, Any]]]) -> Table:
    columns = ("shot", "solved", "kept", "skipped", "failed", "s/frame", "residual", "drift",
               "flicker", "confidence")  # fmt: skip
    table = Table(*columns)
    for report in reports:
        measures = summary_of(measured.get(report.shot, ()))
        pace = f"{report.seconds / len(report.solved):.1f}" if report.solved else ""
        table.add_row(
            report.shot, str(len(report.solved)), str(len(report.kept)),
            range_text(report.skipped), range_text(report.failed), pace,
            *(_number(measures[name]) for name in columns[6:]),
        )  # fmt: skip
    return table


def _number(value: Optional[float]) -> str:
    return "" if value is None else f"{value:.4f}"
