"""Pairs that are no pair get one sentence; good pairs get none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from dmp_engine.evaluation import benchmark
from dmp_engine.pipeline.frame import matte_frame
from dmp_engine.plates.clean_plate.fit import fit_clean
from dmp_engine.plates.clean_plate.pair_checks import check_pair, pair_warnings
from dmp_engine.plates.io.read import PlateImage
from dmp_matting import Layers, Progress, preset
from dmp_matting.errors import MismatchError
from dmp_matting.generators import finish
from dmp_matting.job import Frame, Plate, Role, Stage

Array = NDArray[np.float32]
AUTO = preset("draft").changed(device="cpu", threads=1, joint_steps=2)
PLATES = Path(__file__).parents[3] / "plates"


def pixels(path: Path) -> Array:
    return np.ascontiguousarray(oiio.ImageBuf(str(path)).get_pixels("float")[..., :3])


def lemur() -> tuple[Array, Array]:
    return pixels(PLATES / "lemur" / "plate.png"), pixels(PLATES / "lemur" / "clean.png")


def plate(values: Array, name: str = "a.exr", space: str = "raw") -> PlateImage:
    spec = oiio.ImageSpec(values.shape[1], values.shape[0], 3, "float")
    return PlateImage(np.ascontiguousarray(values, np.float32), spec, Path(name), space)


def warnings_of(image: Array, clean: Array, space: str = "raw") -> tuple[str, ...]:
    return fit_clean(plate(image, space=space), plate(clean, space=space), AUTO).warnings


def grain(values: Array, sigma: float, seed: int) -> Array:
    noise = np.random.default_rng(seed).normal(0, sigma, values.shape)
    return (values + noise).astype(np.float32)


def linear(stored: Array) -> Array:
    return np.where(stored <= 0.04045, stored / 12.92, ((stored + 0.055) / 1.055) ** 2.4).astype(
        np.float32
    )


def test_good_pairs_get_no_warning() -> None:
    image, clean = lemur()
    assert warnings_of(image, clean) == ()
    assert warnings_of(grain(image, 0.02, 1), grain(clean, 0.02, 2)) == ()
    assert warnings_of(image, clean * np.float32(0.85)) == ()
    assert warnings_of(image, np.roll(clean, (3, 2), (0, 1))) == ()
    for frame in (1001, 1008):
        shot = [pixels(PLATES / "furball" / n) for n in (f"plate.{frame}.exr", "clean.exr")]
        assert warnings_of(*shot, "scene_linear") == ()


def grey(values: Array) -> Array:
    return np.repeat(values @ np.float32([[0.2], [0.7], [0.1]]), 3, axis=2)


def test_a_grey_picture_and_a_coloured_one_are_no_pair() -> None:
    """Before: alpha was 1 everywhere, without a word. A grey backdrop is a clean plate, though."""
    image, clean = lemur()
    with pytest.raises(MismatchError, match=r"'a.exr' is grey and 'b.exr' has colours; give both"):
        check_pair(plate(grey(image)), plate(clean, "b.exr"))
    with pytest.raises(MismatchError, match=r"'b.exr' is grey and 'a.exr' has colours"):
        check_pair(plate(image), plate(grey(clean), "b.exr"))
    check_pair(plate(grey(image)), plate(grey(clean)))
    wall = grey(grain(np.full_like(clean, 0.4), 0.05, 3))
    alpha = pixels(PLATES / "lemur" / "alpha.png")[..., :1]
    check_pair(plate(alpha * image + (1 - alpha) * wall), plate(wall))
    check_pair(plate(alpha * image + (1 - alpha) * 0.4), plate(np.full_like(clean, 0.4)))
    check_pair(plate(np.zeros_like(image)), plate(clean))  # an empty frame is reported elsewhere


def test_channels_that_are_exchanged() -> None:
    """What OpenCV writes without a word to it. Before: SAD 3.2 beside 0.02, no warning."""
    image, clean = lemur()
    (sentence,) = warnings_of(image, clean[..., ::-1])
    assert sentence.startswith("Red and blue are exchanged in one of the two plates")
    shot = [pixels(PLATES / "furball" / n) for n in ("plate.1001.exr", "clean.exr")]
    assert "exchanged" in warnings_of(shot[0], shot[1][..., ::-1], "scene_linear")[0]
    assert warnings_of(grey(image), grey(clean)) == ()
    warm, cool = np.float32([1, 0.9, 0.8]), np.float32([0.8, 0.9, 1])
    light = [linear(grey(image)) * warm, linear(grey(clean)) * cool]
    assert warnings_of(*light, "scene_linear") == ()


def test_a_clean_plate_beside_the_plate_is_refused() -> None:
    """Before: alpha was 1 everywhere, with a warning that named another take."""
    image, clean = lemur()
    beside = replace(plate(clean, "b.exr"), window=(340, 0, 340, 220))
    with pytest.raises(MismatchError, match=r"'b.exr' has no pixels where 'a.exr' has some"):
        check_pair(plate(image), beside)


def test_a_clean_plate_of_the_shots_own_frames_is_no_other_take() -> None:
    """The furball is never seen whole where it was in all frames: before, frame 1006 was "another
    take". What no frame shows is what the eight frames cover in common, as `--clean auto` finds it.
    """
    frames = [pixels(PLATES / "furball" / f"plate.{number}.exr") for number in range(1001, 1009)]
    alphas = [oiio.ImageBuf(str(PLATES / "furball" / f"truth.{number}.exr")).get_pixels("float")
              for number in range(1001, 1009)]  # fmt: skip
    hidden = np.mean([alpha[..., 3] > 0.01 for alpha in alphas], axis=0) > 0.7
    clean = pixels(PLATES / "furball" / "clean.exr")
    rows, columns = ndimage.distance_transform_edt(
        hidden, return_distances=False, return_indices=True
    )
    clean = replace(plate(clean[rows, columns], space="scene_linear"), unseen=hidden)
    for image in (frames[0], frames[5]):
        (sentence,) = fit_clean(plate(image, space="scene_linear"), clean, AUTO).warnings
        assert sentence.startswith("No frame shows")


def test_swapped_plates() -> None:
    image, clean = lemur()
    (sentence,) = warnings_of(clean, image)
    assert "swapped" in sentence
    (sentence,) = warnings_of(clean * np.float32(0.85), image)
    assert "swapped" in sentence


def test_another_take() -> None:
    image, clean = lemur()
    alpha = pixels_alpha()[..., None]
    aside = np.roll(image, 90, 1)
    (sentence,) = warnings_of(image, np.where(np.roll(alpha, 90, 1) > 0.5, aside, clean))
    assert "another take" in sentence


def pixels_alpha() -> Array:
    return np.ascontiguousarray(
        oiio.ImageBuf(str(PLATES / "lemur" / "alpha.png")).get_pixels("float")[..., 0]
    )


def test_nothing_but_grain() -> None:
    _, clean = lemur()
    for sigma in (0.01, 0.04):
        (sentence,) = warnings_of(grain(clean, sigma, 1), grain(clean, sigma, 2))
        assert "grain aside" in sentence


def test_a_display_curve_between_the_two() -> None:
    image, clean = lemur()
    (sentence,) = warnings_of(linear(image), clean, "scene_linear")
    assert "display-encoded" in sentence and "colour space" in sentence
    (sentence,) = warnings_of(image, linear(clean))
    assert "linear values" in sentence and "colour space" in sentence


def test_a_subject_that_fills_the_frame() -> None:
    image, clean = lemur()
    rows, columns = np.s_[100:164], np.s_[150:214]
    assert pixels_alpha()[rows, columns].min() > 0.95
    sky = clean[:64, columns]
    (sentence,) = warnings_of(image[rows, columns], sky)
    assert "fills the whole frame" in sentence


def test_headers_that_disagree() -> None:
    image, clean = lemur()
    height, width = clean.shape[:2]
    window = replace(plate(clean), window=(34, 0, width, height))
    (sentence,) = fit_clean(plate(image), window, AUTO).warnings
    assert "no pixels in 10 %" in sentence
    squeezed = plate(clean)
    squeezed.spec.attribute("PixelAspectRatio", 2.0)
    (sentence,) = fit_clean(plate(image), squeezed, AUTO).warnings
    assert "pixel aspect of 1" in sentence and "of 2" in sentence
    other = fit_clean(plate(image, space="sRGB"), plate(clean, "b.png", "scene_linear"), AUTO)
    assert any("'b.png' as 'scene_linear'" in text for text in other.warnings)


def test_the_benchmarks_pairs(shared: Path) -> None:
    pytest.importorskip("pymatting")
    found = 0
    for name in ("GT01", "GT05", "GT13", "GT15", "GT25"):
        pair = benchmark.composite(shared, name, 200)
        image, clean = (x.astype(np.float32) for x in (pair.image, pair.clean))
        assert warnings_of(image, clean) == (), name
        found += any("swapped" in text for text in warnings_of(clean, image))
    assert found >= 3


# --- on the way to the artist ------------------------------------------------------------------


def test_it_is_reported_before_the_solve_and_with_the_result(tmp_path: Path) -> None:
    folder = PLATES / "lemur"
    paths = (str(folder / "clean.png"), str(folder / "plate.png"))
    roles = (Role.IMAGE, Role.CLEAN)
    plates = tuple(Plate(p, r, "raw") for p, r in zip(paths, roles, strict=True))
    warned_at: list[Stage] = []
    working = matte_frame(Frame(7, plates), AUTO, tmp_path / "layers.exr")

    def check(progress: Progress) -> None:
        assert isinstance(progress, Progress)
        if progress.warnings:
            assert "swapped" in progress.warnings[0]
            assert Progress.from_json(json.loads(json.dumps(progress.to_json()))) == progress
            warned_at.append(progress.stage)
        assert progress.stage is not Stage.JOINT or warned_at

    layers = finish(working, check)
    assert warned_at == [Stage.INITIALISE]
    assert "swapped" in layers.warnings[0]


def test_the_fit_is_in_notes_and_header(tmp_path: Path) -> None:
    image, clean = lemur()
    for name, values in (("i.exr", image), ("c.exr", np.roll(clean, (4, -6), (0, 1)) * 0.8)):
        spec = oiio.ImageSpec(values.shape[1], values.shape[0], 3, "float")
        output = oiio.ImageOutput.create(str(tmp_path / name))
        assert output.open(str(tmp_path / name), spec)
        assert output.write_image(np.ascontiguousarray(values, np.float32)) and output.close()
    plates = (
        Plate(str(tmp_path / "i.exr"), Role.IMAGE, "raw"),
        Plate(str(tmp_path / "c.exr"), Role.CLEAN, "raw"),
    )

    def alpha(name: str, **values: str) -> tuple[Array, Layers]:
        layers = finish(matte_frame(Frame(1, plates), AUTO.changed(**values), tmp_path / name))
        buffer = oiio.ImageBuf(layers.path)
        fit = buffer.spec().get_string_attribute("dmp:clean_fit")
        assert bool(fit) == bool(layers.notes)
        if fit:
            assert json.loads(fit)["shift"] == pytest.approx([6, -4], abs=0.1)
        return buffer.get_pixels("float")[..., buffer.spec().channelnames.index("A")], layers

    fitted, layers = alpha("fitted.exr")
    (note,) = layers.notes
    assert "moved by +6.0, -4.0 px" in note and "gain 1.25" in note
    assert Layers.from_json(json.loads(json.dumps(layers.to_json()))) == layers
    unfitted, layers = alpha("unfitted.exr", align="off", illumination="off")
    assert layers.notes == ()
    truth = pixels_alpha()
    errors = [float(np.abs(x - truth).sum()) / 1000 for x in (fitted, unfitted)]
    assert errors[0] < 1.3 and errors[0] < 0.1 * errors[1]
    assert (fitted[truth < 0.001] > 0.05).mean() < 0.005  # neither grain nor border in alpha


def soft_things() -> list[tuple[str, Array]]:
    """Alphas without an outline, (160, 256): smoke, glass, defocus, motion blur."""

    def disc(x: float, radius: float, soft: float) -> Array:
        rows, columns = np.mgrid[:160, :256]
        return np.clip(0.5 - (np.hypot(columns - x, rows - 80) - radius) / soft, 0, 1).astype("f")

    cloud = cv2.GaussianBlur(np.random.default_rng(5).random((160, 256)).astype("f"), (0, 0), 9)
    streak = cv2.blur(disc(128, 30, 2), (61, 1))
    return [
        ("smoke", np.clip(cloud * 6 - 2.4, 0, 1) * disc(128, 70, 60) * 0.8),
        ("glass", disc(128, 55, 2) * 0.35),
        ("defocus", cv2.GaussianBlur(disc(128, 45, 2), (0, 0), 8)),
        ("motion blur", streak),
    ]


def walls() -> list[tuple[str, Array]]:
    random = np.random.default_rng(4)
    bricks = np.full((160, 256, 3), 0.35, "f")
    for _ in range(140):
        y, x, height, width = random.integers((0, 0, 3, 3), (160, 256, 30, 45))
        bricks[y : y + height, x : x + width] = random.random(3) * 0.7 + 0.05
    clouds = cv2.GaussianBlur(random.standard_normal((160, 256, 3)), (0, 0), 8)
    lawn = cv2.GaussianBlur(random.standard_normal((160, 256, 3)), (0, 0), 1.2)
    return [
        ("bricks", bricks),
        ("clouds", np.clip(0.3 + clouds, 0.02, 1).astype("f")),
        ("lawn", np.clip(0.25 + 0.75 * lawn, 0.02, 1).astype("f")),
    ]


@pytest.mark.parametrize("wall", walls(), ids=lambda one: one[0])
@pytest.mark.parametrize("thing", soft_things(), ids=lambda one: one[0])
@pytest.mark.parametrize("colour", [0.08, 0.75])
def test_things_without_an_outline_are_not_called_swapped(
    wall: tuple[str, Array], thing: tuple[str, Array], colour: float
) -> None:
    alpha, clean = thing[1][..., None], wall[1]
    image = np.round(255 * (alpha * colour + (1 - alpha) * clean)) / 255
    clean = np.round(255 * clean) / 255
    known = np.ones(clean.shape[:2], bool)
    image, clean = image.astype("f"), clean.astype("f")
    found = " ".join(pair_warnings(image, clean, clean, known, False))
    assert "swapped" not in found and "another take" not in found
