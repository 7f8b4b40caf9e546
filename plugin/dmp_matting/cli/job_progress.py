"""One plate on a terminal: a bar where there is one, lines for logs and farms."""

import time
from typing import Optional

from rich.progress import TaskID

from ..job import Layers, Progress, Stage
from ..shots.events import ShotEvent, ShotFailure, ShotFrame, ShotNotice, ShotProgress
from .output import err
from .shot_progress import Display, OnBar

LINE_INTERVAL = 10.0  # seconds between progress lines where there is no terminal


class StillDisplay(Display):
    """Shows each warning once and nothing else; the two others are this with progress.

    ``layers`` is the result once it has been written. A failure is not shown here: it ends the
    command, which prints it.
    """

    stopped = "Stopped; no unfinished file was left."

    def __init__(self) -> None:
        super().__init__()
        self.layers: Optional[Layers] = None

    def show(self, event: ShotEvent) -> None:
        if isinstance(event, ShotFailure):
            return
        super().show(event)
        if isinstance(event, ShotFrame):
            self.layers = event.layers
            for warning in event.layers.warnings:
                self.warn(event.shot, event.layers.frame, warning)
        elif isinstance(event, ShotProgress):
            self.show_progress(event.progress)

    def warn(self, shot: str, frame: int, warning: str) -> None:
        if self.is_new(shot, warning):
            self.write(f"Warning: {warning}", "yellow")

    def show_progress(self, progress: Progress) -> None:
        pass


class StillLines(StillDisplay):
    """A short line for each stage, and now and then one in between: for logs and farms."""

    def __init__(self) -> None:
        super().__init__()
        self._stage: Optional[Stage] = None
        self._shown = 0.0  # time of the last line

    def show(self, event: ShotEvent) -> None:
        super().show(event)
        if isinstance(event, ShotNotice):
            self.write(event.text)

    def show_progress(self, progress: Progress) -> None:
        now = time.monotonic()
        if progress.stage is not self._stage or now - self._shown >= LINE_INTERVAL:
            self._stage, self._shown = progress.stage, now
            stage = progress.stage.called.capitalize()
            self.write(f"{stage} {_steps(progress)} {_left(progress)}".rstrip())


class StillBar(OnBar, StillLines):
    """A progress bar over the whole frame, with the stage, its steps and the time left."""

    def __init__(self) -> None:
        super().__init__(
            "{task.description:<14}", "{task.fields[steps]:>11}", "{task.fields[left]}"
        )
        self._task: TaskID = self._bar.add_task("Starting", total=1.0, steps="", left="")

    def show_progress(self, progress: Progress) -> None:
        self._bar.update(
            self._task,
            description=progress.stage.called.capitalize(),
            completed=progress.fraction,
            steps=_steps(progress),
            left=_left(progress),
        )


def still_display(quiet: bool) -> StillDisplay:
    """The display for one plate, on this terminal or log."""
    if quiet:
        return StillDisplay()
    return StillBar() if err.is_terminal else StillLines()


def _steps(progress: Progress) -> str:
    return f"{progress.step}/{progress.steps}" if progress.steps > 1 else ""


def _left(progress: Progress) -> str:
    if progress.eta is None:
        return ""
    minutes, seconds = divmod(round(progress.eta), 60)
    return f"{minutes}:{seconds:02} left" if minutes else f"{seconds} s left"
