"""The queue: a row for each job that is not over, with its progress and a way to end it."""

from __future__ import annotations

import re
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple

from Qt import QtCore, QtGui, QtWidgets

from ..job import JobState, stage_called
from .plain import PlainLabel, plain_tip

FULL = 1000  # of a progress bar


def in_order(jobs: Sequence[Dict[str, Any]]) -> Tuple[Dict[str, Any], ...]:
    """Running jobs, then those that wait by their place, then those still being sent."""

    def place(job: Dict[str, Any]) -> Tuple[int, float]:
        states = (JobState.RUNNING.value, JobState.QUEUED.value)
        if job["state"] not in states:
            return 2, job["created"]
        position = job.get("position")
        return states.index(job["state"]), -1.0 if position is None else float(position)

    return tuple(sorted(jobs, key=place))


def status_text(job: Mapping[str, Any]) -> str:
    """What the job is doing, for its row."""
    if job["state"] == JobState.UPLOADING.value:
        return "sending the plates"
    if job["state"] == JobState.QUEUED.value:
        before = job.get("position")
        return f"waits, {before} before it" if before else "next"
    progress = job["progress"]
    if progress is None:
        return "starting"
    text = f"frame {progress['frame']}: {stage_called(progress['stage'])}"
    if progress["steps"] > 1:
        text += f" {progress['step']} of {progress['steps']}"
    if progress["eta"] is not None:
        text += f", {time_text(progress['eta'])} left"
    return text


def fraction(job: Mapping[str, Any]) -> float:
    """Of the whole job, [0, 1]."""
    running = job["progress"]["fraction"] if job["progress"] else 0.0
    return min(1.0, float(len(job["finished"]) + running) / len(job["frames"]))


def time_text(seconds: float) -> str:
    """Such as 40 s, 3 min, 1.5 h."""
    if seconds >= 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def file_name(path: str) -> str:
    """The last part of a path of any system."""
    return re.split(r"[/\\]", path)[-1]


class Row(QtWidgets.QFrame):
    """One job."""

    chosen = QtCore.Signal(str)
    cancel_requested = QtCore.Signal(str)

    def __init__(self, job: str) -> None:
        super().__init__()
        self.job = job
        self.name = PlainLabel()
        self.doing = PlainLabel()
        self.bar = QtWidgets.QProgressBar()
        self.bar.setRange(0, FULL)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        self.cancel = QtWidgets.QToolButton()
        self.cancel.setText("Cancel")
        self.cancel.clicked.connect(self._request_cancel)
        grid = QtWidgets.QGridLayout(self)
        grid.setContentsMargins(6, 4, 6, 4)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self.name, 0, 0)
        grid.addWidget(self.doing, 0, 1, QtCore.Qt.AlignmentFlag.AlignRight)
        grid.addWidget(self.cancel, 0, 2, 2, 1)
        grid.addWidget(self.bar, 1, 0, 1, 2)

    def show_job(self, job: Mapping[str, Any]) -> None:
        frames = f"   {len(job['finished'])} of {len(job['frames'])} frames"
        self.name.setText(file_name(job["name"]) + (frames if len(job["frames"]) > 1 else ""))
        self.name.setToolTip(plain_tip(job["name"]))
        self.doing.setText(status_text(job))
        self.bar.setValue(round(FULL * fraction(job)))
        self.bar.setVisible(job["state"] == JobState.RUNNING.value)

    def mark(self, followed: bool) -> None:
        """Show whether this row's preview is the one that is shown."""
        shape = QtWidgets.QFrame.Shape
        self.setFrameShape(shape.Box if followed else shape.NoFrame)

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        self.chosen.emit(self.job)

    def _request_cancel(self) -> None:
        self.cancel.setEnabled(False)
        self.doing.setText("ending")
        self.cancel_requested.emit(self.job)


class Queue(QtWidgets.QScrollArea):
    """All rows. ``chosen`` and ``cancel_requested`` carry a job's id."""

    chosen = QtCore.Signal(str)
    cancel_requested = QtCore.Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.rows: Dict[str, Row] = {}
        self.empty = QtWidgets.QLabel("No jobs.")
        inside = QtWidgets.QWidget()
        self._column = QtWidgets.QVBoxLayout(inside)
        self._column.setContentsMargins(4, 4, 4, 4)
        self._column.addWidget(self.empty)
        self._column.addStretch(1)
        self.setWidget(inside)
        self.setWidgetResizable(True)
        self.setMinimumHeight(90)

    def show_jobs(self, jobs: Sequence[Dict[str, Any]], followed: Optional[str]) -> None:
        """The rows of ``jobs``, in order; the one of ``followed`` is marked."""
        ordered = in_order(jobs)
        for gone in set(self.rows) - {job["id"] for job in ordered}:
            row = self.rows.pop(gone)
            self._column.removeWidget(row)
            row.setParent(None)
            row.deleteLater()
        for place, job in enumerate(ordered):
            row = self.rows.get(job["id"]) or self._new_row(job["id"])
            if self._column.indexOf(row) != place:
                self._column.insertWidget(place, row)
            row.show_job(job)
            row.mark(job["id"] == followed)
        self.empty.setVisible(not ordered)

    def _new_row(self, job: str) -> Row:
        row = self.rows[job] = Row(job)
        row.chosen.connect(self.chosen)
        row.cancel_requested.connect(self.cancel_requested)
        return row
