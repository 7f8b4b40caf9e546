"""The stand-alone window of `dmp gui`: the form, and the panel beside it."""

from __future__ import annotations

import signal
import tempfile
from pathlib import Path
from typing import Mapping, Optional

from Qt import QtCore, QtGui, QtWidgets

from ..client.background_job import BackgroundJob
from ..client.engine_process import Notice, query_engine
from ..errors import CancelledError, DmpError, EngineError
from ..job import Layers, Progress, Role
from ..operating_system import has_screen
from ..shots.up_to_date import overwrites
from .background import BackgroundJobs, Outcome
from .form import Form
from .panel import TICK, DmpPanel

ENDING = 5.0  # seconds that closing waits for the job to end


def result_picture(layers: Layers) -> Outcome:
    """The finished frame as PNG, made by the engine's Python: this one reads no EXR."""
    with tempfile.TemporaryDirectory(prefix="dmp-") as folder:
        picture = Path(folder, "result.png")
        query_engine("picture", layers.path, "--output", str(picture))
        try:
            png = picture.read_bytes()
        except OSError as reason:
            raise EngineError(
                f"The picture of {layers.path} got lost ({reason.strerror})."
            ) from None
    used = f"preset {layers.settings.preset} on {layers.device}"
    return Outcome(f"{layers.width} x {layers.height}, {used}", value=png)


class MatteWindow(QtWidgets.QWidget):
    """One plate's matte from files to file. Closing it ends its job."""

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("DMP matting")
        self.resize(1120, 720)
        self.form, self.panel = Form(), DmpPanel()
        self.task: Optional[BackgroundJob] = None
        self._pictures = BackgroundJobs()
        halves = QtWidgets.QSplitter()
        halves.addWidget(self.form)
        halves.addWidget(self.panel)
        halves.setSizes([400, 720])
        row = QtWidgets.QHBoxLayout(self)
        row.addWidget(halves)
        self.form.matte_requested.connect(self.start)
        self.form.cancel_requested.connect(self.cancel)
        self._timer = QtCore.QTimer(self)
        self._timer.setInterval(TICK)
        self._timer.timeout.connect(self.poll)
        self._timer.start()

    def start(self) -> None:
        """Start the form's matte, or show what it lacks."""
        if self.task is not None:
            return
        try:
            job, outputs = self.form.request().job()
        except DmpError as error:
            self.panel.show_message(str(error), failed=True)
            return
        others = overwrites({outputs[1]: [job.frames[0].plates[0].path]})
        if others and not self._agrees(f"{others} Go on?"):
            self.panel.show_message("Nothing was overwritten.")
            return
        self.task = BackgroundJob(job, outputs)
        self.form.set_running(True)
        self.panel.picture.clear()
        self.panel.follow()
        self.panel.show_message("Sending the plates to the engine.")

    def _agrees(self, question: str) -> bool:
        """Ask the artist."""
        box = QtWidgets.QMessageBox
        answer = box.question(self, "Overwrite", question)
        return bool(answer == box.StandardButton.Yes)

    def cancel(self) -> None:
        """End the job; the window goes on."""
        if self.task is not None:
            self.task.cancel()
            self.panel.show_message("Cancelling.")

    def poll(self) -> None:
        """Show the events of the job; never waits."""
        for outcome in self._pictures.poll():
            if outcome.failed:
                self.panel.show_message(outcome.sentence, failed=True)
            else:
                self.panel.keep(outcome.value, outcome.sentence)
        if self.task is None:
            return
        for event in self.task.poll():
            if isinstance(event, Progress):
                self.form.show_progress(event.fraction, event.stage.called)
            elif isinstance(event, Notice):
                self.panel.show_message(event)
        if self.task is not None and self.task.done:
            self._end(self.task)

    def _end(self, task: BackgroundJob) -> None:
        self.task = None
        self.form.set_running(False)
        try:
            (layers,) = task.result()
        except CancelledError:
            self.panel.show_message("Cancelled; nothing was written.")
            return
        except DmpError as error:
            self.panel.show_message(str(error), failed=True)
            return
        self.form.show_progress(1.0, "done")
        seconds = layers.seconds.get("total", 0.0)
        took = f"{seconds:.1f} s" if seconds else "from the cache"
        sentences = [f"Wrote {layers.path} ({took}).", *layers.warnings, *layers.notes]
        self.panel.show_message(" ".join(sentences))
        self._pictures.run(lambda: result_picture(layers))

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:
        self._timer.stop()
        task, self.task = self.task, None
        if task is not None:
            task.cancel()
            task.wait(ENDING)
        super().closeEvent(event)


def run(files: Mapping[Role, str], output: str = "") -> int:
    """Show the window until it is closed; the exit code."""
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(["dmp"])
    assert isinstance(application, QtWidgets.QApplication)
    application.setStyle("Fusion")
    application.setPalette(dark())
    window = MatteWindow()
    for role, path in files.items():
        window.form.files[role].set_path(path)
    if output:
        window.form.output.set_path(output)
    window.show()
    # Ctrl-C closes like the button; Python sees it at the next tick of a timer.
    signal.signal(signal.SIGINT, lambda *_: window.close())
    return int(application.exec_())


def dark() -> QtGui.QPalette:
    """Grey, as compositors' own rooms are: a matte is not judged beside white."""
    role, palette = QtGui.QPalette.ColorRole, QtGui.QPalette()
    shades = {
        role.Window: "#2b2d2f", role.Base: "#232527", role.AlternateBase: "#2b2d2f",
        role.Button: "#3a3d40", role.WindowText: "#d8d8d8", role.Text: "#d8d8d8",
        role.ButtonText: "#d8d8d8", role.PlaceholderText: "#7c8084",
        role.ToolTipBase: "#3a3d40", role.ToolTipText: "#d8d8d8",
        role.Highlight: "#3f77a8", role.HighlightedText: "#ffffff",
    }  # fmt: skip
    for part, shade in shades.items():
        palette.setColor(part, QtGui.QColor(shade))
    for part in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QtGui.QPalette.ColorGroup.Disabled, part, QtGui.QColor("#808488"))
    return palette


def can_be_shown() -> bool:
    """False where a window would end the program: Linux without a display."""
    return has_screen()
