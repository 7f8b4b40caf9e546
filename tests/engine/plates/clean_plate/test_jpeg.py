"""JPEG: which one it was, and that what it does around the subject is not taken for subject."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
import torch
from scipy import ndimage

from dmp_engine.dmp.model.clean_plate_error import CleanPlateError
from dmp_engine.dmp.solve.frame import solve
from dmp_engine.plates.clean_plate import fit
from dmp_engine.plates.clean_plate.fit import Report, fit_pixels
from dmp_engine.plates.clean_plate.jpeg import Jpeg, compression_of, explained
from dmp_engine.plates.clean_plate.local_contrast import Floats
from dmp_matting import preset
from dmp_matting.generators import finish

ONCE = preset("draft").changed(device="cpu", threads=1)
OFF = ONCE.changed(align="off", illumination="off")
FULL, HALF, QUARTER = 0x111111, 0x211111, 0x221111  # 4:4:4, 4:2:2, 4:2:0


@pytest.fixture
def plates(lemur: Any) -> tuple[Floats, Floats]:
    """Plate and clean plate (H, W, 3), never compressed."""
    image, clean = (x[0].permute(1, 2, 0).numpy().copy() for x in (lemur.image, lemur.clean))
    return image, clean


def alpha_of(
    image: Floats, clean: Floats, clean_plate_error: CleanPlateError | None
) -> torch.Tensor:
    tensors = [torch.from_numpy(x).permute(2, 0, 1)[None].contiguous() for x in (image, clean)]
    steps = solve(tensors[0], tensors[1], ONCE, clean_plate_error=clean_plate_error)
    return finish(steps).alpha


@pytest.mark.parametrize(
    ("quality", "sampling"),
    [(40, QUARTER), (75, QUARTER), (85, QUARTER), (90, HALF), (92, FULL), (97, FULL)],
)
def test_which_one_it_was(plates: tuple[Floats, Floats], quality: int, sampling: int) -> None:
    for plate in plates:
        assert compression_of(Jpeg(quality, sampling).again(plate)) == Jpeg(quality, sampling)


@pytest.mark.parametrize("sampling", [QUARTER, HALF, FULL])
def test_saturated_colours_do_not_hide_it(plates: tuple[Floats, Floats], sampling: int) -> None:
    """They clip, and come out of a second compression quite different."""
    plate = plates[0].copy()
    plate[40:150:7, 30:200] = (1, 0, 0.1)
    plate[43:150:7, 30:200] = (0, 0.1, 1)
    assert compression_of(Jpeg(85, sampling).again(plate)) == Jpeg(85, sampling)


def test_what_was_never_compressed_or_changed_since(plates: tuple[Floats, Floats]) -> None:
    image, clean = plates
    assert compression_of(image) is None and compression_of(clean) is None
    compressed = Jpeg(85, QUARTER).again(image)
    smaller = cv2.resize(compressed, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA)
    assert compression_of(smaller) is None
    assert compression_of(np.rint(255 * smaller).astype(np.float32) / 255) is None
    assert compression_of(compressed * 0.9) is None
    assert compression_of(compressed * 3) is None  # beyond 8 bits: a scene
    assert compression_of(np.full((32, 48, 3), 0.5, np.float32)) is None
    assert compression_of(np.zeros((3, 5, 3), np.float32)) is None


def test_a_half_float_still_shows_it(plates: tuple[Floats, Floats]) -> None:
    compressed = Jpeg(85, QUARTER).again(plates[0])
    assert compression_of(compressed.astype(np.float16).astype(np.float32)) == Jpeg(85, QUARTER)


def test_the_grid_of_a_large_plates_blocks_is_found(plates: tuple[Floats, Floats]) -> None:
    large = np.tile(plates[0], (5, 7, 1))[: 16 * 70 + 7, :2041]
    assert compression_of(Jpeg(85, QUARTER).again(large)) == Jpeg(85, QUARTER)


def test_background_beside_the_subject_is_reported_and_the_error_of_the_rest(
    plates: tuple[Floats, Floats], lemur: Any
) -> None:
    jpeg = Jpeg(85, QUARTER)
    image, clean = (jpeg.again(x) for x in plates)
    empty = (lemur.alpha[0, 0] == 0).numpy()
    differs = empty & (np.abs(image - clean) > 1 / 255).any(axis=2)
    assert differs.sum() > 1000  # compression errs there
    found = explained(image, clean, jpeg)
    assert found.background[differs].mean() > 0.7
    subject = (lemur.alpha[0, 0] > 0.5).numpy()
    assert found.background[subject].mean() < 0.005
    far = cv2.dilate((~empty).astype(np.uint8), np.ones((49, 49))) == 0
    assert found.background[far].mean() > 0.995 and found.sigma[far].mean() < 0.5 / 255
    true = np.sqrt(np.square(image - clean).mean(axis=2)[differs].mean())
    estimate = np.sqrt(np.square(found.sigma[differs]).mean())
    assert 0.6 * true < estimate < 1.8 * true


@pytest.mark.parametrize("settings", [ONCE, OFF], ids=["auto", "off"])
def test_a_compressed_pairs_matte_is_better_for_it(
    plates: tuple[Floats, Floats], lemur: Any, settings: Any
) -> None:
    image, clean = (Jpeg(85, QUARTER).again(x) for x in plates)
    made = fit_pixels(image, clean, np.ones(image.shape[:2], bool), False, settings)
    assert made.report.jpeg == 85 and "JPEG of quality 85" in made.report.sentence()
    assert made.clean_plate_error is not None
    errors = [
        float((alpha_of(image, *arguments) - lemur.alpha).abs().mean())
        for arguments in ((made.pixels, made.clean_plate_error), (clean, None))
    ]
    assert errors[0] < 0.8 * errors[1]


def test_a_moved_and_compressed_pairs_background_is_cleaner_for_it(
    plates: tuple[Floats, Floats], lemur: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    jpeg = Jpeg(85, QUARTER)
    aside = ndimage.shift(plates[1], (0.6, 1.4, 0), order=3, mode="nearest").clip(0, 1)
    image, clean = jpeg.again(plates[0]), jpeg.again(aside)
    whole, errors = np.ones(image.shape[:2], bool), []
    for found in (jpeg, None):
        monkeypatch.setattr(fit, "compression_of", lambda _, found=found: found)
        fitted = fit_pixels(image, clean, whole, False, ONCE)
        assert fitted.report.align == "translation"
        assert fitted.clean_plate_error is not None
        assert (fitted.clean_plate_error.sigma_tests is not None) == (found is not None)
        alpha = alpha_of(image, fitted.pixels, fitted.clean_plate_error)
        errors.append(float(alpha[lemur.alpha == 0].sum()))
        sentence = fitted.report.sentence()
        assert sentence.startswith("The clean plate was fitted: moved by ")
        assert ("JPEG of quality 85" in sentence) == (found is not None)
    assert errors[0] < 0.5 * errors[1]


def test_the_papers_own_start_is_not_touched(plates: tuple[Floats, Floats]) -> None:
    image, clean = (Jpeg(85, QUARTER).again(x) for x in plates)
    paper = preset("paper").changed(device="cpu", threads=1)
    made = fit_pixels(image, clean, np.ones(image.shape[:2], bool), False, paper)
    assert (
        np.array_equal(made.pixels, clean)
        and made.clean_plate_error is None
        and made.report == Report()
    )


def test_an_uncompressed_pair_is_not_touched(plates: tuple[Floats, Floats]) -> None:
    image, clean = plates
    made = fit_pixels(image, clean, np.ones(image.shape[:2], bool), False, OFF)
    assert made.pixels is clean and made.clean_plate_error is None
