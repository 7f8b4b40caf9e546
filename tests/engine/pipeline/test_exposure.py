"""A matte does not depend on the unit that its plates count light in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest
from numpy.typing import NDArray

from dmp_engine.pipeline.frame import matte_frame
from dmp_engine.plates.exposure_unit import in_unit, unit_of
from dmp_engine.plates.io import read_plate
from dmp_matting import Layers
from dmp_matting.generators import finish
from dmp_matting.job import Frame, Plate, Role
from dmp_matting.presets import preset

from ...scenes import write_image

Array = NDArray[np.float32]
QUICK = preset("draft").changed(device="cpu", joint_steps=2, threads=1)
CONTENTS = np.s_[28:40, 36:52]  # inside the subject


def scene(width: int = 96, height: int = 64) -> tuple[Array, Array, Array]:
    """A scene-linear plate, its clean plate, the true alpha: a disc before a wall of bricks."""
    rng = np.random.default_rng(4)
    wall = np.full((height, width, 3), 0.35, np.float32)
    for _ in range(60):
        top, left = rng.integers(0, height), rng.integers(0, width)
        down, across = rng.integers(3, 20, 2)
        wall[top : top + down, left : left + across] = rng.random(3) * 0.7 + 0.05
    clean = np.clip(wall, 0.01, 1) ** 2.2
    y, x = np.mgrid[:height, :width]
    alpha = np.clip(0.5 - (np.hypot(x - 44, y - 34) - 18) / 2, 0, 1).astype(np.float32)
    subject = np.array([0.5, 0.2, 0.15], np.float32)
    return alpha[..., None] * subject + (1 - alpha[..., None]) * clean, clean, alpha


def frame(folder: Path, stops: float, number: int = 1) -> Frame:
    image, clean, _ = scene()
    paths = (write_image(folder / f"{name}.{number}.exr", pixels * np.float32(2.0**stops))
             for name, pixels in (("plate", image), ("clean", clean)))  # fmt: skip
    return Frame(number, tuple(map(Plate, map(str, paths), (Role.IMAGE, Role.CLEAN))))


def solved(
    one: Frame, folder: Path, window: tuple[Frame, ...] = ()
) -> tuple[dict[str, Array], Layers]:
    solving = matte_frame(one, QUICK.changed(clean_layer=True), folder / "o.exr", window=window)
    layers = finish(solving)
    result = oiio.ImageBuf(str(folder / "o.exr"))
    pixels = result.get_pixels("float")
    return {name: pixels[..., n] for n, name in enumerate(result.spec().channelnames)}, layers


@pytest.mark.parametrize("stops", [-7, -5, 0, 6])
def test_the_same_matte_at_every_exposure(tmp_path, stops):
    layers, about = solved(frame(tmp_path, stops), tmp_path)
    _, clean, alpha = scene()
    assert np.abs(layers["A"] - alpha).sum() / 1000 < 0.02
    assert layers["A"][alpha > 0.98].min() > 0.9
    assert about.warnings == ()
    back = 2.0**-stops  # the layers are as exposed as the plates
    assert np.abs(layers["foreground.R"][CONTENTS] * back - 0.5).mean() < 0.005
    assert np.abs(layers["R"][CONTENTS] * back - 0.5).mean() < 0.005
    assert np.abs(layers["clean.G"] * back - clean[..., 1]).max() < 0.002
    assert (about.notes == ()) == (stops == 0)


def test_a_dark_frame_with_its_neighbours(tmp_path):
    window = tuple(frame(tmp_path, -7, number) for number in (1, 2, 3))
    layers, _ = solved(window[1], tmp_path, window)
    assert np.abs(layers["A"] - scene()[2]).sum() / 1000 < 0.02


def test_an_ordinary_pair_is_left_alone(tmp_path):
    image, clean, _ = scene()
    one = read_plate(Plate(str(write_image(tmp_path / "p.exr", image)), Role.IMAGE))
    for stops in (-2.0, 0.0, 2.0):
        path = write_image(tmp_path / "c.exr", clean * np.float32(2.0**stops))
        other = read_plate(Plate(str(path), Role.CLEAN))
        assert unit_of(one, other) == 1
        assert in_unit(one, 1.0) is one


def test_a_dark_subject_before_a_bright_wall_is_no_dark_pair(tmp_path):
    image, clean, _ = scene()
    one = read_plate(Plate(str(write_image(tmp_path / "p.exr", image * 2**-6)), Role.IMAGE))
    other = read_plate(Plate(str(write_image(tmp_path / "c.exr", clean)), Role.CLEAN))
    assert unit_of(one, other) == 1


def test_eight_bits_and_raw_values_have_no_unit(tmp_path):
    image, clean, _ = scene()
    for suffix, kind, space in (("png", "uint8", "auto"), ("exr", "half", "raw")):
        paths = [
            str(write_image(tmp_path / f"{name}.{suffix}", pixels * np.float32(0.004), kind))
            for name, pixels in (("p", image), ("c", clean))
        ]
        one = read_plate(Plate(paths[0], Role.IMAGE, space))
        other = read_plate(Plate(paths[1], Role.CLEAN, space))
        assert unit_of(one, other) == 1


def test_factors_are_powers_of_two_and_black_has_none(tmp_path):
    image, clean, _ = scene()
    for factor in (1e-3, 1e-5, 37.0):
        paths = [
            str(write_image(tmp_path / f"{name}.exr", pixels * np.float32(factor), "float"))
            for name, pixels in (("p", image), ("c", clean))
        ]
        one, other = (read_plate(Plate(path, Role.IMAGE)) for path in paths)
        unit = unit_of(one, other)
        assert np.frexp(unit)[0] == 0.5 and unit != 1
        assert 0.1 < np.quantile(one.rgb.max(axis=2), 0.99) * unit <= 1
    black = read_plate(Plate(str(write_image(tmp_path / "b.exr", image * 0)), Role.IMAGE))
    assert unit_of(black, black) == 1
