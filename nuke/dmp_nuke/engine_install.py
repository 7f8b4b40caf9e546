"""DMP Matte > Install Engine: asks once, installs on a thread, and shows how far it is."""

from __future__ import annotations

from typing import Optional

import nuke

from dmp_matting.hosts import (
    BackgroundInstallation,
    DmpError,
    InstallRequest,
    as_dmp_error,
    plan_installation,
)

from . import NAME
from .ticker import Ticker

RUNNING: list[Installing] = []  # one at most


def press() -> None:
    """Install the engine for all programs of this user, or update it."""
    if RUNNING:
        nuke.message("The engine is being installed already.")
        return
    try:
        plan = plan_installation(InstallRequest())
    except Exception as error:
        nuke.message(str(as_dmp_error(error)))
        return
    if nuke.ask(f"{plan.sentence}\n\nGo on?"):
        RUNNING.append(Installing(BackgroundInstallation(plan)))


class Installing:
    """An installation under way. Everything here happens on Nuke's main thread."""

    def __init__(self, task: BackgroundInstallation) -> None:
        self._task = task
        self._bar: Optional[nuke.ProgressTask] = nuke.ProgressTask(f"{NAME}: installing the engine")
        self._ticker = Ticker(self._tick, self._end)

    def _tick(self) -> None:
        if self._bar is not None and self._bar.isCancelled():
            self._task.cancel()
        for step in self._task.poll():
            if self._bar is not None:
                self._bar.setMessage(step.sentence)
                self._bar.setProgress(int(100 * step.fraction))
        if self._task.done:
            try:
                notes = self._task.result().notes
            except DmpError as error:
                self._end(str(error))
                return
            sentences = ["The engine is installed and has made its first matte.", *notes]
            self._end(" ".join(sentences))

    def _end(self, sentence: str) -> None:
        def report() -> None:
            RUNNING.clear()
            nuke.message(sentence)

        self._ticker.stop(report)
        self._task.cancel()  # nothing, unless a bug of ours ended the ticks
        self._bar = None  # takes the progress bar away
