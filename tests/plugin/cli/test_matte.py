"""The command `dmp` as a real process: results, JSON, sentences and exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
import torch

import dmp_matting
from dmp_matting.client.connection import Connection
from dmp_matting.presets import PRESETS
from dmp_matting.settings_schema import describe_settings, range_text, value_text

from ...scenes import write_image

ROOT = Path(__file__).resolve().parents[3]
LEMUR = ROOT / "tests" / "plates" / "lemur"
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join((str(ROOT / "plugin"), str(ROOT / "engine"))),
    "COLUMNS": "120",
}
FEW_STEPS = [
    "--preset", "draft", "--threads", "1", "--set", "solve_size=96", "--set", "rounds=1",
    "--set", "fit_steps=2", "--set", "joint_steps=4", "--set", "projection_steps=2",
]  # fmt: skip


def dmp(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dmp_matting.cli", *map(str, arguments)],
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


def warm(output: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """A few steps on the lemur; later arguments win over earlier ones."""
    plates = (LEMUR / "plate.png", "--clean", LEMUR / "clean.png", "-o", output)
    return dmp("matte", *plates, *FEW_STEPS, *arguments, **environment)


def matte(output: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The same in an engine of its own, which ends with it."""
    return warm(output, "--no-server", *arguments, **environment)


# --- what works ----------------------------------------------------------------------------------


def test_version_and_help() -> None:
    assert dmp("--version").stdout == f"dmp {dmp_matting.__version__}\n"
    done = dmp("matte", "--help")
    assert done.returncode == 0
    for word in ("--clean", "--input-space", "--set", "Exit codes:", "130", "FIELD=VALUE"):
        assert word in done.stdout


def test_a_matte_is_written_and_reported(tmp_path: Path) -> None:
    done = matte(tmp_path / "lemur.exr", "--device", "cpu")
    assert (done.returncode, os.listdir(tmp_path)) == (0, ["lemur.exr"]), done.stderr
    assert done.stdout.startswith(f"Wrote {tmp_path}/lemur.exr (340x220, preset draft on cpu, ")
    printed = [line.split(" ")[0] for line in done.stderr.splitlines()]
    assert "Solving" in printed and printed[-1] == "Writing"
    assert len(printed) < 20  # not a line for every step

    pixels = oiio.ImageBuf(str(tmp_path / "lemur.exr"))
    names = tuple("RGBA") + ("confidence.A", "foreground.R", "foreground.G", "foreground.B")
    assert pixels.spec().channelnames == names
    assert (pixels.spec().width, pixels.spec().height) == (340, 220)


def test_what_was_done_to_the_plates_is_reported(engine: Connection, tmp_path: Path) -> None:
    for name in ("plate", "clean"):
        picture = oiio.ImageBuf(str(LEMUR / f"{name}.png"))
        assert picture.write(str(tmp_path / f"{name}.jpg"))
    plates = (tmp_path / "plate.jpg", "--clean", tmp_path / "clean.jpg")
    done = dmp("matte", *plates, "-o", tmp_path / "m.exr", *FEW_STEPS, "--device", "cpu")
    assert "s). The plate is a JPEG of quality " in done.stdout.replace("\n", " "), done.stderr


def test_json_is_one_object_with_everything(tmp_path: Path) -> None:
    done = matte(tmp_path / "lemur.exr", "--json", "--seed", 7, "--device", "cpu")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    result = json.loads(done.stdout)
    assert result["ok"] is True
    layers = dmp_matting.Layers.from_json({k: v for k, v in result.items() if k != "ok"})
    assert layers.path == str(tmp_path / "lemur.exr") and Path(layers.path).is_file()
    assert (layers.width, layers.height, layers.device) == (340, 220, "cpu")
    assert (layers.settings.seed, layers.settings.joint_steps) == (7, 4)
    assert layers.seconds["total"] > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a CUDA GPU")
def test_without_a_gpu_auto_means_draft_on_the_cpu_and_shows_so(tmp_path: Path) -> None:
    done = matte(tmp_path / "lemur.exr", "--preset", "auto", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["settings"]["preset"] == "draft"
    assert "No CUDA GPU found: solving on the CPU with 1 thread.\n" in done.stderr


def test_quiet_prints_nothing(engine: Connection, tmp_path: Path) -> None:
    done = warm(tmp_path / "lemur.exr", "--quiet")
    printed = [line for line in done.stderr.splitlines() if not line.startswith("Warning: ")]
    assert (done.returncode, done.stdout, printed) == (0, "", [])


@pytest.mark.parametrize("more", [[], ["--quiet"]])
def test_a_warning_is_reported_once(engine: Connection, tmp_path: Path, more: list[str]) -> None:
    plate = LEMUR / "plate.png"
    done = dmp("matte", plate, "--clean", plate, "-o", tmp_path / "lemur.exr",
               *FEW_STEPS, "--set", "joint_steps=1", *more)  # fmt: skip
    assert done.returncode == 0 and done.stderr.count("are the same picture") == 1


def test_garbage_and_core_mattes_hold(engine: Connection, tmp_path: Path) -> None:
    garbage, core = np.zeros((220, 340, 1)), np.zeros((220, 340, 1))
    garbage[:, 60:] = 1
    core[100:120, 170:200] = 1
    output = tmp_path / "lemur.exr"
    done = warm(
        output,
        "--garbage", write_image(tmp_path / "garbage.exr", garbage, channels="A"),
        "--core", write_image(tmp_path / "core.exr", core, channels="A"),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    alpha = oiio.ImageBuf(str(output)).get_pixels("float")[..., 3]
    assert alpha[:, :60].max() == 0
    assert alpha[100:120, 170:200].min() == 1


def test_presets_list_every_setting() -> None:
    listed = json.loads(dmp("presets", "--json").stdout)
    assert [kind["name"] for kind in listed["presets"]] == list(PRESETS)
    names = [setting["name"] for setting in listed["settings"]]
    assert "joint_steps" in names and len(names) == len(set(names))
    table = dmp("presets").stdout
    for name in [*names, *PRESETS]:
        assert name in table


def test_ranges_and_values_read_as_they_are_typed() -> None:
    shown = {s["name"]: (range_text(s), value_text(s["default"])) for s in describe_settings()}
    assert shown["projection"] == ("on, off", "on")
    assert shown["alpha_init"] == ("proposed, simple", "proposed")
    assert shown["rounds"] == ("1 to 10", "2")
    assert shown["similarity"] == ("-1 to 1", "0.9")
    assert shown["device"] == ("", "auto")


# --- doctor --------------------------------------------------------------------------------------


def found(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_doctor_finds_this_machine_sound() -> None:
    done = dmp("doctor", "--json")
    checks = found(done)
    assert done.returncode == 0 and json.loads(done.stdout)["ok"] is True
    assert checks["torch"]["detail"] == torch.__version__
    assert checks["OpenImageIO"]["detail"] == oiio.__version__
    for name in ("dmp", "Python", "DMP engine", "CUDA", "CPU threads", "OCIO", "Cache folder"):
        assert checks[name]["status"] in ("ok", "warn")
    assert "OpenImageIO" in dmp("doctor").stdout


@pytest.mark.parametrize(
    ("variable", "value", "name"),
    [
        ("OCIO", "/no/such/config.ocio", "OCIO"),
        ("OCIO", __file__, "OCIO"),
        ("DMP_CACHE_DIR", f"{__file__}/cache", "Cache folder"),
        ("DMP_ENGINE_PYTHON", "/no/such/python", "DMP engine"),
    ],
)
def test_doctor_shows_what_is_wrong_and_how_to_fix_it(variable: str, value: str, name: str) -> None:
    done = dmp("doctor", "--json", **{variable: value})
    check = found(done)[name]
    assert (done.returncode, check["status"]) == (3, "fail")
    assert check["detail"] and check["fix"]
    assert json.loads(done.stdout)["ok"] is False


# --- what does not work, in one sentence ---------------------------------------------------------


def assert_refused(
    done: subprocess.CompletedProcess[str], folder: Path, kind: str, code: int, *words: str
) -> None:
    """One sentence on standard error, the same in the JSON, nothing written."""
    assert done.returncode == code, done.stderr
    result = json.loads(done.stdout)
    assert (result["ok"], result["error"], result["exit_code"]) == (False, kind, code)
    sentence = done.stderr.splitlines()[-1]
    assert result["message"] == sentence
    assert "Traceback" not in done.stderr and "hit a bug" not in sentence
    for word in words:
        assert word in sentence
    assert not list(folder.glob("**/lemur.exr")) and not list(folder.glob("**/.*"))


@pytest.mark.parametrize(
    ("arguments", "kind", "word"),
    [
        (["--set", "speed=9"], "SettingsError", "speed"),
        (["--set", "rounds"], "SettingsError", "FIELD=VALUE"),
        (["--set", "rounds=many"], "SettingsError", "a whole number"),
        (["--set", "rounds=99"], "SettingsError", "between 1 and 10"),
        (["--set", "similarity=nan"], "SettingsError", "between -1 and 1"),
        (["--set", "alpha_init=best"], "SettingsError", "proposed, simple"),
        (["--set", "preset=final"], "SettingsError", "--preset"),
        (["--preset", "finest"], "SettingsError", "finest"),
        (["--seed", "-1"], "SettingsError", "seed"),
        (["--device", "gpu"], "SettingsError", "auto, cpu, cuda and cuda:N"),
        (["--seed", "x"], "UsageError", "--seed"),
        (["--sede", "1"], "UsageError", "--sede"),
    ],
)
def test_wrong_settings(arguments: list[str], kind: str, word: str, tmp_path: Path) -> None:
    done = matte(tmp_path / "lemur.exr", "--json", *arguments)
    assert_refused(done, tmp_path, kind, 2, word)


def test_a_clean_plate_is_required(tmp_path: Path) -> None:
    done = dmp("matte", LEMUR / "plate.png", "-o", tmp_path / "lemur.exr", "--json")
    assert_refused(done, tmp_path, "UsageError", 2, "--clean")


@pytest.mark.parametrize(
    ("case", "kind", "word"),
    [
        ("missing", "PlateError", "plate.exr"),
        ("folder", "PlateError", "plate.exr"),
        ("text", "PlateError", "plate.exr"),
        ("truncated", "PlateError", "truncated"),
        ("nan", "PlateError", "NaN"),
        ("infinite", "PlateError", "infinite"),
        ("no colour", "PlateError", "no colour"),
        ("size", "MismatchError", "320 x 200"),
    ],
)
def test_bad_plates(case: str, kind: str, word: str, tmp_path: Path) -> None:
    path = tmp_path / "plate.exr"
    pixels = np.random.default_rng(0).random((220, 340, 3))
    if case == "folder":
        path.mkdir()
    elif case == "text":
        path.write_text("not a picture")
    elif case == "no colour":
        write_image(path, pixels[..., :1], channels="Z")
    elif case == "size":
        write_image(path, pixels[:200, :320])
    elif case != "missing":
        pixels[10:90, 20:120, 1] = {"nan": np.nan, "infinite": np.inf}.get(case, 0.5)
        write_image(path, pixels)
    if case == "truncated":
        os.truncate(path, path.stat().st_size // 2)
    output = tmp_path / "lemur.exr"
    done = dmp("matte", path, "--clean", LEMUR / "clean.png", "-o", output, "--json", *FEW_STEPS)
    assert_refused(done, tmp_path, kind, 2, word)
    if case in ("missing", "nan", "size"):
        swapped = dmp("matte", LEMUR / "plate.png", "--clean", path, "-o", output, "--json")
        assert_refused(swapped, tmp_path, kind, 2, word)


def test_unknown_colour_space(tmp_path: Path) -> None:
    done = matte(tmp_path / "lemur.exr", "--json", "--input-space", "Klingon")
    assert_refused(done, tmp_path, "ColourSpaceError", 2, "Klingon")


@pytest.mark.parametrize(
    ("name", "word"), [("none/lemur.exr", "does not exist"), ("lemur.jpg", ".exr")]
)
def test_bad_outputs(name: str, word: str, tmp_path: Path) -> None:
    assert_refused(matte(tmp_path / name, "--json"), tmp_path, "OutputError", 2, word)
    assert os.listdir(tmp_path) == []


def test_full_disk(tmp_path: Path) -> None:
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=32k", "tmpfs", str(tmp_path)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a small disk cannot be mounted here")
    try:
        done = matte(tmp_path / "lemur.exr", "--json")
        assert_refused(done, tmp_path, "OutputError", 2, "full")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what happens without a CUDA GPU")
def test_a_gpu_that_is_not_there(tmp_path: Path) -> None:
    done = matte(tmp_path / "lemur.exr", "--json", "--device", "cuda:1")
    assert_refused(done, tmp_path, "DeviceError", 3, "--device cpu")


def test_no_engine_python(tmp_path: Path) -> None:
    done = matte(tmp_path / "lemur.exr", "--json", DMP_ENGINE_PYTHON="/no/such/python")
    assert_refused(done, tmp_path, "EngineMissingError", 3, "DMP_ENGINE_PYTHON")


def test_an_engine_python_without_torch(tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", bare], check=True)
    done = matte(tmp_path / "lemur.exr", "--json", DMP_ENGINE_PYTHON=str(bare / "bin" / "python"))
    assert_refused(done, tmp_path, "EngineMissingError", 3, "torch", "unset DMP_ENGINE_PYTHON")


def test_options_are_seen_on_python_39() -> None:
    # There typer cannot read annotations that a `from __future__` import has turned into text.
    from dmp_matting.cli.app import app

    groups = [app, *(group.typer_instance for group in app.registered_groups)]
    commands = [command.callback for group in groups for command in group.registered_commands]
    assert len(commands) > 10
    for command in commands:
        assert not any(isinstance(kind, str) for kind in command.__annotations__.values()), command
