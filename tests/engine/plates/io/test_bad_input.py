"""Bad input: one sentence each, that names the file and says what to do."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dmp_engine.plates.io import check_output, read_plate
from dmp_matting.errors import DmpError, OutputError, PlateError, printable
from dmp_matting.job import Plate, Role


def refusal(path: Path | str) -> str:
    """The sentence with which the plate is refused."""
    with pytest.raises(PlateError) as caught:
        read_plate(Plate(str(path), Role.IMAGE))
    sentence = str(caught.value)
    assert printable(str(path)) in sentence
    assert sentence.endswith(".") and "\n" not in sentence
    assert caught.value.exit_code == 2
    return sentence


def test_paths_that_are_not_a_file(tmp_path):
    assert "does not exist" in refusal(tmp_path / "none.exr")
    assert "does not exist" in refusal(tmp_path / "none" / "none.exr")
    (tmp_path / "file").write_text("x")
    assert "does not exist" in refusal(tmp_path / "file" / "none.exr")
    assert "is a folder" in refusal(tmp_path)
    (tmp_path / "empty.exr").touch()
    assert "is empty (0 bytes)" in refusal(tmp_path / "empty.exr")
    (tmp_path / "dead.exr").symlink_to(tmp_path / "nowhere")
    assert "does not exist" in refusal(tmp_path / "dead.exr")
    (tmp_path / "loop.exr").symlink_to(tmp_path / "loop.exr")
    assert "cannot be opened" in refusal(tmp_path / "loop.exr")
    os.mkfifo(tmp_path / "pipe.exr")  # opening it would wait for ever
    assert "is a device or a pipe" in refusal(tmp_path / "pipe.exr")
    assert "cannot be opened" in refusal(tmp_path / ("long" * 100))
    assert "cannot be opened" in refusal("zero\0byte.exr")


@pytest.mark.parametrize(
    "pattern", ["shot.####.exr", "shot.%04d.exr", "shot.$F4.exr", "shot.@@@@.exr", "shot.#.exr"]
)
def test_a_sequence_pattern(tmp_path, picture, noise, pattern):
    assert refusal(tmp_path / pattern).endswith(
        "is a sequence pattern, not a file; name one frame."
    )
    picture("shot.1002.exr", noise)
    picture("shot.1001.exr", noise)
    assert "name one frame, such as 'shot.1001.exr'." in refusal(tmp_path / pattern)


def test_a_file_with_a_hash_in_its_name_is_a_file(picture, image, noise):
    assert image(picture("take#3.exr", noise)).rgb.shape == (33, 51, 3)


def as_nobody(question: Callable[[], object]) -> str:
    """What an unprivileged user reads (the tests may run as root, whom nothing stops)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setgid(65534)
                os.setuid(65534)
            question()
            sentence = "nothing"
        except DmpError as error:
            sentence = f"{type(error).__name__}: {error}"
        except BaseException as error:
            sentence = f"unexpected {error!r}"
        os.write(writer, sentence.encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as pipe:
        return pipe.read()


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_permissions(picture, noise, tmp_path):
    plate = picture("locked.exr", noise)
    plate.chmod(0)
    folder = tmp_path / "sealed"
    folder.mkdir()
    (folder / "in.exr").write_text("x")
    (tmp_path / "mine.exr").write_text("x")
    (tmp_path / "mine.exr").chmod(0o444)
    folder.chmod(0)
    for above in (tmp_path, *tmp_path.parents):  # let the other user come this far
        if above.stat().st_uid == os.getuid() and not above.stat().st_mode & 0o001:
            above.chmod(above.stat().st_mode | 0o001)
    try:
        read = as_nobody(lambda: read_plate(Plate(str(plate), Role.IMAGE)))
        inside = as_nobody(lambda: read_plate(Plate(str(folder / "in.exr"), Role.IMAGE)))
        write = as_nobody(lambda: check_output(folder / "out.exr"))
        over = as_nobody(lambda: check_output(tmp_path / "mine.exr"))
    finally:
        folder.chmod(0o700)
    assert read == f"PlateError: '{plate}' may not be read; ask for permission to read it."
    assert inside.startswith("PlateError") and "may not be read" in inside
    assert write.startswith("OutputError") and "may not be written to" in write
    assert over.startswith("OutputError") and "is write-protected" in over


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_many_nan_or_infinite_pixels_are_counted_and_placed(picture, noise, value):
    noise = noise.copy()
    noise[20:30, 5:15] = value
    noise[25, 40, 1] = value
    assert (
        "101 pixels that are NaN or infinite, too many to fill, the first 5 from the left and 20 "
        "from the top" in refusal(picture("a.exr", noise))
    )


def test_the_place_of_a_nan_counts_from_the_display_window(picture, noise):
    noise = noise.copy()
    noise[3:20, 2:20, 0] = np.nan
    path = picture("a.exr", noise, at=(10, 20), window=(4, 5, 100, 100))
    assert "the first 8 from the left and 18 from" in refusal(path)


def test_nan_in_a_layer_that_is_not_read_does_not_matter(picture, image, noise):
    depth = np.full((33, 51, 1), np.inf, np.float32)
    path = picture("a.exr", np.concatenate([noise, depth], 2), channels="RGBZ")
    assert np.array_equal(image(path).rgb, noise)


@pytest.mark.parametrize("left", [0.02, 0.3, 0.9, 0.99])
@pytest.mark.parametrize(
    "name,kind,how",
    [
        ("a.exr", "half", {"compression": "zip"}),
        ("a.exr", "half", {"compression": "piz"}),
        ("a.exr", "float", {"compression": "none"}),
        ("a.exr", "half", {"tile": 16}),
        ("a.png", "uint8", {}),
        ("a.png", "uint16", {}),
        ("a.jpg", "uint8", {}),
        ("a.tif", "uint8", {"compression": "none"}),
        ("a.tif", "float", {"compression": "zip"}),
        ("a.dpx", "uint8", {}),
        ("a.hdr", "float", {}),
    ],
)
def test_truncated_files(picture, noise, capfd, name, kind, how, left):
    attributes = {key: value for key, value in how.items() if key != "tile"}
    path = picture(name, noise, kind, tile=how.get("tile", 0), attributes=attributes)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * left)])
    assert refusal(path) == f"'{path}' is truncated or damaged; copy or render it again."


@pytest.mark.parametrize("name,kind", [("a.exr", "half"), ("a.png", "uint8"), ("a.tif", "float")])
def test_a_hole_in_the_file(picture, noise, capfd, name, kind):
    """A copy that was broken off leaves zeros on some network disks."""
    path = picture(name, noise, kind, attributes={"compression": "zip"})
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    assert "is truncated or damaged" in refusal(path)


def test_garbage(tmp_path):
    text = tmp_path / "notes.exr"
    text.write_text("these are not pixels")
    assert "is not an image that DMP reads; give an EXR, PNG" in refusal(text)
    zeros = tmp_path / "zeros.exr"
    zeros.write_bytes(bytes(5000))
    assert "is truncated or damaged" in refusal(zeros)
    head = tmp_path / "head.exr"
    head.write_bytes(b"\x76\x2f\x31\x01\x02\0\0\0")
    assert "is truncated or damaged" in refusal(head)


@pytest.mark.parametrize(
    "channels", [["Z"], ["A"], ["N.x", "N.y", "N.z"], ["R"], ["Y", "RY", "BY"]]
)
def test_no_colour_channels(picture, channels):
    path = picture("a.exr", np.zeros((33, 51, len(channels)), np.float32), channels=channels)
    sentence = refusal(path)
    assert "has no colour channels, only" in sentence
    assert all(name in sentence for name in channels)


def test_a_header_with_bytes_that_are_no_text(picture, noise):
    """OpenImageIO's own message quotes them and cannot become a Python string."""
    path = picture("a.exr", noise)
    path.write_bytes(path.read_bytes().replace(b"chlist", b"chl\xffst", 1))
    assert "is truncated or damaged" in refusal(path)


def test_a_header_with_absurd_windows(picture, noise):
    path = picture("a.exr", noise, window=(0, 0, 3_000_000, 33))
    assert "is truncated or damaged" in refusal(path)


def test_names_that_openimageio_cannot_be_given(picture, image, noise, tmp_path):
    assert image(picture("café 日本.exr", noise)).rgb.shape == (33, 51, 3)
    latin = tmp_path / os.fsdecode(b"caf\xe9.exr")
    picture("a.exr", noise).rename(latin)
    with pytest.raises(PlateError, match=r"caf\\udce9.exr' has letters that are not UTF-8; rename"):
        read_plate(Plate(str(latin), Role.IMAGE))
    with pytest.raises(OutputError, match=r"caf\\udce9.exr' has letters that are not UTF-8"):
        check_output(latin)


def test_layers_without_a_main_one_are_listed(picture):
    channels = [f"{layer}.{leaf}" for layer in ("normal", "specular") for leaf in "RGB"]
    path = picture("a.exr", np.zeros((33, 51, 6), np.float32), channels=channels)
    assert "no main R, G, B, only the layers normal, specular; write" in refusal(path)
    channels = [f"{layer}.Combined.{leaf}" for layer in ("front", "back") for leaf in "RGB"]
    path = picture("b.exr", np.zeros((33, 51, 6), np.float32), channels=channels)
    assert "only the layers back.Combined, front.Combined" in refusal(path)


def test_cmyk(picture, tmp_path, noise):
    pillow = pytest.importorskip("PIL.Image")
    inks = (np.concatenate([noise, noise[..., :1]], 2) * 255).astype(np.uint8)
    for name in ("a.jpg", "a.tif"):
        pillow.frombytes("CMYK", (51, 33), inks.tobytes()).save(tmp_path / name)
        assert "is CMYK, made for print; convert it to RGB" in refusal(tmp_path / name)


def test_identifiers_and_two_channels(picture, noise):
    numbers = picture("id.exr", noise, "uint")
    assert "holds whole numbers (identifiers), not colours" in refusal(numbers)
    assert "has no colour channels" in refusal(picture("two.tif", noise[..., :2], "uint8"))


def test_a_dpx_on_its_side(picture, noise):
    path = picture("a.dpx", noise, "uint8", attributes={"Orientation": 6})
    assert "is a DPX stored on its side; save it upright" in refusal(path)


def test_an_output_that_is_not_possible_is_an_error_of_the_same_exit_code(tmp_path):
    with pytest.raises(OutputError) as caught:
        check_output(tmp_path / "none" / "out.exr")
    assert caught.value.exit_code == 2


def exr_of(channels: dict[str, int], compression: int = 0) -> bytes:
    """A header, whole, of 2 x 2 pixels with each channel's sampling; no pixels after it."""

    def item(name: str, kind: str, value: bytes) -> bytes:
        return name.encode() + b"\0" + kind.encode() + b"\0" + struct.pack("<i", len(value)) + value

    listed = b"".join(
        name.encode() + b"\0" + struct.pack("<iB3xii", 1, 0, step, step)
        for name, step in channels.items()
    )
    box = struct.pack("<4i", 0, 0, 1, 1)
    attributes = [
        ("channels", "chlist", listed + b"\0"), ("dataWindow", "box2i", box),
        ("displayWindow", "box2i", box), ("lineOrder", "lineOrder", b"\0"),
        ("compression", "compression", bytes([compression])),
        ("pixelAspectRatio", "float", struct.pack("<f", 1)),
        ("screenWindowCenter", "v2f", bytes(8)),
        ("screenWindowWidth", "float", struct.pack("<f", 1)),
    ]  # fmt: skip
    return struct.pack("<II", 20000630, 2) + b"".join(item(*one) for one in attributes) + bytes(33)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("yc.exr", exr_of({"BY": 2, "RY": 2, "Y": 1}), "luminance and chroma; write R, G, B"),
        ("new.exr", exr_of({"B": 1, "G": 1, "R": 1}, 77), "a compression that this engine"),
        ("cut.exr", exr_of({"B": 1, "G": 1, "R": 1}), "truncated or damaged"),
        ("a.mov", b"\0\0\0\x14ftypqt  " + bytes(64), "make frames of it (ffmpeg -i a.mov "),
        ("a.bin", b"\0\0\0\x14ftypisom" + bytes(64), "a movie"),
    ],
)  # fmt: skip
def test_a_file_that_is_whole_is_not_called_damaged(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    assert words in refusal(tmp_path / name)


def test_an_output_that_no_disk_takes_is_refused_at_once(tmp_path):
    with pytest.raises(OutputError, match="File name too long"):
        check_output(tmp_path / f"{'x' * 300}.exr")
