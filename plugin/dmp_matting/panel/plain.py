"""Names and sentences from outside, shown as they are: Qt takes a text with tags for a page."""

from __future__ import annotations

import html

from Qt import QtCore, QtWidgets


class PlainLabel(QtWidgets.QLabel):
    """A label whose text is never markup."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(QtCore.Qt.TextFormat.PlainText)


def plain_tip(text: str) -> str:
    """``text`` for a tool tip, which has no format of its own."""
    return f"<p>{html.escape(text)}</p>"
