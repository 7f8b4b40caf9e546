"""benchmarks/gpu/run.sh, whole and small on the CPU: each part runs, none can spoil the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "benchmarks" / "gpu" / "run.sh"

PLANTED = """
import os, time
from parts import part

@part
def raises(place):
    yield {"seen": 1}
    raise RuntimeError("planted")

@part
def dies(place):
    yield {"seen": 1}
    os.kill(os.getpid(), 9)

@part
def hangs(place):
    yield {"seen": place.device}
    print("no row")
    time.sleep(600)

@part
def misses(place):
    yield {"seen": 1}
    import no_such_library

@part
def after(place):
    yield {"seen": place.smoke}
"""
OURS = {
    "machine", "doctor", "correctness", "frames", "memory", "faults", "cancel", "shot", "precision",
    "steps", "schedule", "sharing", "files", "product", "profile",
}  # fmt: skip


def run(out: Path, *options: object, path: str = "") -> dict[str, Any]:
    done = subprocess.run(
        [str(SCRIPT), "--device", "cpu", "--smoke", *map(str, options)],
        env={**os.environ, "OUT": str(out), "PYTHON": sys.executable, "PYTHONPATH": path,
             "DMP_CACHE_DIR": str(out / "cache")},
        capture_output=True, text=True, cwd=out,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads((out / "gpu.json").read_text())
    return report


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("gpu")
    planted = folder / "planted.py"
    planted.write_text(PLANTED)
    return run(folder, "--also", planted, "--limit", "hangs=10")


def test_every_part_of_ours_is_measured(report: dict[str, Any]) -> None:
    assert report["whole"] and report["smoke"] and report["device"] == "cpu"
    parts = report["parts"]
    assert OURS < parts.keys()
    assert {name: parts[name]["why"] for name in OURS} == dict.fromkeys(OURS, "")
    for name in OURS:
        assert parts[name]["status"] == "ok" and parts[name]["rows"], name
    rows = {name: parts[name]["rows"] for name in OURS}
    assert rows["machine"][0]["packages"]["torch"]
    last = next(row for row in rows["correctness"] if row["stage"] == "against the CPU")
    assert last["within"] and last["same_bits_twice"] and last["finite"] and last["sad"] > 0
    assert rows["correctness"][-1]["largest_ratio"] == 0
    assert {"size", "preset", "cold_s", "warm_s", "stages_s", "peak_mb"} <= rows["frames"][0].keys()
    retried = rows["memory"][-1]
    assert retried["finite"] and retried["tried"][0]["raised"] == "RuntimeError"
    assert rows["memory"][0]["fault"] == "MEMORY" and rows["faults"][0]["fault"] == "LOST"
    assert {"after_steps", "ended_s", "held_bytes"} <= rows["cancel"][0].keys()
    assert [row["frame"] for row in rows["shot"] if "sad" in row] == [
        "furball.1001",
        "furball.1002",
    ]
    ways = {row["way"]: row for row in rows["precision"] if row["preset"] == "paper"}
    assert ways.keys() == {"float32", "tf32", "bfloat16"}
    assert ways["bfloat16"]["sad"] != ways["float32"]["sad"]
    assert rows["steps"][0]["authors"]["times_floor"] > 0
    assert rows["schedule"][-1]["extrapolated"]
    assert [row["processes"] for row in rows["sharing"]] == [1, 2]
    assert all(row["same_alpha"] for row in rows["sharing"])
    assert rows["files"][0]["stages_s"]["total"] > 0
    assert sum("operation" in row for row in rows["profile"]) > 5
    commands = [row["command"] for row in rows["product"] if "command" in row]
    assert commands[0].startswith("dmp matte plate.1001") and commands[-1] == "dmp engine stop"
    sads = {
        (row.get("of", ""), row["frame"]): row["sad"] for row in rows["product"] if "sad" in row
    }
    assert len(sads) == 4 and all(sads.values())
    assert sads["the shot", 1001] < sads["", 1001]  # its neighbours help


def test_a_part_that_fails_keeps_its_rows_and_spoils_no_other(report: dict[str, Any]) -> None:
    parts = report["parts"]
    assert list(parts)[-5:] == ["raises", "dies", "hangs", "misses", "after"]
    assert parts["raises"]["status"] == "failed"
    assert parts["raises"]["why"] == "RuntimeError: planted"
    assert any("planted.py" in line for line in parts["raises"]["errors"])
    assert parts["dies"]["status"] == "failed" and parts["dies"]["why"] == "exit code -9"
    assert (parts["hangs"]["status"], parts["hangs"]["why"]) == ("timeout", "stopped after 10 s")
    assert (parts["misses"]["status"], parts["misses"]["why"]) == (
        "absent",
        "no_such_library is not installed",
    )
    assert parts["after"]["status"] == "ok" and parts["after"]["rows"] == [{"seen": True}]
    for name in ("raises", "dies", "misses"):
        assert parts[name]["rows"] == [{"seen": 1}]
    assert parts["hangs"]["rows"] == [{"seen": "cpu"}]


def test_without_openimageio_the_solver_is_measured_all_the_same(tmp_path: Path) -> None:
    for name in ("OpenImageIO", "starlette"):
        (tmp_path / f"{name}.py").write_text(
            f"raise ModuleNotFoundError('No module named {name}', name='{name}')\n"
        )
    names = ("doctor", "files", "cancel")
    parts = run(tmp_path, "--parts", ",".join(names), path=str(tmp_path))["parts"]
    assert [parts[name]["status"] for name in names] == ["ok", "absent", "ok"]
    assert parts["files"]["why"] == "OpenImageIO is not installed"
    failed = [row["name"] for row in parts["doctor"]["rows"] if row["status"] == "fail"]
    assert failed == ["OpenImageIO", "OCIO"]
    assert parts["cancel"]["rows"][-1]["sad"] > 0


def test_no_part_begins_when_the_time_is_over(tmp_path: Path) -> None:
    report = run(tmp_path, "--parts", "machine", "--minutes", 0)
    assert report["whole"] and report["parts"]["machine"]["status"] == "skipped"


def test_the_plates_are_read_as_openimageio_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SCRIPT.parent))
    import pictures

    for path in sorted((pictures.PLATES / "furball").glob("*.exr"))[::5]:
        file = oiio.ImageBuf(str(path))
        channels = pictures.exr(path)
        for at, name in enumerate(file.spec().channelnames):
            assert np.array_equal(channels[name], file.get_pixels("float")[..., at])
    for path in sorted((pictures.PLATES / "lemur").glob("*.png")):
        wanted = oiio.ImageBuf(str(path)).get_pixels("float")
        assert np.abs(pictures.eight_bit(path) - wanted).max() < 1e-6
