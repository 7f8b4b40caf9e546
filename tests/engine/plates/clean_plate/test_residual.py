"""What settles on the plate's values after a fit, and what must not: exact truth, made up here."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dmp_engine.plates.clean_plate.fit import Fit, fit_pixels
from dmp_engine.plates.clean_plate.registration import Motion
from dmp_matting import preset

from ....scenes import waves

Array = NDArray[np.float32]
HEIGHT, WIDTH = 160, 224
AUTO = preset("draft").changed(device="cpu", threads=1)
Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)


def fit(image: Array, clean: Array) -> Fit:
    return fit_pixels(image, clean, np.ones(image.shape[:2], bool), False, AUTO)


def stored(x: Array) -> Array:
    """To 8 bit."""
    return (np.round(x.clip(0, 1) * 255) / 255).astype(np.float32)


def disc(radius: float, x: float = WIDTH / 2, y: float = HEIGHT / 2) -> NDArray[np.bool_]:
    result: NDArray[np.bool_] = np.hypot(X - x, Y - y) < radius
    return result


@pytest.mark.parametrize("aside", [0.0, 1.3])
def test_a_subject_of_almost_the_clean_plates_colour_stays_a_subject(aside: float) -> None:
    wall = np.where(disc(45)[..., None], np.float32(0.6), waves(X, Y))
    subject = disc(30)
    image = stored(np.where(subject[..., None], wall + np.float32(0.02), wall))
    there = np.where((np.hypot(X + aside - WIDTH / 2, Y - HEIGHT / 2) < 45)[..., None],
                     np.float32(0.6), waves(X + aside, Y))  # fmt: skip
    found = fit(image, stored(there * np.float32(0.8)))
    assert found.report.touched
    inner = disc(26)
    assert (np.abs(found.pixels - image).mean(axis=2)[inner] > 0.01).mean() > 0.95
    outside = found.known & ~disc(36)
    assert (np.abs(found.pixels - image).max(axis=2)[outside] < 0.005).mean() > 0.98


def test_stripes_as_fine_as_pixels_are_no_subject() -> None:
    def corrugated(x: Array, y: Array) -> Array:
        stripes = 0.5 + 0.03 * np.sin(2 * np.pi * x / 2.5)
        here = (np.abs(y - 110) < 22) & (x < 110)
        return np.where(here[..., None], stripes[..., None], waves(x, y)).astype(np.float32)

    subject = disc(26, 150, 70)
    image = np.where(subject[..., None], waves(1.7 * X, 1.3 * Y, 9)[..., ::-1], corrugated(X, Y))
    found = fit(stored(image), stored(corrugated(X + np.float32(1.4), Y - np.float32(0.6))))
    assert found.report.align == "translation"
    wall = (np.abs(Y - 110) < 18) & (X < 104) & found.known
    apart = np.abs(found.pixels - stored(image)).max(axis=2)
    assert (apart[wall] < 0.004).mean() > 0.95
    assert (apart[disc(22, 150, 70)] > 0.02).mean() > 0.9


def test_a_bright_subject_before_a_blown_out_ground_is_not_eaten() -> None:
    ground = np.where((Y > 70)[..., None], 0.89 + 0.02 * np.sin(X / 9)[..., None], waves(X, Y))
    subject = disc(38, WIDTH / 2, 100)
    body = (0.82 + 0.01 * np.cos(Y / 6))[..., None] * np.array([1, 0.995, 0.99], np.float32)
    image = stored(np.where(subject[..., None], body, ground).astype(np.float32))
    # a dark outline, as where a rounded body turns away from the light
    rim = disc(41, WIDTH / 2, 100) & ~subject
    image[rim] *= np.float32(0.7)
    clean = stored(ground.astype(np.float32) * np.float32(1.25))
    assert (clean[80:] == 1).all()
    found = fit(image, clean)
    assert found.report.gain == pytest.approx((0.8, 0.8, 0.8), rel=0.01)
    beside = (Y > 78) & ~disc(50, WIDTH / 2, 100)
    assert (np.abs(found.pixels - image).max(axis=2)[beside] < 0.01).mean() > 0.95
    eaten = np.abs(found.pixels - image).max(axis=2)[disc(34, WIDTH / 2, 100)] < 1e-6
    assert eaten.mean() < 0.1


def test_a_fit_is_not_refused_for_the_subjects_sake() -> None:
    truth = waves(X, Y)
    subject = disc(72)  # half of the frame, saturated, before and after nowhere near
    paint = waves(1.7 * X, 1.3 * Y, 9) * np.array([1.6, 0.5, 0.1], np.float32)
    image = stored(np.where(subject[..., None], paint, truth).astype(np.float32))
    clean = stored(truth * np.array([0.8, 1.0, 1.25], np.float32))
    found = fit(image, clean)
    assert found.report.gain == pytest.approx((1.25, 1.0, 0.8), rel=0.01)


def test_a_vignette_is_found_around_a_subject_that_fills_the_frame() -> None:
    truth = waves(X, Y)
    subject = (X > 62) & (Y > 20)  # two thirds of the frame, out at a corner
    image = stored(np.where(subject[..., None], waves(1.7 * X, 1.3 * Y, 9)[..., ::-1], truth))
    radius = ((X / WIDTH - 0.5) * 2) ** 2 + ((Y / HEIGHT - 0.5) * 2) ** 2
    found = fit(image, stored(truth * (1 - 0.3 * radius / 2)[..., None]))
    assert found.report.slow_light != (1.0, 1.0)
    assert np.abs(found.pixels - truth)[~subject].mean() < 0.004
    assert 0.6 < found.report.slow_light[0] and found.report.slow_light[1] < 1.7


def test_beyond_the_border_the_plate_separates_subject_and_background() -> None:
    def wall(x: Array, y: Array) -> Array:
        # cool colours, that the warm subject has not
        return waves(x, y) * np.array([0.55, 0.9, 1.1], np.float32)

    # it stands where the clean plate ends: the strip behind it would be taken for more of it
    subject = np.hypot((X - (WIDTH - 34)) / 26, (Y - HEIGHT / 2) / 60) < 1
    warm = waves(1.7 * X, 1.3 * Y, 9) * np.array([1.3, 0.6, 0.3], np.float32)
    image = stored(np.where(subject[..., None], warm, wall(X, Y)).astype(np.float32))
    found = fit(image, stored(wall(X - 26, Y)))  # nothing is known of the right 26 px
    beyond = ~found.known & (X > WIDTH - 26)
    assert beyond.sum() > 3000
    same = np.abs(found.pixels - image).max(axis=2) < 0.004
    assert same[beyond & ~subject].mean() > 0.9
    assert same[beyond & subject].mean() < 0.15


def test_what_a_motion_leaves_is_measured() -> None:
    """As large as the true error of the moved clean plate where the subject hides it."""
    subject = disc(34)
    behind = stored(waves(X, Y))
    image = np.where(subject[..., None], np.float32(0.9), behind)
    found = fit(image, stored(waves(X + np.float32(1.4), Y - np.float32(0.6))))
    assert found.report.align == "translation"
    assert found.clean_plate_error is not None and found.clean_plate_error.sigma_tests is None
    clean_plate_error = found.clean_plate_error.sigma[0, 0].numpy()
    assert clean_plate_error.shape == (HEIGHT, WIDTH)
    hidden = disc(30)
    true = np.sqrt(np.square(found.pixels - behind).mean(axis=2)[hidden].mean())
    estimate = np.sqrt(np.square(clean_plate_error)[hidden].mean())
    assert 0.3 * true < estimate < 3 * true
    detail = np.abs(np.gradient(behind.mean(axis=2))[0])
    assert np.corrcoef(clean_plate_error[hidden], detail[hidden])[0, 1] > 0.2


def test_a_clean_plate_that_was_not_moved_leaves_nothing() -> None:
    image = np.where(disc(34)[..., None], np.float32(0.9), stored(waves(X, Y)))
    assert fit(image, stored(waves(X, Y))).clean_plate_error is None
    relit = fit(image, stored(waves(X, Y) * np.float32(0.8)))
    assert relit.report.touched and relit.clean_plate_error is None


def test_a_motion_that_was_a_coincidence_does_not_take_the_light_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As before a bare wall, where a few details of the subject agree with it by chance."""
    truth = waves(X, Y)
    image = stored(np.where(disc(40)[..., None], waves(1.7 * X, 1.3 * Y, 9)[..., ::-1], truth))
    clean = stored(truth * np.array([0.9, 0.95, 1.05], np.float32))
    aside = Motion("translation", np.array([[1, 0, -17.0], [0, 1, -1.2], [0, 0, 1]]))
    monkeypatch.setattr("dmp_engine.plates.clean_plate.fit.register", lambda *_: aside)
    found = fit(image, clean)
    assert found.report.align == "none" and found.clean_plate_error is None
    assert found.report.gain == pytest.approx((1 / 0.9, 1 / 0.95, 1 / 1.05), rel=0.01)
    assert found.report.residual < found.report.residual_before / 2
