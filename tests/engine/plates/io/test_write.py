"""Writing: the layers as both hosts read them, and nothing half-written, ever."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.plates.io import Packing, check_output, layers_size, write_layers
from dmp_engine.plates.io.compression import is_written
from dmp_engine.plates.io.write import uncropped
from dmp_matting.errors import OutputError
from dmp_matting.exr_header import read_exr_header

from ....conftest import wait_until

CHANNELS = ("R", "G", "B", "A", "foreground.R", "foreground.G", "foreground.B")
ROOT = Path(__file__).parents[4]


def read_back(path: Path) -> tuple[np.ndarray, oiio.ImageSpec]:
    file = oiio.ImageInput.open(str(path))
    spec = file.spec()
    pixels = file.read_image(0, 0, 0, spec.nchannels, "float")
    assert pixels is not None, file.geterror()
    return pixels, oiio.ImageSpec(spec)


@pytest.fixture
def layers(noise):
    """alpha (33, 51) in [0, 1] with both ends, foreground (33, 51, 3) up to 60."""
    alpha = np.clip(noise[..., 0] * 1.5 - 0.25, 0, 1)
    return alpha, noise[::-1] * 60 - 0.5


@pytest.mark.parametrize(
    "at,window", [((0, 0), (0, 0, 51, 33)), ((-7, -5), (0, 0, 37, 23)), ((9, 4), (-3, 2, 90, 70))]
)
def test_layers_round_trip_to_half(picture, image, noise, layers, tmp_path, at, window):
    alpha, foreground = layers
    plate = image(picture("in.exr", noise, at=at, window=window))
    out = tmp_path / "out.exr"
    assert write_layers(out, plate, alpha, foreground, {"dmp:version": "0.1.0"}) == CHANNELS
    pixels, spec = read_back(out)
    assert spec.channelnames == CHANNELS
    assert {str(spec.format)} == {"half"} and not spec.channelformats
    assert spec.get_string_attribute("compression") == "zip"
    assert spec.get_int_attribute("oiio:subimages") == 1 and spec.tile_width == 0
    assert (spec.x, spec.y, spec.width, spec.height) == (*at, 51, 33)
    assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == window
    assert spec.get_string_attribute("dmp:version") == "0.1.0"
    half = 2.0**-11  # relative rounding of half
    assert (np.abs(pixels[..., 3] - alpha) <= alpha * half + 1e-7).all()
    assert (np.abs(pixels[..., 4:] - foreground) <= np.abs(foreground) * half + 1e-7).all()
    exact = alpha[..., None] * foreground  # in float32, rounded once
    assert np.array_equal(pixels[..., :3], exact.astype(np.float16).astype(np.float32))
    assert pixels[..., 4:].max() > 59


@pytest.mark.parametrize("depth", ["half", "float"])
@pytest.mark.parametrize(
    "name", ["none", "rle", "zips", "zip", "piz", "dwaa:45", "dwab:90", "zstd"]
)
def test_every_compression_and_depth(picture, image, noise, layers, tmp_path, name, depth):
    if name == "zstd" and not is_written(name):
        pytest.skip("this OpenImageIO writes no zstd")
    alpha, foreground = layers
    plate, out = image(picture("in.exr", noise)), tmp_path / "out.exr"
    write_layers(out, plate, alpha, foreground, {}, packing=Packing(name, depth))
    pixels, spec = read_back(out)
    assert spec.get_string_attribute("compression") == name.partition(":")[0]
    assert str(spec.format) == depth
    wanted = alpha.astype(np.float16) if depth == "half" else alpha
    assert np.array_equal(pixels[..., 3], wanted.astype(np.float32))  # also where colours are lossy
    loss = np.abs(pixels[..., 4:] - foreground).mean()
    assert loss < (6 if name.startswith("dwa") else 0.02 if depth == "half" else 1e-6)
    with out.open("rb") as file:
        header = read_exr_header(file)
    assert header is not None and header.blocks() > 0


@pytest.mark.parametrize("shadow", [False, True])
def test_the_data_window_is_trimmed_to_the_subject(picture, image, noise, tmp_path, shadow):
    plate = image(picture("in.exr", noise, at=(-7, -5), window=(0, 0, 37, 23)))
    alpha, foreground = np.zeros((33, 51), np.float32), noise + 0.1
    alpha[10:20, 30:41] = 0.5
    more = {"shadow": np.ones((33, 51, 3), np.float32)} if shadow else {}
    if shadow:
        more["shadow"][25, 2] = 0.5
    out = tmp_path / "out.exr"
    write_layers(out, plate, alpha, foreground, {}, more, packing=Packing(crop=True))
    pixels, spec = read_back(out)
    window = (spec.x, spec.y, spec.width, spec.height)
    assert window == ((-5, 5, 39, 16) if shadow else (23, 5, 11, 10))
    assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == (0, 0, 37, 23)
    assert np.array_equal(uncropped(pixels, spec)[..., 3], alpha)
    write_layers(out, plate, alpha * 0, foreground * 0, {}, packing=Packing(crop=True))
    assert read_back(out)[0].shape[:2] == (1, 1)


def test_metadata_that_stays_and_metadata_that_would_lie(picture, image, noise, layers, tmp_path):
    kept = {
        "PixelAspectRatio": 2.0,
        "smpte:TimeCode": ("timecode", [0x01020304, 0]),
        "FramesPerSecond": ("rational", [24000, 1001]),
        "chromaticities": (
            "float[8]",
            [0.713, 0.293, 0.165, 0.83, 0.128, 0.044, 0.32168, 0.33767],
        ),
        "DateTime": "2024:05:06 07:08:09",
        "Copyright": "somebody",
        "FNumber": 2.8,
        "studio/shot": "ab_010",
        "worldToCamera": ("matrix", [float(n) for n in range(16)]),
        "studio:counts": ("int[2]", [3, 4]),
        "studio:names": ("string[2]", ["left", "right"]),
    }
    lies = {
        "compression": "piz",
        "Software": "Some renderer 7",
        "oiio:ColorSpace": "ACEScg",
        "cryptomatte/1a2b3c4/name": "object",
        "multiView": ("string[2]", ["right", "left"]),
        "Orientation": 3,
    }
    path = picture("in.exr", noise, tile=16, attributes={**kept, **lies})
    plate, before = image(path), read_back(path)[1]
    out = tmp_path / "out.exr"
    write_layers(out, plate, *layers, {"dmp:settings": '{"seed": 0}', "Software": "DMP 0.1"})
    _, spec = read_back(out)
    for name in kept:
        assert before.getattribute(name) is not None, name
        assert spec.getattribute(name) == before.getattribute(name), name
    assert spec.getattribute("smpte:TimeCode") == before.getattribute("smpte:TimeCode")
    assert spec.get_string_attribute("dmp:settings") == '{"seed": 0}'
    assert spec.get_string_attribute("Software") == "DMP 0.1"
    assert spec.get_string_attribute("compression") == "zip"
    assert spec.tile_width == 0
    for name in ("cryptomatte/1a2b3c4/name", "multiView"):
        assert spec.getattribute(name) is None, name
    assert spec.get_string_attribute("oiio:ColorSpace") != "ACEScg"
    assert spec.get_int_attribute("Orientation", 1) == 1


@pytest.mark.parametrize("name,kind", [("a.png", "uint8"), ("a.jpg", "uint8"), ("a.tif", "uint16"),
                                       ("a.tga", "uint8"), ("a.dpx", "uint8")])  # fmt: skip
def test_plates_of_other_formats_make_a_plain_exr(
    picture, image, noise, layers, tmp_path, name, kind
):
    attributes = {"Orientation": 3, "ICCProfile": ("uint8[4]", [1, 2, 3, 4]), "channels": "RGB"}
    plate = image(picture(name, noise, kind, attributes=attributes))
    write_layers(tmp_path / "out.exr", plate, *layers, {})
    _, spec = read_back(tmp_path / "out.exr")
    names = {item.name for item in spec.extra_attribs}
    assert not [n for n in names if n.startswith(("png:", "jpeg:", "tiff:", "dpx:", "ICC"))]
    assert "channels" not in names
    assert (spec.width, spec.height, spec.nchannels) == (51, 33, 7)


def insert_attribute(path: Path, name: str, kind: str, value: bytes) -> None:
    """Put an attribute of any type into a single-part scanline EXR, by the file format's rules."""
    data = path.read_bytes()
    end = 8
    while data[end]:  # name\0 type\0 size value
        end = data.index(b"\0", data.index(b"\0", end) + 1) + 1
        end += 4 + struct.unpack("<i", data[end : end + 4])[0]
    new = name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value
    first = struct.unpack("<q", data[end + 1 : end + 9])[0]
    chunks = (first - end - 1) // 8
    table = struct.unpack(f"<{chunks}q", data[end + 1 : first])
    moved = struct.pack(f"<{chunks}q", *(offset + len(new) for offset in table))
    path.write_bytes(data[:end] + new + b"\0" + moved + data[first:])


@pytest.mark.parametrize(
    "name,kind,value",
    [
        ("studio.blob", "studioOwnType", b"\x01\x02\x03"),
        ("empty", "string", b""),
        ("latin", "string", b"caf\xe9"),
        ("box", "box2i", struct.pack("<4i", 1, 2, 3, 4)),
        ("boxf", "box2f", struct.pack("<4f", 1, 2, 3, 4)),
        ("nan", "float", struct.pack("<f", float("nan"))),
        ("matrix", "m33d", struct.pack("<9d", *range(9))),
        ("vector", "v3d", struct.pack("<3d", 1, 2, 3)),
        ("numbers", "floatvector", struct.pack("<3f", 1, 2, 3)),
        ("preview", "preview", struct.pack("<II", 1, 1) + b"\x10\x20\x30\xff"),
        ("keyCode", "keycode", struct.pack("<7i", 1, 2, 3, 4, 5, 4, 64)),
        ("envmap", "envmap", b"\0"),
        ("wrapmodes", "string", b"black,black"),
        ("textureformat", "string", b"Plain Texture"),
        ("a" * 200, "int", struct.pack("<i", 5)),
    ],
)
def test_odd_attributes_do_not_break_writing(
    picture, image, noise, layers, tmp_path, name, kind, value
):
    path = picture("in.exr", noise, attributes={"compression": "zip"})
    insert_attribute(path, name, kind, value)
    assert name.encode() in path.read_bytes()
    plate = image(path)
    assert np.array_equal(plate.rgb, noise)
    write_layers(tmp_path / "out.exr", plate, *layers, {"dmp:version": "1"})
    pixels, spec = read_back(tmp_path / "out.exr")
    assert spec.channelnames == CHANNELS and pixels.shape == (33, 51, 7)
    assert spec.get_string_attribute("dmp:version") == "1"


def test_layers_of_real_hdr_photographs(image, shared, tmp_path):
    """A preview image, odd windows, 20 channels: headers that nobody here wrote."""
    for name in ("ScanLines_StillLife.exr", "Beachball_singlepart.0001.exr"):
        plate = image(shared / "hdr" / name)
        alpha = np.full(plate.rgb.shape[:2], 0.5, np.float32)
        out = tmp_path / name
        write_layers(out, plate, alpha, plate.rgb, {})
        pixels, spec = read_back(out)
        assert np.array_equal(pixels[..., 4:], plate.rgb)  # half in, half out
        assert np.array_equal(pixels[..., :3], (plate.rgb / 2).astype(np.float16))
        assert (spec.x, spec.full_width) == (plate.spec.x, plate.spec.full_width)


def test_values_beyond_half_are_clamped(picture, image, noise, tmp_path):
    plate = image(picture("in.exr", noise))
    foreground = np.full((33, 51, 3), 70000.0, np.float32)
    foreground[0] = -1e30
    write_layers(tmp_path / "out.exr", plate, np.ones((33, 51), np.float32), foreground, {})
    pixels, _ = read_back(tmp_path / "out.exr")
    assert pixels[1:, :, 4:].min() == 65504 and pixels[0, :, :3].max() == -65504


def test_nan_in_the_layers_is_our_bug(picture, image, noise, layers, tmp_path):
    plate = image(picture("in.exr", noise))
    alpha, foreground = layers[0].copy(), layers[1]
    alpha[1, 2] = np.nan
    with pytest.raises(AssertionError, match="NaN"):
        write_layers(tmp_path / "out.exr", plate, alpha, foreground, {})
    with pytest.raises(AssertionError, match="another size"):
        write_layers(tmp_path / "out.exr", plate, alpha[1:], foreground, {})
    assert not (tmp_path / "out.exr").exists()


def test_an_old_result_is_replaced_and_nothing_else_stays(picture, image, noise, layers, tmp_path):
    plate = image(picture("in.exr", noise))
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "o.exr").write_bytes(b"an older result")
    write_layers(folder / "o.exr", plate, *layers, {})
    assert os.listdir(folder) == ["o.exr"]
    assert read_back(folder / "o.exr")[0].shape == (33, 51, 7)


def test_an_interrupt_leaves_nothing(picture, image, noise, layers, tmp_path, monkeypatch):
    plate = image(picture("in.exr", noise))
    folder = tmp_path / "out"
    folder.mkdir()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)  # the last moment at which Ctrl-C can come
    with pytest.raises(KeyboardInterrupt):
        write_layers(folder / "o.exr", plate, *layers, {})
    assert os.listdir(folder) == []


KILLED = """
import sys, time
from pathlib import Path
import numpy, OpenImageIO
from dmp_engine.plates.io import write
def half(path, spec, pixels):
    path.write_bytes(b"half")
    time.sleep(600)
write._write = half
write.write_whole(Path(sys.argv[1]), OpenImageIO.ImageSpec(), numpy.zeros((2, 2, 1)))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no query for whether a process is there")
def test_what_a_killed_engine_left_goes_with_the_next_writing(
    picture, image, noise, layers, tmp_path, start_process
):
    plate = image(picture("in.exr", noise))
    folder = tmp_path / "out"
    folder.mkdir()
    killed = start_process(
        [sys.executable, "-c", KILLED, folder / "o.exr"],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'plugin'}:{ROOT / 'engine'}"},
    )
    wait_until(lambda: bool(os.listdir(folder)), 60)
    killed.kill()
    killed.wait()
    assert [name.startswith(".o.exr.") for name in os.listdir(folder)] == [True]
    write_layers(folder / "o.exr", plate, *layers, {})
    assert os.listdir(folder) == ["o.exr"]


@pytest.fixture
def tiny_disk(tmp_path):
    """A real file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("may not mount a small disk here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(picture, image, noise, tiny_disk):
    big = np.random.default_rng(0).random((133, 151, 3)).astype(np.float32)
    plate = image(picture("in.exr", big))
    out = tiny_disk / "out.exr"
    out.write_bytes(b"an older result")
    with pytest.raises(OutputError, match=r"disk of '.*' is full \(0.1 MB free"):
        check_output(out)
    with pytest.raises(OutputError, match="is full"):
        check_output(out, need=layers_size(plate))
    with pytest.raises(OutputError, match="is full .* make room"):
        write_layers(out, plate, big[..., 0], big, {})
    assert os.listdir(tiny_disk) == ["out.exr"]
    assert out.read_bytes() == b"an older result"
    check_output(out, need=1000)


LIMITED = """
import resource, sys
from pathlib import Path
import numpy as np
from dmp_engine.plates.io import read_plate, write_layers
from dmp_matting.errors import OutputError
from dmp_matting.job import Plate, Role
plate = read_plate(Plate(sys.argv[1], Role.IMAGE))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    write_layers(Path(sys.argv[2]), plate, plate.rgb[..., 0], plate.rgb, {})
except OutputError as error:
    print(error)
"""


@pytest.mark.parametrize("limit", [100, 5000, 100_000, 200_000])
def test_a_disk_that_ends_midway(picture, tmp_path, limit):
    """The same in another process whose files may not grow: header, table, pixels, last chunk."""
    big = np.random.default_rng(0).random((133, 151, 3)).astype(np.float32)
    source = picture("in.exr", big)
    folder = tmp_path / "out"
    folder.mkdir()
    paths = os.pathsep.join(str(ROOT / room) for room in ("plugin", "engine"))
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(source), str(folder / "o.exr"), str(limit)],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "could not be written" in done.stdout and done.stdout.count("\n") == 1
    assert os.listdir(folder) == []


def test_check_output_shows_what_is_wrong(tmp_path, picture, noise):
    plate = picture("plate.exr", noise)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.exr").mkdir()
    (tmp_path / "link.exr").symlink_to(plate)
    check_output(tmp_path / "new.exr", plates=[plate])
    check_output(tmp_path / "NEW.EXR")
    for path, sentence in {
        tmp_path / "a.png": r"a.png' does not end in .exr",
        tmp_path / "a": r"does not end in .exr",
        tmp_path / "none" / "a.exr": r"The folder '.*none' does not exist; make it first",
        tmp_path / "file" / "a.exr": r"file' is a file, not a folder",
        tmp_path / "folder.exr": r"folder.exr' is a folder",
        tmp_path / "a.####.exr": r"is a sequence pattern",
        tmp_path / "link.exr": r"is one of the plates",
        plate: r"is one of the plates",
    }.items():
        with pytest.raises(OutputError, match=sentence):
            check_output(path, plates=[plate])
    with pytest.raises(OutputError, match="is full"):
        check_output(tmp_path / "a.exr", need=1 << 60)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.exr", "link.exr", "plate.exr"]


def test_a_folder_that_vanishes_while_solving(picture, image, noise, layers, tmp_path):
    plate = image(picture("in.exr", noise))
    with pytest.raises(OutputError, match="does not exist any more"):
        write_layers(tmp_path / "gone" / "o.exr", plate, *layers, {})
