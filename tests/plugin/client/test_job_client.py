"""The client against a real engine: plates up, progress, layers back, and what goes wrong."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_matting import (
    CancelledError,
    EngineError,
    InputError,
    Layers,
    MismatchError,
    OutputError,
    PlateError,
    Progress,
)
from dmp_matting.client.background_job import BackgroundJob
from dmp_matting.client.connection import Connection, EngineGone
from dmp_matting.client.engine_process import Notice
from dmp_matting.client.job_client import Matting, matte
from dmp_matting.generators import finish
from dmp_matting.job import Stage

from ...conftest import ENDLESS, QUICK, Pair, engine_jobs, wait_until
from ...scenes import write_image

ROOT = Path(__file__).resolve().parents[3]
CHANNELS = tuple("RGBA") + ("confidence.A", "foreground.R", "foreground.G", "foreground.B")


def test_layers_come_back(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    output = tmp_path / "out" / "matte.exr"
    output.parent.mkdir()
    # Enough steps to be seen: a reader gets the progress twenty times a second.
    settings = QUICK.changed(joint_steps=150)
    preview = str(tmp_path / "now.png")
    events = list(pair.matting(engine, output, settings, preview=preview).events())
    layers = [event for event in events if isinstance(event, Layers)]
    progress = [event for event in events if isinstance(event, Progress)]
    assert len(layers) == 1 and layers[0].path == str(output) and layers[0].device == "cpu"
    assert layers[0].channels == CHANNELS
    assert [event.fraction for event in progress] == sorted(event.fraction for event in progress)
    assert {Stage.JOINT} <= {event.stage for event in progress}
    written = oiio.ImageBuf(str(output))
    assert written.spec().channelnames == CHANNELS
    alpha = written.get_pixels("float")[..., 3]
    assert np.abs(alpha[2:30, 2:8]).max() < 0.5 < alpha[14:18, 22:26].min()
    assert os.listdir(output.parent) == ["matte.exr"]  # no half of a file beside it
    assert present(engine) == []


def test_many_frames_share_one_clean_plate(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    job = pair.job(frames=3, seed=3)
    outputs = {number: str(tmp_path / f"out.{number}.exr") for number in (1, 2, 3)}
    matting = Matting(job, outputs, connect=lambda: engine)
    sent = []
    for event in matting.events():
        if not sent:
            (summary,) = present(engine)
            sent = [plate["path"] for plate in summary["plates"]]
        if isinstance(event, Layers):
            assert Path(event.path).exists()  # as soon as it is reported
    images = [frame.plates[0].path for frame in job.frames]
    assert sent == [images[0], str(pair.clean), *images[1:]]
    assert all(Path(path).exists() for path in outputs.values())


def test_the_simple_call_returns_the_layers(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    work = matte(pair.job(seed=4), {1: str(tmp_path / "out.exr")})
    events: list[object] = []
    found = finish(work, events.append)
    assert events and all(isinstance(event, Progress) for event in events)
    assert [layers.frame for layers in found] == [1]


def test_on_a_machine_without_gpu_the_other_settings_are_taken(
    engine: Connection, pair: Pair, tmp_path: Path
) -> None:
    if engine.request("GET", "/v1/status")["devices"][0]["name"] != "cpu":
        pytest.skip("this machine has a GPU")
    wanted = QUICK.changed(device="auto", joint_steps=1_000_000)
    small = QUICK.changed(device="auto", seed=77)
    job = dataclasses.replace(pair.job(wanted), settings_on_cpu=small)
    events = list(Matting(job, {1: str(tmp_path / "o.exr")}, connect=lambda: engine).events())
    assert events[0] == Notice("No CUDA GPU found: solving on the CPU with 1 thread.")
    assert isinstance(events[-1], Layers) and events[-1].settings.seed == 77


# --- what an artist meets ---


left: set[str] = set()  # jobs that other tests, whose clients were killed, have left behind


@pytest.fixture(autouse=True)
def _of_other_tests(request: pytest.FixtureRequest) -> None:
    left.clear()
    if "engine" in request.fixturenames:
        left.update(job["id"] for job in engine_jobs(request.getfixturevalue("engine")))


def present(engine: Connection) -> list[dict[str, Any]]:
    """The jobs of this test that the engine still holds, but for cancelled ones."""
    jobs = [job for job in engine_jobs(engine) if job["id"] not in left]
    return [job for job in jobs if job["state"] != "cancelled"]


def fails(matting: Matting) -> Exception:
    with pytest.raises(Exception) as caught:
        list(matting.events())
    return caught.value


def test_a_missing_plate_is_named_before_anything_is_sent(
    engine: Connection, pair: Pair, tmp_path: Path
) -> None:
    pair.clean.unlink()
    error = fails(pair.matting(engine, tmp_path / "out.exr"))
    assert isinstance(error, PlateError)
    assert str(error) == f"The clean plate {pair.clean} does not exist."
    assert present(engine) == []


@pytest.mark.parametrize("damage", ["truncated", "not an image", "zeros"])
def test_a_broken_plate_is_reported_by_the_artists_own_name(
    engine: Connection, pair: Pair, tmp_path: Path, damage: str
) -> None:
    whole = pair.image.read_bytes()
    broken = {
        "truncated": whole[: len(whole) // 2],
        "not an image": b"hello, compositor" * 40,
        "zeros": bytes(len(whole)),
    }[damage]
    pair.image.write_bytes(broken)
    error = fails(pair.matting(engine, tmp_path / "out.exr"))
    assert isinstance(error, PlateError)
    assert pair.image.name in str(error) and "jobs-" not in str(error)
    assert not (tmp_path / "out.exr").exists()


def test_plates_of_two_sizes(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    write_image(pair.clean, np.zeros((20, 20, 3)))
    error = fails(pair.matting(engine, tmp_path / "out.exr"))
    assert isinstance(error, MismatchError)
    assert "48 x 32" in str(error) and "20 x 20" in str(error)


def test_an_empty_plate(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    pair.image.write_bytes(b"")
    error = fails(pair.matting(engine, tmp_path / "o.exr"))
    assert isinstance(error, PlateError) and str(error) == f"The plate {pair.image} is empty."


def test_a_plate_that_is_too_large_for_the_engine(
    engine: Connection, pair: Pair, tmp_path: Path
) -> None:
    with pair.image.open("r+b") as file:
        file.truncate(9 << 20)
    error = fails(pair.matting(engine, tmp_path / "o.exr"))
    assert isinstance(error, InputError) and "8 MB" in str(error)


def test_output_folders_are_checked_before_any_work(
    engine: Connection, pair: Pair, tmp_path: Path
) -> None:
    error = fails(pair.matting(engine, tmp_path / "nowhere" / "out.exr"))
    assert isinstance(error, OutputError) and "does not exist" in str(error)
    unnamed = Matting(pair.job(frames=2), {1: str(tmp_path / "o.exr")}, connect=lambda: engine)
    assert "frame 2" in str(fails(unnamed))


def test_an_output_that_cannot_be_written(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    (tmp_path / "out.exr").mkdir()
    error = fails(pair.matting(engine, tmp_path / "out.exr"))
    assert isinstance(error, OutputError) and str(tmp_path / "out.exr") in str(error)
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]


def test_a_device_that_is_not_there(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    error = fails(pair.matting(engine, tmp_path / "o.exr", changes={"device": "cuda:63"}))
    assert "cuda:63" in str(error)


def test_no_engine_anywhere(pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dmp_matting.client.job_client.LOST_SECONDS", 0.0)
    nobody = Connection(f"unix:{tmp_path}/none.sock", "token")
    error = fails(pair.matting(nobody, tmp_path / "o.exr"))
    assert isinstance(error, EngineError) and not isinstance(error, EngineGone)
    assert "lost 3 times" in str(error)


# --- cancelling ---


def test_closing_the_generator_cancels(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    events = pair.matting(engine, tmp_path / "o.exr", ENDLESS).events()
    while not isinstance(next(events), Progress):
        pass
    events.close()
    wait_until(lambda: present(engine) == [], 60)
    assert not (tmp_path / "o.exr").exists()


def test_cancel_from_another_thread(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    matting = pair.matting(engine, tmp_path / "o.exr", ENDLESS)
    threading.Timer(1.0, matting.cancel).start()
    assert isinstance(fails(matting), CancelledError)


@pytest.mark.parametrize("end", ["/plates/1", "/start"])
def test_cancel_just_before_a_request_of_the_upload(
    engine: Connection, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    matting = pair.matting(engine, tmp_path / "o.exr", ENDLESS)
    request = Connection.request

    def cancelled_first(wire: Connection, method: str, path: str, *body: Any, **more: Any) -> Any:
        if path.endswith(end):
            matting.cancel()
        return request(wire, method, path, *body, **more)

    monkeypatch.setattr(Connection, "request", cancelled_first)
    assert isinstance(fails(matting), CancelledError)


def test_a_task_for_an_event_loop(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    job, output = pair.job(seed=5), {1: str(tmp_path / "o.exr")}
    task = BackgroundJob(job, output, connect=lambda: engine)
    events = []
    wait_until(lambda: bool(events.extend(task.poll()) or task.done), 60)
    (layers,) = task.result()
    assert layers.path == output[1] and layers in events

    endless = BackgroundJob(pair.job(ENDLESS), output, connect=lambda: engine)
    wait_until(lambda: any(isinstance(event, Progress) for event in endless.poll()), 30)
    start = time.monotonic()
    endless.cancel()
    assert time.monotonic() - start < 0.1  # the host's window does not freeze
    assert endless.wait(8)
    with pytest.raises(CancelledError):
        endless.result()


# --- any Python, nothing but its standard library ---

ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
from dmp_matting import Layers, Settings
from dmp_matting.client.connection import Connection
from dmp_matting.client.job_client import Matting
from dmp_matting.job import Frame, Job, Plate, Role
import json
settings = Settings.from_json(json.loads(sys.argv[6]))
plates = Plate(sys.argv[2], Role.IMAGE), Plate(sys.argv[3], Role.CLEAN)
wire = Connection(sys.argv[4], sys.argv[5])
for event in Matting(Job((Frame(1, plates),), settings), {1: sys.argv[7]},
                     connect=lambda: wire).events():
    if isinstance(event, Layers):
        print(event.path)
foreign = [name for name, module in sys.modules.items() if "site-packages" in (
    getattr(module, "__file__", None) or "")]
assert not foreign, foreign
"""


def find_python(version: str) -> str | None:
    """A working interpreter of that version: from PATH, or one that pyenv keeps."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = [shutil.which(f"python{version}"), *kept.glob(f"{version}.*/bin/python")]
    for python in filter(None, named):
        if subprocess.run([str(python), "-V"], capture_output=True).returncode == 0:
            return str(python)
    return None


@pytest.mark.parametrize("version", ["3.9", "3.10", "3.11", "3.12", "3.13"])
def test_the_client_alone(engine: Connection, pair: Pair, tmp_path: Path, version: str) -> None:
    python = find_python(version)
    if python is None:
        pytest.skip(f"Python {version} is not here")
    output = tmp_path / "alone.exr"
    arguments = [
        ROOT / "plugin", pair.image, pair.clean, engine.address, engine.token,
        json.dumps(QUICK.changed(seed=6).to_json()), output,
    ]  # fmt: skip
    done = subprocess.run(
        [python, "-I", "-S", "-W", "error", "-c", ALONE, *map(str, arguments)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{output}\n", "")
    assert output.stat().st_size > 1000


def test_what_a_newer_engine_sends_besides_is_passed_over() -> None:
    progress = Progress(1, Stage.JOINT, 2, 3, 0.5)
    assert Progress.from_json({**progress.to_json(), "mood": "good"}) == progress
    layers = Layers(1, "a.exr", ("A",), 4, 3, "cpu", {"total": 1.0})
    wire = {**layers.to_json(), "further": 1}
    wire["settings"] = {**wire["settings"], "newest_knob": 1}
    assert Layers.from_json(wire) == layers


# --- a connection that is lost during the upload, while the engine lives ---


class Losing:
    """A connection that breaks once: at the request whose path ends so, before or after it."""

    def __init__(self, connection: Connection, end: str, after: bool) -> None:
        self.lines, self.blocks = connection.lines, connection.blocks
        self.lost = False
        self._connection, self._end, self._after = connection, end, after

    def request(self, method: str, path: str, *body: Any, **more: Any) -> Any:
        breaks = path.endswith(self._end) and not self.lost
        answer = None
        if self._after or not breaks:
            answer = self._connection.request(method, path, *body, **more)
        if breaks:
            self.lost = True
            raise EngineGone("The connection to the engine was lost.")
        return answer


@pytest.mark.parametrize(
    ("end", "after"),
    [("/plates/0", True), ("/plates/1", False), ("/start", False), ("/start", True)],
)
def test_a_connection_lost_during_the_upload(
    engine: Connection, pair: Pair, tmp_path: Path, end: str, after: bool
) -> None:
    """Only a job whose start has arrived is followed; any other is submitted anew."""
    line: Any = Losing(engine, end, after)
    output = {1: str(tmp_path / "o.exr")}
    done = list(Matting(pair.job(seed=41), output, connect=lambda: line).events())
    assert isinstance(done[-1], Layers) and line.lost
    assert present(engine) == []


def test_a_plate_that_becomes_shorter_while_it_is_sent_is_an_error_at_once(
    engine: Connection, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {str(path): path.stat().st_size for path in (pair.image, pair.clean)}
    monkeypatch.setattr(Matting, "_sizes", lambda matting: sizes)
    with pair.image.open("r+b") as file:
        file.truncate(500)
    error = fails(pair.matting(engine, tmp_path / "o.exr"))
    assert isinstance(error, PlateError)
    assert "became shorter while it was sent" in str(error) and str(pair.image) in str(error)
    assert present(engine) == []


def test_a_plate_that_grows_while_it_is_sent_is_sent_as_announced(
    engine: Connection, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More bytes than announced would be read as the next request."""
    sizes = {str(path): path.stat().st_size for path in (pair.image, pair.clean)}
    monkeypatch.setattr(Matting, "_sizes", lambda matting: sizes)
    with pair.image.open("ab") as file:
        file.write(bytes(5000))
    events = list(pair.matting(engine, tmp_path / "o.exr", changes={"seed": 42}).events())
    assert isinstance(events[-1], Layers)
