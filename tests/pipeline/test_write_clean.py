"""`--write-clean`: the fitted clean plate as a file that can take the clean plate's place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_matting.client.connection import Connection

from ..scenes import write_image
from .conftest import dmp

LEMUR = Path(__file__).resolve().parents[1] / "plates" / "lemur"
SHIFT = 5
FEW = ["--preset", "draft", "--device", "cpu", "--set", "threads=1", "--set", "joint_steps=2",
       "--set", "temporal=off", "--set", "solve_size=64"]  # fmt: skip
SEQUENCE = [*FEW, "--no-check"]


def picture(path: Path) -> np.ndarray:
    """(H, W, 3) as the file has it."""
    file = oiio.ImageBuf(str(path))
    assert not file.has_error, file.geterror()
    return file.get_pixels("float")[..., :3]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path, np.ndarray]:
    """The lemur and its clean plate, moved by whole pixels: EXR, raw values; and the true one."""
    plate, clean = picture(LEMUR / "plate.png"), picture(LEMUR / "clean.png")
    moved = np.roll(clean, SHIFT, axis=1)
    for name, pixels in (("plate", plate), ("clean", moved)):
        write_image(tmp_path / f"{name}.exr", pixels)
    return tmp_path / "plate.exr", tmp_path / "clean.exr", clean


@pytest.mark.parametrize("space", ["raw", "auto", "ACEScct"])
def test_a_shifted_pair(
    engine: Connection, tmp_path: Path, pair: tuple[Path, Path, np.ndarray], space: str
) -> None:
    plate, clean, true = pair
    fitted, matte = tmp_path / "clean_fitted.exr", tmp_path / "m.exr"
    done = dmp("matte", plate, "--clean", clean, "-o", matte, *FEW, "--write-clean", fitted,
               "--input-space", space)  # fmt: skip
    assert done.returncode == 0, done.stderr
    spec, like = (oiio.ImageBuf(str(path)).spec() for path in (fitted, plate))
    assert spec.channelnames == ("R", "G", "B") and str(spec.format) == "half"
    for side in ("x", "y", "width", "height", "full_x", "full_y", "full_width", "full_height"):
        assert getattr(spec, side) == getattr(like, side)
    fit = json.loads(spec["dmp:clean_fit"])
    assert fit["shift"] == pytest.approx([-SHIFT, 0], abs=0.05)
    assert spec["dmp:clean"] == str(clean)
    assert not spec.getattribute("dmp:settings")
    # As it was given: the values are those of the clean plate's own file, put in its place.
    inside = (slice(8, -8), slice(8 + SHIFT, -8 - SHIFT))
    before = np.abs(picture(clean) - true)[inside].mean()
    assert np.abs(picture(fitted) - true)[inside].mean() < 0.2 * before
    # In the clean plate's place, with the same options, there is nothing left to do.
    again = tmp_path / "again.exr"
    done = dmp("matte", plate, "--clean", fitted, "-o", again, *FEW, "--input-space", space,
               "--set", "align=off", "--set", "illumination=off")  # fmt: skip
    assert done.returncode == 0, done.stderr
    alphas = [oiio.ImageBuf(str(path)).get_pixels("float")[..., 3] for path in (matte, again)]
    assert np.abs(alphas[0] - alphas[1]).mean() < 0.01


def test_a_sequence(
    engine: Connection, tmp_path: Path, pair: tuple[Path, Path, np.ndarray]
) -> None:
    plate, clean, true = pair
    shot = [tmp_path / f"shot.{number}.exr" for number in (7, 8)]
    for at, path in enumerate(shot):
        write_image(path, np.roll(picture(plate), at, axis=1))
    options = ["matte", tmp_path / "shot.#.exr", "--clean", clean, "-o", tmp_path / "m.#.exr",
               *SEQUENCE, "--input-space", "raw", "--write-clean"]  # fmt: skip
    done = dmp(*options, tmp_path / "still.exr")
    assert done.returncode != 0 and "put #### into its name" in done.stderr
    done = dmp(*options, tmp_path / "shot.#.exr")
    assert done.returncode != 0 and "would overwrite" in done.stderr
    assert not list(tmp_path.glob("m.*"))
    done = dmp(*options, tmp_path / "fitted.#.exr")
    assert done.returncode == 0, done.stderr
    for at, number in enumerate((7, 8)):
        wrong = np.abs(picture(tmp_path / f"fitted.{number}.exr") - np.roll(true, at, axis=1))
        assert wrong[8:-8, 16:-16].mean() < 0.01
    left = {path.name for path in tmp_path.iterdir() if path.name.startswith(".")}
    assert left == set()


@pytest.mark.parametrize(
    ("name", "result"), [("f.png", "does not end in .exr"), ("none/f.exr", "does not exist"),
                       ("clean.exr", "would overwrite"), ("m.exr", "would overwrite")]
)  # fmt: skip
def test_what_is_wrong_is_reported_before_anything_is_solved(
    tmp_path: Path, pair: tuple[Path, Path, np.ndarray], name: str, result: str
) -> None:
    plate, clean, _ = pair
    done = dmp("matte", plate, "--clean", clean, "-o", tmp_path / "m.exr", *FEW,
               "--write-clean", tmp_path / name)  # fmt: skip
    assert done.returncode != 0 and result in done.stderr and not (tmp_path / "m.exr").exists()
