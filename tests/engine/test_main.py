"""`python -m dmp_engine` on its pipes: requests, events, exit codes, and bugs put into words."""

from __future__ import annotations

import errno
import io
import json
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from dmp_engine.__main__ import main
from dmp_engine.machine import device
from dmp_engine.machine.answer import answer
from dmp_engine.machine.errors import as_dmp_error
from dmp_matting import Layers, Progress, preset
from dmp_matting.client.engine_python import child_environment, engine_command
from dmp_matting.errors import (
    CancelledError,
    DeviceError,
    EngineError,
    EngineMissingError,
    OutputError,
    PlateError,
    SettingsError,
)
from dmp_matting.job import Frame, Job, Plate, Role, Stage

LEMUR = Path(__file__).resolve().parents[1] / "plates" / "lemur"


def lemur_job(**changes: Any) -> Job:
    quick = {
        "rounds": 1, "fit_steps": 2, "joint_steps": 4, "projection_steps": 2, "solve_size": 96,
        "threads": 1, "device": "cpu",
    }  # fmt: skip
    plates = (
        Plate(str(LEMUR / "plate.png"), Role.IMAGE),
        Plate(str(LEMUR / "clean.png"), Role.CLEAN),
    )
    return Job((Frame(1001, plates),), preset("draft").changed(**{**quick, **changes}))


def run(request: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and events; every line of standard output must be an event."""
    done = subprocess.run(
        [*engine_command(), "run"],
        input=request,
        capture_output=True,
        text=True,
        env=child_environment(),
        timeout=240,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def test_a_job_in_events_out(tmp_path: Path) -> None:
    output = tmp_path / "lemur.exr"
    job = lemur_job()
    request = {"job": job.to_json(), "outputs": {"1001": str(output)}}
    code, events = run(json.dumps(request))  # nobody attends: the end of input is no end of the job
    assert code == 0, events[-1]
    kinds = [event.pop("event") for event in events]
    assert kinds[0] == "device" and kinds[-1] == "layers"
    assert set(kinds[1:-1]) == {"progress"}
    seen = [Progress.from_json(event) for event in events[1:-1]]
    assert {progress.frame for progress in seen} == {1001}
    assert Stage.JOINT in {progress.stage for progress in seen}
    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions) and fractions[0] >= 0 and fractions[-1] <= 1
    layers = Layers.from_json(events[-1])
    assert (layers.frame, layers.path, layers.device) == (1001, str(output), "cpu")
    assert layers.settings == job.settings
    assert output.is_file()


@pytest.mark.parametrize(
    ("request_text", "word"),
    [
        ("", "standard input"),
        ("nonsense\n", "standard input"),
        ("[]\n", "standard input"),
        ("{}\n", "standard input"),
        (json.dumps({"job": lemur_job().to_json(), "outputs": {"1": "x.exr"}}), "frame 1001"),
    ],
)
def test_a_request_that_makes_no_sense(request_text: str, word: str) -> None:
    code, events = run(request_text)
    assert (code, len(events)) == (3, 1)
    assert (events[0]["event"], events[0]["error"]) == ("error", "EngineError")
    assert word in events[0]["message"]


def test_a_setting_that_the_engine_does_not_know(tmp_path: Path) -> None:
    job = lemur_job().to_json()
    job["settings"]["warp"] = 9
    code, events = run(json.dumps({"job": job, "outputs": {"1001": str(tmp_path / "x.exr")}}))
    assert (code, events[-1]["error"]) == (2, "SettingsError")
    assert "warp" in events[-1]["message"]


def test_the_settings_for_the_cpu_are_taken_on_the_cpu(tmp_path: Path) -> None:
    job = replace(lemur_job(seed=1), settings_on_cpu=lemur_job(seed=2).settings)
    request = {
        "job": job.to_json(),
        "outputs": {"1001": str(tmp_path / "lemur.exr")},
    }
    code, events = run(json.dumps(request))
    assert code == 0, events[-1]
    assert events[-1]["settings"]["seed"] == 2


def test_a_bug_becomes_a_sentence_and_a_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DMP_CACHE_DIR", str(tmp_path))

    def buggy() -> None:
        raise ValueError("seven\nis not eight")

    with pytest.raises(ValueError) as caught:
        buggy()
    error = as_dmp_error(caught.value)
    (log,) = tmp_path.glob("user-*/logs/*")
    assert type(error) is EngineError
    assert str(error) == f"The engine hit a bug: ValueError: seven; see {log}"
    assert "in buggy" in log.read_text() and "is not eight" in log.read_text()


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["doctor"], "machine.doctor.examine"),
        (["view", "a.exr", "--output", "a.png"], "review.contact_sheet.make_sheet"),
        (["picture", "a.exr", "--output", "a.png"], "review.result_png.make_picture"),
        (["compare", "a.exr", "b.exr"], "review.contact_sheet.read_alpha"),
        (["bench", "--sizes", "64", "--device", "cpu"], "machine.bench.measure.measure"),
        (["eval", "benchmark", "--output", "out", "--data", "."], "evaluation.run.measure"),
        (["shot", "sheet", "{}"], "review.shot_sheet.make_shot_sheet"),
        (["follow", "{}"], "pipeline.follow.followed"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_a_bug_in_any_command_is_its_last_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: Any, arguments: list[str], part: str
) -> None:
    def buggy(*_: Any) -> None:
        raise ValueError("planted")

    monkeypatch.setenv("DMP_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(f"dmp_engine.{part}", buggy)
    monkeypatch.setattr("dmp_engine.evaluation.items.benchmark_sources", lambda *_: [])
    request = tmp_path / "request.json"
    nothing = {"frames": [], "output": "a.png", "title": "", "job": Job(()).to_json(), "keep": ""}
    request.write_text(json.dumps(nothing))
    code = main([str(request) if word == "{}" else word for word in arguments])
    last = json.loads(capfd.readouterr().out.splitlines()[-1])
    assert (code, last["error"]) == (3, "EngineError")
    assert last["message"].startswith("The engine hit a bug: ValueError: planted")


def test_an_answer_ends_with_its_reader_and_on_request(capfd: Any) -> None:
    closed = []

    def lines(stop: Callable[[], None]) -> Any:
        try:
            yield {"frame": 1}
            stop()
        finally:
            closed.append(stop)

    def interrupt() -> None:
        raise KeyboardInterrupt

    def terminate() -> None:
        signal.raise_signal(signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    for stop in (interrupt, terminate):
        assert answer(partial(lines, stop)) == CancelledError.exit_code
    reader, writer = os.pipe()
    os.close(reader)
    out = os.fdopen(writer, "w")
    assert answer(partial(lines, interrupt), out) == CancelledError.exit_code
    with pytest.raises(BrokenPipeError):
        out.close()
    assert closed == [interrupt, terminate, interrupt]
    assert signal.getsignal(signal.SIGTERM) == before
    assert capfd.readouterr().out == '{"frame": 1}\n' * 2


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (errno.EPIPE, CancelledError.exit_code),
        (errno.EINVAL, CancelledError.exit_code),
        (errno.ENOSPC, OutputError.exit_code),
    ],
    ids=["gone", "gone, Windows", "full"],
)
def test_an_answer_that_cannot_be_written_is_no_traceback(reason: int, code: int) -> None:
    """Neither that of a line nor that of the failure itself."""

    class Out(io.StringIO):
        def flush(self) -> None:
            raise OSError(reason, os.strerror(reason))

    def failing() -> Any:
        yield from ()
        raise PlateError("The plate is damaged.")

    assert answer(failing, Out()) == PlateError.exit_code
    assert answer(lambda: (line for line in [{"frame": 1}]), Out()) == code


def test_a_lack_of_memory_or_of_a_library_is_no_bug(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DMP_CACHE_DIR", str(tmp_path))
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert "smaller solve size" in str(as_dmp_error(caught.value))
    assert type(as_dmp_error(caught.value)) is DeviceError
    assert type(as_dmp_error(torch.cuda.OutOfMemoryError("CUDA out of memory"))) is DeviceError
    with pytest.raises(ImportError) as absent:
        __import__("no_such_library")
    assert type(as_dmp_error(absent.value)) is EngineMissingError
    assert "no_such_library" in str(as_dmp_error(absent.value))
    assert list(tmp_path.glob("user-*/logs/*")) == []


def test_devices() -> None:
    assert device.resolve("cpu") == "cpu"
    for wrong in ("gpu", "cuda:", "cuda:-1", "CPU", ""):
        with pytest.raises(SettingsError, match="auto, cpu, cuda and cuda:N"):
            device.resolve(wrong)
    count = torch.cuda.device_count()
    assert device.resolve("auto") == ("cuda:0" if count else "cpu")
    with pytest.raises(DeviceError):
        device.resolve(f"cuda:{count}")


def test_compare_prints_the_error_against_a_truth() -> None:
    truth = str(LEMUR / "alpha.png")
    done = subprocess.run(
        [*engine_command(), "compare", truth, truth], capture_output=True, text=True
    )
    expected = "SAD 0.000   MSE x1000 0.00\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
    missing = subprocess.run(
        [*engine_command(), "compare", truth, "/no/such.png"], capture_output=True, text=True
    )
    assert missing.returncode == 2
    assert "/no/such.png" in json.loads(missing.stdout)["message"]
