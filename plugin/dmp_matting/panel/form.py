"""The form of the stand-alone window: plates, preset, settings, output."""

from __future__ import annotations

from typing import Dict

from Qt import QtCore, QtWidgets

from ..job import Role
from ..presets import AUTO, DESCRIPTIONS, PRESETS, preset
from .file_field import FileField
from .request import Request, suggested_output
from .settings_form import SettingsForm

ABOUT_AUTO = "The preset final on a GPU, draft on a CPU."
SPACES = {
    "auto": "Scene-linear for EXR, sRGB for 8-bit files.",
    "raw": "Values are solved as they are stored.",
}
PICTURES = "Pictures (*.exr *.png *.tif *.tiff *.jpg *.jpeg *.dpx *.hdr);;All files (*)"


class Form(QtWidgets.QWidget):
    """The artist's request. Its signals are its two buttons."""

    matte_requested = QtCore.Signal()
    cancel_requested = QtCore.Signal()

    def __init__(self) -> None:
        super().__init__()
        self._suggested = ""  # the output that was filled in for the artist
        rows = QtWidgets.QFormLayout()
        self.files: Dict[Role, FileField] = {}
        for role in Role:
            placeholder = "optional" if role.is_matte else "drop a file here"
            field = self.files[role] = FileField(placeholder, self._open_dialog)
            rows.addRow(role.called.capitalize(), field)
        self.files[Role.IMAGE].changed.connect(self._suggest_output)
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
        self.output = FileField("where the EXR is written", self._save_dialog)
        rows.addRow("Output", self.output)
        self.preset = QtWidgets.QComboBox()
        self.preset.addItems([AUTO, *PRESETS])
        self.about = QtWidgets.QLabel()
        self.about.setWordWrap(True)
        self.about.setEnabled(False)
        rows.addRow("Preset", self.preset)
        rows.addRow("", self.about)
        self.settings = SettingsForm()
        self.preset.currentTextChanged.connect(self._show_preset)
        self._show_preset(AUTO)

        self.matte = QtWidgets.QPushButton("Matte")
        self.matte.setDefault(True)
        self.matte.clicked.connect(self.matte_requested)
        self.cancel = QtWidgets.QPushButton("Cancel")
        self.cancel.clicked.connect(self.cancel_requested)
        buttons = QtWidgets.QHBoxLayout()
        buttons.addWidget(self.matte, 1)
        buttons.addWidget(self.cancel)
        self.bar = QtWidgets.QProgressBar()
        self.bar.setRange(0, 1000)

        inside = QtWidgets.QWidget()
        column = QtWidgets.QVBoxLayout(inside)
        column.addLayout(rows)
        column.addWidget(self.settings)
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
        """The form's values now."""
        return Request(
            {role: field.path for role, field in self.files.items()},
            self.output.path,
            self.space.currentText().strip() or "auto",
            self.preset.currentText(),
            self.settings.changes(),
        )

    def set_running(self, running: bool) -> None:
        self.matte.setEnabled(not running)
        self.cancel.setEnabled(running)
        self.bar.setValue(0)
        self.bar.setFormat("starting" if running else "")

    def show_progress(self, fraction: float, doing: str) -> None:
        """``doing`` names the stage: the fraction alone means little before the first step."""
        self.bar.setValue(round(1000 * fraction))
        self.bar.setFormat(f"{doing}, %p %" if fraction > 0 else doing)

    def _show_preset(self, name: str) -> None:
        self.about.setText(ABOUT_AUTO if name == AUTO else DESCRIPTIONS[name])
        self.settings.show_preset(None if name == AUTO else preset(name))

    def _suggest_output(self, image: str) -> None:
        """Follow the plate as long as the artist has not named an output."""
        if self.output.path == self._suggested:
            self._suggested = suggested_output(image.strip())
            self.output.set_path(self._suggested)

    def _open_dialog(self, now: str) -> str:
        return str(QtWidgets.QFileDialog.getOpenFileName(self, "Choose a file", now, PICTURES)[0])

    def _save_dialog(self, now: str) -> str:
        return str(
            QtWidgets.QFileDialog.getSaveFileName(self, "Write to", now, "OpenEXR (*.exr)")[0]
        )
