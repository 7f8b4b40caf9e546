"""The header reader of the standard library finds what OpenImageIO finds, in real files."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_matting.exr_header import (
    HEADER_LIMIT,
    MAGIC,
    copy_with_texts,
    may_hold_views,
    read_exr_header,
)

from ..scenes import write_image

PLATES = Path(__file__).resolve().parents[1] / "plates"
FILES = sorted(PLATES.rglob("*.exr"))
COMPRESSIONS = (
    "none", "rle", "zips", "zip", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab", "htj2k256",
    "htj2k32", "zstd",
)  # fmt: skip
HEADER = MAGIC + struct.pack("<I", 2)
ONE = b"owner\0string\0" + struct.pack("<i", 3) + b"art"


def write(path: Path, compression: str = "zip", rows: int = 300) -> None:
    """A half EXR 5 wide, its data window at (-3, 7)."""
    spec = oiio.ImageSpec(5, rows, 3, "half")
    spec.x, spec.y = -3, 7
    spec.attribute("compression", compression)
    spec.attribute("dmp:clean", "/shots/wall.exr")
    file = oiio.ImageOutput.create("openexr")
    pixels = np.random.default_rng(1).random((rows, 5, 3), np.float32)
    assert file.open(str(path), spec) and file.write_image(pixels) and file.close()


def agrees_with_openimageio(path: Path) -> None:
    with path.open("rb") as file:
        header = read_exr_header(file)
        assert header is not None and file.tell() == header.size
        table = struct.unpack(f"<{header.blocks()}Q", file.read(8 * header.blocks()))
    # The table of the blocks' offsets ends where the first block begins.
    assert min(table) == header.size + 8 * header.blocks()
    assert max(table) < path.stat().st_size
    spec = oiio.ImageInput.open(str(path)).spec()
    left, top, right, bottom = struct.unpack("<4i", header.get("dataWindow") or b"")
    assert (left, top) == (spec.x, spec.y)
    assert (right - left + 1, bottom - top + 1) == (spec.width, spec.height)
    same = 0
    for attribute in header.attributes:
        if attribute.kind == "string" and attribute.name.startswith("dmp:"):
            assert header.text(attribute.name) == spec.get_string_attribute(attribute.name)
            same += 1
    theirs = [one for one in spec.extra_attribs if one.name.startswith("dmp:")]
    assert same == len(theirs)


def test_there_are_files_to_compare() -> None:
    assert len(FILES) > 10


@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_the_plates_of_the_tests(path: Path) -> None:
    agrees_with_openimageio(path)


@pytest.mark.parametrize("rows", [1, 16, 17, 300])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_every_compression(tmp_path: Path, compression: str, rows: int) -> None:
    write(tmp_path / "m.exr", compression, rows)
    stored = (
        oiio.ImageInput.open(str(tmp_path / "m.exr")).spec().get_string_attribute("compression")
    )
    if stored != compression:
        pytest.skip(f"this OpenImageIO writes {stored} for it")
    agrees_with_openimageio(tmp_path / "m.exr")


def test_the_attributes_are_stored_as_they_were_read(tmp_path: Path) -> None:
    write(tmp_path / "m.exr")
    content = (tmp_path / "m.exr").read_bytes()
    header = read_exr_header(io.BytesIO(content))
    assert header is not None
    stored = b"".join(attribute.stored() for attribute in header.attributes)
    assert content[: header.size] == content[:8] + stored + b"\0"
    assert header.text("dmp:clean") == "/shots/wall.exr"
    assert header.get("absent") is None and header.text("absent") == ""


def test_a_small_header() -> None:
    file = io.BytesIO(HEADER + ONE + b"\0rest")
    header = read_exr_header(file)
    assert header is not None and header.get("owner") == b"art" and header.blocks() == 0
    assert file.read() == b"rest"


@pytest.mark.parametrize("end", range(len(HEADER + ONE) + 1))
def test_a_header_that_ends_early_is_none(end: int) -> None:
    assert read_exr_header(io.BytesIO((HEADER + ONE)[:end])) is None


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n" + ONE,
        MAGIC + struct.pack("<I", 1) + ONE + b"\0",
        MAGIC + struct.pack("<I", 2 | 0x200) + ONE + b"\0",  # tiles
        MAGIC + struct.pack("<I", 2 | 0x800) + ONE + b"\0",  # deep data
        MAGIC + struct.pack("<I", 2 | 0x1000) + ONE + b"\0",  # several parts
        HEADER + b"owner\0string\0" + struct.pack("<i", -1) + b"\0",
        HEADER + b"owner\0string\0" + struct.pack("<i", HEADER_LIMIT + 1) + b"\0",
        HEADER + b"owner\0\0" + struct.pack("<i", 0) + b"\0",
        HEADER + b"n" * 300 + b"\0",
    ],
    ids=["png", "version", "tiles", "deep", "parts", "negative", "huge", "no type", "long name"],
)
def test_any_other_file_and_a_damaged_one_is_none(content: bytes) -> None:
    assert read_exr_header(io.BytesIO(content)) is None


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_copy_with_another_text_has_the_same_pixels(tmp_path: Path, compression: str) -> None:
    path, copy = tmp_path / "a.exr", tmp_path / "b.exr"
    write(path, compression)
    texts = {"dmp:clean": "/elsewhere/another wall, lit by ä.exr", "dmp:image": "plate.exr"}
    with path.open("rb") as source, copy.open("wb") as target:
        copy_with_texts(source, target, texts)
    agrees_with_openimageio(copy)
    before, after = (oiio.ImageInput.open(str(one)) for one in (path, copy))
    assert np.array_equal(before.read_image("half"), after.read_image("half"))
    for name, text in texts.items():
        assert after.spec().get_string_attribute(name) == text
    assert after.spec().get_string_attribute("compression") == compression


def test_a_copy_of_what_is_no_exr() -> None:
    with pytest.raises(ValueError, match="no whole"):
        copy_with_texts(io.BytesIO(HEADER), io.BytesIO(), {"dmp:clean": "x"})


@pytest.mark.parametrize(
    ("names", "attributes", "views", "may"),
    [
        ("RGBA", {}, ["left", "right"], False),
        (["R", "G", "B", "right.R"], {}, ["left", "right"], True),
        (["R", "G", "B", "light.right.R"], {}, ["left", "right"], True),
        (["R", "G", "B", "right.R"], {}, ["main"], False),
        ("RGB", {"multiView": (oiio.TypeDesc("string[2]"), ("left", "right"))}, ["main"], True),
        ("RGB", {"view": "left"}, ["left"], True),
    ],
)
def test_whether_a_file_may_hold_views(
    tmp_path: Path, names: str | list[str], attributes: dict[str, Any], views: list[str], may: bool
) -> None:
    path = tmp_path / "a.exr"
    write_image(path, np.zeros((4, 4, len(names))), channels=list(names), attributes=attributes)
    assert may_hold_views(str(path), views) is may


def test_whether_a_file_of_several_parts_may_hold_views(tmp_path: Path) -> None:
    for second, may in (("G", False), ("right.G", True)):
        path = tmp_path / f"{second}.exr"
        specs = []
        for at, name in enumerate(("R", second)):
            spec = oiio.ImageSpec(4, 4, 1, "half")
            spec.channelnames = [name]
            spec.attribute("oiio:subimagename", f"part{at}")
            specs.append(spec)
        file = oiio.ImageOutput.create("openexr")
        assert file.open(str(path), specs) and file.write_image(np.zeros((4, 4, 1), np.float32))
        assert file.open(str(path), specs[1], "AppendSubimage")
        assert file.write_image(np.zeros((4, 4, 1), np.float32)) and file.close()
        assert may_hold_views(str(path), ["left", "right"]) is may


def test_what_is_no_whole_exr_may_hold_anything(tmp_path: Path) -> None:
    path = tmp_path / "a.exr"
    assert may_hold_views(str(path), ["left"]) is False, "not there"
    write(path)
    whole = path.read_bytes()
    assert may_hold_views(str(path), ["left"]) is False
    for count in (0, 4, 8, 20, 100):
        path.write_bytes(whole[:count])
        assert may_hold_views(str(path), ["left"]) is True
    assert may_hold_views(str(tmp_path), ["left"]) is True, "a folder"
