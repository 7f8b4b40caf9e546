"""The contact sheet: every tile shows what its label says, and a missing plate is no error."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.plates.io import read_plate, write_layers
from dmp_engine.review.contact_sheet import LABEL, MARGIN, make_sheet, read_alpha
from dmp_matting.errors import OutputError, PlateError
from dmp_matting.job import Plate, Role

LEMUR = Path(__file__).resolve().parents[2] / "plates" / "lemur"
HEIGHT, WIDTH = 220, 340


@pytest.fixture
def result(tmp_path: Path) -> Path:
    """The lemur's true layers, as an engine would have written them."""
    return write_truth(tmp_path / "lemur.exr", "auto")


def write_truth(path: Path, space: str) -> Path:
    for name in ("plate.png", "clean.png"):
        shutil.copy(LEMUR / name, path.parent)
    image = read_plate(Plate(str(path.parent / "plate.png"), Role.IMAGE, space))
    foreground = read_plate(Plate(str(LEMUR / "foreground.png"), Role.IMAGE, space)).rgb
    header = {
        "dmp:image": str(image.path),
        "dmp:clean": str(path.parent / "clean.png"),
        "dmp:space": image.space,
    }
    write_layers(path, image, read_alpha(LEMUR / "alpha.png"), foreground, header)
    return path


def picture(path: Path) -> np.ndarray:
    return np.asarray(oiio.ImageBuf(str(path)).get_pixels("float"))[..., :3]


def tile(sheet: Path, index: int) -> np.ndarray:
    left = MARGIN + index % 3 * (WIDTH + MARGIN)
    top = LABEL + MARGIN + index // 3 * (HEIGHT + LABEL + MARGIN) + LABEL
    return picture(sheet)[top : top + HEIGHT, left : left + WIDTH]


def label(sheet: Path, index: int) -> np.ndarray:
    left = MARGIN + index % 3 * (WIDTH + MARGIN)
    top = LABEL + MARGIN + index // 3 * (HEIGHT + LABEL + MARGIN)
    return picture(sheet)[top : top + LABEL, left : left + WIDTH]


@pytest.mark.parametrize("space", ["auto", "raw"])
def test_every_tile_shows_what_its_title_names(space: str, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    assert make_sheet(write_truth(tmp_path / "lemur.exr", space), sheet) == []
    alpha = read_alpha(LEMUR / "alpha.png")[..., None]
    eight_bit = 1.5 / 255  # half keeps 11 bits, the sheet 8
    assert np.abs(tile(sheet, 0) - picture(LEMUR / "plate.png")).max() < eight_bit
    assert np.abs(tile(sheet, 1) - picture(LEMUR / "clean.png")).max() < eight_bit
    assert np.abs(tile(sheet, 2) - alpha).max() < eight_bit
    straight = np.where(alpha > 0, picture(LEMUR / "foreground.png"), 0)
    assert np.abs(tile(sheet, 3) - straight).max() < eight_bit
    grey = 0.5 if space == "raw" else 1.055 * 0.18 ** (1 / 2.4) - 0.055
    empty = alpha[..., 0] == 0
    assert np.abs(tile(sheet, 4)[empty] - grey).max() < eight_bit
    full = alpha[..., 0] == 1
    for index in (4, 5):
        assert np.abs(tile(sheet, index)[full] - straight[full]).max() < eight_bit
    assert len(np.unique(tile(sheet, 5)[empty].round(2), axis=0)) >= 5  # the colours behind
    for index in range(6):
        assert label(sheet, index).max() > 0.7  # light letters


def test_over_another_plate(result: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    make_sheet(result, sheet, over=LEMUR / "clean.png")
    # The lemur put back before its own clean plate is the plate, as far as linear light allows.
    empty = read_alpha(LEMUR / "alpha.png") == 0
    assert np.abs(tile(sheet, 5) - picture(LEMUR / "clean.png"))[empty].max() < 1.5 / 255


def test_a_plate_that_has_gone_leaves_its_tile_empty(result: Path, tmp_path: Path) -> None:
    (tmp_path / "clean.png").unlink()
    sheet = tmp_path / "sheet.png"
    assert make_sheet(result, sheet) == ["clean plate"]
    assert np.ptp(tile(sheet, 1)) == 0
    assert make_sheet(result, sheet, clean=LEMUR / "clean.png") == []
    assert np.abs(tile(sheet, 1) - picture(LEMUR / "clean.png")).max() < 1.5 / 255


def test_a_plate_of_another_shape_keeps_it(result: Path, tmp_path: Path) -> None:
    square = oiio.ImageBuf(oiio.ImageSpec(50, 50, 3, "uint8"))
    oiio.ImageBufAlgo.fill(square, (1.0, 1.0, 1.0))
    square.write(str(tmp_path / "square.png"))
    make_sheet(result, tmp_path / "sheet.png", image=tmp_path / "square.png")
    white = (tile(tmp_path / "sheet.png", 0) > 0.9).all(axis=2)
    rows, columns = np.flatnonzero(white.any(axis=1)), np.flatnonzero(white.any(axis=0))
    assert len(rows) == len(columns) == HEIGHT


def test_a_large_anamorphic_result_fits(tmp_path: Path) -> None:
    plate = oiio.ImageBuf(oiio.ImageSpec(1500, 900, 3, "half"))
    oiio.ImageBufAlgo.fill(plate, (0.2, 0.3, 0.4))
    plate.specmod().attribute("PixelAspectRatio", 2.0)
    plate.write(str(tmp_path / "plate.exr"))
    image = read_plate(Plate(str(tmp_path / "plate.exr"), Role.IMAGE))
    write_layers(tmp_path / "wide.exr", image, np.ones((900, 1500), np.float32), image.rgb, {})
    assert make_sheet(tmp_path / "wide.exr", tmp_path / "s.jpg") == ["plate", "clean plate"]
    height, width = picture(tmp_path / "s.jpg").shape[:2]
    assert width == MARGIN + 3 * (640 + MARGIN)
    assert height == LABEL + MARGIN + 2 * (640 * 900 // 3000 + LABEL + MARGIN)


def test_what_cannot_be_shown(result: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(PlateError, match="dmp matte"):
        make_sheet(LEMUR / "plate.png", tmp_path / "sheet.png")
    with pytest.raises(PlateError, match="none.exr"):
        make_sheet(tmp_path / "none.exr", tmp_path / "sheet.png")
    with pytest.raises(PlateError, match="none.png"):
        make_sheet(result, tmp_path / "sheet.png", image=tmp_path / "none.png")
    with pytest.raises(OutputError, match="does not exist"):
        make_sheet(result, tmp_path / "none" / "sheet.png")
    with pytest.raises(OutputError, match=".png"):
        make_sheet(result, tmp_path / "sheet.exr")
    assert sorted(tmp_path.iterdir()) == before
