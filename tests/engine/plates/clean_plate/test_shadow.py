"""A shadow such as the furball would throw, with exact truth: out of alpha, a layer of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray

from dmp_engine.evaluation.benchmark import composite
from dmp_engine.pipeline.frame import matte_frame
from dmp_engine.plates.clean_plate.fit import fit_pixels
from dmp_engine.plates.clean_plate.shadow import find_shadow
from dmp_matting.generators import finish
from dmp_matting.job import Frame, Layers, Plate, Role
from dmp_matting.presets import preset

from ....scenes import write_image

Array = NDArray[np.float32]
QUICK = preset("draft").changed(joint_steps=1, device="cpu", threads=1, clean_layer=True)


def pixels(tensor: Any) -> Array:
    return np.ascontiguousarray(tensor[0].permute(1, 2, 0).numpy())


def cast(height: int, width: int, depth: float, centre: tuple[float, float]) -> Array:
    """A soft ellipse of 1 - depth, a little blue as shadows are; below 0 it is a pool of light."""
    y, x = np.mgrid[:height, :width]
    apart = np.hypot((x / width - centre[0]) / 0.28, (y / height - centre[1]) / 0.16)
    level = 1 - depth / (1 + np.exp((apart - 1) * 8))
    result: Array = (level[..., None] ** np.array([1.05, 1.0, 0.95])).astype(np.float32)
    return result


CASES = [(1001, 0.6, (0.62, 0.8)), (1004, 0.5, (0.6, 0.75)), (1007, -0.5, (0.35, 0.3))]


def shadowed(truth: Any, depth: float, centre: tuple[float, float]) -> tuple[Array, ...]:
    """The plate with a shadow on its background, clean plate, alpha, and the true ratio."""
    image, clean, alpha = (pixels(x) for x in (truth.image, truth.clean, truth.alpha))
    ratio = cast(*alpha.shape[:2], depth, centre)
    return image + (1 - alpha) * (ratio - 1) * clean, clean, alpha[..., 0], ratio


@pytest.mark.parametrize(("frame", "depth", "centre"), CASES)
def test_a_cast_shadow_is_measured(
    furball: Callable[[int], Any], frame: int, depth: float, centre: tuple[float, float]
) -> None:
    image, clean, alpha, ratio = shadowed(furball(frame), depth, centre)
    found = find_shadow(image, clean, np.ones(alpha.shape, bool), linear=True)
    assert found is not None
    apart = np.abs(found / ratio - 1).max(axis=2)[alpha < 0.02]
    assert apart.mean() < 0.012
    assert np.quantile(apart, 0.95) < 0.08


@pytest.mark.parametrize("frame", [1001, 1004, 1008])
def test_where_no_shadow_falls_there_is_none(furball: Callable[[int], Any], frame: int) -> None:
    image, clean = (pixels(x) for x in (furball(frame).image, furball(frame).clean))
    assert find_shadow(image, clean, np.ones(image.shape[:2], bool), linear=True) is None


def test_the_photograph_has_none(lemur: Any) -> None:
    image, clean = pixels(lemur.image), pixels(lemur.clean)
    assert find_shadow(image, clean, np.ones(image.shape[:2], bool), linear=False) is None


def test_what_the_subject_walls_in_is_no_shadow(furball: Callable[[int], Any]) -> None:
    """Dark background seen through a gap looks the same as a dark patch of the subject: it stays.

    A soft shadow on the clean plate, walled in all around, on one half, and not at all.
    """
    clean = pixels(furball(1001).clean)
    height, width = clean.shape[:2]
    ratio = cast(height, width, 0.6, (0.5, 0.5))
    y, x = np.mgrid[:height, :width]
    away = np.hypot((x / width - 0.5) / 0.28, (y / height - 0.5) / 0.16)
    wall = (away > 1.0) & (away < 3.0)
    random = np.random.default_rng(2).random((*wall.shape, 1)).astype(np.float32)
    subject = random * np.array([0.9, 0.2, 0.5], np.float32)
    for walled, there in ((wall, False), (wall & (x < width / 2), True), (wall & False, True)):
        image = np.where(walled[..., None], subject, ratio * clean)
        found = find_shadow(image, clean, np.ones(wall.shape, bool), linear=True)
        assert (found is not None) == there
        if found is not None:
            inside = (away < 0.9) & ~walled
            assert np.abs(found / ratio - 1)[inside].mean() < 0.05


@pytest.mark.parametrize("name", ["GT11", "GT19"])
def test_dark_subjects_of_the_benchmark_have_none(shared: Path, name: str) -> None:
    """2 and 11 % of these were a shadow once; the other twelve never had one."""
    pair = composite(shared, name, 320)
    image, clean = (x.astype(np.float32) for x in (pair.image, pair.clean))
    assert find_shadow(image, clean, np.ones(image.shape[:2], bool), linear=False) is None


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("yian02_spray_dark/B", 0.02, 0.06), ("yian03_glassjug/B", 0, 0), ("ut_pumpkin/A", 0, 0)],
)
def test_real_captures(shared: Path, name: str, least: float, most: float) -> None:
    """The bottle throws a shadow to its right; glass that dims what is behind it is none."""
    folder = shared / "triangulation"
    image, clean = (
        at_640(folder / name.replace("/", f"/{part}")).astype(np.float32)
        for part in ("comp", "back")
    )
    everywhere = np.ones(image.shape[:2], bool)
    fit = fit_pixels(image, clean, everywhere, False, QUICK)
    found = find_shadow(image, fit.pixels, fit.known, linear=False)
    shaded = everywhere & False if found is None else found.max(axis=2) < 0.97
    assert least <= shaded.mean() <= most
    if found is not None:
        assert shaded[:, 500:].sum() == shaded.sum()  # right of the bottle, and nowhere else
        assert 0.5 < found[shaded].mean() < 0.9


def at_640(stem: Path) -> Array:
    """A JPEG at a long side of 640 px, as stored."""
    picture = cv2.imread(f"{stem}.jpg")[..., ::-1].astype(np.float32) / 255
    scale = 640 / max(picture.shape[:2])
    smaller: Array = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return smaller


@pytest.mark.parametrize("size", [(8, 8), (1, 40), (33, 5)])
def test_tiny_plates_do_no_harm(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 0.2, np.float32)
    assert find_shadow(image, 2 * image, np.ones(size, bool), linear=True) is None


def solved(folder: Path, name: str, **changes: Any) -> tuple[dict[str, Array], Layers]:
    """The layers of the plates in ``folder``, by channel."""
    frame = Frame(1, (Plate(str(folder / "plate.exr"), Role.IMAGE),
                      Plate(str(folder / "clean.exr"), Role.CLEAN)))  # fmt: skip
    steps = matte_frame(frame, QUICK.changed(**changes), folder / name)
    layers = finish(steps)
    file = oiio.ImageBuf(str(folder / name))
    read = np.asarray(file.get_pixels("float"), np.float32)
    return {c: read[..., i] for i, c in enumerate(file.spec().channelnames)}, layers


def test_the_shadow_is_a_layer_and_not_alpha(furball: Callable[[int], Any], tmp_path: Path) -> None:
    image, clean, alpha, ratio = shadowed(furball(1001), 0.6, (0.62, 0.8))
    write_image(tmp_path / "plate.exr", image)
    write_image(tmp_path / "clean.exr", clean)
    plain, without = solved(tmp_path, "off.exr")
    split, layers = solved(tmp_path, "auto.exr", shadows="auto")
    assert not any(c.startswith("shadow.") for c in plain)
    assert {"shadow.R", "shadow.G", "shadow.B"} < set(split) and len(layers.channels) == len(split)
    assert any("kept out of alpha" in note for note in layers.notes)
    assert not any("kept out of alpha" in note for note in without.notes)
    errors = [float(np.abs(x["A"] - alpha).sum() / 1000) for x in (plain, split)]
    assert errors[1] < 1.3 and errors[0] > 3 * errors[1]
    # I = alpha F + (1 - alpha) s B, from what was written
    for c, channel in enumerate("RGB"):
        again = split[channel] + (1 - split["A"]) * split[f"clean.{channel}"]
        assert np.abs(again - image[..., c]).mean() < 0.01
        lit = clean[..., c] * split[f"shadow.{channel}"]
        np.testing.assert_allclose(split[f"clean.{channel}"], lit, rtol=0.05, atol=0.02)
