"""A clean plate that was painted out of the plate is found, is no evidence, and is reported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray

from dmp_engine.pipeline.frame import matte_frame
from dmp_engine.plates.clean_plate import fit
from dmp_engine.plates.clean_plate.fit import PAINTED
from dmp_engine.plates.clean_plate.painted import find_painted
from dmp_matting import preset
from dmp_matting.generators import finish
from dmp_matting.job import Frame, Plate, Role

from ....scenes import write_image

Array = NDArray[np.float32]
PLATES = Path(__file__).parents[3] / "plates"
DRAFT = preset("draft").changed(device="cpu", threads=1, recompositions=0)


def pixels(path: Path) -> Array:
    return np.ascontiguousarray(oiio.ImageBuf(str(path)).get_pixels("float")[..., :3])


@pytest.fixture(scope="module")
def lemur() -> tuple[Array, Array, Array]:
    """Plate, clean plate, alpha (H, W), 200 x 160 of the lemur's head before the sky and trees."""
    cut = np.s_[20:180, 90:290]
    image, clean, alpha = (
        pixels(PLATES / "lemur" / f"{name}.png")[cut] for name in ("plate", "clean", "alpha")
    )
    return image, clean, alpha[..., 0]


def painted_over(image: Array, alpha: Array, ring: int = 6, how: int = cv2.INPAINT_TELEA) -> Array:
    side = 2 * ring + 1
    mask = cv2.dilate((alpha > 0.01).astype(np.uint8), np.ones((side, side), np.uint8))
    codes = (image * 255).round().astype(np.uint8)
    return np.asarray(cv2.inpaint(codes, mask, 5, how) / 255, np.float32)


def grain(values: Array, sigma: float, seed: int) -> Array:
    noise = np.random.default_rng(seed).normal(0, sigma, values.shape)
    return (np.clip(values + noise, 0, 1) * 255).round().astype(np.float32) / 255


def found(image: Array, clean: Array) -> Any:
    return find_painted(image, clean, np.ones(image.shape[:2], bool))


def test_what_was_painted_out_is_found(lemur: tuple[Array, Array, Array]) -> None:
    image, _, alpha = lemur
    for how in (cv2.INPAINT_TELEA, cv2.INPAINT_NS):
        mask = found(image, painted_over(image, alpha, how=how))
        assert mask is not None and mask[alpha > 0.5].all() and mask.mean() < 0.9
    noisy = grain(image, 0.01, 1)
    assert found(noisy, painted_over(noisy, alpha)) is not None
    other = painted_over(grain(image, 0.01, 2), alpha)  # of another frame of the shot
    assert found(noisy, other) is not None


def test_what_was_shot_is_left_alone(lemur: tuple[Array, Array, Array]) -> None:
    image, clean, alpha = lemur
    ground = cv2.GaussianBlur(clean, (0, 0), 1.5)
    soft = alpha[..., None] * image + (1 - alpha[..., None]) * ground
    pairs = {
        "as it is": (image, clean),
        "grain": (grain(image, 0.02, 1), grain(clean, 0.02, 2)),
        "a median of stills": (grain(image, 0.02, 1), clean),
        "exposure": (image, clean * np.float32(0.85)),
        "a step to the side": (image, np.roll(clean, 1, 1)),
        "a soft clean plate": (image, ground),
        "a background out of focus": (soft, clean),
        "nothing but the set": (clean, clean),
        "another place": (image, clean[::-1, ::-1].copy()),
    }
    for name, pair in pairs.items():
        assert found(*pair) is None, name
    for frame in (1001, 1008):
        shot = [pixels(PLATES / "furball" / n) for n in (f"plate.{frame}.exr", "clean.exr")]
        assert found(*shot) is None


def test_the_plates_outlines_decide_and_it_is_reported(
    lemur: tuple[Array, Array, Array], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, the ring of background around the subject was subject: SAD 1.26 beside 0.78."""
    image, _, alpha = lemur
    names = [write_image(tmp_path / "p.png", image, "uint8"),
             write_image(tmp_path / "c.png", painted_over(image, alpha), "uint8")]  # fmt: skip
    plates = tuple(Plate(str(path), role) for path, role in zip(names, Role, strict=False))
    sad, confidence = {}, {}
    for way in ("now", "before"):
        if way == "before":
            monkeypatch.setattr(fit, "find_painted", lambda *_: None)
        layers = finish(matte_frame(Frame(1, plates), DRAFT, tmp_path / "o.exr"))
        read = oiio.ImageBuf(str(tmp_path / "o.exr"))
        stored, names_of = read.get_pixels("float"), list(read.spec().channelnames)
        error = np.abs(stored[..., names_of.index("A")] - alpha)
        sad[way], confidence[way] = error.sum() / 1000, stored[..., names_of.index("confidence.A")]
        assert layers.warnings == ((PAINTED,) if way == "now" else ())
        assert "unseen.A" not in names_of
        if way == "now":  # no pixel is wrong and sure of itself
            assert not ((error > 0.2) & (confidence[way] > 0.9)).any()
    assert sad["now"] < 0.7 * sad["before"]
    mask = found(image, pixels(tmp_path / "c.png"))
    assert confidence["now"][mask].max() <= 0.5
