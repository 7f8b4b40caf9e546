"""Plates that declare different primaries are converted or refused, never subtracted."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.plates.io import read_plate
from dmp_engine.plates.io.primaries import INTEROP, declared_primaries
from dmp_matting.errors import ColourSpaceError
from dmp_matting.job import Plate, Role

REC709, AP1, P3 = (INTEROP[f"lin_{name}_scene"] for name in ("rec709", "ap1", "p3d65"))
# One colour in both, by the matrices of the ACES and the sRGB standard, Bradford-adapted.
IN_REC709, IN_AP1 = (0.2, 0.5, 0.1), (0.29712, 0.47356, 0.14589)


def profile(name: str, columns: tuple[tuple[float, ...], ...], gamma: float) -> bytes:
    """A matrix profile as an editor writes it."""
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">I", len(name) + 1) + name.encode() + b"\0"}
    for tag, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True):
        tags[tag] = b"XYZ " + bytes(4) + struct.pack(">3i", *(round(x * 65536) for x in column))
        tags[tag[:1] + b"TRC"] = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256))
    start = 132 + 12 * len(tags)
    table, body = b"", b""
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    size = struct.pack(">I", start + len(body))
    white = struct.pack(">3i", 63190, 65536, 54061)  # D50
    kind = bytes(4) + b"\2\x10\0\0mntrRGB XYZ " + bytes(12) + b"acsp" + bytes(28)
    header = size + kind + white + bytes(48)
    return header + struct.pack(">I", len(tags)) + table + body


SRGB_COLUMNS = (0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141)
P3_COLUMNS = (0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841)
SRGB = profile("sRGB", SRGB_COLUMNS, 2.2)
DISPLAY_P3 = profile("Display P3", P3_COLUMNS, 2.2)
PROPHOTO = profile(
    "ProPhoto", ((0.7977, 0.2880, 0.0), (0.1352, 0.7119, 0.0), (0.0313, 0.0001, 0.8249)), 1.8
)


def flat(path: Path, colour: tuple[float, ...], kind: str, **attributes: object) -> Path:
    spec = oiio.ImageSpec(16, 16, 3, kind)
    for name, value in attributes.items():
        if isinstance(value, tuple):
            spec.attribute(name, f"float[{len(value)}]", value)
        elif isinstance(value, bytes):
            spec.attribute(name, f"uint8[{len(value)}]", np.frombuffer(value, np.uint8))
        else:
            spec.attribute(name, value)
    file = oiio.ImageOutput.create(str(path))
    assert file.open(str(path), spec), file.geterror()
    assert file.write_image(np.full((16, 16, 3), colour, np.float32))
    file.close()
    return path


def clean_of(image: Path, clean: Path, space: str = "auto") -> object:
    read = read_plate(Plate(str(image), Role.IMAGE, space))
    return read_plate(Plate(str(clean), Role.CLEAN, space), like=read)


def test_the_clean_plate_comes_in_the_plates_primaries(tmp_path: Path) -> None:
    image = flat(tmp_path / "p.exr", IN_AP1, "float", chromaticities=AP1)
    clean = flat(tmp_path / "c.exr", IN_REC709, "float", chromaticities=REC709)
    found = clean_of(image, clean)
    assert found.rgb[3, 3] == pytest.approx(IN_AP1, abs=2e-3)
    assert found.notes == (
        "The clean plate was converted from lin_rec709_scene to lin_ap1_scene.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other"), [({}, {"chromaticities": AP1}), ({"chromaticities": AP1}, {}),
                       ({"chromaticities": AP1}, {"chromaticities": AP1})],
)  # fmt: skip
def test_what_agrees_or_says_nothing_is_left_alone(
    tmp_path: Path, one: dict[str, object], other: dict[str, object]
) -> None:
    image = flat(tmp_path / "p.exr", IN_AP1, "float", **one)
    clean = flat(tmp_path / "c.exr", IN_AP1, "float", **other)
    found = clean_of(image, clean)
    assert np.array_equal(found.rgb[3, 3], np.float32(IN_AP1)) and found.notes == ()


def test_a_name_of_the_artists_wins(tmp_path: Path) -> None:
    image = flat(tmp_path / "p.exr", IN_AP1, "float", chromaticities=AP1)
    clean = flat(tmp_path / "c.exr", IN_REC709, "float", chromaticities=REC709)
    assert clean_of(image, clean, "scene_linear").rgb[3, 3] == pytest.approx(IN_REC709, abs=1e-6)


def test_profiles_of_one_curve_are_converted_and_others_refused(tmp_path: Path) -> None:
    image = flat(tmp_path / "p.png", (0.5, 0.5, 0.5), "uint16", ICCProfile=DISPLAY_P3)
    same = flat(tmp_path / "a.png", (0.2, 0.7, 0.3), "uint16", ICCProfile=DISPLAY_P3)
    assert clean_of(image, same).notes == ()
    other = flat(tmp_path / "b.png", (0.2, 0.7, 0.3), "uint16", ICCProfile=SRGB)
    found = clean_of(image, other)
    assert "from sRGB to Display P3" in found.notes[0]
    grey = flat(tmp_path / "g.png", (0.5, 0.5, 0.5), "uint16", ICCProfile=SRGB)
    neutral = read_plate(Plate(str(image), Role.IMAGE)).rgb[3, 3]
    assert clean_of(image, grey).rgb[3, 3] == pytest.approx(neutral, abs=2e-3), "white stays white"
    odd = flat(tmp_path / "o.png", (0.2, 0.7, 0.3), "uint16", ICCProfile=PROPHOTO)
    with pytest.raises(ColourSpaceError, match="has the colour profile ProPhoto and .* Display P3"):
        clean_of(image, odd)
    silent = flat(tmp_path / "n.png", (0.2, 0.7, 0.3), "uint16")
    assert clean_of(image, silent).notes == ()


def test_a_damaged_profile_declares_nothing_that_fits(tmp_path: Path) -> None:
    path = flat(tmp_path / "p.tif", (0.5, 0.5, 0.5), "uint8", ICCProfile=SRGB[:150])
    found = declared_primaries(oiio.ImageBuf(str(path)).spec())
    assert found is None or found.to_xyz is None


def encoded(linear: object) -> tuple[float, ...]:
    """By the curve of sRGB."""
    x = np.asarray(linear, float)
    return tuple(np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055).tolist())


@pytest.mark.parametrize("ocio", ["", "ocio://cg-config-latest"])
def test_a_linear_file_and_one_with_a_profile_are_brought_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ocio: str
) -> None:
    """Also where the configuration works in ACEScg: an integer file's colours are there, then."""
    monkeypatch.setenv("OCIO", ocio)
    linear = flat(tmp_path / "p.exr", IN_AP1, "float", chromaticities=AP1)
    png = flat(tmp_path / "c.png", encoded(IN_REC709), "uint16", ICCProfile=SRGB)
    assert clean_of(linear, png).rgb[3, 3] == pytest.approx(IN_AP1, abs=2e-3)
    working = IN_AP1 if ocio else IN_REC709
    assert clean_of(png, linear).rgb[3, 3] == pytest.approx(working, abs=2e-3)
    odd = flat(tmp_path / "o.png", (0.2, 0.7, 0.3), "uint16", ICCProfile=PROPHOTO)
    with pytest.raises(ColourSpaceError, match="has the colour profile ProPhoto and .* lin_ap1"):
        clean_of(linear, odd)


@pytest.mark.parametrize("ocio", ["", "ocio://cg-config-latest"])
def test_two_profiles_are_brought_together_where_their_colours_were_read_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ocio: str
) -> None:
    """One colour in two profiles: the clean plate is the plate, whatever the working space."""
    monkeypatch.setenv("OCIO", ocio)
    from_p3, from_709 = (np.array(one).T for one in (P3_COLUMNS, SRGB_COLUMNS))
    in_p3 = np.linalg.inv(from_p3) @ from_709 @ IN_REC709
    image = flat(tmp_path / "p.png", encoded(in_p3), "uint16", ICCProfile=DISPLAY_P3)
    clean = flat(tmp_path / "c.png", encoded(IN_REC709), "uint16", ICCProfile=SRGB)
    wanted = read_plate(Plate(str(image), Role.IMAGE)).rgb[3, 3]
    assert clean_of(image, clean).rgb[3, 3] == pytest.approx(wanted, abs=5e-4)


def test_a_working_space_that_no_matrix_reaches_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "grey.ocio"
    config.write_text(GREY)
    monkeypatch.setenv("OCIO", str(config))
    image = flat(tmp_path / "p.png", (0.5, 0.4, 0.3), "uint16", ICCProfile=DISPLAY_P3)
    clean = flat(tmp_path / "c.png", (0.5, 0.4, 0.3), "uint16", ICCProfile=SRGB)
    with pytest.raises(ColourSpaceError, match="convert both to one, or name the colour space"):
        clean_of(image, clean)


GREY = """ocio_profile_version: 2
roles: {scene_linear: plain, default: plain}
file_rules: [!<Rule> {name: Default, colorspace: plain}]
displays: {d: [!<View> {name: v, colorspace: plain}]}
colorspaces:
  - !<ColorSpace> {name: plain}
  - !<ColorSpace>
    name: srgb_tx
    to_scene_reference: !<MatrixTransform>
      {matrix: [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1]}
"""


@pytest.mark.parametrize(
    "columns",
    [((0.4, 0.4, 0.4),) * 3, ((0.0, 0.0, 0.0), (0.2, 0.2, 0.2), (0.1, 0.5, 0.1))],
    ids=["one primary three times", "a primary without light"],
)
def test_a_profile_whose_primaries_span_nothing_is_refused(
    tmp_path: Path, columns: tuple[tuple[float, ...], ...]
) -> None:
    odd = flat(tmp_path / "p.png", (0.5, 0.5, 0.5), "uint16", ICCProfile=profile("x", columns, 2.2))
    good = flat(tmp_path / "c.png", (0.5, 0.5, 0.5), "uint16", ICCProfile=SRGB)
    for image, clean in ((odd, good), (good, odd)):
        with pytest.raises(ColourSpaceError, match="convert both to one"):
            clean_of(image, clean)


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), 1e38, 0.0])
def test_chromaticities_that_are_no_numbers_declare_nothing(tmp_path: Path, odd: float) -> None:
    image = flat(tmp_path / "p.exr", IN_AP1, "float", chromaticities=AP1)
    clean = flat(tmp_path / "c.exr", IN_AP1, "float", chromaticities=(odd,) * 8)
    assert np.isfinite(clean_of(image, clean).rgb).all()
