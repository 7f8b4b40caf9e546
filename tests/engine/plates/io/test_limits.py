"""A small file that asks for much is refused by its header, in one sentence and at once."""

from __future__ import annotations

import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest

from dmp_engine.plates.io import limits
from dmp_engine.plates.io.image_file import ImageFile
from dmp_engine.plates.io.read import read_plate
from dmp_matting import PlateError
from dmp_matting.job import Plate, Role

from ....scenes import write_image

SECONDS = 5.0


def attribute(name: str, kind: str, value: bytes) -> bytes:
    return f"{name}\0{kind}\0".encode() + struct.pack("<i", len(value)) + value


def exr(width: int, height: int, *more: bytes, flags: int = 0) -> bytes:
    """The header of an EXR, and nothing else."""
    window = struct.pack("<4i", 0, 0, width - 1, height - 1)
    channel = b"R\0" + struct.pack("<iBBBBii", 1, 0, 0, 0, 0, 1, 1)
    return b"".join(
        [
            b"\x76\x2f\x31\x01", struct.pack("<I", 2 | flags),
            attribute("channels", "chlist", channel + b"\0"),
            attribute("compression", "compression", b"\3"),
            attribute("dataWindow", "box2i", window), attribute("displayWindow", "box2i", window),
            attribute("lineOrder", "lineOrder", b"\0"),
            attribute("pixelAspectRatio", "float", struct.pack("<f", 1)),
            attribute("screenWindowCenter", "v2f", bytes(8)),
            attribute("screenWindowWidth", "float", struct.pack("<f", 1)),
            *more, b"\0",
        ]
    )  # fmt: skip


def png(width: int, height: int) -> bytes:
    """A whole black PNG; 30000 x 30000 in some kilobytes less than one megabyte."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    squeeze = zlib.compressobj(9)
    rows = b"".join(squeeze.compress(bytes(width + 1)) for _ in range(height)) + squeeze.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def tiff(width: int, height: int) -> bytes:
    entries = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1),
               (278, height), (279, width * height % 2**32)]  # fmt: skip
    fields = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + fields + bytes(4)


MANY = b"".join(
    attribute(f"a{number}", "int", bytes(4)) for number in range(limits.MOST_ATTRIBUTES)
)
TILES = attribute("tiles", "tiledesc", struct.pack("<2IB", 1, 1, 0))
FILES = {
    "a huge EXR": ("b.exr", exr(30_000, 30_000), "30000 x 30000 pixels"),
    "a long EXR": ("b.exr", exr(4, 2**31 - 2), "pixels, more than DMP takes"),
    "an EXR of many attributes": ("b.exr", exr(4, 4, MANY), "more than 5000 attributes"),
    "an EXR of many tiles": ("b.exr", exr(9000, 9000, TILES, flags=0x200), "tiles of 1 x 1 pixels"),
    "an EXR of many parts": (
        "b.exr", exr(4, 4, flags=0x1000)[:8] + exr(4, 4)[8:] * 600 + b"\0", "more than 500 parts",
    ),
    "a TIFF of no pixels": ("b.tif", tiff(25_000, 25_000), "25000 x 25000 pixels"),
    "a black PNG": ("b.png", png(30_000, 9_000), "30000 x 9000 pixels"),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_bomb_is_one_sentence(tmp_path: Path, case: str) -> None:
    name, content, sentence = FILES[case]
    (tmp_path / name).write_bytes(content)
    begun = time.process_time()
    with pytest.raises(PlateError, match=sentence) as caught:
        read_plate(Plate(str(tmp_path / name), Role.IMAGE))
    assert time.process_time() - begun < SECONDS
    assert str(tmp_path / name) in str(caught.value)


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_a_header_that_is_cut_is_left_to_the_decoder(tmp_path: Path, cut: int) -> None:
    (tmp_path / "cut.exr").write_bytes(exr(4, 4)[:cut] or b"\0")
    limits.check_file(tmp_path / "cut.exr")


def test_what_does_not_fit_into_memory_is_refused_before_it_is_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_image(tmp_path / "p.exr", np.ones((40, 60, 3), np.float32))
    monkeypatch.setattr(limits, "free_memory", lambda: 60 * 40 * 3 * 4 * 2)
    with pytest.raises(PlateError, match="60 x 40 pixels: reading it takes .* GB are free"):
        read_plate(Plate(str(path), Role.IMAGE))
    for free in (None, 60 * 40 * 3 * 4 * limits.COPIES):
        monkeypatch.setattr(limits, "free_memory", lambda free=free: free)
        with ImageFile(path) as file:
            assert len(file.parts()) == 1
        assert read_plate(Plate(str(path), Role.IMAGE)).rgb.shape == (40, 60, 3)
