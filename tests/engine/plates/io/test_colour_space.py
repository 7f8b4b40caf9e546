"""Colour spaces, against the curves' own formulas and a configuration written here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.plates.io.colour_space import to_working
from dmp_engine.plates.io.srgb import srgb_to_linear
from dmp_matting.errors import ColourSpaceError

AP1_FROM_709 = np.array(  # Bradford-adapted, from the ACES specification's primaries
    [
        [0.613097, 0.339523, 0.047379],
        [0.070194, 0.916354, 0.013452],
        [0.020616, 0.109570, 0.869815],
    ]
)

STUDIO = """ocio_profile_version: 2
roles: {{{role}}}
file_rules: [!<Rule> {{name: Default, colorspace: plain}}]
displays: {{d: [!<View> {{name: v, colorspace: plain}}]}}
colorspaces:
  - !<ColorSpace> {{name: plain}}
  - !<ColorSpace>
    name: doubled
    aliases: [twice]
    to_scene_reference: !<MatrixTransform> {{matrix: [2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 1]}}
  - !<ColorSpace>
    name: srgb_tx
    to_scene_reference: !<ExponentWithLinearTransform> {{gamma: [2.4, 2.4, 2.4, 1], offset: [0.055, 0.055, 0.055, 0]}}
  - !<ColorSpace>
    name: lost
    to_scene_reference: !<FileTransform> {{src: not_there.cube}}
"""  # noqa: E501


def exact_srgb(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64)
    return np.where(x <= 0.04045, x / 12.92, ((np.maximum(x, 0) + 0.055) / 1.055) ** 2.4)


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config.ocio"
    path.write_text(STUDIO.format(role="scene_linear: plain, default: plain"))
    monkeypatch.setenv("OCIO", str(path))
    return path


@pytest.fixture
def ramp() -> np.ndarray:
    """(1, 65536, 3): every 16-bit code."""
    codes = np.arange(65536, dtype=np.float32) / 65535
    return np.repeat(codes[None, :, None], 3, axis=2)


def test_srgb_is_the_curve_of_the_standard(ramp):
    linear, name, chromaticities = to_working(ramp, "sRGB")
    assert name == "sRGB Encoded Rec.709 (sRGB)"
    assert np.abs(linear - exact_srgb(ramp)).max() < 5e-7
    assert linear[0, 0, 0] == 0 and linear[0, -1, 0] == 1
    assert np.allclose(chromaticities[:6], [0.64, 0.33, 0.30, 0.60, 0.15, 0.06], atol=1e-3)


def test_srgb_agrees_with_opencolorio(ramp):
    theirs = oiio.ImageBufAlgo.colorconvert(
        oiio.ImageBuf(ramp), "srgb_tx", "lin_rec709", colorconfig="ocio://default"
    ).get_pixels("float")
    assert np.abs(srgb_to_linear(ramp)[0] - theirs[0]).max() < 3e-5


@pytest.mark.parametrize("space", ["srgb", "SRGB", "sRGB - Texture", "srgb_tx", "srgb_texture"])
def test_aliases_of_srgb(ramp, space):
    assert np.array_equal(to_working(ramp, space)[0], srgb_to_linear(ramp))


@pytest.mark.parametrize("space", ["linear", "Linear", "scene_linear", "lin", "lin_rec709", "raw"])
def test_linear_and_raw_leave_values_untouched(space):
    pixels = np.array([[[-0.5, 65504.0, 1e-7]]], np.float32)
    result, _, chromaticities = to_working(pixels, space)
    assert np.array_equal(result, pixels)
    assert chromaticities == ()


def test_acescg_goes_to_rec709_by_the_published_matrix(noise):
    pixels = noise * 60 - 1
    linear, name, _ = to_working(pixels, "ACEScg")
    assert name == "ACEScg"
    assert np.abs(linear @ AP1_FROM_709.T.astype(np.float32) - pixels).max() < 60 * 1e-5


def test_log_goes_to_linear_above_one():
    """ACEScct (Academy S-2016-001): x > 0.155251 is 2 ** (17.52 x - 9.72), here grey."""
    codes = np.repeat(np.linspace(0.2, 1.0, 50, dtype=np.float32)[None, :, None], 3, axis=2)
    linear, name, _ = to_working(codes, "acescct")
    expected = 2 ** (17.52 * codes.astype(np.float64) - 9.72)
    assert name == "ACEScct"
    assert linear.max() > 200
    assert np.abs(linear / expected - 1).max() < 1e-3


def test_auto_leaves_an_exr_untouched_even_in_a_studio_space(picture, image, noise, studio):
    plate = image(picture("a.exr", noise * 4))
    assert np.array_equal(plate.rgb, noise * 4)


def test_auto_under_a_studio_configuration_uses_its_srgb(picture, image, noise, studio):
    plate = image(picture("a.png", noise, "uint16"))
    assert plate.space == "srgb_tx"
    assert np.abs(plate.rgb - exact_srgb(noise)).max() < 1e-4


def test_names_and_aliases_of_a_studio_configuration(noise, studio):
    for space in ("doubled", "Doubled", "twice"):
        linear, name, _ = to_working(noise, space)
        assert name == "doubled"
        assert np.array_equal(linear, noise * 2)


def test_a_configuration_changed_on_disk_is_read_again(noise, studio):
    to_working(noise, "doubled")
    text = studio.read_text().replace("name: doubled", "name: other").replace("[2, 0", "[3, 0")
    studio.write_text(text)
    with pytest.raises(ColourSpaceError, match="no colour space 'doubled'"):
        to_working(noise, "doubled")


def test_raw_normalises_integers_only(picture, image, noise):
    assert np.abs(image(picture("a.png", noise, "uint8"), "raw").rgb - noise).max() < 0.51 / 255
    assert np.array_equal(image(picture("a.exr", noise * 8), "raw").rgb, noise * 8)
    assert image(picture("b.png", noise, "uint8"), "RAW").space == "raw"


def test_a_png_marked_as_linear_is(picture, image, noise):
    path = picture("a.png", noise, "uint16", attributes={"oiio:ColorSpace": "linear"})
    plate = image(path)
    assert plate.space == "scene_linear"
    assert np.abs(plate.rgb - noise).max() < 1 / 65535


def test_a_dpx_is_read_by_its_header_or_by_the_setting(picture, image, noise):
    linear = picture("lin.dpx", noise, "uint16", attributes={"oiio:ColorSpace": "linear"})
    assert image(linear).space == "scene_linear"
    video = picture("vid.dpx", noise, "uint16", attributes={"dpx:Transfer": "ITU-R 709-4"})
    assert image(video).space == "sRGB Encoded Rec.709 (sRGB)"
    log = picture("log.dpx", noise, "uint16",
                  attributes={"oiio:BitsPerSample": 10, "dpx:Transfer": "Logarithmic"})  # fmt: skip
    with pytest.raises(ColourSpaceError, match="log-encoded"):
        image(log)
    ten = picture("ten.dpx", noise, "uint16", attributes={"oiio:BitsPerSample": 10})
    with pytest.raises(ColourSpaceError, match="log or video"):
        image(ten)
    assert np.abs(image(ten, "raw").rgb - noise).max() < 1 / 1023
    assert image(log, "ACEScct").space == "ACEScct"


@pytest.mark.parametrize(
    "space,suggestion",
    [
        ("ACEScgg", "did you mean .*'ACEScg'"),
        ("rec.2020", "did you mean 'Linear Rec.2020'"),
        ("ARRI LogC4", "set OCIO=ocio://studio-config-latest"),
        ("srbg", "did you mean .*'sRGB'"),
        ("xyzzy", "use auto, raw, sRGB, scene_linear or one of the 27 names"),
        ("", "no colour space ''"),
    ],
)
def test_an_unknown_space_gets_a_suggestion(noise, space, suggestion):
    with pytest.raises(ColourSpaceError, match=suggestion):
        to_working(noise, space)


def test_a_broken_configuration_is_named(noise, tmp_path, monkeypatch):
    monkeypatch.setenv("OCIO", str(tmp_path / "gone.ocio"))
    with pytest.raises(ColourSpaceError, match=r"gone.ocio' does not exist; correct or unset"):
        to_working(noise, "sRGB")
    broken = tmp_path / "broken.ocio"
    broken.write_text("colorspaces: [1, 2\n")
    monkeypatch.setenv("OCIO", str(broken))
    with pytest.raises(ColourSpaceError, match=r"broken.ocio' cannot be read"):
        to_working(noise, "sRGB")
    monkeypatch.setenv("OCIO", "ocio://no-such-config")
    with pytest.raises(ColourSpaceError, match=r"no-such-config' cannot be read"):
        to_working(noise, "sRGB")


def test_a_configuration_without_scene_linear_or_with_a_lost_file(noise, studio):
    with pytest.raises(ColourSpaceError, match="'lost' cannot be converted to 'plain'"):
        to_working(noise, "lost")
    studio.write_text(STUDIO.format(role="default: plain"))
    with pytest.raises(ColourSpaceError, match="has no scene_linear role"):
        to_working(noise, "doubled")


def test_chromaticities_follow_a_conversion_and_stay_without_one(picture, image, noise):
    ap1 = [0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767]
    path = picture("a.exr", noise, attributes={"chromaticities": ("float[8]", ap1)})
    kept = image(path).spec.getattribute("chromaticities")
    assert np.allclose(kept, ap1, atol=1e-5)
    converted = image(path, "ACEScg").spec.getattribute("chromaticities")
    assert np.allclose(converted[:2], [0.64, 0.33], atol=1e-3)
