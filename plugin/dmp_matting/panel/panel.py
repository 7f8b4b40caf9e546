"""The panel itself: engine, picture, queue; it shows and passes on, and decides nothing."""

from __future__ import annotations

from typing import Optional

from Qt import QtCore, QtGui, QtWidgets

from ..client.engine_status import EngineState
from ..client.watcher import Preview, Watcher
from ..job import JobState
from . import background
from .background import BackgroundJobs, Outcome
from .engine_status_line import EngineStatusLine
from .job_queue import Queue, in_order
from .plain import PlainLabel
from .viewer import Picture

TICK = 100  # milliseconds between two polls; nothing in a poll waits


class DmpPanel(QtWidgets.QWidget):
    """Everything this user's engine does, whichever host started it.

    Queries the engine only while it is visible, so that a panel in a hidden tab costs nothing.
    Closing it ends no job: jobs belong to those who started them.
    """

    message_shown = QtCore.Signal(str, bool)  # a sentence, and whether something failed

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("DMP")
        self.tasks = BackgroundJobs()
        self.engine = EngineStatusLine(self.tasks)
        self.picture = Picture()
        self.queue = Queue()
        self.message = PlainLabel()
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(QtCore.Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QtWidgets.QVBoxLayout(self)
        column.addWidget(self.engine)
        column.addWidget(self.picture, 1)
        column.addWidget(self.queue)
        column.addWidget(self.message)
        self.queue.chosen.connect(self.follow)
        self.queue.cancel_requested.connect(self._cancel)
        self.followed: Optional[str] = None  # the job whose row was chosen
        self._kept = False  # a finished picture stays until a job is chosen
        self._watcher = Watcher()
        # A host may delete a docked panel without closing it: the thread ends then too.
        self.destroyed.connect(self._watcher.stop)
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(TICK)
        self._timer.timeout.connect(self.poll)

    # --- for the window and the hosts ---

    def follow(self, job: Optional[str] = None) -> None:
        """Show that job's preview; None: whichever runs first."""
        self.followed, self._kept = job, False
        self._watcher.preferred = job
        self._watcher.refresh()

    def keep(self, png: bytes, caption: str) -> None:
        """Show a finished picture and let no preview replace it."""
        self._kept = self.picture.show_png(png, caption)

    def show_message(self, sentence: str, failed: bool = False) -> None:
        """One sentence below everything; red when something failed."""
        self.message.setText(sentence)
        self.message.setStyleSheet("color: #e5736f" if failed else "")
        self.message_shown.emit(sentence, failed)

    # --- Qt's events and the timer ---

    def showEvent(self, event: QtGui.QShowEvent) -> None:
        self._watcher.start()
        self._timer.start()
        super().showEvent(event)

    def hideEvent(self, event: QtGui.QHideEvent) -> None:
        # While a host deletes the panel Qt hides it once more, after Python has emptied it.
        if hasattr(self, "_timer"):
            self._timer.stop()
            self._watcher.stop()
        super().hideEvent(event)

    def poll(self) -> None:
        """Show what the threads have queued; never waits."""
        for outcome in [*self.tasks.poll(), self.engine.poll()]:
            if outcome is not None:
                self._show_outcome(outcome)
        for event in self._watcher.poll():
            if isinstance(event, EngineState):
                self._show_state(event)
            else:
                self._show_preview(event)

    def _show_outcome(self, outcome: Outcome) -> None:
        self.show_message(outcome.sentence, outcome.failed)
        self._watcher.refresh()

    def _show_state(self, state: EngineState) -> None:
        self.engine.show_state(state)
        running = [job["id"] for job in in_order(state.jobs)
                   if job["state"] == JobState.RUNNING.value]  # fmt: skip
        if self.followed not in running and self.followed not in [j["id"] for j in state.jobs]:
            self.followed = None  # it is over
        shown = self.followed or (running[0] if running else None)
        self.queue.show_jobs(state.jobs, None if self._kept else shown)

    def _show_preview(self, preview: Preview) -> None:
        if not self._kept:
            self.picture.show_png(preview.png, f"Frame {preview.frame}, still converging")

    def _cancel(self, job: str) -> None:
        self.tasks.run(lambda: background.cancel(job))
