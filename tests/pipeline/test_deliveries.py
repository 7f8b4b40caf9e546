"""Movies and PNG as the output of `dmp matte` and `dmp batch`, through a real engine."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.plates.io.srgb import linear_to_srgb
from dmp_matting import Shot, ShotFailure, ShotNotice, matte, run_shots
from dmp_matting.client.connection import Connection
from dmp_matting.settings import Settings

from ..conftest import wait_until
from ..movies import write_movie
from ..processes import Processes
from ..scenes import write_image
from .conftest import FEW, FEW_STEPS, TinyShot, dmp, environment, events, pixels

QUICK = [*FEW_STEPS, "--no-check"]
needs_av = pytest.mark.skipif("not __import__('importlib.util').util.find_spec('av')",
                              reason="no PyAV here")  # fmt: skip


def stored(path: Path) -> np.ndarray:
    """The codes of a PNG as stored, (H, W, 4), in [0, 1]."""
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    found: np.ndarray = oiio.ImageInput.open(str(path), config).read_image("uint16")
    return found / 65535


def same(png: Path, exr: Path) -> bool:
    """Whether a PNG has what its EXR has: the straight foreground as displayed, and alpha."""
    return bool(np.abs(stored(png) - displayed(exr)).max() <= 1 / 65535)


def displayed(exr: Path) -> np.ndarray:
    """Straight foreground and alpha of a result, (H, W, 4)."""
    layers = pixels(exr).astype(np.float32)
    names = list(oiio.ImageInput.open(str(exr)).spec().channelnames)
    straight = layers[..., [names.index(f"foreground.{leaf}") for leaf in "RGB"]]
    return np.dstack([linear_to_srgb(straight), layers[..., names.index("A")]])


def times(folder: Path) -> dict[str, int]:
    return {one.name: one.stat().st_mtime_ns for one in folder.glob("*.png")}


def test_pictures_beside_the_exrs_and_what_happens_to_them(
    engine: Connection, shot: TinyShot
) -> None:
    folder = shot.folder.parent
    matte_of = ["matte", shot.pattern, "--clean", shot.clean, *QUICK]
    done = dmp(*matte_of, "-o", folder / "m.####.png")
    assert done.returncode == 0, done.stderr
    assert f"The EXRs are in {folder}/m.mattes." in done.stderr
    assert "16-bit PNG with straight alpha, sRGB" in done.stderr
    names = [f"m.{number}.png" for number in shot.numbers]
    assert sorted(os.listdir(folder)) == sorted(["in", *names, "m.mattes"])
    for number in shot.numbers:
        assert same(folder / f"m.{number}.png", folder / f"m.mattes/m.{number}.exr")
    # Nothing is made again but what is missing or made of another EXR.
    before = times(folder)
    (folder / names[1]).unlink()
    write_image(shot.plate(1003), shot.pixels(2) * 0.98)
    lines = events(dmp(*matte_of, "-o", folder / "m.####.png", "--json"))
    assert lines[0]["finished"] == [1001, 1002, 1004] and lines[-1]["ok"]
    after = times(folder)
    assert [name for name in names if after[name] != before[name]] == [names[1], names[2]]
    # Another plate's and another program's files stay unless they are given up.
    other = ["matte", shot.plate(1004), "--clean", shot.clean, *QUICK, "--frames", "1001"]
    (folder / names[0]).write_bytes(b"somebody's")
    for command in (other, matte_of):
        done = dmp(*command, "-o", folder / "m.####.png")
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
        assert "add --overwrite" in done.stderr
    assert (folder / names[0]).read_bytes() == b"somebody's"
    done = dmp(*matte_of, "-o", folder / "m.####.png", "--overwrite")
    assert done.returncode == 0 and same(folder / names[0], folder / "m.mattes/m.1001.exr")
    assert not [one for one in os.listdir(folder) if ".part" in one]


def test_one_still_and_a_script(engine: Connection, shot: TinyShot) -> None:
    folder = shot.folder.parent
    done = dmp("matte", shot.plate(1001), "--clean", shot.clean, *QUICK, "-o", folder / "o.png",
               "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["delivery"] == str(folder / "o.png")
    assert answer["path"] == str(folder / "o.mattes" / "o.exr")
    assert same(folder / "o.png", folder / "o.mattes/o.exr")
    layers = matte(shot.plate(1002), shot.clean, folder / "p.png", preset="paper", device="cpu",
                   threads=1, **FEW)  # fmt: skip
    assert same(folder / "p.png", Path(layers.path))


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("m.####.mp4", "does not end in .exr, .mov (ProRes 4444) or .png"),
        ("m.tif", "does not end in .exr, .mov (ProRes 4444) or .png"),
        ("m.png", "4 frames cannot all be written to"),
        ("none/m.####.png", "does not exist; make it first"),
        ("m.####.mov", "A movie is one file for all frames"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_leaves_nothing(
    shot: TinyShot, output: str, sentence: str
) -> None:
    folder = shot.folder.parent
    before = sorted(os.listdir(folder))
    done = dmp("matte", shot.pattern, "--clean", shot.clean, *QUICK, "-o", folder / output)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert sentence in done.stderr
    assert sorted(os.listdir(folder)) == before


def test_a_farm_writes_exrs(shot: TinyShot) -> None:
    done = dmp("submit", shot.pattern, "--clean", shot.clean, "-o", "m.mov", "--bundle",
               shot.folder / "b")  # fmt: skip
    assert done.returncode == 2 and "A farm's tasks write EXRs: name" in done.stderr
    assert not (shot.folder / "b").exists()


@needs_av
def test_a_movie_of_a_movie(engine: Connection, shot: TinyShot) -> None:
    """Rate and timecode go from the clip to the movie of its mattes, whose frames fit the clip."""
    from dmp_engine.plates.io.movie import movie_facts, movie_pictures

    folder = shot.folder.parent
    display = [linear_to_srgb(shot.pixels(index)) for index in range(4)]
    clip = write_movie(folder / "clip.mov", display, timecode="01:00:00:05")
    matte_of = ["matte", clip, "--clean", shot.clean, *QUICK]
    done = dmp(*matte_of, "-o", folder / "out.mov")
    assert done.returncode == 0, done.stderr
    sentence = "4 frames, ProRes 4444 with straight alpha, tagged Rec. 709, 24 fps from 01:00:00:05"
    assert sentence in done.stderr
    facts = movie_facts(folder / "out.mov")
    assert (facts.count, facts.timecode, facts.trc) == (4, "01:00:00:05", 1)
    for number, codes in zip(range(86405, 86409), movie_pictures(folder / "out.mov"), strict=True):
        straight = displayed(folder / f"out.mattes/out.{number}.exr")[..., :3]
        assert np.abs(codes / 65535 - straight).mean() < 0.005
    assert (folder / "out.frames" / "plate").is_dir()
    # A part of the frames does not replace all of them; the same command does nothing again.
    before = (folder / "out.mov").stat().st_mtime_ns
    done = dmp(*matte_of, "-o", folder / "out.mov", "--frames", "86405-86406")
    assert done.returncode == 2 and "it would lose some" in done.stderr
    lines = events(dmp(*matte_of, "-o", folder / "out.mov", "--json"))
    assert lines[0]["finished"] == [86405, 86406, 86407, 86408]
    assert (folder / "out.mov").stat().st_mtime_ns == before
    # The movie alone is made again when it is gone: the EXRs are what counts.
    (folder / "out.mov").unlink()
    lines = events(dmp(*matte_of, "-o", folder / "out.mov", "--json"))
    assert lines[-1]["shots"][0]["solved"] == [] and movie_facts(folder / "out.mov").count == 4


@needs_av
def test_a_list_of_shots_delivers_and_a_frame_that_fails_makes_no_movie(
    engine: Connection, shot: TinyShot
) -> None:
    folder = shot.folder.parent
    (folder / "shots.csv").write_text(
        "name,image,clean,output,frames,fps\n"
        f"a,{shot.pattern},{shot.clean},{{shot}}/m.mov,1001-1002,25\n"
        f"b,{shot.pattern},{shot.clean},{{shot}}/m.mov,1003-1004,\n"
    )
    shot.plate(1004).write_bytes(shot.plate(1004).read_bytes()[:200])
    done = dmp("batch", folder / "shots.csv", *QUICK)
    assert done.returncode == 2
    assert "25 fps" in done.stderr and (folder / "a" / "m.mov").is_file()
    assert "m.mov is not made while frames fail" in done.stderr
    assert sorted(os.listdir(folder / "b")) == ["m.mattes"]
    write_image(shot.plate(1004), shot.pixels(3))
    done = dmp("batch", folder / "shots.csv", *QUICK)
    assert done.returncode == 0 and (folder / "b" / "m.mov").is_file(), done.stderr


MAKE = """
import sys
from dmp_matting.shots.deliveries import write_deliveries
from dmp_matting.shots.shot import Shot
numbers = range(1, 3001)
shot = Shot("sh", "p.####.exr", "c.exr", sys.argv[1], frames=numbers)
list(write_deliveries(shot, numbers, False))
"""


@needs_av
def test_a_client_that_is_killed_leaves_no_movie(tmp_path: Path, start_process: Processes) -> None:
    """The engine that encodes notices that nobody reads its lines any more."""
    (tmp_path / "o.mattes").mkdir()
    one = write_image(tmp_path / "o.mattes" / "o.0001.exr", np.full((400, 400, 7), 0.5),
                      channels=("R", "G", "B", "A", *(f"foreground.{leaf}" for leaf in "RGB")),
                      attributes={"dmp:space": "scene_linear"})  # fmt: skip
    for number in range(2, 3001):
        os.link(one, tmp_path / "o.mattes" / f"o.{number:04d}.exr")
    client = start_process([sys.executable, "-c", MAKE, tmp_path / "o.mov"], env=environment())
    wait_until(lambda: len(os.listdir(tmp_path)) == 2, 60)
    client.kill()
    client.wait()
    wait_until(lambda: os.listdir(tmp_path) == ["o.mattes"], 60)


def test_a_delivery_that_fails_is_a_failure_of_no_frame(
    engine: Connection, shot: TinyShot, tmp_path: Path
) -> None:
    output = tmp_path / "o.####.png"
    one = Shot("sh", shot.pattern, str(shot.clean), str(output), frames=(1001,),
               settings=Settings(device="cpu", threads=1, temporal="off", **FEW))  # fmt: skip
    running = run_shots([one])
    found = []
    for event in running:
        found.append(event)
        if type(event).__name__ == "ShotFrame":
            (tmp_path / "o.1001.png").mkdir()  # since the run began
    (failure,) = [event for event in found if isinstance(event, ShotFailure)]
    assert failure.frames == () and not [e for e in found if isinstance(e, ShotNotice)
                                         and "Wrote" in e.text]  # fmt: skip
    assert (tmp_path / "o.mattes" / "o.1001.exr").is_file()
