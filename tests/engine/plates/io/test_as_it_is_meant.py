"""Files whose numbers mean something else than they seem to: read as they are meant, or refused."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from dmp_engine.plates.io import PlateImage, read_matte, read_plate
from dmp_engine.plates.io.srgb import srgb_to_linear
from dmp_matting.errors import ColourSpaceError, PlateError
from dmp_matting.job import Plate, Role


def hdr(path: Path, value: float, *lines: bytes) -> Path:
    """A Radiance HDR of 16 x 16 pixels of one grey, without run lengths."""
    mantissa, exponent = np.frexp(value)
    pixel = struct.pack("4B", *([int(mantissa * 256)] * 3), int(exponent) + 128)
    head = b"".join(line + b"\n" for line in (b"#?RADIANCE", *lines, b"FORMAT=32-bit_rle_rgbe"))
    path.write_bytes(head + b"\n-Y 16 +X 16\n" + pixel * 256)
    return path


def with_chunk(path: Path, name: bytes, content: bytes) -> Path:
    """The PNG with one more chunk, right after its header."""
    data = path.read_bytes()
    chunk = struct.pack(">I", len(content)) + name + content
    path.write_bytes(data[:33] + chunk + struct.pack(">I", zlib.crc32(name + content)) + data[33:])
    return path


def with_white_zero(path: Path) -> Path:
    """The TIFF with another PhotometricInterpretation (tag 262, one short)."""
    data = path.read_bytes()
    at = data.index(struct.pack("<HHI", 262, 3, 1))
    path.write_bytes(data[: at + 8] + struct.pack("<H", 0) + data[at + 10 :])
    return path


def test_a_radiance_hdr_is_divided_by_its_exposure(tmp_path: Path) -> None:
    """By its specification; before, such a plate was two stops brighter than its clean plate."""
    plain = read_plate(Plate(str(hdr(tmp_path / "a.hdr", 0.25)), Role.IMAGE))
    exposed = read_plate(Plate(str(hdr(tmp_path / "b.hdr", 1.0, b"EXPOSURE=4.0")), Role.IMAGE))
    assert plain.rgb.mean() == exposed.rgb.mean() == 0.25


def test_a_tiff_whose_zero_is_white(picture, image, noise) -> None:
    """As scanners and bitmaps have it. Before, a garbage matte of this kind was inverted."""
    grey = noise[..., :1]
    path = with_white_zero(picture("w.tif", 1 - grey, "uint16"))
    plate = image(picture("p.exr", noise))
    matte = read_matte(Plate(str(path), Role.GARBAGE, "raw"), plate)
    assert np.abs(matte - grey[..., 0]).max() < 1e-4


CURVES = [
    ({"oiio:ColorSpace": "g18_rec709_scene"}, "gamma 1.8"),
    ({"oiio:ColorSpace": "pq_rec2020_display"}, "PQ"),
    ({"oiio:ColorSpace": "hlg_rec2020_display"}, "HLG"),
]


@pytest.mark.parametrize(("stated", "called"), CURVES)
def test_a_curve_that_is_none_like_srgbs_is_never_read_as_srgb(
    picture, image, noise, stated, called
) -> None:
    path = picture("c.png", noise, "uint16", attributes=stated)
    with pytest.raises(ColourSpaceError, match=f"coded with {called}, not sRGB; name its colour"):
        image(path)
    assert image(path, "raw").space == "raw"


@pytest.mark.parametrize("gamma", ["g22", "g24"])
def test_a_gamma_like_srgbs_is_srgb(picture, image, noise, gamma) -> None:
    stated = {"oiio:ColorSpace": f"{gamma}_rec709_scene"}
    plate = image(picture("c.png", noise, "uint16", attributes=stated))
    assert np.abs(plate.rgb - srgb_to_linear(noise)).max() < 1e-4


def test_primaries_that_a_png_codes_are_those_of_the_plate(picture, image, noise) -> None:
    grey = np.repeat(noise[..., :1], 3, axis=2)
    red = grey * np.float32([1, 0.5, 0.5])
    p3, rec709 = bytes([12, 13, 0, 1]), bytes([1, 13, 0, 1])
    plate: PlateImage = image(with_chunk(picture("p.png", red, "uint16"), b"cICP", p3))
    clean = with_chunk(picture("c.png", red, "uint16"), b"cICP", rec709)
    found = image(clean, like=plate)
    assert "converted from lin_rec709_scene to lin_p3d65_scene" in " ".join(found.notes)
    assert (found.rgb[..., 0] < plate.rgb[..., 0]).mean() > 0.9


def test_light_in_another_unit_is_refused(picture, image, noise) -> None:
    """Before, all of it was clamped to one value, and a note reported it."""
    bright = picture("nits.exr", noise * 1e6 + 1e5, "float")
    with pytest.raises(PlateError, match="1683 pixels above 65504.*a unit in which white is near"):
        image(bright)


DATA = [
    "WPP",
    "mv",
    "pos",
    "MultiMatteElement",
    "worldnormal",
    "bumpnormal",
    "tangent",
    "disparity",
]


@pytest.mark.parametrize("name", DATA)
def test_data_that_stands_alone_is_refused(picture, image, noise, name) -> None:
    path = picture("n.exr", noise, channels=[f"{name}.{leaf}" for leaf in "RGB"])
    with pytest.raises(PlateError, match=f"no main R, G, B, only the layers {name};"):
        image(path)


def test_a_layer_that_is_taken_because_it_is_alone_is_named(picture, image, noise) -> None:
    for name, note in (("key_light", ["The plate is the file's only layer, 'key_light'."]),
                       ("beauty", [])):  # fmt: skip
        path = picture("n.exr", noise, channels=[f"{name}.{leaf}" for leaf in "RGB"])
        assert list(image(path).notes) == note


def test_an_eye_of_a_pair_is_the_main_layer(parts, image, noise) -> None:
    """It is found by its name, so there is nothing to report."""
    pair = parts("a.exr", ("rgba.left", "RGB", noise), ("rgba.right", "RGB", noise[::-1].copy()))
    plate = image(pair)
    assert np.array_equal(plate.rgb, noise) and plate.notes == ()
