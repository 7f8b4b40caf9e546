"""The PNG of a finished frame: what the layers hold, as displayed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.plates.io import read_plate, write_layers
from dmp_engine.review import result_png
from dmp_engine.review.contact_sheet import read_alpha
from dmp_engine.review.result_png import make_picture
from dmp_matting.client.engine_python import child_environment, engine_command
from dmp_matting.errors import OutputError, PlateError
from dmp_matting.job import Plate, Role

LEMUR = Path(__file__).resolve().parents[2] / "plates" / "lemur"


@pytest.fixture(params=["auto", "raw"])
def result(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The lemur's true layers, as an engine would have written them."""
    image = read_plate(Plate(str(LEMUR / "plate.png"), Role.IMAGE, request.param))
    true = read_plate(Plate(str(LEMUR / "foreground.png"), Role.IMAGE, request.param)).rgb
    path = tmp_path / "lemur.exr"
    write_layers(path, image, read_alpha(LEMUR / "alpha.png"), true, {"dmp:space": image.space})
    return path


def pixels(path: Path) -> np.ndarray:
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels("float"))


def stored(path: Path) -> np.ndarray:
    """The PNG's own numbers; OpenImageIO would premultiply them."""
    spec = oiio.ImageSpec()
    spec["oiio:UnassociatedAlpha"] = 1
    file = oiio.ImageInput.open(str(path), spec)
    return np.asarray(file.read_image("float"))


def test_it_shows_the_true_layers(result: Path, tmp_path: Path) -> None:
    make_picture(result, tmp_path / "lemur.png")
    made = stored(tmp_path / "lemur.png")
    assert made.shape == (220, 340, 4)
    alpha, true = read_alpha(LEMUR / "alpha.png"), pixels(LEMUR / "foreground.png")[..., :3]
    assert np.abs(made[..., 3] - alpha).max() < 0.004
    seen = alpha > 0.05
    assert np.abs(made[..., :3] - true)[seen].mean() < 0.004


def test_a_large_one_is_shrunk_and_its_colours_stay(
    result: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(result_png, "SIDE", 170)
    make_picture(result, tmp_path / "lemur.png")
    made = stored(tmp_path / "lemur.png")
    assert made.shape == (110, 170, 4)
    halved = read_alpha(LEMUR / "alpha.png").reshape(110, 2, 170, 2).mean((1, 3))
    assert np.abs(made[..., 3] - halved).mean() < 0.01
    true = pixels(LEMUR / "foreground.png")[..., :3].reshape(110, 2, 170, 2, 3).mean((1, 3))
    assert np.abs(made[..., :3] - true)[halved == 1].mean() < 0.02


def test_what_is_no_result_is_reported(tmp_path: Path, result: Path) -> None:
    with pytest.raises(PlateError, match="dmp matte"):
        make_picture(LEMUR / "plate.png", tmp_path / "a.png")
    with pytest.raises(OutputError):
        make_picture(result, tmp_path / "nowhere" / "a.png")
    assert not list(tmp_path.glob(".*"))


def test_the_engines_command(result: Path, tmp_path: Path) -> None:
    def run(*arguments: object) -> dict[str, object]:
        done = subprocess.run(
            [*engine_command(), "picture", *map(str, arguments)],
            env=child_environment(), capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        outcome: dict[str, object] = json.loads(done.stdout)
        return outcome

    output = tmp_path / "a.png"
    assert run(result, "--output", output) == {"ok": True, "path": str(output)}
    assert output.stat().st_size > 1000
    assert run(tmp_path / "none.exr", "--output", output)["error"] == "PlateError"
