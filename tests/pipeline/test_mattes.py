"""The artist's mattes by every way into the engine but the hosts': kept in the written EXR."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.plates.io.user_mattes import constraint_of
from dmp_matting import InputError, Layers, PlateError, Progress, matte, resolve
from dmp_matting.job import MATTES, Role
from dmp_matting.publish.instances import find_shots
from dmp_matting.shots.shot import Shot

from ..conftest import Home
from ..scenes import write_image
from .conftest import FEW, FEW_STEPS, TinyShot, dmp

SIZE = (32, 48)
NUMBERS = (1001, 1002, 1003)


@pytest.fixture(autouse=True)
def at_home(home: Home) -> Home:
    return home


def painted(number: int) -> dict[Role, np.ndarray]:
    """Moving with the frame, soft at the edges, contradicting each other; float32 (H, W)."""
    soft = np.clip((np.arange(SIZE[1]) - (number - 1001) - 9.5) / 4 + 0.5, 0, 1)
    mattes = {role: np.zeros(SIZE, np.float32) for role in MATTES}
    mattes[Role.GARBAGE][:] = soft
    mattes[Role.CORE][4:9, 30:] = mattes[Role.CORE][20:, :14] = 0.75
    mattes[Role.HOLDOUT][14:20] = 1 - np.abs(np.linspace(-1, 1, SIZE[1]))
    mattes[Role.TRIMAP][:] = 0.5
    mattes[Role.TRIMAP][:4], mattes[Role.TRIMAP][-4:] = 0, 1
    return mattes


def on_disk(folder: Path, shot: TinyShot) -> Shot:
    """The shot with a sequence of each matte; the trimap in 8 bit."""
    folder.mkdir(exist_ok=True)
    for number in shot.numbers:
        for role, values in painted(number).items():
            write_image(folder / f"{role.value}.{number}.exr", values[..., None])
    sources = {role.value: str(folder / f"{role.value}.####.exr") for role in MATTES}
    return Shot("s", shot.pattern, str(shot.clean), str(folder / "matte.####.exr"), **sources)  # type: ignore[arg-type]


def layers(path: Path | str) -> dict[str, np.ndarray]:
    """The channels of an EXR by name."""
    image = oiio.ImageBuf(str(path))
    pixels = image.get_pixels("float")
    return {name: pixels[..., at] for at, name in enumerate(image.spec().channelnames)}


def check(path: Path | str, number: int) -> None:
    """0 pixels where the mattes say otherwise, in the file as it was written (half float)."""
    found = layers(path)
    constraint = constraint_of(painted(number))
    assert constraint is not None and all(
        (constraint == value).sum() > 100 for value in (0, 0.25, 1)
    )
    alpha = found["A"]
    assert (alpha[constraint == 0] != 0).sum() == 0 and (alpha[constraint == 1] != 1).sum() == 0
    for name in "RGB":
        assert (found[name][constraint == 0] != 0).sum() == 0


@pytest.mark.parametrize("temporal", ["off", "neighbours"])
def test_a_sequence_through_the_shared_engine(tmp_path: Path, temporal: str) -> None:
    shot = on_disk(tmp_path / "out", TinyShot(tmp_path / "in", count=3))
    options = [part for role in MATTES for part in (f"--{role.value}", shot.sources()[role])]
    steps = ["--preset", "draft", "--device", "cpu", "--set", "threads=1", "--set", "joint_steps=3"]
    done = dmp("matte", shot.image, "--clean", shot.clean, "-o", shot.output, *options, *steps,
               "--set", f"temporal={temporal}", "--no-check")  # fmt: skip
    assert done.returncode == 0, done.stderr
    for number in NUMBERS:
        check(shot.output_of(number), number)


def test_what_one_call_refuses(tmp_path: Path) -> None:
    shot = TinyShot(tmp_path / "in", count=1)
    with pytest.raises(InputError, match="make it a Shot"):
        matte(shot.pattern, shot.clean, tmp_path / "m.exr")
    with pytest.raises(InputError, match="make it a Shot"):
        matte(shot.plate(1001), shot.clean, tmp_path / "m.####.exr")
    with pytest.raises(PlateError, match="is missing"):
        matte(shot.plate(1001), tmp_path / "none.exr", tmp_path / "m.exr")


def test_one_plate_in_a_process_of_its_own_and_the_face(tmp_path: Path) -> None:
    shot = on_disk(tmp_path / "out", TinyShot(tmp_path / "in", count=1))
    frame = shot.frame(1001)
    options = [part for role in MATTES for part in (f"--{role.value}", frame.plate(role).path)]  # type: ignore[union-attr]
    image, clean = frame.plates[0].path, frame.plates[1].path
    output = tmp_path / "one.exr"
    done = dmp("matte", image, "--clean", clean, "-o", output, *options, *FEW_STEPS, "--no-server")
    assert done.returncode == 0, done.stderr
    check(output, 1001)

    again = tmp_path / "again.exr"
    progress: list[Progress] = []
    mattes = {role.value: frame.plate(role).path for role in MATTES}  # type: ignore[union-attr]
    made = matte(
        image, clean, again, preset="paper", device="cpu", threads=1, on_progress=progress.append,
        **mattes, **FEW,
    )  # fmt: skip
    assert isinstance(made, Layers) and made.path == str(again) and progress
    check(again, 1001)
    assert np.array_equal(layers(again)["A"], layers(output)["A"])


def test_a_batch_names_them_in_columns(tmp_path: Path) -> None:
    shot = on_disk(tmp_path / "out", TinyShot(tmp_path / "in", count=2))
    row = {"name": "s", "image": shot.image, "clean": shot.clean, "output": shot.output}
    row.update((role.value, shot.sources()[role]) for role in MATTES)
    (tmp_path / "shots.json").write_text(json.dumps([row]))
    done = dmp("batch", tmp_path / "shots.json", "--preset", "paper", "--device", "cpu",
               *(x for name, value in FEW.items() for x in ("--set", f"{name}={value}")),
               "--no-check")  # fmt: skip
    assert done.returncode == 0, done.stderr
    for number in (1001, 1002):
        check(shot.output_of(number), number)


def test_one_that_is_missing_is_reported_by_its_name(tmp_path: Path) -> None:
    shot = TinyShot(tmp_path / "in", count=2)
    for option, name in (("--holdout", "holdout matte"), ("--trimap", "trimap")):
        gone = tmp_path / "gone.exr"
        done = dmp("matte", shot.pattern, "--clean", shot.clean, "-o", tmp_path / "m.####.exr",
                   option, gone, *FEW_STEPS)  # fmt: skip
        assert done.returncode != 0 and f"the {name} {gone} is missing" in done.stderr


def test_names_in_a_publish_folder(tmp_path: Path) -> None:
    for name in ("A_plate.exr", "A_clean.exr", *(f"A_{role.value}.exr" for role in MATTES)):
        (tmp_path / name).touch()
    ((shot, trouble),) = find_shots(str(tmp_path), resolve())
    assert trouble == []
    assert {role: Path(path).name for role, path in shot.sources().items()} == {
        Role.IMAGE: "A_plate.exr", Role.CLEAN: "A_clean.exr",
        **{role: f"A_{role.value}.exr" for role in MATTES},
    }  # fmt: skip
    for plate in shot.frame(1).plates:
        assert plate.colour_space == ("raw" if plate.role.is_matte else "auto")
