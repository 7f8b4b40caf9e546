"""A running job on a terminal: a bar where there is one, lines for logs and farms."""

import signal
import time
from contextlib import closing
from typing import Any, Generator, Optional

from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from ..client.engine_process import Event, Notice
from ..errors import CancelledError
from ..job import Layers, Progress, Stage
from .output import err

QUIET_INTERVAL = 10.0  # seconds between progress lines where there is no terminal


def watched(running: Generator[Event, None, None], quiet: bool) -> Layers:
    """Run the job of one frame and show its progress; Ctrl-C and SIGTERM end it cleanly.

    Each warning is told once: before the solve, or at the end where nothing was said before.
    """

    def stop(number: int, frame: Any) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    show = _Silence() if quiet else _BarDisplay() if err.is_terminal else _LineDisplay()
    result: Optional[Layers] = None
    told = set()
    try:
        with closing(running) as events, show:
            for event in events:
                if isinstance(event, Layers):
                    result = event
                elif isinstance(event, Notice) and not quiet:
                    told.add(str(event))
                show.see(event)
    except KeyboardInterrupt:
        raise CancelledError("Stopped; no unfinished file was left.") from None
    assert result is not None  # both ways raise where an engine ends without it
    for warning in result.warnings:
        if warning not in told:
            err.print(Text(f"Warning: {warning}", style="yellow"))
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
            stage = event.stage.called.capitalize()
            err.print(Text(f"{stage} {_steps(event)} {_left(event)}".rstrip()))


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
                description=event.stage.called.capitalize(),
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
