"""One picture on a dark ground: the wheel zooms, dragging moves, a double click fits it again."""

from __future__ import annotations

from typing import Optional

from Qt import QtCore, QtGui, QtWidgets

NOTHING_YET = "The matte will be seen here while it converges."
LARGEST = 2.0  # screen pixels for one of the picture, when it is fitted
CLOSEST, STEP = 64.0, 1.25  # of the zoom, and of one click of the wheel


class Canvas(QtWidgets.QWidget):
    """``zoom`` is 1 where the picture is fitted; ``centre`` is what lies in the middle, [0, 1].

    Both are relative, so that a preview and the larger result that follows show the same part.
    """

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(240, 160)
        self.setSizePolicy(
            QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Expanding
        )
        self.setToolTip("The wheel zooms, dragging moves, a double click fits.")
        self.shown: Optional[QtGui.QImage] = None
        self.fit()

    def show_image(self, image: Optional[QtGui.QImage]) -> None:
        self.shown = image
        self.update()

    def fit(self) -> None:
        """The whole picture."""
        self.zoom, self.centre = 1.0, QtCore.QPointF(0.5, 0.5)
        self._dragged: Optional[QtCore.QPoint] = None
        self.update()

    def sizeHint(self) -> QtCore.QSize:
        return QtCore.QSize(480, 320)

    def place(self) -> QtCore.QRectF:
        """Where the picture lies on the widget."""
        if self.shown is None:
            return QtCore.QRectF()
        width, height = float(self.shown.width()), float(self.shown.height())
        scale = min(self.width() / width, self.height() / height, LARGEST) * self.zoom
        width, height = width * scale, height * scale
        left = self.width() / 2 - self.centre.x() * width
        top = self.height() / 2 - self.centre.y() * height
        return QtCore.QRectF(left, top, width, height)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), QtGui.QColor("#161718"))
        if self.shown is None:
            painter.setPen(QtGui.QColor("#8a9096"))
            painter.drawText(self.rect(), int(QtCore.Qt.AlignmentFlag.AlignCenter), NOTHING_YET)
        else:
            place = self.place()
            # Closer than fitted, an artist looks at pixels.
            smooth = place.width() / self.shown.width() <= LARGEST
            painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform, smooth)
            painter.drawImage(place, self.shown)
        painter.end()

    def zoom_by(self, factor: float, at: QtCore.QPointF) -> None:
        """Closer by ``factor``; what lies under ``at`` stays there."""
        before = self.place()
        if before.isEmpty():
            return
        factor = min(max(self.zoom * factor, 1.0), CLOSEST) / self.zoom
        self.zoom *= factor
        if self.zoom == 1.0:
            self.fit()
            return
        # (at - left) / width is the same before and after; the middle of the widget follows.
        away = QtCore.QPointF(at.x() - self.width() / 2, at.y() - self.height() / 2)
        self.centre += QtCore.QPointF(
            away.x() / before.width() * (1 - 1 / factor),
            away.y() / before.height() * (1 - 1 / factor),
        )
        self._stay_inside()

    def move_by(self, pixels: QtCore.QPoint) -> None:
        """Drag the picture along, where it is larger than the widget."""
        place = self.place()
        if self.zoom > 1.0 and not place.isEmpty():
            self.centre -= QtCore.QPointF(pixels.x() / place.width(), pixels.y() / place.height())
            self._stay_inside()

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:
        clicks = event.angleDelta().y() / 120
        self.zoom_by(STEP**clicks, QtCore.QPointF(self._cursor()))
        event.accept()

    # Of a mouse event PySide2 and PySide6 share no position that neither calls outdated.
    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:
        self._dragged = self._cursor()

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:
        if self._dragged is not None:
            now = self._cursor()
            self.move_by(now - self._dragged)
            self._dragged = now

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:
        self._dragged = None

    def mouseDoubleClickEvent(self, event: QtGui.QMouseEvent) -> None:
        self.fit()

    def _cursor(self) -> QtCore.QPoint:
        return self.mapFromGlobal(QtGui.QCursor.pos())

    def _stay_inside(self) -> None:
        self.centre = QtCore.QPointF(
            min(max(self.centre.x(), 0.0), 1.0), min(max(self.centre.y(), 0.0), 1.0)
        )
        self.update()
