"""A frame solved again with a correction: cached stages are reused, and change no bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
import torch
from numpy.typing import NDArray

from dmp_engine.dmp.solve import pair_solution
from dmp_engine.pipeline.frame import matte_frame
from dmp_engine.pipeline.shot_frame import LookCache
from dmp_engine.pipeline.stage_cache import StageCache
from dmp_engine.plates.clean_plate import fit
from dmp_matting import Settings, preset
from dmp_matting.job import Frame, Plate, Role

from ...scenes import write_image

Array = NDArray[np.float32]
ALONE = preset("draft").changed(device="cpu", joint_steps=3, threads=1, temporal="off")
UPSAMPLED = ALONE.changed(solve_size=96, shadows="auto", clean_layer=True)
IN_A_SHOT = UPSAMPLED.changed(temporal="neighbours")
PAPER = Settings(device="cpu", threads=1, fit_steps=2, joint_steps=3, projection_steps=2)
BEFORE_ANY_MATTE = (
    (fit, "fit_pixels"), (fit, "pair_warnings"), (pair_solution, "_noise"),
)  # fmt: skip


@dataclass
class Bench:
    """Frames of the furball at half its size, and how often each first step is made."""

    folder: Path
    made: dict[str, int]

    def frame(self, number: int = 1001, **mattes: Array) -> Frame:
        plates = [Plate(str(self.folder / f"{number}.exr"), Role.IMAGE),
                  Plate(str(self.folder / "clean.exr"), Role.CLEAN)]  # fmt: skip
        for name, matte in mattes.items():
            path = write_image(self.folder / f"{name}{matte.sum():.0f}.exr", matte[..., None])
            plates.append(Plate(str(path), Role(name), "raw"))
        return Frame(number, tuple(plates))

    def solve(
        self,
        frame: Frame,
        look_cache: LookCache | None,
        settings: Settings,
        window: Sequence[Frame] = (),
    ) -> Array:
        """All layers of the written file."""
        output = self.folder / "layers.exr"
        for _ in matte_frame(frame, settings, output, look_cache=look_cache, window=window):
            pass
        return oiio.ImageBuf(str(output)).get_pixels("float")


@pytest.fixture
def bench(tmp_path: Path, furball: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch) -> Bench:
    for number in (1001, 1002):
        truth = furball(number)
        for name, x in ((str(number), truth.image), ("clean", truth.clean)):
            pixels = x[0].permute(1, 2, 0).numpy()[::2, ::2]
            if name == "clean":
                pixels = np.roll(pixels, 2, 1)  # so that there is something to fit
            write_image(tmp_path / f"{name}.exr", np.ascontiguousarray(pixels))
    found = Bench(tmp_path, {name: 0 for _, name in BEFORE_ANY_MATTE})

    def counted(module: Any, name: str) -> None:
        real = getattr(module, name)

        def count(*a: Any, **k: Any) -> Any:
            found.made[name] += 1
            return real(*a, **k)

        monkeypatch.setattr(module, name, count)

    for module, name in BEFORE_ANY_MATTE:
        counted(module, name)
    return found


def garbage(columns: int) -> Array:
    matte = np.ones((120, 160), np.float32)
    matte[:, :columns] = 0
    return matte


@pytest.mark.parametrize("settings", [ALONE, UPSAMPLED, PAPER], ids=["draft", "upsampled", "paper"])
def test_a_correction_starts_warm_and_ends_the_same(bench: Bench, settings: Settings) -> None:
    look_cache = LookCache()
    first = bench.solve(bench.frame(), look_cache, settings)
    made = dict(bench.made)
    assert made["fit_pixels"] == 1
    holdout = np.zeros((120, 160), np.float32)
    holdout[50:60] = 1
    corrections: list[dict[str, Array]] = [
        {"garbage": garbage(20)}, {"garbage": garbage(30), "holdout": holdout},
        {"trimap": 0.5 + 0.5 * holdout},
    ]  # fmt: skip
    warm = [bench.solve(bench.frame(**mattes), look_cache, settings) for mattes in corrections]
    assert bench.made["fit_pixels"] == made["fit_pixels"]
    assert bench.made["pair_warnings"] == made["pair_warnings"]
    if settings is not UPSAMPLED:  # there a matte may move the box that is solved
        assert bench.made == made
    assert np.array_equal(bench.solve(bench.frame(), look_cache, settings), first)
    for mattes, found in zip(corrections, warm, strict=True):
        assert not np.array_equal(found, first)
        assert np.array_equal(found, bench.solve(bench.frame(**mattes), None, settings))


def test_in_a_shot_too(bench: Bench) -> None:
    look_cache = LookCache()
    shot = [bench.frame(1001), bench.frame(1002)]
    bench.solve(shot[0], look_cache, IN_A_SHOT, shot)
    made = dict(bench.made)
    assert made["fit_pixels"] == made["_noise"] == 2
    again = [bench.frame(1001, garbage=garbage(20)), bench.frame(1002)]
    warm = bench.solve(again[0], look_cache, IN_A_SHOT, again)
    assert bench.made == made
    assert np.array_equal(warm, bench.solve(again[0], None, IN_A_SHOT, again))


def test_other_pixels_and_other_settings_are_computed_again(bench: Bench) -> None:
    look_cache = LookCache()
    for number, settings in ((1001, ALONE), (1002, ALONE), (1001, ALONE.changed(seed=1))):
        before = bench.made["fit_pixels"]
        found = bench.solve(bench.frame(number), look_cache, settings)
        assert bench.made["fit_pixels"] == before + 1
        assert np.array_equal(found, bench.solve(bench.frame(number), None, settings))


def test_the_cache_is_bounded_and_drops_the_oldest() -> None:
    cache = StageCache(limit=5000)
    calls = []

    def make(name: str, size: int) -> Callable[[], tuple[torch.Tensor, Array]]:
        def made() -> tuple[torch.Tensor, Array]:
            calls.append(name)
            return torch.zeros(size // 8), np.zeros(size // 8, np.float32)

        return made

    for name in ("a", "b", "a", "c", "d", "a", "b"):
        cache.of(name, ALONE, "cpu")("part", make(name, 1600))
        assert cache.bytes <= 5000
    assert calls == ["a", "b", "c", "d", "b"]  # b was used longest ago when d came
    assert [cache.of("a", ALONE, "cpu")("large", make("large", 9000)) is not None] * 2
    assert cache.bytes <= 5000
    cache.clear()
    assert cache.bytes == 0
    cache.of("a", ALONE, "cpu")("part", make("again", 16))
    assert calls[-1] == "again"


def test_of_a_long_shot_the_last_frames_are_cached() -> None:
    cache = StageCache(pairs=3)
    made = []
    for name in ("a", "b", "c", "d", "b", "a"):
        for part in ("fit", "trimap"):
            cache.of(name, ALONE, "cpu")(
                part, lambda n=name, p=part: made.append(n + p) or torch.ones(9)
            )
    assert cache.bytes == 3 * 2 * 36
    assert made == ["afit", "atrimap", "bfit", "btrimap", "cfit", "ctrimap", "dfit", "dtrimap",
                    "afit", "atrimap"]  # fmt: skip
