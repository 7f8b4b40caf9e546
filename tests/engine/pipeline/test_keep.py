"""Settings.keep on the way from plates to an EXR: one of two subjects, whole, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.pipeline.frame import matte_frame
from dmp_engine.pipeline.shot_frame import LookCache
from dmp_matting import Layers, Progress
from dmp_matting.generators import finish
from dmp_matting.job import Frame, Plate, Role
from dmp_matting.presets import preset

from ...scenes import blocks, disc_over, write_image

QUICK = preset("draft").changed(device="cpu", threads=1)


class Pair:
    """A large red disc and a small green one before a wall; the plate is an EXR with overscan."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.cache = folder, LookCache()
        wall = blocks(np.random.default_rng(2), 12, 24, 6)[:64, :140] * 0.5
        large, small = (
            disc_over(wall, at, radius, 4, colour)
            for at, radius, colour in (
                ((40, 32), 22, (0.9, 0.1, 0.1)), ((104, 32), 14, (0.1, 0.9, 0.1)),
            )
        )  # fmt: skip
        self.large, self.small = large.alpha, small.alpha
        plate = np.where(small.alpha[..., None] > 0, small.plate, large.plate)
        window = (4, 4, 132, 56)
        for name, pixels in (("p", plate), ("c", wall)):
            write_image(folder / f"{name}.exr", pixels, "float", window=window)

    def layers(self, keep: str, **more: Any) -> tuple[dict[str, Any], Layers, list[Progress]]:
        """The channels by their names, what is known about the frame, and all Progress."""
        plates = (
            Plate(str(self.folder / "p.exr"), Role.IMAGE),
            Plate(str(self.folder / "c.exr"), Role.CLEAN),
        )
        output, progress = self.folder / "o.exr", []
        layers = finish(
            matte_frame(
                Frame(7, plates), QUICK.changed(keep=keep, **more), output, look_cache=self.cache
            ),
            progress.append,
        )
        image = oiio.ImageBuf(str(output))
        names, pixels = image.spec().channelnames, image.get_pixels("float")
        return {n: pixels[..., i] for i, n in enumerate(names)}, layers, progress


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def test_one_of_two_subjects_whole_and_nothing_else(pair: Pair) -> None:
    whole = pair.layers("all")[0]
    assert np.abs(whole["A"] - np.maximum(pair.large, pair.small)).mean() < 0.005
    right = np.arange(140) > 76
    # in the display window the small disc stands at 100, 28
    for keep, gone in (("largest", right), ("at 100,28", ~right), ("box 80,0,132,56", ~right)):
        found, layers, _ = pair.layers(keep)
        assert layers.settings.keep == keep and not layers.warnings
        for name in ("A", "R", "G", "B"):
            assert np.array_equal(found[name][:, ~gone], whole[name][:, ~gone])
            assert not found[name][:, gone].any()
        # The straight foreground goes on with the colours of what is kept.
        other = "R" if gone[0] else "G"
        assert found[f"foreground.{other}"][32, 40 if gone[0] else 104] < 0.3


def test_nothing_at_the_point_is_a_warning(pair: Pair) -> None:
    found, layers, progress = pair.layers("at 70,3@1 70,4@9")
    assert not found["A"].any() and not found["R"].any()
    (warning,) = layers.warnings
    assert "(at 70,3.75 from the upper left corner)" in warning
    assert [one.warnings for one in progress if one.warnings] == [(warning,)]


def test_another_choice_solves_nothing_again(pair: Pair) -> None:
    pair.layers("all")
    held = dict(pair.cache.stage_cache._held)
    pair.layers("largest")
    assert pair.cache.stage_cache._held.keys() == held.keys()


def test_how_the_exr_is_stored_changes_no_pixel_and_solves_nothing_again(pair: Pair) -> None:
    whole = pair.layers("largest")[0]
    held = pair.cache.stage_cache._held.keys()
    packing = {"compression": "piz", "depth": "float", "autocrop": True}
    found, layers, _ = pair.layers("largest", **packing)
    assert {name: getattr(layers.settings, name) for name in packing} == packing
    spec = oiio.ImageBuf(str(pair.folder / "o.exr")).spec()
    assert (str(spec.format), spec.get_string_attribute("compression")) == ("float", "piz")
    place = np.s_[spec.y : spec.y + spec.height, spec.x : spec.x + spec.width]
    assert spec.width < 70
    assert np.array_equal(found["A"].astype(np.float16), whole["A"][place].astype(np.float16))
    assert found["A"].sum() == pytest.approx(whole["A"].sum(), rel=1e-4)
    renamed, layers, _ = pair.layers("largest", layer_names="alpha=matte foreground=fg")
    assert {"matte.A", "fg.R", "confidence.A", "R"} <= set(layers.channels)
    assert np.array_equal(renamed["matte.A"], whole["A"])
    assert pair.cache.stage_cache._held.keys() == held
