"""A tiny shot on disk, and the command `dmp` as a real process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from ..scenes import blocks, disc_over, write_image

ROOT = Path(__file__).resolve().parents[2]
FEW_STEPS = [
    "--preset", "paper", "--device", "cpu", "--set", "threads=1", "--set", "rounds=1", "--set",
    "fit_steps=1", "--set", "joint_steps=3", "--set", "projection_steps=1", "--set",
    "refine_passes=1",
]  # fmt: skip
FEW = {
    "rounds": 1, "fit_steps": 1, "joint_steps": 3, "projection_steps": 1, "refine_passes": 1,
}  # fmt: skip


class TinyShot:
    """Frames of a disc that moves to the right before a clean plate that stands still."""

    def __init__(self, folder: Path, first: int = 1001, count: int = 4) -> None:
        self.folder, self.numbers = folder, tuple(range(first, first + count))
        folder.mkdir(parents=True, exist_ok=True)
        # Pixels of its own: the engine knows frames that it has seen, whatever they are called.
        random = np.random.default_rng(list(str(folder).encode()))
        self.behind = blocks(random, 9, 13, 4)[:32, :48]
        self.clean = write_image(folder / "clean.exr", self.behind)
        for index, number in enumerate(self.numbers):
            write_image(self.plate(number), self.pixels(index))

    def pixels(self, index: int) -> np.ndarray:
        scene = disc_over(self.behind, (12 + 2 * (index % 12), 16), 10, 3)
        return scene.plate * (1 + index / 10000)  # no two frames are alike

    def plate(self, number: int) -> Path:
        return self.folder / f"plate.{number:04d}.exr"

    @property
    def pattern(self) -> str:
        return str(self.folder / "plate.####.exr")


@pytest.fixture
def shot(tmp_path: Path) -> TinyShot:
    return TinyShot(tmp_path / "in")


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "dmp_matting.cli", *map(str, arguments)]


def environment(**more: str) -> dict[str, str]:
    roots = os.pathsep.join((str(ROOT / "plugin"), str(ROOT / "engine")))
    return {**os.environ, "PYTHONPATH": roots, "COLUMNS": "160", **more}


def dmp(*arguments: object, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), env=environment(**more), capture_output=True, text=True, timeout=240
    )


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def pixels(path: Path) -> np.ndarray:
    read: np.ndarray = oiio.ImageBuf(str(path)).get_pixels("half")
    return read


def same_pixels(one: Path, other: Path) -> bool:
    """Every EXR of the one folder is in the other, bit for bit; and none beside."""
    names = sorted(path.name for path in one.glob("*.exr"))
    assert names
    return names == sorted(path.name for path in other.glob("*.exr")) and all(
        np.array_equal(pixels(one / name), pixels(other / name)) for name in names
    )
