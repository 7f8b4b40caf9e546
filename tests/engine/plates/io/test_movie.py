"""Pictures of movies: their matrix and range, depth, rotation, times, numbers and damage."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmp_engine.plates.io.movie import (
    MovieFacts,
    frame_number,
    movie_facts,
    movie_pictures,
)
from dmp_engine.plates.io.movie_light import described, is_light, light_of
from dmp_matting.errors import PlateError

from ....movies import write_movie

needs_av = pytest.mark.skipif("not __import__('importlib.util').util.find_spec('av')",
                              reason="no PyAV here")  # fmt: skip
HEIGHT, WIDTH = 48, 64
Y, X = np.mgrid[:HEIGHT, :WIDTH]


def picture(number: int = 0) -> Any:
    """(H, W, 3): slow ramps, and a red corner at the upper left."""
    found = np.stack([X / WIDTH, Y / HEIGHT, 0.3 + 0.05 * number + 0 * X], axis=2)
    found[:16, :16] = (0.9, 0.1, 0.1)
    return found


def read(path: Path) -> list[Any]:
    return [codes / 65535 for codes in movie_pictures(path)]


@needs_av
@pytest.mark.parametrize(
    ("name", "codec", "pixels", "how", "within"),
    [
        ("a.mov", "prores_ks", "yuv444p10le", {}, 0.002),
        ("a.mp4", "libx264", "yuv444p", {}, 0.006),
        ("b.mp4", "libx264", "yuv444p", {"matrix": 6}, 0.006),  # BT.601
        ("c.mp4", "libx264", "yuv444p", {"whole": True}, 0.006),
        ("d.mp4", "libx264", "yuv444p10le", {"matrix": 9}, 0.002),  # BT.2020
        ("a.mkv", "libx264", "yuv420p", {}, 0.03),
        ("png.mov", "png", "rgb24", {"matrix": 0}, 0.003),
    ],
)
def test_codes_by_matrix_range_and_depth(
    tmp_path: Path, name: str, codec: str, pixels: str, how: dict[str, Any], within: float
) -> None:
    pictures = [picture(number) for number in range(3)]
    path = write_movie(tmp_path / name, pictures, codec, pixels, **how)
    found = read(path)
    assert movie_facts(path).count == len(found) == 3
    for mine, true in zip(found, pictures, strict=True):
        assert np.abs(mine - true).mean() < within
        assert np.abs(mine[4:12, 4:12] - true[4:12, 4:12]).max() < 3 * within


@needs_av
def test_a_picture_that_is_shown_turned_is_read_upright(tmp_path: Path) -> None:
    """A telephone that is held upright writes its pictures lying, with a note of how to turn."""
    path = write_movie(tmp_path / "r.mp4", [picture()], "libx264", "yuv444p", rotation=90)
    (found,) = read(path)
    assert found.shape == (WIDTH, HEIGHT, 3)
    assert np.abs(found - np.rot90(picture())).mean() < 0.006


@needs_av
def test_pictures_at_uneven_times_come_once_each(tmp_path: Path) -> None:
    times = [0, 1, 5, 6, 30]
    path = write_movie(
        tmp_path / "v.mkv", [picture(n) for n in range(5)], "libx264", "yuv444p", times=times
    )
    blue = [float(found[30:, :, 2].mean()) for found in read(path)]
    assert np.allclose(blue, [0.3 + 0.05 * number for number in range(5)], atol=0.01)


@needs_av
def test_numbers_come_from_the_timecode(tmp_path: Path) -> None:
    path = write_movie(tmp_path / "t.mov", [picture()], timecode="01:00:00:12")
    assert (movie_facts(path).first, movie_facts(path).timecode) == (86412, "01:00:00:12")
    assert movie_facts(write_movie(tmp_path / "u.mov", [picture()])).first == 1


@pytest.mark.parametrize(
    ("timecode", "rate", "number"),
    [
        ("00:00:01:00", 25, 25),
        ("00:01:00;02", 30000 / 1001, 1800),  # drop frame
        ("00:10:00;00", 30000 / 1001, 17982),
        ("00:01:00;04", 60000 / 1001, 3600),
        ("00:01:00:02", 30000 / 1001, 1802),
    ],
)
def test_timecodes(timecode: str, rate: float, number: int) -> None:
    assert frame_number(timecode, rate) == number


@needs_av
@pytest.mark.parametrize("kind", ["cut", "spoilt", "no movie", "absent", "sound"])
def test_what_is_damaged_is_a_sentence(tmp_path: Path, kind: str) -> None:
    path = write_movie(tmp_path / "d.mov", [picture(number) for number in range(3)])
    data = bytearray(path.read_bytes())
    if kind == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif kind == "spoilt":
        middle = len(data) // 3
        data[middle : middle + 400] = b"\x55" * 400
        path.write_bytes(data)
    elif kind == "no movie":
        path.write_bytes(b"\0\0\0\x14ftypqt  " + 300 * b"x")
    elif kind == "sound":
        import av

        with av.open(str(path), "w") as container:
            stream = container.add_stream("pcm_s16le", rate=8000)
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
            sound.sample_rate = 8000
            container.mux(stream.encode(sound))
    else:
        path.unlink()
    with pytest.raises(PlateError, match="d.mov") as error:
        movie_facts(path)
        read(path)
    assert kind == "absent" or "ffmpeg -i d.mov" in str(error.value)


def test_without_pyav_the_sentence_has_both_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(PlateError) as error:
        movie_facts(tmp_path / "clip.mov")
    assert "pip install 'av" in str(error.value) and sys.executable in str(error.value)
    assert "ffmpeg -i clip.mov plate.%04d.png" in str(error.value)


def facts(transfer: int = 2, primaries: int = 2) -> MovieFacts:
    return MovieFacts(1, 1, "", 24, transfer, primaries, 10, 1, False)


@pytest.mark.parametrize(
    ("transfer", "primaries", "code", "light"),
    [
        (16, 2, 0.580688, 1.0),  # PQ, 203 cd/m2
        (16, 2, 0.508078, 100 / 203),
        (16, 2, 1.0, 10000 / 203),
        (18, 2, 0.75, 1.0),  # HLG
        (18, 2, 0.5, 0.5**2 / 3 / 0.26496256),
        (8, 2, 0.25, 0.25),
        (1, 9, 0.5, 0.21404114),
        (16, 9, 0.580688, 1.0),
        (1, 12, 1.0, 1.0),
    ],
)
def test_light_of_grey_codes(transfer: int, primaries: int, code: float, light: float) -> None:
    codes = np.full((2, 2, 3), round(code * 65535), np.uint16)
    assert is_light(facts(transfer, primaries))
    found = light_of(codes, facts(transfer, primaries))
    assert found.dtype == np.float32
    assert np.allclose(found, light, rtol=1e-3)


def test_wide_primaries_become_those_of_rec_709() -> None:
    red = np.array([[[65535, 0, 0]]], np.uint16)
    assert np.allclose(light_of(red, facts(8, 9)), (1.6605, -0.1246, -0.0182), atol=1e-3)
    assert np.allclose(light_of(red, facts(8, 12)), (1.2249, -0.0421, -0.0196), atol=1e-3)
    assert described(facts(16, 9)).startswith("PQ of BT.2020")
    assert not is_light(facts(1, 1)) and not is_light(facts())
