"""A clean plate from several stills: `--clean` more than once, and lists in files of shots."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_matting.client.connection import Connection

from ..scenes import write_image
from .conftest import FEW_STEPS, TinyShot, dmp, events, pixels


@pytest.fixture
def stills(shot: TinyShot) -> list[Path]:
    """Three takes of the empty set with grain; a bird flies through the second."""
    random = np.random.default_rng(3)
    made = []
    for number in range(3):
        take = shot.behind + random.normal(0, 0.02, shot.behind.shape)
        if number == 1:
            take[4:8, 30:36] = 3.0
        made.append(write_image(shot.folder / f"empty_{number}.exr", take))
    shot.clean.unlink()
    return made


def cleans(stills: list[Path]) -> list[object]:
    return [word for one in stills for word in ("--clean", one)]


def test_the_median_of_three_stills(
    engine: Connection, shot: TinyShot, stills: list[Path], tmp_path: Path
) -> None:
    wanted = ["matte", shot.pattern, *cleans(stills), "-o", tmp_path / "m.####.exr",
              "--frames", "1001-1002", *FEW_STEPS, "--json"]  # fmt: skip
    done = dmp(*wanted)
    assert done.returncode == 0, done.stderr
    merged = tmp_path / "m.clean.exr"
    found = pixels(merged).astype(np.float32)
    expected = np.median([pixels(one).astype(np.float32) for one in stills], axis=0)
    assert np.array_equal(found, expected.astype(np.float16))
    assert found.max() < 1.2  # no bird
    assert np.abs(found - shot.behind).mean() < np.abs(pixels(stills[0]) - shot.behind).mean()
    header = oiio.ImageBuf(str(tmp_path / "m.1001.exr")).spec()
    assert header.get_string_attribute("dmp:clean") == str(merged)

    # The same stills: nothing is made again. A newer one: all of it.
    before = merged.stat()
    assert events(dmp(*wanted))[0]["finished"] == [1001, 1002]
    assert merged.stat().st_ino == before.st_ino
    write_image(stills[2], shot.behind)
    assert events(dmp(*wanted))[0]["finished"] == []
    assert merged.stat().st_ino != before.st_ino


def test_one_plate_and_two_stills_in_8_bit(
    engine: Connection, shot: TinyShot, tmp_path: Path
) -> None:
    """`auto` reads 8-bit stills as sRGB; their mean is scene-linear, as every EXR is read."""
    for name, level in (("a", 0.25), ("b", 0.75)):
        flat = np.full((32, 48, 3), level, np.float32)
        assert oiio.ImageBuf(flat).write(str(shot.folder / f"{name}.png"), "uint8")
    done = dmp("matte", shot.plate(1001), *cleans([shot.folder / "a.png", shot.folder / "b.png"]),
               "-o", tmp_path / "one.exr", *FEW_STEPS)  # fmt: skip
    assert done.returncode == 0, done.stderr
    linear = [((round(255 * v) / 255 + 0.055) / 1.055) ** 2.4 for v in (0.25, 0.75)]
    assert pixels(tmp_path / "one.clean.exr") == pytest.approx(np.mean(linear), rel=2e-3)


def test_8_bit_stills_are_not_called_another_colour_space(
    engine: Connection, tmp_path: Path
) -> None:
    lemur = Path(__file__).resolve().parents[1] / "plates" / "lemur"
    again = tmp_path / "again.png"
    again.write_bytes((lemur / "clean.png").read_bytes())
    done = dmp("matte", lemur / "plate.png", *cleans([lemur / "clean.png", again]),
               "-o", tmp_path / "one.exr", *FEW_STEPS)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "colour space" not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("lost", "empty_2.exr is missing or empty. Check the names."),
        ("size", "48 x 32"),
        ("pattern", "give one sequence as the clean plate, or several stills"),
    ],
)
def test_bad_stills_are_reported(
    engine: Connection, shot: TinyShot, stills: list[Path], tmp_path: Path, spoil: str, words: str
) -> None:
    if spoil == "lost":
        stills[2].unlink()
    if spoil == "size":
        write_image(stills[2], shot.behind[:20])
    if spoil == "pattern":
        stills[2] = shot.folder / "clean.####.exr"
    done = dmp("matte", shot.pattern, *cleans(stills), "-o", tmp_path / "m.####.exr", *FEW_STEPS)
    assert done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in"]


def test_lists_in_files_of_shots(
    engine: Connection, shot: TinyShot, stills: list[Path], tmp_path: Path
) -> None:
    names = [f"in/{one.name}" for one in stills]
    row = {"image": "in/plate.####.exr", "frames": "1001"}
    rows = [{**row, "name": "own", "clean": names, "output": "own/m.####.exr"}]
    (tmp_path / "own.json").write_text(json.dumps(rows))
    rows = [{**row, "name": "all", "output": "all/m.####.exr"}]
    (tmp_path / "all.json").write_text(json.dumps({"clean": names, "shots": rows}))
    (tmp_path / "csv.csv").write_text(
        f"name,image,frames,clean,output\ncsv,in/plate.####.exr,1001,{';'.join(names)},csv/m.####.exr\n"
    )
    for file in ("own.json", "all.json", "csv.csv"):
        done = dmp("batch", tmp_path / file, *FEW_STEPS)
        assert done.returncode == 0, done.stderr
        folder = tmp_path / file.partition(".")[0]
        assert {path.name for path in folder.iterdir()} == {"m.1001.exr", "m.clean.exr"}
    done = dmp("batch", tmp_path / "own.json", *FEW_STEPS, "--json")
    assert events(done)[0]["finished"] == [1001]
