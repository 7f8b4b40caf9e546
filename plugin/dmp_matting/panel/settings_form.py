"""Rows for settings, made from the metadata of Settings: a new setting appears by itself.

Every row starts as "the preset's own"; only what the artist touched counts.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Callable, Dict, List, Optional, Tuple

from Qt import QtCore, QtWidgets

from ..settings import Settings, Value

OWN = "as the preset"


class Field:
    """One setting's widget: how to show the preset's own value, and how to read the artist's."""

    def __init__(
        self,
        widget: QtWidgets.QWidget,
        show_own: Callable[[str], Any],
        read: Callable[[], Optional[Value]],
    ) -> None:
        self.widget, self.show_own, self.read = widget, show_own, read


def choice_field(values: Dict[str, Value]) -> Field:
    """One of ``values``, by their labels."""
    box = QtWidgets.QComboBox()
    box.addItem(OWN)
    box.addItems(list(values))

    def show_own(text: str) -> None:
        box.setItemText(0, text)

    def read() -> Optional[Value]:
        return values[box.currentText()] if box.currentIndex() > 0 else None

    return Field(box, show_own, read)


def number_field(low: float, high: float, whole: bool) -> Field:
    """A number; one step below the lowest stands for the preset's own."""
    box: Any = _QuietInt() if whole else _QuietFloat()
    if whole:
        box.setRange(int(low) - 1, int(high))
    else:
        box.setDecimals(6)
        box.setRange(low - 1, high)
    box.setValue(box.minimum())
    box.setSpecialValueText(OWN)

    def read() -> Optional[Value]:
        value: Value = box.value()
        return None if value == box.minimum() else value

    return Field(box, box.setSpecialValueText, read)


def text_field() -> Field:
    """Free text; empty stands for the preset's own."""
    line = QtWidgets.QLineEdit()
    line.setPlaceholderText(OWN)
    return Field(line, line.setPlaceholderText, lambda: line.text().strip() or None)


def field_of(spec: dataclasses.Field[Any]) -> Field:
    """The widget that suits a field of Settings."""
    about = spec.metadata
    if about["choices"]:
        return choice_field({choice: choice for choice in about["choices"]})
    if isinstance(spec.default, bool):
        return choice_field({"on": True, "off": False})
    if isinstance(spec.default, (int, float)):
        return number_field(about["low"], about["high"], isinstance(spec.default, int))
    return text_field()


class SettingsForm(QtWidgets.QWidget):
    """All settings but the preset itself: the basic ones, the rest on request."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: Dict[str, Field] = {}
        self._rest: List[Tuple[QtWidgets.QLabel, QtWidgets.QWidget]] = []
        form = QtWidgets.QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        self.more = QtWidgets.QCheckBox("All settings")
        self.more.toggled.connect(self.show_rest)
        specs = [spec for spec in dataclasses.fields(Settings) if spec.name != "preset"]
        for spec in sorted(specs, key=lambda s: (not s.metadata["basic"], s.metadata["group"])):
            field = self.fields[spec.name] = field_of(spec)
            label = QtWidgets.QLabel(spec.metadata["label"])
            equation = spec.metadata["equation"]
            paper = f" (paper: eq. {equation})" if equation[:1].isdigit() else ""
            for part in (label, field.widget):
                part.setToolTip(spec.metadata["help"] + paper)
            if not spec.metadata["basic"]:
                if not self._rest:
                    form.addRow(self.more)
                self._rest.append((label, field.widget))
            form.addRow(label, field.widget)
        self.show_rest(False)

    def show_rest(self, wanted: bool) -> None:
        for label, widget in self._rest:
            label.setVisible(wanted)
            widget.setVisible(wanted)

    def show_preset(self, settings: Optional[Settings]) -> None:
        """What untouched rows stand for; None where only the engine will know."""
        for name, field in self.fields.items():
            if settings is None:
                field.show_own(OWN)
                continue
            value = getattr(settings, name)
            text = ("on" if value else "off") if isinstance(value, bool) else str(value)
            field.show_own(f"{text} ({settings.preset})")

    def changes(self) -> Dict[str, Value]:
        """What the artist touched."""
        read = {name: field.read() for name, field in self.fields.items()}
        return {name: value for name, value in read.items() if value is not None}


def _needs_focus(kind: Any) -> Any:
    """``kind`` of a number's field, which scrolling the form past it does not change."""

    class Quiet(kind):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.setFocusPolicy(QtCore.Qt.FocusPolicy.StrongFocus)

        def wheelEvent(self, event: Any) -> None:
            if self.hasFocus():
                super().wheelEvent(event)
            else:
                event.ignore()

    return Quiet


_QuietInt = _needs_focus(QtWidgets.QSpinBox)
_QuietFloat = _needs_focus(QtWidgets.QDoubleSpinBox)
