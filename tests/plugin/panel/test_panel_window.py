"""`dmp gui`: from files to a file, watched; what it says when something is missing; its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from dataclasses import fields
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_matting import Settings, preset
from dmp_matting.client.connection import Connection
from dmp_matting.client.launcher import find_engine
from dmp_matting.job import Role

from ...conftest import Home, Pair, engine_jobs, kill, wait_until
from ...processes import Processes
from ...scenes import write_image
from .qtapp import QtCore, QtGui, QtWidgets, application, qt, turn

from dmp_matting.panel.settings_form import SettingsForm  # isort: skip  # wants Qt, or the tests are skipped above
from dmp_matting.panel.viewer import ViewMode, composed  # isort: skip
from dmp_matting.panel.request import suggested_output  # isort: skip
from dmp_matting.panel.window import MatteWindow  # isort: skip

__all__ = ["qt"]
pytestmark = pytest.mark.usefixtures("qt")
ROOT = Path(__file__).resolve().parents[3]
FOREVER = 1_000_000


# Of paper, whose steps make a job as long as a test wants it.
FEW = {"threads": 1, "rounds": 1, "fit_steps": 1, "joint_steps": 5, "projection_steps": 1}


def open_window(pair: Pair, output: Path, named: str = "paper", **settings: int) -> MatteWindow:
    """With the pair's files and a preset, on one thread and with a few steps."""
    window = MatteWindow()
    window.show()
    window.form.files[Role.IMAGE].set_path(str(pair.image))
    window.form.files[Role.CLEAN].set_path(str(pair.clean))
    window.form.output.set_path(str(output))
    window.form.preset.setCurrentText(named)
    for name, value in {**FEW, **settings}.items():
        window.form.settings.fields[name].widget.setValue(value)  # type: ignore[attr-defined]
    return window


def jobs(engine: Connection) -> list[str]:
    return [job["id"] for job in engine_jobs(engine) if job["state"] not in ("cancelled", "done")]


def test_from_files_to_a_result_that_is_seen(engine: Connection, tmp_path: Path) -> None:
    pair, output = Pair(tmp_path, 96, 64, seed=71), tmp_path / "out.exr"
    window = open_window(pair, output, "final")
    window.form.matte.click()
    assert window.task is not None and not window.form.matte.isEnabled()
    turn(60, lambda: window.panel.picture.layers is not None)
    turn(60, lambda: "solving" in window.form.bar.format())
    turn(90, lambda: window.task is None)
    assert window.panel.message.text().startswith(f"Wrote {output} (")
    assert window.form.matte.isEnabled() and window.form.bar.format() == "done, %p %"
    turn(30, lambda: "preset final on cpu" in window.panel.picture.caption.text())

    # What is shown is what was written.
    written = np.asarray(oiio.ImageBuf(str(output)).get_pixels("float"))[..., 3]
    shown = window.panel.picture.layers
    assert shown is not None
    grey = composed(shown, ViewMode.ALPHA, QtGui.QColor("black"))
    for y, x in ((32, 48), (3, 3), (32, 26), (12, 48)):
        assert abs(grey.pixelColor(x, y).red() / 255 - written[y, x]) < 0.01
    assert written[32, 48] > 0.9 > 0.1 > written[3, 3]
    assert jobs(engine) == []

    window.form.matte.click()  # once more: the engine's cache has it
    turn(30, lambda: window.task is None)
    assert window.panel.message.text() == f"Wrote {output} (from the cache)."


def test_cancel(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    window = open_window(pair, tmp_path / "o.exr", joint_steps=FOREVER)
    window.form.matte.click()
    turn(60, lambda: "solving" in window.form.bar.format())
    window.form.cancel.click()
    turn(20, lambda: window.task is None)
    assert window.panel.message.text() == "Cancelled; nothing was written."
    assert not (tmp_path / "o.exr").exists()
    wait_until(lambda: jobs(engine) == [], 10)


def test_closing_in_the_middle_ends_the_job(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    window = open_window(pair, tmp_path / "o.exr", joint_steps=FOREVER, seed=1)
    window.form.matte.click()
    turn(60, lambda: "solving" in window.form.bar.format())
    assert len(jobs(engine)) == 1
    start = time.monotonic()
    window.close()
    assert time.monotonic() - start < 6
    wait_until(lambda: jobs(engine) == [], 10)
    assert not (tmp_path / "o.exr").exists()


def test_what_it_shows_when_something_is_wrong(
    engine: Connection, pair: Pair, tmp_path: Path
) -> None:
    window = open_window(pair, tmp_path / "o.exr")
    files, output = window.form.files, window.form.output

    def sentence() -> str:
        window.form.matte.click()
        turn(30, lambda: window.task is None)
        assert "e5736f" in window.panel.message.styleSheet()
        return str(window.panel.message.text())

    files[Role.CORE].set_path(str(tmp_path / "none.exr"))
    assert sentence() == f"The core matte {tmp_path}/none.exr does not exist."
    files[Role.CORE].set_path("")
    output.set_path(str(pair.image))
    assert sentence() == "The output would overwrite the plate; give it another name."
    assert pair.image.stat().st_size > 0
    output.set_path("")
    assert sentence() == "Choose where to write the result."
    output.set_path(str(tmp_path / "no" / "o.exr"))
    assert sentence() == f"The folder '{tmp_path}/no' does not exist; make it first."
    output.set_path(str(tmp_path / "o.exr"))
    window.form.space.setCurrentText("no such space")
    assert "no such space" in sentence()
    window.form.space.setCurrentText("auto")
    other = write_image(tmp_path / "small.exr", np.zeros((20, 20, 3)))
    files[Role.CLEAN].set_path(str(other))
    assert "20 x 20" in sentence()
    files[Role.CLEAN].set_path("")
    assert sentence() == "Choose the clean plate first."
    files[Role.IMAGE].set_path("")
    assert sentence() == "Choose the plate first."


def test_no_engine(home: Home, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMP_ENGINE_PYTHON", "/no/such/python")
    window = open_window(pair, tmp_path / "o.exr")
    window.form.matte.click()
    turn(20, lambda: window.task is None)
    assert "/no/such/python" in window.panel.message.text()


def test_an_engine_that_is_killed_in_the_middle(home: Home, pair: Pair, tmp_path: Path) -> None:
    """The window has another one started, and the job goes on."""
    window = open_window(pair, tmp_path / "o.exr", joint_steps=200)
    window.form.matte.click()
    turn(90, lambda: "solving" in window.form.bar.format())
    before = find_engine()
    assert before is not None
    kill(before.pid)
    turn(120, lambda: window.task is None)
    assert window.panel.message.text().startswith("Wrote "), window.panel.message.text()
    after = find_engine()
    assert after is not None and after.pid != before.pid
    turn(20, lambda: window.panel.picture.caption.text() == "48 x 32, preset paper on cpu")


# --- the form ----------------------------------------------------------------------------------


def test_settings_come_from_the_metadata_and_only_touched_ones_are_handed_on() -> None:
    form = SettingsForm()
    form.show()
    assert set(form.fields) == {spec.name for spec in fields(Settings)} - {"preset"}
    assert form.changes() == {}
    shown = {name for name, knob in form.fields.items() if knob.widget.isVisible()}
    assert shown == {s.name for s in fields(Settings) if s.metadata["basic"]} - {"preset"}
    form.more.setChecked(True)
    assert all(knob.widget.isVisible() for knob in form.fields.values())
    form.show_preset(preset("draft"))
    assert form.fields["solve_size"].widget.text() == "960 (draft)"  # type: ignore[attr-defined]

    values = {
        "seed": 2**31 - 1, "learning_rate": 0.000125, "projection": True, "device": "cpu",
        "alpha_init": "simple", "joint_steps": 0,
    }  # fmt: skip
    for name, value in values.items():
        widget = form.fields[name].widget
        if isinstance(value, bool):
            widget.setCurrentText("on" if value else "off")  # type: ignore[attr-defined]
        elif isinstance(value, str) and hasattr(widget, "setCurrentText"):
            widget.setCurrentText(value)
        elif isinstance(value, str):
            widget.setText(value)  # type: ignore[attr-defined]
        else:
            widget.setValue(value)  # type: ignore[attr-defined]
    assert form.changes() == values
    assert preset("draft").changed(**form.changes()).learning_rate == 0.000125


def test_mattes_colour_space_and_preset_reach_the_job(pair: Pair, tmp_path: Path) -> None:
    window = open_window(pair, tmp_path / "o.exr")
    window.form.files[Role.GARBAGE].set_path(str(pair.clean))
    window.form.files[Role.CORE].set_path(str(pair.image))
    window.form.files[Role.HOLDOUT].set_path(str(pair.image))
    window.form.files[Role.TRIMAP].set_path(str(pair.clean))
    window.form.space.setCurrentText("ACEScg")
    job, outputs = window.form.request().job()
    assert [(p.role, p.path, p.colour_space) for p in job.frames[0].plates] == [
        (Role.IMAGE, str(pair.image), "ACEScg"),
        (Role.CLEAN, str(pair.clean), "ACEScg"),
        (Role.GARBAGE, str(pair.clean), "raw"),
        (Role.CORE, str(pair.image), "raw"),
        (Role.HOLDOUT, str(pair.image), "raw"),
        (Role.TRIMAP, str(pair.clean), "raw"),
    ]
    assert outputs == {1: str(tmp_path / "o.exr")} and job.settings_on_cpu is None
    assert job.settings == preset("paper").changed(**FEW)
    window.form.preset.setCurrentText("auto")
    job, _ = window.form.request().job()
    assert job.settings == preset("final").changed(**FEW)
    assert job.settings_on_cpu == preset("draft").changed(**FEW)


def test_dropping_a_plate_names_the_output(tmp_path: Path) -> None:
    window = MatteWindow()
    window.show()
    line = window.form.files[Role.IMAGE].line
    data = QtCore.QMimeData()
    data.setUrls([QtCore.QUrl.fromLocalFile(str(tmp_path / "shot 1.exr"))])
    how = (
        QtCore.Qt.DropAction.CopyAction, data,
        QtCore.Qt.MouseButton.LeftButton, QtCore.Qt.KeyboardModifier.NoModifier,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # QPoint; older Qt has no other way
        enter = QtGui.QDragEnterEvent(QtCore.QPoint(5, 5), *how)
    application.sendEvent(line, enter)
    assert enter.isAccepted()
    drop = QtGui.QDropEvent(QtCore.QPointF(5, 5), *how)
    application.sendEvent(line, drop)
    assert window.form.request().plates[Role.IMAGE] == str(tmp_path / "shot 1.exr")
    assert window.form.output.path == str(tmp_path / "shot 1.matte.exr")
    window.form.output.set_path("/mine.exr")
    line.setText(str(tmp_path / "other.exr"))
    assert window.form.output.path == "/mine.exr"  # what the artist wrote stays
    assert suggested_output("") == ""


def test_a_file_of_something_else_is_replaced_only_after_a_question(
    pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, asked = tmp_path / "o.exr", []

    def question(parent: object, title: str, text: str) -> object:
        asked.append(text)
        return QtWidgets.QMessageBox.StandardButton.No

    monkeypatch.setattr(QtWidgets.QMessageBox, "question", question)
    content = write_image(output, np.zeros((4, 4, 3), np.float32)).read_bytes()
    window = open_window(pair, output)
    window.form.matte.click()
    assert asked == [
        f"This overwrites 1 file of something else: {output} was not made by DMP. Go on?"
    ]
    assert window.task is None and output.read_bytes() == content
    assert window.panel.message.text() == "Nothing was overwritten."


# --- the command -------------------------------------------------------------------------------


def gui(start_process: Processes, *arguments: object, **more: str) -> subprocess.Popen[str]:
    roots = os.pathsep.join(
        filter(None, [more.pop("first", ""), str(ROOT / "plugin"), str(ROOT / "engine")])
    )
    return start_process(
        [sys.executable, "-m", "dmp_matting.cli", "gui", *arguments],
        env={**os.environ, "PYTHONPATH": roots, "COLUMNS": "200", **more},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_the_command_opens_a_window_and_ctrl_c_closes_it(
    engine: Connection, pair: Pair, start_process: Processes
) -> None:
    process = gui(start_process, pair.image, "--clean", pair.clean)
    loaded = Path(f"/proc/{process.pid}/maps")
    took = wait_until(lambda: "libqoffscreen" in loaded.read_text(), 60)
    time.sleep(max(1.0, took))  # the window itself, also on a busy machine
    assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0 and "Traceback" not in err, err


def test_the_command_without_a_screen_or_without_qt(
    tmp_path: Path, start_process: Processes
) -> None:
    nowhere = gui(start_process, DISPLAY="", WAYLAND_DISPLAY="", QT_QPA_PLATFORM="")
    _, err = nowhere.communicate(timeout=30)
    assert nowhere.returncode == 3
    assert err == "There is no display to open a window on; use `dmp matte` here.\n"
    (tmp_path / "Qt.py").write_text("raise ImportError('No Qt binding were found')")
    without = gui(start_process, first=str(tmp_path))
    _, err = without.communicate(timeout=30)
    assert (
        without.returncode == 3
        and "-m pip install 'Qt.py>=2.0' 'PySide6-Essentials" in err
        and "Traceback" not in err
    )
