"""Patterns of numbered files and ranges of frames, against fileseq as the oracle."""

from __future__ import annotations

import random
import unicodedata
from pathlib import Path

import fileseq
import pytest

from dmp_matting import PlateError
from dmp_matting.shots.sequences import (
    FilePattern,
    file_of,
    group_files,
    is_pattern,
    range_text,
    shot_name,
)
from dmp_matting.shots.shot import Shot, gap_sentence


@pytest.mark.parametrize(
    "text",
    ["plate.####.exr", "plate.%04d.exr", "plate.@@@@.exr", "plate.@.exr", "plate.$F4.exr",
     "plate.$F.exr", "plate.#.exr", "p.%d.exr", "/a b/p_##.png", "p.%06d.tif"],
)  # fmt: skip
def test_every_spelling_means_what_fileseq_reads(text: str) -> None:
    pattern = FilePattern.parse(text)
    oracle = fileseq.FileSequence(text, pad_style=fileseq.constants.PAD_STYLE_HASH1)
    assert pattern is not None
    for frame in (0, 7, 1001, 123456):
        assert pattern.path(frame) == oracle.frame(frame)


def test_only_the_name_is_looked_at_and_the_last_mark_counts(tmp_path: Path) -> None:
    assert FilePattern.parse("/jobs/@me/shot_##/plate.exr") is None
    twice = FilePattern.parse("/jobs/@me/v##_plate.####.exr")
    assert twice is not None and twice.path(3) == "/jobs/@me/v##_plate.0003.exr"
    still = tmp_path / "plate@2x.exr"
    assert is_pattern(str(still))
    still.write_bytes(b"x")
    assert not is_pattern(str(still)) and file_of(str(still), 7) == str(still)


def test_frames_on_disk_are_those_whose_name_the_pattern_writes(tmp_path: Path) -> None:
    names = ("p.1001.exr", "p.0002.exr", "p.12.exr", "p.00003.exr", "p.123456.exr", "p.-005.exr",
             "p.1002.EXR", "q.1003.exr", "p.1004.exr.part", "p.1005b.exr")  # fmt: skip
    for name in names:
        (tmp_path / name).touch()
    found = FilePattern.parse(str(tmp_path / "p.####.exr"))
    assert found is not None and found.frames() == (-5, 2, 1001, 123456)
    loose = FilePattern.parse(str(tmp_path / "p.@.exr"))
    assert loose is not None and loose.frames() == (12, 1001, 123456)
    gone = FilePattern.parse(str(tmp_path / "none" / "p.####.exr"))
    with pytest.raises(PlateError, match="none cannot be read"):
        assert gone is not None and gone.frames()


def test_text_of_frames_reads_back(tmp_path: Path) -> None:
    dice = random.Random(3)
    for _ in range(200):
        frames = sorted({dice.randrange(-20, 60) for _ in range(dice.randrange(1, 30))})
        assert list(fileseq.FrameSet(range_text(frames))) == frames
    assert range_text([1003, 1001, 1002]) == "1001-1003"
    assert range_text([1, 3, 5, 7, 20, 90]) == "1-7x2,20,90"
    assert range_text([]) == ""


@pytest.mark.parametrize(
    ("names", "patterns"),
    [
        ("plate.1001.exr plate.1002.exr", "plate.####.exr"),
        ("plate.998.exr plate.999.exr plate.1000.exr", "plate.###.exr"),
        ("plate.0998.exr plate.1000.exr plate.10000.exr", "plate.####.exr"),
        ("plate.9.exr plate.10.exr", "plate.#.exr"),
        ("0001.exr 0002.exr", "####.exr"),
        ("render0001.exr render0002.exr", "render####.exr"),
        ("sh010-1001.exr sh010-1002.exr", "sh010-####.exr"),
        ("sh010_1001_bg.exr sh010_1002_bg.exr", "sh010_####_bg.exr"),
        ("p.-002.exr p.-001.exr p.0000.exr p.0001.exr", "p.####.exr"),
        ("p.-0002.exr p.-0001.exr p.0000.exr", "p.####.exr"),
        ("p.-2.exr p.-1.exr p.0.exr p.12.exr", "p.#.exr"),
        ("a.1001.exr a.1002.exr b.1001.exr b.1002.png", "a.####.exr b.####.exr b.####.png"),
        ("p.0001.exr p.12.exr", "p.####.exr p.##.exr"),
        # one file alone
        ("plate.1001.exr", "plate.####.exr"),
        ("plate_v002.exr", "plate_v002.exr"),
        ("plate_v001.exr plate_v002.exr", "plate_v001.exr plate_v002.exr"),
        ("A_v002.1001.exr", "A_v002.####.exr"),
        ("sh010.exr clean2.exr plate.7.exr", "clean2.exr plate.7.exr sh010.exr"),
    ],
)
def test_files_that_belong_together(names: str, patterns: str) -> None:
    groups = group_files(names.split())
    assert [one.pattern for one in groups] == patterns.split()
    assert sorted(name for one in groups for name in one.names) == sorted(names.split())


@pytest.mark.parametrize("names", ["-002 -001 0000 0001", "-0002 -0001 0000 0001"])
def test_frames_below_zero_in_both_spellings(names: str, tmp_path: Path) -> None:
    for name in names.split():
        (tmp_path / f"p.{name}.exr").touch()
    pattern = FilePattern.parse(str(tmp_path / "p.####.exr"))
    assert pattern is not None and pattern.frames() == (-2, -1, 0, 1)
    assert [Path(pattern.path(n)).name for n in range(-2, 2)] == [
        f"p.{name}.exr" for name in names.split()
    ]
    assert Path(pattern.path(-7)).name == "p.-007.exr"  # of none that is there: Nuke's
    (tmp_path / "p.-002.exr").touch()
    (tmp_path / "p.-0002.exr").touch()
    with pytest.raises(PlateError, match=r"Frame -2 is there twice, as .*p\.-002\.exr and as "):
        pattern.frames()


def test_a_name_in_another_unicode_form_is_found(tmp_path: Path) -> None:
    """A Mac stores an accent apart from its letter."""
    for number in (1001, 1002):
        (tmp_path / unicodedata.normalize("NFD", f"café.{number}.exr")).touch()
    pattern = FilePattern.parse(str(tmp_path / unicodedata.normalize("NFC", "café.####.exr")))
    assert pattern is not None and pattern.frames() == (1001, 1002)
    assert Path(pattern.path(1001)).exists()
    still = unicodedata.normalize("NFC", "café.1002.exr")
    assert Path(file_of(str(tmp_path / still), 1)).exists()


def test_another_padding_is_suggested(tmp_path: Path) -> None:
    (tmp_path / "p.01001.exr").touch()
    (tmp_path / "c.exr").write_bytes(b"x")
    wanted = {"image": str(tmp_path / "p.####.exr"), "clean": str(tmp_path / "c.exr")}
    with pytest.raises(PlateError, match=r"did you mean .*p\.#####\.exr\?"):
        Shot("p", output="m.####.exr", **wanted).numbers()
    chosen = Shot("p", output="m.####.exr", frames=(1001,), **wanted)
    assert "missing (did you mean" in gap_sentence(chosen, chosen.gaps())


@pytest.mark.parametrize(
    ("path", "name"),
    [("s/p.####.exr", "p"), ("s/plate.exr", "plate"), ("s/####.exr", "s"), ("s/p_%04d.exr", "p")],
)
def test_a_shot_is_called_after_its_plate(path: str, name: str) -> None:
    assert shot_name(path) == name
