"""What a folder holds becomes items; the benchmark is the recipe's."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmp_engine.evaluation import benchmark
from dmp_engine.evaluation.items import benchmark_sources, folder_sources
from dmp_matting.errors import InputError

ROOT = Path(__file__).resolve().parents[3]
PLATES = ROOT / "tests" / "plates"
DATA = ROOT.parent / "shared" / "data"


def test_a_pair_with_its_truth() -> None:
    (source,) = folder_sources(PLATES / "lemur")
    item = source.load()
    assert item.name == "lemur" and not item.linear and not item.sequence
    assert item.image.shape == item.clean.shape == item.foreground.shape == (220, 340, 3)
    alpha = item.alpha[..., None]
    built = alpha * item.foreground + (1 - alpha) * item.clean
    assert np.abs(built - item.image).mean() < 0.01


def test_a_shot_in_scene_linear() -> None:
    sources = folder_sources(PLATES / "furball")
    assert [s.name for s in sources] == [f"furball.{n}" for n in range(1001, 1009)]
    assert {s.sequence for s in sources} == {"furball"}
    item = sources[3].load()
    assert item.linear and item.image.max() > 1
    alpha = item.alpha[..., None]
    built = alpha * item.foreground + (1 - alpha) * item.clean
    assert np.abs(built - item.image).max() < 0.02 * max(1, item.image.max())


def test_folders_below_and_a_smaller_size(tmp_path: Path) -> None:
    shutil.copytree(PLATES / "lemur", tmp_path / "animals" / "lemur")
    (source,) = folder_sources(tmp_path, 100)
    item = source.load()
    assert item.name == "animals/lemur" and item.image.shape == (65, 100, 3)
    full = folder_sources(PLATES / "lemur")[0].load()
    assert item.alpha.mean() == pytest.approx(full.alpha.mean(), abs=0.003)


def triangulation_set(folder: Path, drift: float = 0.0) -> np.ndarray:
    """One subject before a dark and a bright wall; ``drift`` is of the second exposure."""
    random = np.random.default_rng(3)
    truth = np.zeros((24, 32))
    truth[6:18, 8:24] = 1
    truth[6:18, 20:24] = 0.5
    for which, grey, change in (("A", 0.2, 0.0), ("B", 0.8, drift)):
        back = np.full((24, 32, 3), grey) + random.random((24, 32, 3)) * 0.05
        comp = truth[..., None] * 0.6 + (1 - truth[..., None]) * back + change
        for name, pixels in (("back", back), ("comp", comp)):
            picture = Image.fromarray(np.round(pixels * 255).astype(np.uint8))
            picture.save(folder / f"{name}{which}.png")
    return truth


def test_a_triangulation_set(tmp_path: Path) -> None:
    """Two composites of one known subject give its alpha back."""
    truth = triangulation_set(tmp_path)
    first, second = (source.load() for source in folder_sources(tmp_path))
    assert first.name.endswith("-A") and second.name.endswith("-B")
    assert np.abs(first.alpha - truth).max() < 0.02
    assert np.abs(first.foreground[truth > 0] - 0.6).max() < 0.02
    assert not np.array_equal(first.image, second.image)


def test_a_set_whose_exposure_drifted_has_no_truth(tmp_path: Path) -> None:
    triangulation_set(tmp_path, drift=-0.1)
    assert [source.load().alpha for source in folder_sources(tmp_path)] == [None, None]


def test_an_empty_folder_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no item"):
        folder_sources(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        folder_sources(tmp_path / "none")
    with pytest.raises(InputError, match="--data"):
        benchmark_sources(tmp_path, 320)


@pytest.mark.skipif(not (DATA / "alphamatting").is_dir(), reason="the benchmark's data is absent")
def test_the_benchmark_is_the_recipe() -> None:
    sources = benchmark_sources(DATA, 320)
    assert len(sources) == 14 and sources[0].name == "GT01"
    item = sources[1].load()
    height, width = item.alpha.shape
    assert max(height, width) == 320 and height % 8 == width % 8 == 0
    alpha = item.alpha[..., None]
    built = alpha * item.foreground + (1 - alpha) * item.clean
    assert np.abs(built - item.image).max() <= 0.5 / 255 + 1e-9
    assert np.abs(item.image * 255 - np.round(item.image * 255)).max() < 1e-6
    pair = next(p for p in benchmark.composites(DATA, 320) if p.name == item.name)
    assert np.array_equal(pair.image, item.image)
