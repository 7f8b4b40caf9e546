"""`dmp matte` on sequences, through a real engine."""

from __future__ import annotations

import json
import os
import shutil
import signal
import struct
import subprocess
import time
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_matting import Settings, Shot, preset
from dmp_matting.client.connection import Connection
from dmp_matting.client.file_states import FileStates
from dmp_matting.client.launcher import find_engine
from dmp_matting.shots.run import is_done

from ..conftest import Home
from ..processes import Processes
from ..scenes import write_image
from .conftest import FEW_STEPS, TinyShot, command, dmp, environment, events, pixels


def matte(shot: TinyShot, output: object, *more: object) -> list[object]:
    return ["matte", shot.pattern, "--clean", shot.clean, "-o", output, *FEW_STEPS, *more]


def made(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("mark", ["%04d", "@@@@", "$F4"])
def test_a_sequence_in_every_spelling(
    engine: Connection, shot: TinyShot, tmp_path: Path, mark: str
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    plate = shot.folder / f"plate.{mark}.exr"
    done = dmp("matte", plate, "--clean", shot.clean, "-o", out / f"m.{mark}.exr",
               "--frames", "1001-1004x3", *FEW_STEPS)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert made(out) == ["m.1001.exr", "m.1004.exr"]
    assert "plate: 2 frames (1001,1004)." in done.stderr
    assert not np.array_equal(pixels(out / "m.1001.exr"), pixels(out / "m.1004.exr"))


def test_without_a_range_all_frames_on_disk(
    engine: Connection, shot: TinyShot, tmp_path: Path
) -> None:
    done = dmp(*matte(shot, tmp_path / "m.####.exr"), "--sheet", tmp_path / "sheet.png")
    assert done.returncode == 0, done.stderr
    assert made(tmp_path) == ["in", *(f"m.{n}.exr" for n in shot.numbers), "sheet.png"]
    row = next(line for line in done.stdout.splitlines() if "plate" in line)
    assert row.split("│")[1:3] == [" plate ", " 4      "]
    sheet = oiio.ImageBuf(str(tmp_path / "sheet.png"))
    assert sheet.spec().height > 4 * 150  # a row for each of the four frames


def test_missing_frames_are_all_named_before_work_starts(
    engine: Connection, shot: TinyShot, tmp_path: Path
) -> None:
    shot.plate(1002).unlink()
    shot.plate(1004).write_bytes(b"")
    wanted = matte(shot, tmp_path / "m.####.exr", "--frames", "1001-1006", "--json")
    done = dmp(*wanted)
    sentence = (
        f"plate: frames 1002,1005-1006 of {shot.pattern} are missing; "
        f"frame 1004 of {shot.pattern} is empty. "
        "Put the files back, or matte the other frames with --missing skip."
    )
    assert (done.returncode, done.stderr) == (2, sentence + "\n")
    assert events(done)[-1]["message"] == sentence
    assert made(tmp_path) == ["in"]
    done = dmp(*wanted, "--missing", "skip")
    assert done.returncode == 0, done.stderr
    assert events(done)[-1]["shots"][0]["skipped"] == [1002, 1004, 1005, 1006]
    assert made(tmp_path) == ["in", "m.1001.exr", "m.1003.exr"]


def test_a_clean_plate_that_moves(engine: Connection, shot: TinyShot, tmp_path: Path) -> None:
    for number in shot.numbers:
        shutil.copy(shot.clean, shot.folder / f"clean.{number}.exr")
    moving = ["matte", shot.pattern, "--clean", shot.folder / "clean.%04d.exr", *FEW_STEPS]
    done = dmp(*moving, "-o", tmp_path / "m.####.exr", "--frames", "1001-1002")
    assert done.returncode == 0, done.stderr
    (shot.folder / "clean.1002.exr").unlink()
    done = dmp(*moving, "-o", tmp_path / "n.####.exr", "--frames", "1001-1002")
    assert done.returncode == 2
    assert f"frame 1002 of {shot.folder}/clean.%04d.exr is missing." in done.stderr


def test_finished_frames_are_left_alone(engine: Connection, shot: TinyShot, tmp_path: Path) -> None:
    wanted = matte(shot, tmp_path / "m.####.exr", "--json")
    assert dmp(*wanted, "--frames", "1001-1002").returncode == 0
    before = (tmp_path / "m.1001.exr").stat()
    lines = events(dmp(*wanted))
    assert lines[0]["finished"] == [1001, 1002]
    assert (lines[-1]["shots"][0]["kept"], lines[-1]["shots"][0]["solved"]) == (
        [1001, 1002], [1003, 1004])  # fmt: skip
    assert (tmp_path / "m.1001.exr").stat().st_ino == before.st_ino
    # another seed is another matte; --redo asks for it all the same
    assert events(dmp(*wanted, "--set", "seed=4", "--frames", "1001"))[0]["finished"] == []
    assert events(dmp(*wanted, "--set", "seed=4", "--frames", "1001", "--redo"))[0] == {
        "event": "shot", "shot": "plate", "frames": [1001], "finished": [], "missing": [],
    }  # fmt: skip


def test_what_counts_as_finished(engine: Connection, shot: TinyShot, tmp_path: Path) -> None:
    output = tmp_path / "m.1001.exr"
    assert dmp(*matte(shot, tmp_path / "m.####.exr", "--frames", "1001")).returncode == 0
    settings = preset("paper").changed(
        device="cpu", threads=1, rounds=1, fit_steps=1, joint_steps=3, projection_steps=1,
        refine_passes=1,
    )  # fmt: skip

    def finished(
        path: Path = output, wanted: Settings = settings, number: int = 1001, **more: str
    ) -> bool:
        plates = {"image": shot.pattern, "clean": str(shot.clean), **more}
        one = Shot(
            "s", output=str(path), frames=(number,), settings=preset("draft"),
            settings_on_cpu=wanted, **plates,
        )  # fmt: skip
        return is_done(one, number, FileStates())

    assert finished() and finished(wanted=settings.changed(device="auto"))
    assert not finished(wanted=settings.changed(seed=1))
    assert not finished(number=1002) and not finished(space="sRGB")
    assert not finished(tmp_path / "none.exr") and not finished(shot.clean)
    whole = output.read_bytes()
    damaged = tmp_path / "damaged.exr"
    damaged.write_bytes(whole)
    assert finished(damaged)
    for size in (0, 3, 8, 200, len(whole) // 2, len(whole) - 1):
        damaged.write_bytes(whole[:size])
        assert not finished(damaged), size
    damaged.write_bytes(whole.replace(b"0.1.0+", b"0.0.9+"))
    assert not finished(damaged)
    damaged.write_bytes(whole[:8] + struct.pack("<I", 2**31) * 400)
    assert not finished(damaged)
    for moment in (time.time() + 5, 1.6e9):
        os.utime(shot.clean, (moment, moment))
        assert finished(), "a date alone is no change"
    before, moment = shot.clean.read_bytes(), shot.clean.stat().st_mtime_ns
    for spoiled in (before[:-1] + bytes([before[-1] ^ 1]), before + b"x"):
        shot.clean.write_bytes(spoiled)
        os.utime(shot.clean, ns=(moment, moment))
        assert not finished(), "other content under the old date"
    shot.clean.write_bytes(before)
    assert finished()
    moved = tmp_path / "moved"
    shutil.copytree(shot.clean.parent, moved)
    elsewhere = {"image": str(moved / Path(shot.pattern).name), "clean": str(moved / "other.exr")}
    (moved / shot.clean.name).rename(elsewhere["clean"])
    assert finished(**elsewhere), "other names of the same content"
    shutil.copy(moved / "plate.1002.exr", moved / "plate.1001.exr")
    assert not finished(**elsewhere)


def test_a_project_that_was_moved(engine: Connection, shot: TinyShot, tmp_path: Path) -> None:
    """Its mattes are its own under whatever name, and another plate's are not."""

    def there(folder: Path, *more: str) -> list[object]:
        plate, clean = folder / "plate.####.exr", folder / "clean.exr"
        frames = "1001-1002", *FEW_STEPS, *more
        return ["matte", plate, "--clean", clean, "-o", folder / "m.####.exr", "--frames", *frames]

    assert dmp(*there(shot.folder)).returncode == 0
    moved = shot.folder.rename(tmp_path / "moved")
    assert events(dmp(*there(moved, "--json")))[0]["finished"] == [1001, 1002]
    assert dmp(*there(moved, "--set", "seed=4")).returncode == 0, "stale, and nobody else's"
    other = moved.rename(tmp_path / "other")
    write_image(other / "plate.1002.exr", shot.pixels(9))
    done = dmp(*there(other))
    assert done.returncode == 2 and "This overwrites 1 file of something else" in done.stderr


def test_a_frame_that_cannot_be_read_does_not_stop_the_others(
    engine: Connection, shot: TinyShot, tmp_path: Path
) -> None:
    broken = shot.pixels(1)
    broken[3:9, 4:10, 0] = np.nan
    write_image(shot.plate(1002), broken)
    done = dmp(*matte(shot, tmp_path / "m.####.exr", "--json"))
    result = events(done)[-1]
    assert (done.returncode, result["ok"], result["exit_code"]) == (2, False, 2)
    assert result["shots"][0]["solved"] == [1001, 1003, 1004]
    (failure,) = result["shots"][0]["failed"]
    assert (failure["frames"], failure["error"]) == ([1002], "PlateError")
    assert "plate.1002.exr' has 36 pixels that are NaN" in failure["message"]
    assert "plate 1002: " in done.stderr and "Traceback" not in done.stderr


def test_json_shows_everything_as_it_comes(
    engine: Connection, shot: TinyShot, tmp_path: Path
) -> None:
    result = events(dmp(*matte(shot, tmp_path / "m.####.exr", "--json", "--frames", "1001-1002")))
    kinds = [event["event"] for event in result]
    assert kinds[0] == "shot" and kinds[-2:] == ["shot_end", "summary"]
    assert kinds.count("frame") == 2 and "progress" in kinds
    done = [event["done"] for event in result if event["event"] == "progress"]
    assert done == sorted(done) and 0 <= done[0] and done[-1] <= 1
    (shown,) = result[-1]["shots"]
    assert {m["frame"] for m in shown["per_frame"]} == {1001, 1002}
    assert 0.05 < shown["measures"]["coverage"] < 0.95 and shown["measures"]["residual"] < 0.1
    without = events(dmp(*matte(shot, tmp_path / "n.####.exr", "--json", "--no-check")))
    assert without[-1]["shots"][0]["measures"] is None


def test_a_sequence_without_the_shared_engine(home: Home, shot: TinyShot, tmp_path: Path) -> None:
    """The same frames, failures and resuming; no engine is left running."""
    shot.plate(1003).write_text("not a picture")
    wanted = matte(shot, tmp_path / "m.####.exr", "--frames", "1001-1003", "--no-server", "--json")
    done = dmp(*wanted, "--chunk", "2")
    (report,) = events(done)[-1]["shots"]
    assert (done.returncode, report["solved"]) == (2, [1001, 1002]), done.stderr
    assert [failed["frames"] for failed in report["failed"]] == [[1003]]
    assert find_engine() is None
    (report,) = events(dmp(*wanted, "--chunk", "2", "--missing", "skip"))[-1]["shots"]
    assert (report["kept"], report["solved"]) == ([1001, 1002], [])


def test_one_plate_is_a_shot_of_one_frame(
    engine: Connection, shot: TinyShot, tmp_path: Path
) -> None:
    """One way through: a still has the shot's pictures, and is refused the shot's names."""
    still = ["matte", shot.plate(1001), "--clean", shot.clean, *FEW_STEPS, "-o"]
    done = dmp(*still, tmp_path / "one.exr", "--sheet", tmp_path / "one.png", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["path"] == str(tmp_path / "one.exr")
    assert made(tmp_path) == ["in", "one.exr", "one.png"]
    assert dmp(*matte(shot, tmp_path / "m.####.exr", "--frames", "1001")).returncode == 0
    assert np.array_equal(pixels(tmp_path / "one.exr"), pixels(tmp_path / "m.1001.exr"))
    done = dmp(*still, tmp_path / "n.####.exr")
    assert done.returncode == 2 and "is one still, but the output" in done.stderr


def test_the_layer_that_is_named_is_matted(
    engine: Connection, shot: TinyShot, tmp_path: Path
) -> None:
    """Of two layers neither is guessed; another layer is another matte, not a finished one."""
    plate = oiio.ImageBuf(str(shot.plate(1001))).get_pixels("float")[..., :3]
    lights = [f"{layer}.{channel}" for layer in ("key", "fill") for channel in "RGB"]
    both = write_image(
        tmp_path / "lights.exr", np.dstack([plate, 0.5 * plate]), "half", channels=lights
    )
    wanted = ["matte", both, "--clean", shot.clean, "-o", tmp_path / "m.exr", *FEW_STEPS]
    done = dmp(*wanted)
    assert done.returncode == 2 and "only the layers fill, key; " in " ".join(done.stderr.split())
    assert dmp(*wanted, "--layer", "key").returncode == 0
    single = ["matte", shot.plate(1001), "--clean", shot.clean, "-o", tmp_path / "s.exr"]
    assert dmp(*single, *FEW_STEPS).returncode == 0
    assert np.array_equal(pixels(tmp_path / "m.exr"), pixels(tmp_path / "s.exr"))
    solved = Settings.from_json(json.loads(oiio.ImageInput.open(str(tmp_path / "m.exr")).spec()[
        "dmp:settings"]))  # fmt: skip
    given = {"frames": (1,), "settings": solved}
    shots = {one: Shot("m", str(both), str(shot.clean), str(tmp_path / "m.exr"), layer=one, **given)
             for one in ("key", "fill")}  # fmt: skip
    finished = {name: is_done(one, 1, FileStates()) for name, one in shots.items()}
    assert finished == {"key": True, "fill": False}


def test_openjd_lines_begin_a_line(engine: Connection, shot: TinyShot, tmp_path: Path) -> None:
    shot.plate(1002).write_text("not a picture")
    done = dmp(*matte(shot, tmp_path / "m.####.exr", "--openjd", "--frames", "1001-1002"))
    lines = done.stdout.splitlines()
    assert any(line.startswith("openjd_progress: ") for line in lines)
    assert f"openjd_fail: plate 1002: '{shot.plate(1002)}'" in done.stdout
    assert done.returncode == 2


@pytest.mark.parametrize(
    ("more", "kind", "word"),
    [
        (["--frames", "1001-"], "InputError", "frame range"),
        (["--frames", "abc"], "InputError", "frame range"),
        (["--set", "joint_steps=-1"], "SettingsError", "joint_steps"),
        (
            ["--clean", "nowhere.exr"],
            "PlateError",
            "clean plate nowhere.exr is missing or empty. Check the names.",
        ),
        (["-o", "one.exr"], "InputError", "put #### into its name"),
        (["-o", "no_folder/m.####.exr"], "OutputError", "does not exist"),
        (["--missing", "guess"], "UsageError", "--missing"),
    ],
)
def test_what_is_refused(
    engine: Connection, shot: TinyShot, tmp_path: Path, more: list[str], kind: str, word: str
) -> None:
    done = dmp(*matte(shot, tmp_path / "m.####.exr", "--json", *more))
    last = events(done)[-1]
    result = last["shots"][0]["failed"][0] if last.get("event") == "summary" else last
    assert (done.returncode, result["error"]) == (2, kind), result
    assert word in result["message"] and "Traceback" not in done.stderr
    assert made(tmp_path) == ["in"]


def test_a_pattern_without_files(engine: Connection, shot: TinyShot, tmp_path: Path) -> None:
    pattern = shot.folder / "plates.####.exr"
    done = dmp("matte", pattern, "--clean", shot.clean, "-o", "m.####.exr")
    sentence = f"There is no file {pattern}; check the plate's name.\n"
    assert (done.returncode, done.stderr) == (2, sentence)


def test_ctrl_c_leaves_finished_frames_and_the_next_run_goes_on(
    engine: Connection, shot: TinyShot, tmp_path: Path, start_process: Processes
) -> None:
    wanted = matte(shot, tmp_path / "m.####.exr", "--set", "joint_steps=150")
    process = start_process(
        command(*wanted), interruptible=True, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (tmp_path / "m.1001.exr").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=20)
    assert process.returncode == 130 and "the same command goes on" in printed
    left = made(tmp_path)
    assert "m.1001.exr" in left and "m.1004.exr" not in left
    assert not [name for name in left if name.startswith(".")]
    lines = events(dmp(*wanted, "--json"))
    assert lines[0]["finished"][0] == 1001 and lines[-1]["ok"]
    assert made(tmp_path) == ["in", *(f"m.{n}.exr" for n in shot.numbers)]


def test_what_was_done_to_the_plates_is_reported_once_a_shot(
    engine: Connection, tmp_path: Path
) -> None:
    lemur = Path(__file__).parents[1] / "plates" / "lemur"
    for name in ("plate", "clean"):
        picture = oiio.ImageBuf(str(lemur / f"{name}.png"))
        for number in (1001, 1002):
            assert picture.write(str(tmp_path / f"{name}.{number}.jpg"))
    done = dmp("matte", tmp_path / "plate.####.jpg", "--clean", tmp_path / "clean.####.jpg",
               "-o", tmp_path / "m.####.exr", "--preset", "draft", "--device", "cpu",
               "--set", "threads=1", "--set", "rounds=1", "--set", "joint_steps=1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("plate 1001: The plate is a JPEG of quality ") == 1
    assert done.stderr.count("JPEG") == 1
