"""The frames that a timeline uses, and lists of shots whose values stay what was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import opentimelineio as otio
import pytest

from dmp_matting import InputError
from dmp_matting.cli.options import parse_frames
from dmp_matting.cli.shot_lists import read_shots
from dmp_matting.cli.timelines import read_timeline

ON_DISK = range(1001, 1007)


def span(start: float, count: float, rate: float = 24) -> Any:
    return otio.opentime.TimeRange(
        otio.opentime.RationalTime(start, rate), otio.opentime.RationalTime(count, rate)
    )


def images(available: Any = None, **more: Any) -> Any:
    return otio.schema.ImageSequenceReference(**{
        "target_url_base": "s", "name_prefix": "plate.", "name_suffix": ".exr", "rate": 24,
        "start_frame": 1001, "frame_step": 1, "frame_zero_padding": 4, "available_range": available,
        **more,
    })  # fmt: skip


def external(name: str, available: Any = None) -> Any:
    return otio.schema.ExternalReference(name, available)


def warp(speed: float) -> Any:
    return otio.schema.LinearTimeWarp(time_scalar=speed)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for place in ("s", "with blank", "100%"):
        (tmp_path / place).mkdir()
        for number in ON_DISK:
            (tmp_path / place / f"plate.{number}.exr").touch()
    return tmp_path


def rows(folder: Path, *items: Any) -> list[dict[str, Any]]:
    timeline = otio.schema.Timeline("t")
    track = otio.schema.Track("V1")
    timeline.tracks.append(track)
    track.extend(items)
    otio.adapters.write_to_file(timeline, str(folder / "t.otio"))
    return read_timeline(folder / "t.otio")


def clip(media: Any, used: Any = None, *effects: Any, **dmp: Any) -> Any:
    made = otio.schema.Clip("c", media, used, {"dmp": dmp} if dmp else None)
    made.effects.extend(effects)
    return made


@pytest.mark.parametrize(
    ("media", "used", "effects", "image", "frames"),
    [
        (images(span(1001, 6)), span(1002, 2), [], "s/plate.####.exr", "1002-1003"),
        (images(span(0, 6)), span(1, 2), [], "s/plate.####.exr", "1002-1003"),
        (images(span(86400, 6)), span(86402, 2), [], "s/plate.####.exr", "1003-1004"),
        (images(), span(1002, 2), [], "s/plate.####.exr", "1002-1003"),
        (images(), span(1, 2), [], "s/plate.####.exr", "1002-1003"),
        (images(), None, [], "s/plate.####.exr", ""),
        (images(span(1001, 6)), None, [], "s/plate.####.exr", "1001-1006"),
        (images(span(0, 6), frame_step=2), span(1, 3), [], "s/plate.####.exr", "1001,1003"),
        (external("s/plate.%04d.exr", span(1001, 6)), span(1001, 2), [], "s/plate.%04d.exr",
         "1001-1002"),
        (external("s/plate.%2504d.exr", span(1001, 6)), span(1001, 2), [], "s/plate.%04d.exr",
         "1001-1002"),
        (external("s/plate.%04d.exr"), span(1003, 2), [], "s/plate.%04d.exr", "1003-1004"),
        (external("s/plate.%04d.exr", span(86400, 6)), span(86401, 2), [], "s/plate.%04d.exr",
         "1002-1003"),
        (external("s/plate.%04d.exr", span(1002, 4)), span(1003, 2), [], "s/plate.%04d.exr",
         "1003-1004"),
        (external("s/plate.[1001-1006].exr", span(1001, 6)), span(1001, 2), [], "s/plate.####.exr",
         "1001-1002"),
        (external("s/plate.[1001-1006].exr", span(0, 6)), span(4, 2), [], "s/plate.####.exr",
         "1005-1006"),
        (external("s/plate.1001.exr", span(0, 6)), span(4, 2), [], "s/plate.####.exr",
         "1005-1006"),
        (external("s/plate.1003.exr", span(1001, 6)), span(1004, 2), [], "s/plate.####.exr",
         "1004-1005"),
        (external("with%20blank/plate.####.exr", span(1001, 6)), span(1001, 1), [],
         "with blank/plate.####.exr", "1001"),
        (images(span(1001, 6), target_url_base="with%20blank"), span(1001, 1), [],
         "with blank/plate.####.exr", "1001"),
        (images(span(1001, 6), target_url_base="100%"), span(1001, 1), [], "100%/plate.####.exr",
         "1001"),
        (images(span(1001, 6)), span(1001, 3), [warp(2)], "s/plate.####.exr", "1001-1005x2"),
        (images(span(1001, 6)), span(1001, 4), [warp(0.5)], "s/plate.####.exr", "1001-1003"),
        (images(span(1001, 6)), span(1003, 9), [otio.schema.FreezeFrame()], "s/plate.####.exr",
         "1003"),
    ],
)  # fmt: skip
def test_the_frames_of_a_clip(
    folder: Path, media: Any, used: Any, effects: list[Any], image: str, frames: str
) -> None:
    (row,) = rows(folder, clip(media, used, *effects))
    assert (row["image"], row["frames"]) == (image, frames)


def test_a_file_url_is_a_path(folder: Path) -> None:
    url = (folder / "with blank" / "plate.%04d.exr").as_uri()
    (row,) = rows(folder, clip(external(url, span(1001, 6)), span(1002, 1)))
    assert (row["image"], row["frames"]) == (f"{folder}/with blank/plate.%04d.exr", "1002")


def test_transitions_use_more_frames_and_gaps_none(folder: Path) -> None:
    offset = otio.opentime.RationalTime(1, 24)
    other = clip(external("missing.wav"), span(0, 3))
    fade = otio.schema.Transition(in_offset=offset, out_offset=offset)
    gap = otio.schema.Gap(source_range=span(0, 4))
    found = rows(folder, clip(images(span(1001, 6)), span(1002, 2)), fade, other, gap)
    assert found[0]["frames"] == "1002-1004"


def test_a_nested_track_cuts_frames_away(folder: Path) -> None:
    inner = otio.schema.Stack("nested")
    inner.append(clip(images(span(1001, 6)), span(1001, 6)))
    inner.source_range = span(2, 3)
    (row,) = rows(folder, inner)
    assert row["frames"] == "1003-1005"


def test_clips_that_show_no_picture_are_no_shots(folder: Path) -> None:
    off = clip(images(span(1001, 6)), span(1001, 1))
    off.enabled = False
    lost = clip(otio.schema.MissingReference(), span(0, 3))
    named = clip(otio.schema.MissingReference(), span(0, 3), image="s/plate.####.exr")
    assert [row["image"] for row in rows(folder, off, lost, named)] == ["s/plate.####.exr"]


@pytest.mark.parametrize(
    ("media", "used", "effects", "words"),
    [
        (images(span(1001, 6)), span(1001, 3), [warp(-1)], "plays backwards"),
        (images(span(1001, 6)), span(1001, 3), [otio.schema.TimeEffect(effect_name="curve")],
         r"has a retime \(curve\)"),
        (images(), span(90001, 3), [], "uses frames 90001-90003, but on disk are 1001-1006"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_reported(
    folder: Path, media: Any, used: Any, effects: list[Any], words: str
) -> None:
    with pytest.raises(InputError, match=f"The clip c {words}.*'frames' in the clip's metadata"):
        rows(folder, clip(media, used, *effects))
    (row,) = rows(folder, clip(media, used, *effects, frames="1002"))
    assert row["frames"] == "1002"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.yaml", "- name: 010\n  image: p.####.exr\n  clean: no\n  output: off\n"
                   "  frames: 010-012\n"),
        ("b.yaml", "\ufeffshots:\n- {name: 010, image: p.####.exr, clean: no, output: off,"
                   " frames: [10, 11-12], core: ~, garbage: }\n"),
        ("c.json", '\ufeff[{"name": "010", "image": "p.####.exr", "clean": "no", "output": "off",'
                   ' "frames": [10, 11, 12]}]'),
        ("d.csv", "\ufeffname;image;clean;output;frames\n010;p.####.exr;no;off;10,11,12\n"),
        ("e.csv", "name\timage\tclean\toutput\tframes\n010\tp.####.exr\tno\toff\t10-12\n"),
    ],
)  # fmt: skip
def test_values_stay_what_was_written(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    (shot,) = read_shots(tmp_path / name, {})
    files = [Path(path).relative_to(tmp_path) for path in (shot.image, shot.clean, shot.output)]
    assert (shot.name, *map(str, files)) == ("010", "p.####.exr", "no", "off")
    assert shot.frames == (10, 11, 12) and (shot.core, shot.garbage) == ("", "")


@pytest.mark.parametrize(
    ("text", "frames"),
    [
        ("1001-1003", (1001, 1002, 1003)), ("7,9", (7, 9)), ("7 9", (7, 9)), ("7; 9;", (7, 9)),
        (" 1-5x2 , 9 ", (1, 3, 5, 9)), ("1 - 3", (1, 2, 3)), ("-2-1", (-2, -1, 0, 1)),
        ("-3--1", (-3, -2, -1)), ("7,-5", (7, -5)), ("5,1-5", (5, 1, 2, 3, 4)),
    ],
)  # fmt: skip
def test_frames_as_people_write_them(text: str, frames: tuple[int, ...]) -> None:
    assert parse_frames(text) == frames


@pytest.mark.parametrize("text", ["", "1001 -1100", "7 -5", "1- 5", "1..5", "1.5", "1-5x0.5", "a"])
def test_what_may_be_two_things_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"write 1001-1100"):
        parse_frames(text)
