"""A place for one file: its path, typed, chosen or dropped."""

from __future__ import annotations

from typing import Callable

from Qt import QtCore, QtGui, QtWidgets


def dropped_file(data: QtCore.QMimeData) -> str:
    """The first local file of what is being dragged, or nothing."""
    local = [url.toLocalFile() for url in data.urls() if url.isLocalFile()]
    return local[0] if local else ""


class PathLine(QtWidgets.QLineEdit):
    """A line that takes a dropped file as its path."""

    def dragEnterEvent(self, event: QtGui.QDragEnterEvent) -> None:
        if dropped_file(event.mimeData()):
            event.acceptProposedAction()

    def dragMoveEvent(self, event: QtGui.QDragMoveEvent) -> None:
        if dropped_file(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QtGui.QDropEvent) -> None:
        path = dropped_file(event.mimeData())
        if path:
            self.setText(path)
            event.acceptProposedAction()


class FileField(QtWidgets.QWidget):
    """The line and a button; ``choose`` opens the dialog and returns a path or nothing."""

    changed = QtCore.Signal(str)

    def __init__(self, placeholder: str, choose: Callable[[str], str]) -> None:
        super().__init__()
        self._open_dialog = choose
        self.line = PathLine()
        self.line.setPlaceholderText(placeholder)
        self.line.textChanged.connect(self.changed)
        button = QtWidgets.QToolButton()
        button.setText("…")
        button.clicked.connect(self._choose)
        row = QtWidgets.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, 1)
        row.addWidget(button)

    @property
    def path(self) -> str:
        return self.line.text().strip()

    def set_path(self, path: str) -> None:
        self.line.setText(path)

    def _choose(self) -> None:
        chosen = self._open_dialog(self.path)
        if chosen:
            self.set_path(chosen)
