"""The engine's state in one sentence, and a button for what can be done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Optional

from Qt import QtCore, QtWidgets

from ..client.engine_setup import choose_engine
from ..client.engine_status import EngineState, EngineStatus
from ..client.install.installation import (
    BackgroundInstallation,
    InstallRequest,
    Plan,
    plan_installation,
)
from ..errors import DmpError
from . import background
from .background import BackgroundJobs, Outcome
from .plain import PlainLabel

GREEN, BLUE, YELLOW, RED = "#7bc47f", "#5aa9e6", "#c9b458", "#e5736f"
COLOURS: Dict[EngineStatus, str] = {
    EngineStatus.MISSING: RED,
    EngineStatus.STOPPED: YELLOW,
    EngineStatus.STARTING: YELLOW,
    EngineStatus.READY: GREEN,
    EngineStatus.BUSY: BLUE,
    EngineStatus.BROKEN: RED,
}


@dataclass(frozen=True)
class Fix:
    """The button's label and tooltip in one state."""

    label: str
    tip: str


# A state without one needs no button: it passes by itself, or the jobs are to be cancelled first.
FIXES: Dict[EngineStatus, Fix] = {
    EngineStatus.MISSING: Fix(
        "Install Engine…",
        "Install the engine for all programs of yours, or name a Python that has it.",
    ),
    EngineStatus.STOPPED: Fix(
        "Start", "Start the engine now, so that the next matte need not wait."
    ),
    EngineStatus.READY: Fix("Stop", "End the engine and give its memory and GPU back."),
    EngineStatus.BROKEN: Fix("Restart", "End the engine that does not answer, and start another."),
}
UPDATE = Fix("Update Engine…", "Install the engine that belongs to this program.")


class EngineStatusLine(QtWidgets.QWidget):
    """One line: a dot, a sentence, a button."""

    def __init__(self, running: BackgroundJobs) -> None:
        super().__init__()
        self.state: Optional[EngineState] = None
        self._running = running
        self._installation: Optional[BackgroundInstallation] = None
        self.dot = QtWidgets.QLabel("●")
        self.sentence = PlainLabel("Finding the engine…")
        self.sentence.setWordWrap(True)
        self.button = QtWidgets.QPushButton()
        self.button.clicked.connect(self.fix)
        steady = self.button.sizePolicy()
        steady.setRetainSizeWhenHidden(True)  # or the picture would jump with every state
        self.button.setSizePolicy(steady)
        self.button.hide()
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.dot, 0, QtCore.Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.sentence, 1)
        row.addWidget(self.button, 0, QtCore.Qt.AlignmentFlag.AlignTop)

    def show_state(self, state: EngineState) -> None:
        self.state = state
        if self._installation is not None:
            return  # its progress is shown
        self.dot.setStyleSheet(f"color: {COLOURS[state.status]}")
        self.sentence.setText(" ".join(filter(None, (state.sentence, state.update))))
        fix = UPDATE if state.update else FIXES.get(state.status)
        self.button.setVisible(fix is not None)
        if fix is not None:
            self.button.setText(fix.label)
            self.button.setToolTip(fix.tip)
        self.button.setEnabled(not self._running.busy)

    def fix(self) -> None:
        """What the button does in the state that is shown."""
        if self._installation is not None:
            self._installation.cancel()
            return
        if self.state is None:
            return
        status = self.state.status
        if status is EngineStatus.MISSING or self.state.update:
            self._open_dialog()
            return
        done = {
            EngineStatus.STOPPED: background.start,
            EngineStatus.READY: background.stop,
            EngineStatus.BROKEN: background.restart,
        }.get(status)
        if done is not None:
            self._running.run(done)
            self.button.setEnabled(False)

    def _open_dialog(self) -> None:
        """Ask once: what is downloaded, how much, and where it goes."""
        try:
            plan = plan_installation(InstallRequest())
        except DmpError as error:
            self.sentence.setText(str(error))
            return
        box = QtWidgets.QMessageBox(self)
        box.setWindowTitle("Install Engine")
        box.setText(plan.sentence)
        role = QtWidgets.QMessageBox.ButtonRole
        install = box.addButton("Install", role.AcceptRole)
        choose = box.addButton("Choose Python…", role.ActionRole)
        box.addButton("Cancel", role.RejectRole)
        box.exec_()
        if box.clickedButton() is install:
            self.install(plan)
        elif box.clickedButton() is choose:
            self._choose_python()

    def install(self, plan: Plan) -> None:
        """Install on a thread; the button cancels it meanwhile."""
        self._installation = BackgroundInstallation(plan)
        self.button.setText("Cancel")
        self.button.setToolTip("End the installation; nothing of it is kept.")

    def poll(self) -> Optional[Outcome]:
        """Show how far the installation is; its outcome when it has ended. Never waits."""
        task = self._installation
        if task is None:
            return None
        for step in task.poll():
            self.sentence.setText(f"{step.fraction:.0%} {step.sentence}")
        if not task.done:
            return None
        self._installation = None
        if self.state is not None:
            self.show_state(self.state)  # it may have come meanwhile
        try:
            notes = task.result().notes
        except DmpError as error:
            return Outcome(str(error), failed=True)
        return Outcome(" ".join(["The engine is installed and made its first matte.", *notes]))

    def _choose_python(self) -> None:
        python, _ = QtWidgets.QFileDialog.getOpenFileName(
            self, "The Python that has the DMP engine", "", "All files (*)"
        )
        if python:
            self.choose_python(python)

    def choose_python(self, python: str) -> None:
        """Try that Python on a thread, and remember it if it has an engine."""

        def choose() -> Outcome:
            return Outcome(choose_engine(python))

        self.sentence.setText(f"Trying {python}; this takes a few seconds.")
        self._running.run(choose)
        self.button.setEnabled(False)
