"""Movies and pictures of results: their codes, tags, windows and times, and what ends them."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.plates.io.colour_space import BUILT_IN_SRGB, from_working
from dmp_engine.plates.io.movie import frame_number, movie_facts, movie_pictures, timecode_of
from dmp_engine.plates.io.movie_writer import FPS, TIMECODE, exact_fps
from dmp_engine.plates.io.srgb import linear_to_srgb
from dmp_engine.review.deliveries import CHANNELS, make_deliveries, read_picture
from dmp_matting.errors import CancelledError, OutputError, PlateError
from dmp_matting.shots.deliveries import delivery_record

from ...pipeline.conftest import environment
from ...processes import Processes
from ...scenes import write_image

needs_av = pytest.mark.skipif("not __import__('importlib.util').util.find_spec('av')",
                              reason="no PyAV here")  # fmt: skip
RECORD = json.dumps({"dmp_delivery": 1, "image": '/plätze/a "b} c.####.exr'})
CODE = 1 / 65535


def layers(height: int = 48, width: int = 64, number: int = 0) -> np.ndarray:
    """R, G, B, A and the straight foreground, (H, W, 7): slow ramps, above 1 at the right."""
    y, x = np.mgrid[:height, :width] / np.array([[[height]], [[width]]])
    alpha = np.clip(1.5 * y - 0.2, 0, 1)
    straight = np.stack([1.2 * x, 0.5 * y, 0.3 + 0.05 * number + 0 * x], axis=2)
    return np.dstack([straight * alpha[..., None], alpha, straight])


def result(path: Path, pixels: np.ndarray, **more: Any) -> Path:
    attributes = {"dmp:space": "scene_linear", **more.pop("attributes", {})}
    return write_image(path, pixels, "float", channels=("R", "G", "B", "A", *CHANNELS[:3]),
                       attributes=attributes, **more)  # fmt: skip


def made(path: Path, *results: Path, fps: float = 0) -> list[dict[str, Any]]:
    frames = [{"number": at, "result": str(one)} for at, one in enumerate(results, 1)]
    files = [{"path": str(path), "record": RECORD, "frames": frames}]
    return list(make_deliveries(files, fps))


def stored(path: Path) -> np.ndarray:
    """The codes of a PNG as stored, (H, W, 4)."""
    config = oiio.ImageSpec()
    config.attribute("oiio:UnassociatedAlpha", 1)
    image = oiio.ImageInput.open(str(path), config)
    found: np.ndarray = image.read_image("uint16")
    return found


@pytest.mark.parametrize(
    ("space", "codes", "tagged", "called"),
    [
        ("scene_linear", linear_to_srgb, True, "sRGB"),
        (BUILT_IN_SRGB, linear_to_srgb, True, "sRGB"),
        ("ACEScg", linear_to_srgb, True, "sRGB"),  # linear: no codes of its own
        ("raw", lambda rgb: rgb, False, "values as stored"),
        ("ACEScct", lambda rgb: from_working(rgb, "ACEScct"), False, "ACEScct"),
    ],
)
def test_a_png_has_the_results_pixels(
    tmp_path: Path, space: str, codes: Any, tagged: bool, called: str
) -> None:
    pixels = layers().astype(np.float32)
    source = result(tmp_path / "r.exr", pixels, attributes={"dmp:space": space})
    (frame, last) = made(tmp_path / "o.png", source)
    assert frame == {"frame": 1} and last["how"] == f"16-bit PNG with straight alpha, {called}"
    found = stored(tmp_path / "o.png") * CODE
    straight = np.ascontiguousarray(pixels[..., 4:])
    assert np.abs(found[..., :3] - np.clip(codes(straight), 0, 1)).max() <= CODE
    assert np.abs(found[..., 3] - pixels[..., 3]).max() <= CODE
    bytes_ = (tmp_path / "o.png").read_bytes()
    assert (b"sRGB" in bytes_[:2000]) is tagged
    assert delivery_record(str(tmp_path / "o.png")) == json.loads(RECORD)


def test_a_working_space_of_the_facilitys_becomes_srgb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here ACEScg: its red is not that of sRGB."""
    pixels = layers().astype(np.float32)
    straight = np.ascontiguousarray(pixels[..., 4:])
    pixels[..., 4:] = from_working(straight, "ACEScg")
    source = result(tmp_path / "r.exr", pixels)
    monkeypatch.setenv("OCIO", "ocio://studio-config-latest")
    found = read_picture(source)
    assert found.called == "sRGB" and found.tagged
    assert np.abs(found.codes[..., :3] * CODE - linear_to_srgb(straight)).max() < 1e-3


@pytest.mark.parametrize(
    ("at", "window", "place"),
    [
        ((-8, -4), (0, 0, 48, 40), np.s_[4:44, 8:56]),  # overscan is cut off
        ((0, 0), (0, 0, 64, 48), np.s_[:, :]),
    ],
)
def test_the_picture_is_the_display_window(
    tmp_path: Path, at: tuple[int, int], window: tuple[int, int, int, int], place: Any
) -> None:
    source = result(tmp_path / "r.exr", layers(), at=at, window=window)
    whole = result(tmp_path / "w.exr", layers())
    assert np.array_equal(read_picture(source).codes, read_picture(whole).codes[place])


def test_what_no_data_window_covers_is_transparent(tmp_path: Path) -> None:
    whole = result(tmp_path / "w.exr", layers())
    cropped = result(tmp_path / "c.exr", layers()[10:30, 5:25], at=(5, 10), window=(0, 0, 64, 48),
                     attributes={"dmp:window": "0 0 64 48"})  # fmt: skip
    small = result(tmp_path / "s.exr", layers()[10:30, 5:25], at=(5, 10), window=(0, 0, 64, 48))
    for one in (cropped, small):
        codes = read_picture(one).codes
        seen = np.zeros((48, 64), bool)
        seen[10:30, 5:25] = True
        assert np.array_equal(codes[seen], read_picture(whole).codes[seen])
        assert not codes[~seen].any()


@needs_av
@pytest.mark.parametrize("size", [(48, 64), (47, 63), (17, 15), (2, 3)])
def test_a_movie_has_the_results_pixels(tmp_path: Path, size: tuple[int, int]) -> None:
    import av

    sources = [result(tmp_path / f"r{n}.exr", layers(*size, n)) for n in range(3)]
    made(tmp_path / "o.mov", *sources)
    with av.open(str(tmp_path / "o.mov")) as container:
        frames = list(container.decode(video=0))
        (stream,) = container.streams
        assert (stream.codec_context.codec_tag, stream.average_rate) == ("ap4h", 24)
    assert len(frames) == 3
    for frame, source in zip(frames, sources, strict=True):
        assert (frame.height, frame.width) == size and "a" in frame.format.name
        assert (frame.colorspace, frame.color_primaries, frame.color_trc) == (1, 1, 1)
        back = frame.reformat(format="rgba64le", src_colorspace=1, src_color_range=1,
                              dst_color_range=2).to_ndarray() * CODE  # fmt: skip
        true = read_picture(source).codes * CODE
        assert np.abs(back[..., :3] - true[..., :3]).mean() < 0.002
        plane = frame.planes[3]  # of 12 bits, as FFmpeg decodes it
        alpha = np.frombuffer(bytes(plane), np.uint16).reshape(size[0], -1)[:, : size[1]] / 4095
        assert np.abs(alpha - true[..., 3]).max() < 0.00075  # half a code of 10 bits, one of 12
        for end in (0, 1):
            assert (alpha[true[..., 3] == end] == end).all()
    assert delivery_record(str(tmp_path / "o.mov")) == json.loads(RECORD)


@needs_av
@pytest.mark.parametrize(
    ("attributes", "fps", "rate", "timecode"),
    [
        ({}, 0, Fraction(24), ""),
        ({}, 23.976, Fraction(24000, 1001), ""),
        ({FPS: "25", TIMECODE: "10:00:00:07"}, 0, Fraction(25), "10:00:00:07"),
        ({FPS: "30000/1001", TIMECODE: "01:00:00;02"}, 0, Fraction(30000, 1001), "01:00:00;02"),
        ({FPS: "25", TIMECODE: "10:00:00:24"}, 24, Fraction(24), ""),  # no such picture at 24
        (
            {"FramesPerSecond": ("rational", (25, 1)),
             "smpte:TimeCode": ("timecode", (0x01020304, 0))},
            0, Fraction(25), "01:02:03:04",
        ),
    ],
)  # fmt: skip
def test_rate_and_timecode_are_the_plates(
    tmp_path: Path, attributes: dict[str, Any], fps: float, rate: Fraction, timecode: str
) -> None:
    source = result(tmp_path / "r.exr", layers(), attributes=attributes)
    made(tmp_path / "o.mov", source, fps=fps)
    facts = movie_facts(tmp_path / "o.mov")
    assert Fraction(facts.rate).limit_denominator(1001) == rate
    assert facts.timecode == timecode


@pytest.mark.parametrize(
    ("space", "codes"),
    [("scene_linear", linear_to_srgb), ("ACEScct", lambda rgb: from_working(rgb, "ACEScct"))],
)
def test_premultiplied_codes_are_the_straight_ones_times_alpha(
    tmp_path: Path, space: str, codes: Any
) -> None:
    """And light without alpha is what it adds to black."""
    pixels = layers().astype(np.float32)
    pixels[:4, :4] = 0
    pixels[:4, :4, :3] = 0.25
    source = result(tmp_path / "r.exr", pixels, attributes={"dmp:space": space})
    found = read_picture(source, premultiplied=True).codes * CODE
    straight, alpha = np.ascontiguousarray(pixels[..., 4:]), pixels[..., 3:4]
    covered = alpha[..., 0] > 0.01
    true = np.clip(codes(straight), 0, 1) * alpha
    assert np.abs(found[..., :3] - true)[covered].max() < 1e-3
    light = np.full((1, 1, 3), 0.25, np.float32)
    added = codes(light) - codes(np.zeros_like(light))
    assert np.abs(found[:4, :4, :3] - added).max() < 1e-4


@needs_av
def test_a_premultiplied_movie_is_named_so(tmp_path: Path) -> None:
    source = result(tmp_path / "r.exr", layers())
    frames = [{"number": 1, "result": str(source)}]
    files = [{"path": str(tmp_path / "o.mov"), "record": RECORD, "frames": frames}]
    *_, last = make_deliveries(files, 0, premultiplied=True)
    assert "ProRes 4444 with premultiplied alpha" in last["how"]
    (codes,) = movie_pictures(tmp_path / "o.mov")
    true = read_picture(source, premultiplied=True).codes[..., :3].astype(float)
    assert np.abs(codes - true).mean() * CODE < 0.002


@needs_av
def test_codes_that_are_not_displayed_state_no_colours(tmp_path: Path) -> None:
    source = result(tmp_path / "r.exr", layers(), attributes={"dmp:space": "raw"})
    made(tmp_path / "o.mov", source)
    facts = movie_facts(tmp_path / "o.mov")
    assert (facts.trc, facts.primaries) == (2, 2)


def test_without_pyav_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without files: so it is known before the solve."""
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(OutputError, match=r"A .mov is written through PyAV: install it with"):
        list(make_deliveries([], 0))


@needs_av
def test_frames_of_two_sizes_and_damaged_ones_leave_no_movie(tmp_path: Path) -> None:
    sources = [result(tmp_path / "a.exr", layers()), result(tmp_path / "b.exr", layers(40, 64))]
    with pytest.raises(OutputError, match=r"b.exr' is of another size"):
        made(tmp_path / "o.mov", *sources)
    sources[1].write_bytes(sources[0].read_bytes()[:-100])
    with pytest.raises(PlateError, match=r"b.exr' is truncated"):
        made(tmp_path / "o.mov", *sources)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.exr", "b.exr"]


@needs_av
def test_a_movie_that_is_stopped_leaves_nothing(tmp_path: Path, start_process: Processes) -> None:
    source = result(tmp_path / "r.exr", layers(8, 8))
    frames = [{"number": number, "result": str(source)} for number in range(100_000)]
    output = tmp_path / "out" / "o.mov"
    output.parent.mkdir()
    request = tmp_path / "request.json"
    files = [{"path": str(output), "record": RECORD, "frames": frames}]
    request.write_text(json.dumps({"files": files, "fps": 0, "premultiplied": False}))
    engine = start_process(
        [sys.executable, "-m", "dmp_engine", "shot", "deliver", request],
        stdout=subprocess.PIPE, env=environment(),
    )  # fmt: skip
    assert b"frame" in engine.stdout.readline()
    engine.send_signal(signal.SIGTERM)
    engine.communicate()
    assert engine.returncode == CancelledError.exit_code
    assert not list(output.parent.iterdir())


def limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))


@pytest.mark.parametrize("name", ["o.png", pytest.param("o.mov", marks=needs_av)])
def test_a_disk_that_is_full_is_one_sentence_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    """Of a process whose files may not grow: the disk refuses in the middle, too."""
    noise = np.random.default_rng(0).random((300, 400, 7))
    source = result(tmp_path / "r.exr", noise)
    output = tmp_path / "out" / name
    output.parent.mkdir()
    request = tmp_path / "request.json"
    frames = [{"number": number, "result": str(source)} for number in range(2)]
    files = [{"path": str(output), "record": RECORD, "frames": frames}]
    request.write_text(json.dumps({"files": files, "fps": 0, "premultiplied": False}))
    done = subprocess.run(
        [sys.executable, "-m", "dmp_engine", "shot", "deliver", str(request)],
        stdout=subprocess.PIPE, env=environment(), preexec_fn=limit_files, check=False,
    )  # fmt: skip
    answer = json.loads(done.stdout.splitlines()[-1])
    assert (done.returncode, answer["error"]) == (2, "OutputError")
    assert name in answer["message"] and len(answer["message"]) < 400
    assert not list(output.parent.iterdir())


@pytest.mark.parametrize(
    ("rate", "like"),
    [(24, "01:00:00:00"), (29.97, "01:00:00;00"), (29.97, "01:00:00:00"), (59.94, "01:00:00;00")],
)
def test_timecode_and_number_are_each_others_inverse(rate: float, like: str) -> None:
    numbers = [*range(0, 20_000, 7), *range(1795, 1810), *range(17_975, 18_000), 107_892, 2_073_599]
    assert [frame_number(timecode_of(one, like, rate), rate) for one in numbers] == numbers


def test_rates_are_what_is_meant_by_them() -> None:
    assert exact_fps(29.97) == Fraction(30000, 1001)
    assert exact_fps(59.94) == Fraction(60000, 1001)
    assert exact_fps(25) == 25 and exact_fps(24) == 24 and exact_fps(12.5) == Fraction(25, 2)
