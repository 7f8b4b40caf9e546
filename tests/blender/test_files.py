"""Names of numbered files, as Blender reads them; without Blender."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from ..scripts import load_script


@pytest.fixture(scope="module")
def files() -> ModuleType:
    return load_script("blender_addon/dmp_blender/files.py")


@pytest.mark.parametrize(
    ("path", "number", "expected"),
    [
        ("/a/plate.1001.exr", 1002, "/a/plate.1002.exr"),
        ("/a/v2_shot_0099_raw.png", 100, "/a/v2_shot_0100_raw.png"),
        ("/a.3/007.jp2", 12345, "/a.3/12345.jp2"),
    ],
)
def test_numbers_are_the_last_digits(
    files: ModuleType, path: str, number: int, expected: str
) -> None:
    assert files.numbered(path).path(number) == expected


def test_no_number(files: ModuleType) -> None:
    assert files.numbered("/shot.10/plate.exr") is None


def test_numbers_on_disk(files: ModuleType, tmp_path: Path) -> None:
    for name in ("p.0003.exr", "p.0001.exr", "p.0002.png", "q.0004.exr", "p.x.exr"):
        (tmp_path / name).touch()
    parts = files.numbered(str(tmp_path / "p.0001.exr"))
    assert parts.numbers() == [1, 3] and files.first_frame(parts) == 1
    assert files.numbered(str(tmp_path / "gone" / "p.0001.exr")).numbers() == []


def test_spans(files: ModuleType) -> None:
    assert files.spans([5, 1, 2, 3, 7, 8]) == "1-3, 5, 7-8"
    assert files.spans([]) == ""


@pytest.mark.parametrize(
    ("name", "still", "stem"),
    [
        ("plate.png", True, "plate"),
        ("plate.png.001", True, "plate_001"),
        ("take 7.png", True, "take_7"),
        ("plate.1001.exr", False, "plate"),
        ("plate.1001.exr.002", False, "plate_002"),
        ("1001.exr", False, "plate"),
    ],
)
def test_stems(files: ModuleType, name: str, still: bool, stem: str) -> None:
    assert files.stem_of(name, still) == stem
