"""The clean plate's fit against exact truth: scenes that can be looked at from anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray

from dmp_engine.plates.clean_plate.fit import Fit, fit_clean, fit_pixels
from dmp_engine.plates.clean_plate.registration import register
from dmp_engine.plates.io.read import PlateImage
from dmp_matting import Settings, preset

from ....scenes import waves

Array = NDArray[np.float32]
HEIGHT, WIDTH = 180, 240
AUTO = preset("draft").changed(device="cpu", threads=1)
OFF = AUTO.changed(align="off", illumination="off")
LEMUR = Path(__file__).parents[3] / "plates" / "lemur"


def grid() -> tuple[Array, Array]:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    return x, y


def moved(matrix: NDArray[np.float64]) -> Array:
    """The scene as a camera saw it whose pixel p is the plate's pixel ``matrix`` p."""
    x, y = grid()
    places = np.tensordot(matrix, np.stack([x, y, np.ones_like(x)]), 1)
    return waves(places[0] / places[2], places[1] / places[2])


def with_subject(behind: Array, share: float) -> tuple[Array, NDArray[np.bool_]]:
    """A striped disc before ``behind`` that covers ``share`` of the frame."""
    x, y = grid()
    radius = np.sqrt(share * HEIGHT * WIDTH / np.pi)
    inside = np.hypot(x - WIDTH / 2, y - HEIGHT * 0.55) < radius
    subject = waves(1.7 * x, 1.3 * y, seed=9)[..., ::-1] * np.float32(0.8)
    return np.where(inside[..., None], subject, behind).astype(np.float32), inside


def fit(image: Array, clean: Array, settings: Settings = AUTO, linear: bool = False) -> Fit:
    return fit_pixels(image, clean, np.ones(image.shape[:2], bool), linear, settings)


def shift(x: float, y: float) -> NDArray[np.float64]:
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def turn(degrees: float) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    middle = shift(WIDTH / 2, HEIGHT / 2)
    result: NDArray[np.float64] = (
        middle @ [[c, -s, 0], [s, c, 0], [0, 0, 1]] @ np.linalg.inv(middle)
    )
    return result


TILT = np.array([[1.01, 0.006, -2.5], [-0.004, 0.995, 1.5], [2e-5, -3e-5, 1.0]])

# --- motion ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matrix", "kind"),
    [
        (shift(0.3, -0.2), "translation"),
        (shift(3.4, 2.2), "translation"),
        (shift(-17.3, 9.6), "translation"),
        (turn(0.5), "rotation"),
        (TILT, "homography"),
    ],
    ids=["shift-0.3", "shift-4", "shift-20", "turn", "tilt"],
)
@pytest.mark.parametrize("share", [0.15, 0.6])
def test_a_known_motion_is_found(matrix: NDArray[np.float64], kind: str, share: float) -> None:
    image, _ = with_subject(moved(np.eye(3)), share)
    clean = moved(matrix)
    found = register(image, clean, np.ones(image.shape[:2], bool), "auto")
    assert found is not None and found.kind == kind
    across, down = found.places(HEIGHT, WIDTH)
    x, y = grid()
    back = np.tensordot(np.linalg.inv(matrix), np.stack([x, y, np.ones_like(x)]), 1)
    error = np.hypot(across - back[0] / back[2], down - back[1] / back[2])
    assert error.mean() < (0.06 if kind == "translation" else 0.1)  # pixels
    assert error.max() < (0.1 if kind == "translation" else 0.35)


def test_the_settings_cap_what_is_tried() -> None:
    image, clean = with_subject(moved(np.eye(3)), 0.15)[0], moved(TILT)
    whole = np.ones(image.shape[:2], bool)
    capped = register(image, clean, whole, "translation")
    assert capped is not None and capped.kind == "translation"
    assert fit(image, clean, AUTO.changed(align="off")).report.align == "none"


def test_parallax_is_followed() -> None:
    x, y = grid()
    image, subject = with_subject(waves(x, y), 0.15)
    # what is on the right stands nearer to the camera than what is on the left
    aside = 2.5 / (1 + np.exp(-(x - WIDTH / 2) / 25))
    found = fit(image, waves(x + aside, y), AUTO.changed(align="flow"))
    assert found.report.align == "flow"
    inner = np.zeros(subject.shape, bool)
    inner[12:-12, 12:-12] = True
    apart = np.abs(found.moved - waves(x, y)).mean(axis=2)[inner & ~subject]
    before = np.abs(waves(x + aside, y) - waves(x, y)).mean(axis=2)[inner & ~subject]
    assert apart.mean() < 0.35 * before.mean()


# --- light -------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.15, 0.5])
def test_gain_and_offset_are_found(share: float) -> None:
    truth = moved(np.eye(3))
    image, subject = with_subject(truth, share)
    gain, offset = np.array([0.85, 1.0, 1.2], np.float32), np.float32(0.03)
    found = fit(image, (truth - offset) / gain)
    assert found.report.gain == pytest.approx(gain, rel=0.01)
    np.testing.assert_allclose(found.pixels, truth, atol=0.01)


def test_a_vignette_is_found_behind_the_subject_too() -> None:
    truth = moved(np.eye(3))
    image, subject = with_subject(truth, 0.2)
    x, y = grid()
    vignette = 1 - 0.3 * (((x / WIDTH - 0.5) * 2) ** 2 + ((y / HEIGHT - 0.5) * 2) ** 2) / 2
    found = fit(image, truth * vignette[..., None])
    apart = np.abs(found.pixels - truth)
    assert apart[~subject].mean() < 0.004
    assert apart[subject].mean() < 0.02


def test_motion_and_light_together() -> None:
    image, subject = with_subject(moved(np.eye(3)), 0.2)
    found = fit(image, moved(turn(0.5) @ shift(4, -3)) * np.float32(0.8))
    assert found.report.align == "rotation"
    assert found.report.gain == pytest.approx((1.25, 1.25, 1.25), rel=0.01)
    apart = np.abs(found.pixels - moved(np.eye(3)))[found.known & ~subject]
    assert apart.mean() < 0.004


def test_a_blown_out_clean_plate_takes_the_plates_values() -> None:
    truth = moved(np.eye(3)) + np.float32(0.15)
    image, subject = with_subject(truth, 0.1)
    clean = np.minimum(truth * 1.6, 1)
    assert (clean == 1).mean() > 0.3
    found = fit(image, clean)
    assert np.abs(found.pixels - truth)[~subject].mean() < 0.01


# --- what fits is not touched ------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, 0.6, 0.9])
def test_a_pair_that_matches_stays_as_it_is(share: float) -> None:
    clean = moved(np.eye(3))
    image, _ = with_subject(clean, share)
    found = fit(image, clean)
    assert not found.report.touched and found.known.all()
    np.testing.assert_array_equal(found.pixels, clean)


@pytest.mark.parametrize("window", [np.s_[:, :], np.s_[28:76, 150:214], np.s_[60:160, 100:300]])
def test_the_photograph_stays_as_it_is(window: tuple[slice, slice]) -> None:
    image, clean = (
        np.ascontiguousarray(oiio.ImageBuf(str(LEMUR / name)).get_pixels("float")[window])
        for name in ("plate.png", "clean.png")
    )
    found = fit(image, clean)
    np.testing.assert_array_equal(found.pixels, clean)


@pytest.mark.parametrize("frame", [1001, 1004, 1008])
def test_the_rendered_shot_stays_as_it_is(frame: int) -> None:
    folder = LEMUR.parent / "furball"
    image, clean = (
        np.ascontiguousarray(oiio.ImageBuf(str(folder / name)).get_pixels("float")[..., :3])
        for name in (f"plate.{frame}.exr", "clean.exr")
    )
    found = fit(image, clean, linear=True)
    np.testing.assert_array_equal(found.pixels, clean)


def test_grain_alone_moves_nothing() -> None:
    random = np.random.default_rng(0)
    image, _ = with_subject(moved(np.eye(3)), 0.2)
    for sigma in (0.005, 0.02, 0.04):
        noisy = [
            (x + random.normal(0, sigma, x.shape)).astype(np.float32)
            for x in (image, moved(np.eye(3)))
        ]
        assert not fit(*noisy).report.touched


def test_off_is_off() -> None:
    clean = moved(shift(3, 1)) * np.float32(0.8)
    found = fit(with_subject(moved(np.eye(3)), 0.2)[0], clean, OFF)
    assert found.pixels is clean and not found.report.touched


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (20, 40), (30, 30)])
def test_tiny_plates_do_no_harm(size: tuple[int, int]) -> None:
    height, width = size
    clean = moved(np.eye(3))[:height, :width].copy()
    image = clean.copy()
    image[height // 2 :] = 0.9
    np.testing.assert_array_equal(fit(image, clean).pixels, clean)


# --- scene-linear, borders ---------------------------------------------------------------------


def test_highlights_keep_their_light() -> None:
    x, y = grid()

    def lamps(x: Array, y: Array) -> Array:
        glow = 60 * np.exp(-(np.hypot(x - 40, y - 40) ** 2) / 18)
        return waves(x, y) ** 2 + glow[..., None].astype(np.float32)

    image, _ = with_subject(lamps(x, y), 0.15)
    found = fit(image, lamps(x + 2.4, y - 1.3), AUTO.changed(illumination="off"), linear=True)
    assert found.report.align == "translation"
    truth = lamps(x, y)
    bright = truth.max(axis=2) > 5
    assert bright.sum() > 40
    relative = np.abs(found.moved - truth)[bright] / truth[bright]
    assert relative.max() < 0.05
    assert found.moved.min() >= -0.01  # no ringing beside the lamp


def test_the_border_without_a_clean_plate_is_no_frame() -> None:
    x, y = grid()
    image, subject = with_subject(waves(x, y), 0.15)
    found = fit(image, waves(x + 12, y + 7))
    assert 0.05 < 1 - found.known.mean() < 0.15
    beyond = ~found.known & ~subject
    assert np.abs(found.pixels - image)[beyond].max() < 0.02


def test_a_subject_that_leaves_the_frame_is_not_taken_for_background() -> None:
    x, y = grid()
    subject = np.abs(y - HEIGHT / 2) < 40
    other = waves(1.7 * x, 1.3 * y, seed=9)[..., ::-1]
    image = np.where(subject[..., None], other, waves(x, y)).astype(np.float32)
    found = fit(image, waves(x + 12, y))
    beyond = ~found.known & (np.abs(y - HEIGHT / 2) < 34)
    assert beyond.sum() > 300
    assert (np.abs(found.pixels - image).max(axis=2)[beyond] > 0.02).mean() > 0.8


# --- plates with headers -----------------------------------------------------------------------


@pytest.fixture
def plate() -> Callable[..., PlateImage]:
    def make(pixels: Array, name: str = "x.exr", space: str = "raw") -> PlateImage:
        spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, "float")
        return PlateImage(pixels, spec, Path(name), space)

    return make


def test_the_fit_is_reported_in_numbers(plate: Callable[..., PlateImage]) -> None:
    image, _ = with_subject(moved(np.eye(3)), 0.2)
    fitted = fit_clean(plate(image), plate(moved(shift(3, -2)) / np.float32(1.1)), AUTO)
    (note,) = fitted.notes()
    # the clean plate's camera stood 3 px to the right: its picture is moved to the right
    assert "moved by +3.0, -2.0 px (translation)" in note and "gain 1.100 1.1" in note
    assert fitted.attributes()["dmp:clean_fit"].startswith('{"align": "translation"')
    still = fit_clean(plate(image), plate(moved(np.eye(3))), AUTO)
    assert still.notes() == () and still.attributes() == {}


def test_a_smaller_data_window_is_completed(plate: Callable[..., PlateImage]) -> None:
    image, subject = with_subject(moved(np.eye(3)), 0.15)
    clean = moved(np.eye(3))
    clean[:, :20] = 0
    fitted = fit_clean(plate(image), replace(plate(clean), window=(20, 0, WIDTH, HEIGHT)), AUTO)
    assert fitted.unknown[:, :20].all() and not fitted.unknown[:, 20:].any()
    np.testing.assert_array_equal(fitted.clean.rgb[:, :20], image[:, :20])
    assert any("no pixels in 8 %" in text for text in fitted.warnings)
