"""Reading: every format that artists have, by what its pixels must be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dmp_engine.plates.io import read_matte
from dmp_engine.plates.io.srgb import srgb_to_linear
from dmp_matting.errors import MismatchError, PlateError
from dmp_matting.job import Plate, Role


@pytest.mark.parametrize("compression", ["none", "rle", "zips", "zip", "piz"])
@pytest.mark.parametrize("tile", [0, 16])
@pytest.mark.parametrize("kind", ["half", "float"])
def test_lossless_exr_is_read_bit_for_bit(picture, image, noise, kind, tile, compression):
    pixels = noise * 60 - 1  # above 1 and below 0
    if kind == "half":
        pixels = pixels.astype(np.float16).astype(np.float32)
    path = picture("a.exr", pixels, kind, tile=tile, attributes={"compression": compression})
    plate = image(path)
    assert plate.rgb.dtype == np.float32
    assert np.array_equal(plate.rgb, pixels)
    assert plate.space == "scene_linear"
    assert plate.rgb.max() > 50 and plate.rgb.min() < -0.5


@pytest.mark.parametrize("compression,bound", [("pxr24", 1e-3), ("b44", 0.2), ("dwaa:45", 0.05)])
def test_lossy_exr_is_read_within_its_loss(picture, image, noise, compression, bound):
    path = picture("a.exr", noise, attributes={"compression": compression})
    assert np.abs(image(path).rgb - noise).max() < bound


@pytest.mark.parametrize(
    "name,kind,bits",
    [
        ("a.png", "uint8", 8),
        ("a.png", "uint16", 16),
        ("a.tif", "uint8", 8),
        ("a.tif", "uint16", 16),
        ("a.tga", "uint8", 8),
        ("a.bmp", "uint8", 8),
        ("a.dpx", "uint8", 8),
    ],
)
def test_integer_files_are_srgb_to_half_a_step(picture, image, noise, name, kind, bits):
    plate = image(picture(name, noise, kind))
    assert plate.space == "sRGB Encoded Rec.709 (sRGB)"
    half_step = 0.51 / (2**bits - 1)
    steepest = 2.4 / 1.055  # of the sRGB curve, at 1
    assert np.abs(plate.rgb - srgb_to_linear(noise)).max() < steepest * half_step


def test_jpeg_is_srgb_within_its_loss(picture, image, noise):
    ramp = np.repeat(np.linspace(0, 1, 51, dtype=np.float32)[None, :, None], 33, 0).repeat(3, 2)
    plate = image(picture("a.jpg", ramp, "uint8", attributes={"CompressionQuality": 98}))
    assert np.abs(plate.rgb - srgb_to_linear(ramp)).max() < 0.03


@pytest.mark.parametrize("name", ["a.tif", "a.hdr", "a.dpx"])
def test_float_files_are_scene_linear(picture, image, noise, name):
    pixels = noise if name == "a.dpx" else noise * 8
    plate = image(picture(name, pixels, "float"))
    assert plate.space == "scene_linear"
    assert np.abs(plate.rgb - pixels).max() <= (8 / 256 if name == "a.hdr" else 1e-6)


def test_unassociated_alpha_leaves_the_colours_as_stored(picture, image, noise):
    alpha = np.linspace(0, 1, 51, dtype=np.float32)[None, :, None].repeat(33, 0)
    plate = image(picture("a.png", np.concatenate([noise, alpha], 2), "uint16",
                          attributes={"oiio:UnassociatedAlpha": 1}), "raw")  # fmt: skip
    assert np.abs(plate.rgb - noise).max() < 1 / 65535


def test_exr_alpha_is_ignored(picture, image, noise):
    alpha = np.zeros((33, 51, 1), np.float32)
    path = picture("a.exr", np.concatenate([noise, alpha], 2), channels="RGBA")
    assert np.array_equal(image(path).rgb, noise)


@pytest.mark.parametrize(
    "channels",
    [
        ("B", "G", "R", "Z"),
        ("r", "g", "b", "z"),
        ("Red", "Green", "Blue", "depth.Z"),
        ("Z", "beauty.R", "beauty.G", "beauty.B"),
        ("ViewLayer.Combined.R", "ViewLayer.Combined.G", "ViewLayer.Combined.B", "ViewLayer.Z.V"),
        ("rgba.red", "rgba.green", "rgba.blue", "rgba.alpha"),
        ("only.R", "only.G", "only.B", "Z"),
    ],
)
def test_the_main_layer_is_found_under_its_usual_names(picture, image, channels):
    leaves = [name.rpartition(".")[2].lower()[0] for name in channels]
    values = {"r": 0.25, "g": 0.5, "b": 0.75}
    pixels = np.full((33, 51, 4), 9.0, np.float32)
    for index, leaf in enumerate(leaves):
        pixels[..., index] = values.get(leaf, 9.0)
    plate = image(picture("a.exr", pixels, channels=channels))
    assert np.array_equal(plate.rgb[16, 25], [0.25, 0.5, 0.75])
    assert np.ptp(plate.rgb.reshape(-1, 3), axis=0).max() == 0


def test_the_nameless_layer_wins_over_named_ones(picture, image, noise):
    names = ["normal.R", "normal.G", "normal.B", "R", "G", "B", "beauty.R", "beauty.G", "beauty.B"]
    pixels = np.concatenate([noise * 0 + 7, noise, noise * 0 + 8], 2)
    assert np.array_equal(image(picture("a.exr", pixels, channels=names)).rgb, noise)


def test_multi_part_takes_the_first_part_with_colour(parts, image, noise):
    depth = noise[..., :1] + 5
    path = parts("a.exr", ("depth", ["Z"], depth), ("left", "RGB", noise), ("right", "RGB", -noise))
    assert np.array_equal(image(path).rgb, noise)


def test_multi_part_prefers_the_part_called_main(parts, image, noise):
    path = parts("a.exr", ("normals", "RGB", -noise), ("rgba", "RGB", noise))
    assert np.array_equal(image(path).rgb, noise)


@pytest.mark.parametrize("name,kind", [("a.exr", "half"), ("a.png", "uint16"), ("a.tif", "float")])
def test_a_single_channel_is_grey(picture, image, noise, name, kind):
    grey = noise[..., :1]
    channels = ("Y",) if name == "a.exr" else ()
    plate = image(picture(name, grey, kind, channels=channels), "raw")
    assert plate.rgb.shape == (33, 51, 3)
    assert np.abs(plate.rgb - grey).max() < 1 / 65535


WINDOWS = [
    ((0, 0), (0, 0, 51, 33)),
    ((-7, -5), (0, 0, 37, 23)),  # overscan
    ((12, 4), (0, 0, 100, 80)),  # a crop
    ((-20, 3), (-30, -10, 64, 48)),  # an offset display window
]


@pytest.mark.parametrize("at,window", WINDOWS)
def test_pixels_span_the_data_window(picture, image, noise, at, window):
    plate = image(picture("a.exr", noise, at=at, window=window))
    assert np.array_equal(plate.rgb, noise)
    spec = plate.spec
    assert (spec.x, spec.y, spec.width, spec.height) == (*at, 51, 33)
    assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == window


def test_the_clean_plate_comes_over_the_image_plates_data_window(picture, image, noise):
    window = (0, 0, 100, 80)
    plate = image(picture("image.exr", noise[:20, :30], at=(10, 8), window=window))
    clean = image(picture("clean.exr", noise, at=(-5, 12), window=window), like=plate)
    assert clean.rgb.shape == plate.rgb.shape == (20, 30, 3)
    assert (clean.spec.x, clean.spec.y) == (10, 8)
    assert np.array_equal(clean.rgb[4:], noise[0:16, 15:45])  # y = 12 is noise's first row
    assert not clean.rgb[:4].any()  # above it the file has no pixels
    elsewhere = image(picture("far.exr", noise, at=(60, 60), window=window), like=plate)
    assert not elsewhere.rgb.any()


def test_a_png_clean_plate_fits_an_exr_with_overscan(picture, image, noise):
    plate = image(picture("image.exr", noise, at=(-7, -5), window=(0, 0, 37, 23)))
    clean = image(picture("clean.png", noise[:23, :37], "uint16"), "raw", plate)
    assert clean.rgb.shape == (33, 51, 3)
    assert np.abs(clean.rgb[5:28, 7:44] - noise[:23, :37]).max() < 1 / 65535
    assert not clean.rgb[:5].any() and not clean.rgb[:, :7].any()


def test_sizes_that_differ_are_named(picture, image, noise):
    plate = image(picture("image.exr", noise))
    other = picture("clean.png", noise[:30], "uint8")
    with pytest.raises(MismatchError, match=r"clean.png' is 51 x 30 .*image.exr' is 51 x 33"):
        image(other, like=plate)
    moved = picture("moved.exr", noise, window=(4, 0, 51, 33))
    with pytest.raises(MismatchError, match=r"start at \(4, 0\) and \(0, 0\)"):
        image(moved, like=plate)


def test_a_matte_is_its_alpha_unless_that_is_constant(picture, image, noise):
    plate = image(picture("image.exr", noise))
    ramp = np.linspace(-0.5, 1.5, 51, dtype=np.float32)[None, :, None].repeat(33, 0)
    grey = np.full((33, 51, 3), 0.25, np.float32)

    def matte(path: Path) -> np.ndarray:
        return read_matte(Plate(str(path), Role.CORE), plate)

    with_alpha = picture("m.exr", np.concatenate([grey, ramp], 2), "float", channels="RGBA")
    assert np.array_equal(matte(with_alpha), np.clip(ramp[..., 0], 0, 1))
    opaque = picture("o.exr", np.concatenate([noise, ramp * 0 + 1], 2), "float", channels="RGBA")
    luma = noise @ np.float32([0.2126, 0.7152, 0.0722])
    assert np.abs(matte(opaque) - luma).max() < 1e-6
    alpha_only = picture("a.exr", ramp, "float", channels=["matte.A"])
    assert np.array_equal(matte(alpha_only), np.clip(ramp[..., 0], 0, 1))
    mask = picture("z.exr", ramp, "float", channels=["mask"])
    assert np.array_equal(matte(mask), np.clip(ramp[..., 0], 0, 1))


def test_an_8_bit_matte_is_data_not_srgb(picture, image, noise):
    plate = image(picture("image.exr", noise))
    path = picture("m.png", np.full((33, 51, 1), 128 / 255, np.float32), "uint8")
    matte = read_matte(Plate(str(path), Role.GARBAGE), plate)
    assert np.abs(matte - 128 / 255).max() < 1e-6


def test_a_matte_is_black_outside_its_data_window(picture, image, noise):
    plate = image(picture("image.exr", noise))
    ones = np.ones((10, 12, 1), np.float32)
    path = picture("m.exr", ones, channels="A", at=(20, 6), window=(0, 0, 51, 33))
    matte = read_matte(Plate(str(path), Role.CORE), plate)
    assert matte.sum() == 120 and matte[6:16, 20:32].all()


def test_a_damaged_or_odd_sized_matte_is_refused(picture, image, noise):
    plate = image(picture("image.exr", noise))
    small = picture("small.png", noise[:20], "uint8")
    with pytest.raises(MismatchError, match="small.png"):
        read_matte(Plate(str(small), Role.CORE), plate)
    nan = noise[..., :1].copy()
    nan[3:13, 4:14] = np.nan
    path = picture("nan.exr", nan, channels="Y")
    with pytest.raises(
        PlateError, match="100 pixels that are NaN or infinite, too many to fill, the first 4 from"
    ):
        read_matte(Plate(str(path), Role.CORE), plate)


def test_a_png_photograph_against_pillow(image, shared):
    """The lemur photograph, decoded by another library."""
    pillow = pytest.importorskip("PIL.Image")
    path = shared / "lemur" / "lemur.png"
    stored = np.asarray(pillow.open(path).convert("RGB"), np.float32) / 255
    assert np.abs(image(path, "raw").rgb - stored).max() < 1e-6


@pytest.mark.parametrize(
    "name,peak", [("ScanLines_CandleGlass.exr", 413.25), ("ScanLines_StillLife.exr", 491.5)]
)
def test_highlights_of_real_hdr_photographs_survive(image, shared, name, peak):
    plate = image(shared / "hdr" / name)
    assert plate.rgb.max() == peak
    assert plate.space == "scene_linear"


def test_a_stereo_render_with_many_layers(image, shared):
    """20 channels, a small data window in a 2048 x 1556 display window."""
    plate = image(shared / "hdr" / "Beachball_singlepart.0001.exr")
    assert plate.rgb.shape == (876, 911, 3)
    assert (plate.spec.x, plate.spec.y) == (654, 245)
    assert plate.rgb.max() == 0.5
