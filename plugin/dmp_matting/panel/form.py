"""The form of the stand-alone window: plates, preset, settings, output."""

from __future__ import annotations

from typing import Dict

from Qt import QtCore, QtWidgets

from ..job import Role
from ..presets import AUTO, DESCRIPTIONS, PRESETS, preset
from .file_field import Slot
from .request import Request, suggested_output
from .settings_form import Knobs

ABOUT_AUTO = "The preset final on a GPU, draft on a CPU."
SPACES = {
    "auto": "Scene-linear for EXR, sRGB for 8-bit files.",
    "raw": "Values are solved as they are stored.",
}
PICTURES = "Pictures (*.exr *.png *.tif *.tiff *.jpg *.jpeg *.dpx *.hdr);;All files (*)"


class Form(QtWidgets.QWidget):
    """What the artist asks for. ``wanted`` and ``unwanted``: the two buttons."""

    wanted = QtCore.Signal()
    unwanted = QtCore.Signal()

    def __init__(self) -> None:
        super().__init__()
        self._suggested = ""  # the output that was named for the artist
        rows = QtWidgets.QFormLayout()
        self.slots: Dict[Role, Slot] = {}
        for role in Role:
            constraint = "optional" if role.is_matte else "drop a file here"
            slot = self.slots[role] = Slot(constraint, self._ask_open)
            rows.addRow(role.called.capitalize(), slot)
        self.slots[Role.IMAGE].changed.connect(self._suggest_output)
        self.space = QtWidgets.QComboBox()
        self.space.setEditable(True)
        self.space.addItems(list(SPACES))
        self.space.setToolTip(
            "The plates' colour space: a name of the OCIO configuration, or "
            + "; ".join(
                f"{name}: {about[0].lower()}{about[1:-1]}" for name, about in SPACES.items()
            )
            + "."
        )
        rows.addRow("Colour space", self.space)
        self.output = Slot("where the EXR is written", self._ask_save)
        rows.addRow("Output", self.output)
        self.preset = QtWidgets.QComboBox()
        self.preset.addItems([AUTO, *PRESETS])
        self.about = QtWidgets.QLabel()
        self.about.setWordWrap(True)
        self.about.setEnabled(False)
        rows.addRow("Preset", self.preset)
        rows.addRow("", self.about)
        self.knobs = Knobs()
        self.preset.currentTextChanged.connect(self._show_preset)
        self._show_preset(AUTO)

        self.matte = QtWidgets.QPushButton("Matte")
        self.matte.setDefault(True)
        self.matte.clicked.connect(self.wanted)
        self.cancel = QtWidgets.QPushButton("Cancel")
        self.cancel.clicked.connect(self.unwanted)
        buttons = QtWidgets.QHBoxLayout()
        buttons.addWidget(self.matte, 1)
        buttons.addWidget(self.cancel)
        self.bar = QtWidgets.QProgressBar()
        self.bar.setRange(0, 1000)

        inside = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(inside)
        column.addLayout(rows)
        column.addWidget(self.knobs)
        column.addStretch(1)
        scroll = QtWidgets.QScrollArea()
        scroll.setWidget(inside)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QtWidgets.QFrame.Shape.NoFrame)
        whole = QtWidgets.QVBoxLayout(self)
        whole.addWidget(scroll, 1)
        whole.addWidget(self.bar)
        whole.addLayout(buttons)
        self.set_running(False)

    def request(self) -> Request:
        """What the form says now."""
        return Request(
            {role: slot.path for role, slot in self.slots.items()},
            self.output.path,
            self.space.currentText().strip() or "auto",
            self.preset.currentText(),
            self.knobs.changes(),
        )

    def set_running(self, running: bool) -> None:
        self.matte.setEnabled(not running)
        self.cancel.setEnabled(running)
        self.bar.setValue(0)
        self.bar.setFormat("starting" if running else "")

    def show_progress(self, fraction: float, doing: str) -> None:
        """``doing`` in words: the share of the steps says little before the first."""
        self.bar.setValue(round(1000 * fraction))
        self.bar.setFormat(f"{doing}, %p %" if fraction > 0 else doing)

    def _show_preset(self, name: str) -> None:
        self.about.setText(ABOUT_AUTO if name == AUTO else DESCRIPTIONS[name])
        self.knobs.show_preset(None if name == AUTO else preset(name))

    def _suggest_output(self, image: str) -> None:
        """Follow the plate as long as the artist has not named an output."""
        if self.output.path == self._suggested:
            self._suggested = suggested_output(image.strip())
            self.output.set_path(self._suggested)

    def _ask_open(self, now: str) -> str:
        return str(QtWidgets.QFileDialog.getOpenFileName(self, "Choose a file", now, PICTURES)[0])

    def _ask_save(self, now: str) -> str:
        return str(
            QtWidgets.QFileDialog.getSaveFileName(self, "Write to", now, "OpenEXR (*.exr)")[0]
        )
