"""`dmp matte` through the shared engine, and `dmp engine`, `dmp cache`, `dmp setup`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_matting.client.launcher import find_engine
from dmp_matting.paths import config_file, read_config, write_config

from ...conftest import Home, Pair, engine_jobs, wait_until
from ...processes import Processes
from ...scenes import write_image

ROOT = Path(__file__).resolve().parents[3]
FEW_STEPS = [
    "--preset", "paper", "--device", "cpu", "--threads", "1", "--set", "rounds=1", "--set",
    "fit_steps=1", "--set", "joint_steps=3", "--set", "projection_steps=1", "--set",
    "refine_passes=1",
]  # fmt: skip


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "dmp_matting.cli", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    roots = os.pathsep.join((str(ROOT / "plugin"), str(ROOT / "engine")))
    return {**os.environ, "PYTHONPATH": roots, "COLUMNS": "120", **more}


def dmp(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(**more), capture_output=True, text=True, timeout=120
    )


def matte(pair: Pair, output: Path, *arguments: object) -> list[object]:
    return ["matte", pair.image, "--clean", pair.clean, "-o", output, *FEW_STEPS, *arguments]


def test_matte_starts_an_engine_and_leaves_it_warm(home: Home, pair: Pair, tmp_path: Path) -> None:
    done = dmp(*matte(pair, tmp_path / "a.exr", "--json"))
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["ok"] and result["path"] == str(tmp_path / "a.exr") and result["device"] == "cpu"
    wire = find_engine()
    assert wire is not None and engine_jobs(wire) == []
    done = dmp(*matte(pair, tmp_path / "b.exr", "--seed", 3))
    assert done.stdout.startswith(f"Wrote {tmp_path / 'b.exr'} (48x32, preset paper on cpu, ")
    again = find_engine()
    assert again is not None and again.pid == wire.pid


def test_in_process_needs_no_engine_and_gives_the_same_pixels(
    home: Home, pair: Pair, tmp_path: Path
) -> None:
    assert dmp(*matte(pair, tmp_path / "a.exr", "--no-server")).returncode == 0
    assert find_engine() is None
    assert dmp(*matte(pair, tmp_path / "b.exr")).returncode == 0
    pixels = [oiio.ImageBuf(str(tmp_path / name)).get_pixels("half") for name in ("a.exr", "b.exr")]
    assert (pixels[0] == pixels[1]).all()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_job_in_the_engine(
    home: Home, pair: Pair, tmp_path: Path, start_process: Processes, number: signal.Signals
) -> None:
    process = start_process(
        command(*matte(pair, tmp_path / "a.exr", "--set", "joint_steps=1000000")),
        interruptible=True, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    while "Solving" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(number)
    _, printed = process.communicate(timeout=15)
    assert process.returncode == 130 and printed.endswith("Stopped; no unfinished file was left.\n")
    assert not (tmp_path / "a.exr").exists()
    wire = find_engine()
    assert wire is not None
    wait_until(lambda: engine_jobs(wire) == [], 8)  # cancelled, and forgotten
    assert home.jobs() == []


@pytest.mark.parametrize(
    ("case", "kind"),
    [("missing", "PlateError"), ("text", "PlateError"), ("folder", "OutputError"),
     ("name", "OutputError"), ("space", "ColourSpaceError"), ("device", "DeviceError")],
)  # fmt: skip
def test_the_engines_refusals_read_as_the_direct_ones(
    pair: Pair, tmp_path: Path, case: str, kind: str
) -> None:
    output, more = tmp_path / "o.exr", []
    if case == "missing":
        pair.image.unlink()
    elif case == "text":
        pair.image.write_text("not a picture")
    elif case == "folder":
        output = tmp_path / "none" / "o.exr"
    elif case == "name":
        output = tmp_path / "o.jpg"
    elif case == "space":
        more = ["--input-space", "Klingon"]
    else:
        more = ["--device", "cuda:77"]
    result = [dmp(*matte(pair, output, "--json", *more, *way)) for way in ((), ("--no-server",))]
    for done in result:
        answer = json.loads(done.stdout)
        assert (answer["ok"], answer["error"]) == (False, kind), answer
        assert done.stderr.splitlines()[-1] == answer["message"]
    assert result[0].returncode == result[1].returncode
    assert not output.exists()


def test_a_full_output_disk(engine: object, pair: Pair, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1100k", "tmpfs", str(small)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        (small / "filler").write_bytes(bytes(1090 * 1024 - 4096))
        done = dmp(*matte(pair, small / "o.exr", "--json"))
        assert (done.returncode, json.loads(done.stdout)["error"]) == (2, "OutputError")
        assert "full" in done.stderr
        assert os.listdir(small) == ["filler"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_engine_start_status_stop_log(home: Home, pair: Pair, tmp_path: Path) -> None:
    assert dmp("engine", "status").stdout == "The engine is not running.\n"
    assert json.loads(dmp("engine", "status", "--json").stdout) == {"ok": True, "running": False}
    assert "There is no log yet" in dmp("engine", "log").stdout
    assert dmp("engine", "start").stdout.startswith("The engine has started (process ")
    assert dmp("engine", "start").stdout.startswith("The engine is running already (process ")
    assert dmp(*matte(pair, tmp_path / "a.exr")).returncode == 0
    done = dmp("engine", "status").stdout
    assert "cpu: CPU, " in done and "No jobs." in done
    assert json.loads(dmp("engine", "status", "--json").stdout)["running"] is True
    page = json.loads(dmp("engine", "status", "--open", "--json").stdout)["url"]
    assert page.startswith("http://127.0.0.1:") and "/?key=" in page
    assert "job " in dmp("engine", "log", "-n", "3").stdout
    assert dmp("engine", "stop").stdout == "The engine has ended.\n"
    assert dmp("engine", "stop").stdout == "The engine was not running.\n"
    assert home.processes() == []


def test_stop_with_work_wants_force(home: Home, pair: Pair, tmp_path: Path) -> None:
    wire = home.start()
    wire.request("POST", "/v1/jobs", {"job": pair.job().to_json(), "attended": False})
    done = dmp("engine", "stop")
    assert (done.returncode, done.stderr) == (2, "The engine has work; stop it with --force.\n")
    assert dmp("engine", "stop", "--force").returncode == 0


def test_cache_show_clear_limit(home: Home, pair: Pair, tmp_path: Path) -> None:
    assert dmp(*matte(pair, tmp_path / "a.exr")).returncode == 0
    assert dmp("cache", "show").stdout.startswith("1 finished frames, ")
    unsaved = home.cache / "blender" / "unsaved" / "blender_abc" / "Scene" / "plate_v001"
    unsaved.mkdir(parents=True)
    (unsaved / "plate_matte.exr").write_bytes(b"x" * 10)
    assert "1 EXRs of Blender files that were never saved, 10 B" in dmp("cache", "show").stdout
    # Of a shell whose cache folder is another one than the running engine's.
    elsewhere = dmp("cache", "show", "--json", DMP_CACHE_DIR=str(tmp_path / "other"))
    kept = {one["folder"]: one["files"] for one in json.loads(elsewhere.stdout)["unsaved_blends"]}
    assert kept.pop(str(unsaved.parents[2])) == 1 and list(kept.values()) == [0]
    assert dmp("cache", "clear").stdout == "Removed 1 finished frames.\n"
    assert json.loads(dmp("cache", "show", "--json").stdout)["entries"] == 0
    assert (tmp_path / "a.exr").exists() and (unsaved / "plate_matte.exr").exists()
    assert "2.5 GB" in dmp("cache", "limit", "2.5").stdout
    assert dmp("engine", "stop").returncode == 0
    assert json.loads(dmp("cache", "show", "--json").stdout)["limit"] == int(2.5 * 2**30)


def test_setup_remembers_a_python_that_works(home: Home) -> None:
    done = dmp("setup")
    assert done.returncode == 0, done.stderr
    assert read_config()["engine_python"] == sys.executable
    write_config({"cache_gb": 3.0})
    assert read_config()["engine_python"] == sys.executable  # one entry does not cost another


@pytest.mark.parametrize("python", ["/no/such/python", "/", "{bare}"])
def test_setup_refuses_a_python_without_the_engine(home: Home, python: str) -> None:
    bare = home.root / "python"
    bare.write_text(f'#!/bin/sh\nexec {os.path.realpath(sys.executable)} -S "$@"\n')
    bare.chmod(0o755)
    done = dmp("setup", python.replace("{bare}", str(bare)))
    assert done.returncode in (2, 3) and done.stderr.count("\n") == 1
    assert not config_file().exists()


def test_a_broken_configuration_is_reported(home: Home) -> None:
    config_file().write_text("[1]")
    done = dmp("engine", "start")
    assert done.returncode == 2 and "run `dmp setup` again" in done.stderr
    done = dmp("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert done.returncode == 3 and {"torch", "Cache folder", "OCIO"} <= set(checks)
    assert str(config_file()) in checks["Configuration"]["detail"]
    assert [name for name, check in checks.items() if check["status"] == "fail"] == [
        "Configuration"
    ]
    assert checks["Configuration"]["fix"].startswith("Run `dmp setup` again, which puts it aside,")
    done = dmp("setup")
    aside = config_file().with_name("config.json.damaged")
    assert done.returncode == 0 and f"could not be read and is put aside as {aside}." in done.stdout
    assert aside.read_text() == "[1]" and read_config() == {"engine_python": sys.executable}


def test_plates_that_are_not_the_same_size(engine: object, pair: Pair, tmp_path: Path) -> None:
    write_image(pair.clean, np.zeros((20, 20, 3)))
    done = dmp(*matte(pair, tmp_path / "o.exr", "--json"))
    assert json.loads(done.stdout)["error"] == "MismatchError"
