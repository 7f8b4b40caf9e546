"""benchmarks/training_ground renders items whose plate is their truth over their clean plate."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from dmp_engine.evaluation.items import Item, folder_sources

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "benchmarks" / "training_ground"
BLENDER = Path(os.environ.get("DMP_BPY_50") or ROOT / ".venv-bpy-5.0" / "bin" / "python")

pytestmark = pytest.mark.skipif(not BLENDER.exists(), reason="Blender 5.0 as a module is not here")


def script(*arguments: object) -> str:
    words = [str(word) for word in (BLENDER, SCRIPT, *arguments)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ground")
    script(folder, "--only", "01-hair-short", "--width", 64, "--samples", 0.3)
    return folder


@pytest.fixture(scope="module")
def items(ground: Path) -> list[Item]:
    return [source.load() for source in folder_sources(ground)]


def test_eval_reads_the_whole_and_the_close_up_of_a_half(items: list[Item]) -> None:
    assert [item.name for item in items] == [
        "odd/01-hair-short/close",
        "odd/01-hair-short/whole",
    ]
    assert all(item.linear and item.image.shape == (48, 64, 3) for item in items)


def test_the_plate_is_the_truth_over_the_clean_plate(items: list[Item]) -> None:
    for item in items:
        assert item.alpha is not None and item.foreground is not None
        alpha = item.alpha[..., None]
        composite = alpha * item.foreground + (1 - alpha) * item.clean
        assert np.abs(composite - item.image).max() < 2e-6  # float32, divided and multiplied
        empty = item.alpha == 0
        assert np.array_equal(item.image[empty], item.clean[empty])


def test_hair_is_mixed_and_there_is_core_and_background(items: list[Item]) -> None:
    for item in items:
        assert item.alpha is not None
        mixed = (item.alpha > 0.05) & (item.alpha < 0.95)
        assert mixed.mean() > 0.02
        assert (item.alpha == 0).mean() > 0.05
        assert len(np.unique(item.alpha[mixed])) > 6  # in steps of one sample
        assert item.clean.std() > 0.02  # bricks, not a flat colour
    assert (items[1].alpha == 1).mean() > 0.05


def test_what_is_there_is_kept_and_the_catalogue_is_large(ground: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in ground.rglob("*.exr")}
    printed = script(ground, "--only", "01-hair-short", "--width", 64)
    assert "01-hair-short" not in printed
    assert before == {path: path.stat().st_mtime_ns for path in ground.rglob("*.exr")}
    names = [line.split()[0] for line in script("--list").splitlines()]
    assert len(names) >= 24
    assert len({int(name[:2]) for name in names}) == len(names)
