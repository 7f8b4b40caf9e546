"""The dockable panel with a real engine: queue, progress, preview, cancel, the engine's line."""

from __future__ import annotations

import gc
import os
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmp_matting import start_engine, stop_engine
from dmp_matting.client.background_job import BackgroundJob
from dmp_matting.client.connection import Connection, NotThere
from dmp_matting.client.engine_python import child_environment
from dmp_matting.client.engine_status import EngineStatus
from dmp_matting.client.install import records
from dmp_matting.client.install.installation import Plan
from dmp_matting.client.launcher import find_engine
from dmp_matting.job import PROTOCOL, STAGE_NAMES, Stage, stage_called
from dmp_matting.paths import read_config

from ...conftest import ENDLESS, QUICK, Home, Pair, wait_until
from ...packages import Index, index, plan, release
from ...processes import Processes
from .qtapp import QtCore, QtGui, application, qt, turn

from dmp_matting.panel import DmpPanel  # isort: skip  # wants Qt, or the tests are skipped above
from dmp_matting.panel.canvas import Canvas  # isort: skip
from dmp_matting.panel.job_queue import Row, in_order, status_text  # isort: skip
from dmp_matting.panel.viewer import ViewMode, composed  # isort: skip

__all__ = ["index", "plan", "qt", "release"]
pytestmark = pytest.mark.usefixtures("qt")
ROOT = Path(__file__).resolve().parents[3]


def open_panel() -> DmpPanel:
    panel = DmpPanel()
    panel.resize(640, 640)
    panel.show()
    return panel


def status(panel: DmpPanel) -> EngineStatus | None:
    return panel.engine.state.status if panel.engine.state is not None else None


def watching() -> int:
    return sum(thread.name == "dmp-watch" for thread in threading.enumerate())


def grabbed(panel: DmpPanel) -> np.ndarray:
    """The panel as it would be on a screen, (H, W, 3), 0 to 255."""
    image = panel.grab().toImage().convertToFormat(QtGui.QImage.Format.Format_RGB32)
    bits = np.frombuffer(image.constBits(), np.uint8)
    return bits.reshape(image.height(), image.bytesPerLine() // 4, 4)[:, : image.width(), :3]


def gone(engine: Connection, job: str) -> bool:
    try:
        return str(engine.request("GET", f"/v1/jobs/{job}")["state"]) == "cancelled"
    except NotThere:
        return True


# --- the queue ---------------------------------------------------------------------------------


def test_the_queue_its_progress_its_preview_and_cancelling(
    engine: Connection, tmp_path: Path
) -> None:
    folders = [tmp_path / name for name in ("one", "two", "three")]
    for folder in folders:
        folder.mkdir()
    tasks = [
        BackgroundJob(Pair(folder, seed=60 + n).job(ENDLESS), {1: str(folder / "out.exr")})
        for n, folder in enumerate(folders)
    ]
    try:
        panel = open_panel()
        # Two may wait before any of them runs, and before the third has come.
        turn(30, lambda: len(panel.queue.rows) == 3)
        turn(30, lambda: "2 waiting" in panel.engine.sentence.text())
        assert status(panel) is EngineStatus.BUSY and len(panel.queue.rows) == 3
        assert panel.engine.state is not None
        assert not panel.engine.button.isVisible()  # nobody stops an engine at work by accident

        first = next(iter(in_order(panel.engine.state.jobs)))["id"]
        row = panel.queue.rows[first]
        turn(30, lambda: "solving" in row.doing.text())
        before = row.doing.text()
        turn(10, lambda: row.doing.text() != before)
        waiting = {r.doing.text() for job, r in panel.queue.rows.items() if job != first}
        assert waiting == {"next", "waits, 1 before it"}

        turn(20, lambda: panel.picture.layers is not None)
        assert panel.picture.layers is not None
        assert (panel.picture.layers.width(), panel.picture.layers.height()) == (48, 32)
        assert panel.picture.caption.text() == "Frame 1, still converging"
        seen = panel.picture.layers
        turn(20, lambda: panel.picture.layers != seen)  # QImages compare by their pixels

        row.cancel.click()
        turn(20, lambda: first not in panel.queue.rows and len(panel.queue.rows) == 2)
        assert panel.message.text() == "The job was cancelled."
        assert gone(engine, first)
        turn(30, lambda: any("solving" in row.doing.text() for row in panel.queue.rows.values()))
        assert sum(task.wait(0) for task in tasks) == 1
        assert grabbed(panel).std() > 10
    finally:
        for task in tasks:
            task.cancel()
        assert all(task.wait(20) for task in tasks)
    turn(20, lambda: not panel.queue.rows and status(panel) is EngineStatus.READY)
    assert panel.queue.empty.isVisible()


def test_a_chosen_job_is_followed_until_it_is_over(
    engine: Connection, pair: Pair, tmp_path: Path
) -> None:
    task = BackgroundJob(pair.job(ENDLESS.changed(seed=3)), {1: str(tmp_path / "o.exr")})
    try:
        panel = open_panel()
        turn(30, lambda: bool(panel.queue.rows))
        (row,) = panel.queue.rows.values()
        row.chosen.emit(row.job)
        assert panel.followed == row.job
        panel.keep(b"no picture", "")
        turn(30, lambda: panel.picture.layers is not None)  # what is no picture keeps nothing
        shape = row.frameShape()
        assert shape == row.Shape.Box
    finally:
        task.cancel()
        task.wait(20)
    turn(20, lambda: panel.followed is None)


def test_closing_the_panel_ends_no_job_and_leaves_no_thread(
    engine: Connection, pair: Pair, tmp_path: Path
) -> None:
    task = BackgroundJob(pair.job(ENDLESS.changed(seed=4)), {1: str(tmp_path / "o.exr")})
    try:
        panel = open_panel()
        rows = panel.queue.rows
        turn(30, lambda: bool(rows))
        job = next(iter(rows))
        panel.close()
        wait_until(lambda: watching() == 0, 5)
        assert not gone(engine, job)
        panel.show()  # docked again
        turn(30, lambda: watching() == 1 and bool(rows))
        del panel
        gc.collect()  # a host drops its panel without closing it
        wait_until(lambda: watching() == 0, 5)
        assert not gone(engine, job)
    finally:
        task.cancel()
        task.wait(20)


def summary(**more: Any) -> dict[str, Any]:
    job = {
        "id": "a", "state": "running", "created": 1.0, "name": "/shots/a.exr", "frames": [1],
        "finished": [], "progress": None, "preview": None,
    }  # fmt: skip
    return {**job, **more}


def test_what_a_row_shows() -> None:
    progress = {"frame": 7, "stage": "joint", "step": 4, "steps": 60, "fraction": 0.1, "eta": 200}
    assert status_text(summary(progress=progress)) == "frame 7: solving 4 of 60, 3 min left"
    assert status_text(summary(progress={**progress, "stage": "later", "eta": None})) == (
        "frame 7: later 4 of 60"
    )
    assert status_text(summary()) == "starting"
    assert status_text(summary(state="uploading")) == "sending the plates"
    assert {*STAGE_NAMES} == {*Stage}
    assert stage_called("joint") == "solving" and stage_called("newer") == "newer"
    jobs = [
        summary(id="sent", state="uploading"),
        summary(id="second", state="queued", position=1),
        summary(id="runs"),
        summary(id="first", state="queued", position=0),
    ]
    assert [job["id"] for job in in_order(jobs)] == ["runs", "first", "second", "sent"]


# --- the picture -------------------------------------------------------------------------------


def test_a_name_from_outside_is_no_markup() -> None:
    row = Row("1")
    name = "/shows/<img src='x'><b>plate</b>.exr"
    row.show_job({"name": name, "frames": [1], "finished": [], "state": "queued", "progress": None})
    assert row.name.text() == "b>.exr"
    for label in (row.name, row.doing):
        assert label.textFormat() == QtCore.Qt.TextFormat.PlainText
    tip = QtGui.QTextDocument()
    tip.setHtml(row.name.toolTip())
    assert tip.toPlainText() == name


def test_alpha_foreground_and_over_a_colour() -> None:
    layers = QtGui.QImage(3, 1, QtGui.QImage.Format.Format_ARGB32)
    for x, alpha in enumerate((0, 51, 255)):
        layers.setPixelColor(x, 0, QtGui.QColor(200, 100, 40, alpha))

    def pixel(look: ViewMode, x: int) -> tuple[int, int, int]:
        colour = composed(layers, look, QtGui.QColor(0, 0, 255)).pixelColor(x, 0)
        return colour.red(), colour.green(), colour.blue()

    assert [pixel(ViewMode.ALPHA, x) for x in range(3)] == [
        (0, 0, 0),
        (51, 51, 51),
        (255, 255, 255),
    ]
    assert {pixel(ViewMode.FOREGROUND, x) for x in range(3)} == {(200, 100, 40)}
    assert pixel(ViewMode.OVER, 0) == (0, 0, 255) and pixel(ViewMode.OVER, 2) == (200, 100, 40)
    mixed = np.array([0.2 * 200, 0.2 * 100, 0.2 * 40 + 0.8 * 255])
    assert np.abs(np.array(pixel(ViewMode.OVER, 1)) - mixed).max() <= 2


def test_looking_closer() -> None:
    """The wheel keeps what is under the cursor; a double click fits again."""
    canvas = Canvas()
    canvas.resize(400, 300)
    canvas.show()
    canvas.zoom_by(2.0, QtCore.QPointF(0, 0))  # nothing to look at yet
    assert canvas.zoom == 1.0
    picture = QtGui.QImage(100, 50, QtGui.QImage.Format.Format_RGB32)
    picture.fill(QtGui.QColor("black"))
    picture.setPixelColor(10, 40, QtGui.QColor("white"))
    canvas.show_image(picture)
    assert canvas.place() == QtCore.QRectF(100, 100, 200, 100)  # enlarged no more than twice

    spot = QtCore.QPointF(100 + 10.5 * 2, 100 + 40.5 * 2)
    for _ in range(20):
        canvas.zoom_by(1.25, spot)
    shown = canvas.grab().toImage()
    assert shown.pixelColor(int(spot.x()), int(spot.y())).red() == 255
    assert shown.pixelColor(int(spot.x()), int(spot.y()) - 180).red() == 0
    canvas.move_by(QtCore.QPoint(-100, 0))
    moved = canvas.grab().toImage()
    assert moved.pixelColor(int(spot.x()) - 100, int(spot.y())).red() == 255

    def middle() -> tuple[float, float]:
        place = canvas.place()
        return (200 - place.left()) / place.width(), (150 - place.top()) / place.height()

    seen = middle()
    canvas.show_image(picture.scaled(400, 200))  # the result after its preview: the same part
    assert middle() == pytest.approx(seen)
    canvas.mouseDoubleClickEvent(None)
    assert canvas.zoom == 1.0 and canvas.place() == QtCore.QRectF(0, 50, 400, 200)
    canvas.zoom_by(0.5, spot)
    assert canvas.zoom == 1.0


# --- the engine's line -------------------------------------------------------------------------


def test_start_and_stop(home: Home) -> None:
    panel = open_panel()
    turn(10, lambda: status(panel) is EngineStatus.STOPPED)
    assert panel.engine.button.text() == "Start"
    panel.engine.button.click()
    assert not panel.engine.button.isEnabled()
    turn(60, lambda: status(panel) is EngineStatus.READY)
    assert panel.message.text() == "The engine has started."
    turn(5, panel.engine.button.isEnabled)
    assert panel.engine.button.text() == "Stop"
    panel.engine.button.click()
    turn(30, lambda: status(panel) is EngineStatus.STOPPED)
    assert find_engine() is None


def test_no_engine_and_choosing_one(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DMP_ENGINE_PYTHON", "/no/such/python")
    panel = open_panel()
    turn(10, lambda: status(panel) is EngineStatus.MISSING)
    assert "/no/such/python" in panel.engine.sentence.text()
    assert panel.engine.button.text() == "Install Engine…"
    monkeypatch.delenv("DMP_ENGINE_PYTHON")
    panel.engine.choose_python("/bin/true")
    turn(20, lambda: "has no DMP engine" in panel.message.text())
    assert "e5736f" in panel.message.styleSheet() and "engine_python" not in read_config()
    panel.engine.choose_python(sys.executable)
    turn(120, lambda: read_config().get("engine_python") == sys.executable)
    turn(10, lambda: panel.message.text().startswith("Hosts will use the engine of "))
    assert panel.message.styleSheet() == ""


def test_installing_one_and_cancelling(
    home: Home, plan: Plan, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.trouble = "slow"
    panel = open_panel()
    panel.engine.install(plan)
    assert panel.engine.button.text() == "Cancel"
    turn(60, index.stuck.is_set)
    turn(10, lambda: "Getting small (1 of 1)" in panel.engine.sentence.text())
    panel.engine.button.click()
    turn(20, lambda: panel.message.text().startswith("The installation was cancelled"))
    assert read_config() == {}
    index.trouble = ""
    index.going_on.set()
    panel.engine.install(plan)
    turn(60, lambda: panel.message.text().startswith("The engine is installed"))
    turn(10, lambda: status(panel) is EngineStatus.STOPPED)
    assert panel.engine.button.text() == "Start"
    # A program that is newer than the engine has the same button.
    monkeypatch.setattr(records, "__version__", "0.2.0")
    turn(10, lambda: panel.engine.button.text() == "Update Engine…")
    assert "older than this program" in panel.engine.sentence.text()


def test_an_engine_of_another_protocol_is_replaced(
    home: Home, tmp_path: Path, start_process: Processes
) -> None:
    """One that an older release left running."""
    for room in ("plugin", "engine"):
        shutil.copytree(ROOT / room, tmp_path / room)
    vocabulary = tmp_path / "plugin" / "dmp_matting" / "job.py"
    here = f"PROTOCOL = {PROTOCOL} "
    assert here in vocabulary.read_text()
    vocabulary.write_text(vocabulary.read_text().replace(here, "PROTOCOL = 0 "))
    home.run.mkdir(mode=0o700)
    roots = os.pathsep.join(str(tmp_path / room) for room in ("plugin", "engine"))
    old = start_process(
        [sys.executable, "-m", "dmp_engine", "serve", "--run-folder", home.run, "--cache-folder",
         home.cache],
        env={**child_environment(), "PYTHONPATH": roots},
    )  # fmt: skip
    panel = open_panel()
    turn(40, lambda: status(panel) is EngineStatus.BROKEN)
    assert "protocol 0" in panel.engine.sentence.text()
    assert panel.engine.button.text() == "Restart"
    panel.engine.button.click()
    turn(60, lambda: status(panel) is EngineStatus.READY)
    assert old.wait(10) is not None
    now = find_engine()
    assert now is not None and now.pid != old.pid


def test_an_engine_that_ends_while_it_is_looked_at(home: Home, pair: Pair, tmp_path: Path) -> None:
    start_engine()
    panel = open_panel()
    task = BackgroundJob(pair.job(QUICK), {1: str(tmp_path / "o.exr")})
    turn(60, lambda: task.wait(0))
    stop_engine(force=True)
    turn(20, lambda: status(panel) is EngineStatus.STOPPED)
    assert panel.message.text() == "" and application.activeModalWidget() is None
