"""The matte on screen: alpha, straight foreground, or the subject over a colour.

What comes in is a picture as displayed, straight foreground and alpha. Over a colour it is
composited as displayed too; a comp in linear light has slightly brighter edges.
"""

from __future__ import annotations

import enum
from typing import Optional

from Qt import QtGui, QtWidgets

from .canvas import Canvas
from .plain import PlainLabel

GREY = "#7f7f7f"


class ViewMode(enum.Enum):
    """Which of the layers is shown."""

    ALPHA = "Alpha"
    FOREGROUND = "Foreground"
    OVER = "Over colour"


def composed(layers: QtGui.QImage, mode: ViewMode, colour: QtGui.QColor) -> QtGui.QImage:
    """``layers`` (straight RGBA) as an opaque picture."""
    straight = layers.convertToFormat(QtGui.QImage.Format.Format_ARGB32)
    if mode is ViewMode.FOREGROUND:
        return straight.convertToFormat(QtGui.QImage.Format.Format_RGB32)
    if mode is ViewMode.ALPHA:
        # Alpha's bytes as grey, without a loop over pixels: white over black, held by alpha.
        white = QtGui.QImage(straight.size(), QtGui.QImage.Format.Format_ARGB32_Premultiplied)
        white.fill(QtGui.QColor("white"))
        painter = QtGui.QPainter(white)
        painter.setCompositionMode(QtGui.QPainter.CompositionMode.CompositionMode_DestinationIn)
        painter.drawImage(0, 0, straight)
        painter.end()
        straight, colour = white, QtGui.QColor("black")
    shown = QtGui.QImage(straight.size(), QtGui.QImage.Format.Format_RGB32)
    shown.fill(colour)
    painter = QtGui.QPainter(shown)
    painter.drawImage(0, 0, straight)
    painter.end()
    return shown


class Picture(QtWidgets.QWidget):
    """The canvas, the buttons that choose what it shows, and a caption."""

    def __init__(self) -> None:
        super().__init__()
        self.layers: Optional[QtGui.QImage] = None
        self.mode, self.colour = ViewMode.ALPHA, QtGui.QColor(GREY)
        self.canvas = Canvas()
        self.caption = PlainLabel()
        self.buttons = {}
        bar = QtWidgets.QHBoxLayout()
        group = QtWidgets.QButtonGroup(self)
        for mode in ViewMode:
            button = QtWidgets.QToolButton()
            button.setText(mode.value)
            button.setCheckable(True)
            button.setStyleSheet("QToolButton:checked { background: palette(highlight); }")
            button.setChecked(mode is self.mode)
            button.clicked.connect(lambda _=False, mode=mode: self.choose(mode))
            group.addButton(button)
            bar.addWidget(button)
            self.buttons[mode] = button
        self.swatch = QtWidgets.QToolButton()
        self.swatch.setToolTip("The colour behind the subject.")
        self.swatch.clicked.connect(self._open_dialog)
        bar.addWidget(self.swatch)
        bar.addStretch(1)
        bar.addWidget(self.caption)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.canvas, 1)
        column.addLayout(bar)
        self.choose_colour(self.colour)

    def show_png(self, png: bytes, caption: str) -> bool:
        """Show RGBA layers; False, and nothing changes, when ``png`` is no picture."""
        image = QtGui.QImage.fromData(png)
        if image.isNull():
            return False
        self.layers = image
        self.caption.setText(caption)
        self._refresh()
        return True

    def clear(self) -> None:
        self.layers = None
        self.caption.clear()
        self._refresh()

    def choose(self, mode: ViewMode) -> None:
        self.mode = mode
        self.buttons[mode].setChecked(True)
        self._refresh()

    def choose_colour(self, colour: QtGui.QColor) -> None:
        """The colour behind the subject."""
        self.colour = colour
        patch = QtGui.QPixmap(14, 14)
        patch.fill(colour)
        self.swatch.setIcon(QtGui.QIcon(patch))
        self._refresh()

    def _open_dialog(self) -> None:
        chosen = QtWidgets.QColorDialog.getColor(self.colour, self)
        if chosen.isValid():
            self.choose_colour(chosen)
            self.choose(ViewMode.OVER)

    def _refresh(self) -> None:
        if self.layers is None:
            self.canvas.show_image(None)
        else:
            self.canvas.show_image(composed(self.layers, self.mode, self.colour))
