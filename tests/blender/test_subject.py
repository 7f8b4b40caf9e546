"""Which subject: what is picked on the plate is what stays, in Blender's coordinates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..scenes import blocks, disc_over, write_image
from .conftest import SMALL, Blender, channels, read

# Blender counts from the lower left corner of the data window, which is 96 x 64.
RED, GREEN = (26.0, 40.0), (70.0, 20.0)
RED_BOX = (0.0, 20.0, 50.0, 60.0)


@pytest.fixture
def discs(tmp_path: Path) -> dict[str, np.ndarray]:
    """Two frames of a red and a green disc, with overscan; the alpha of each disc."""
    wall = blocks(np.random.default_rng(3), 8, 12, 8) * 0.5
    red, green = disc_over(wall, (26, 24), 12, 3), disc_over(wall, (70, 44), 10, 3, (0.1, 0.9, 0.1))
    plate = np.where(green.alpha[..., None] > 0, green.plate, red.plate)
    for name, picture in (("plate.0001", plate), ("plate.0002", plate), ("clean", wall)):
        write_image(tmp_path / f"{name}.exr", picture, at=(-8, -4), window=(0, 0, 80, 56))
    return {"red": red.alpha, "green": green.alpha}


def kept(path: str, discs: dict[str, np.ndarray]) -> list[str]:
    alpha = read(path)[..., channels(path).index("A")]
    return [name for name, truth in discs.items() if np.abs(alpha - truth).mean() < 0.02]


def test_what_is_picked_is_what_stays(
    blender: Blender, engine: Any, discs: dict[str, np.ndarray], tmp_path: Path, output: Path
) -> None:
    seen = blender.run(
        "subject", plate=tmp_path / "plate.0001.exr", clean=tmp_path / "clean.exr", output=output,
        settings={**SMALL, "solve_size": 0}, points=[(1, GREEN), (2, RED)], box=RED_BOX,
        texts=["all", "largest", "at 3,4", ""],
    )  # fmt: skip
    # The menu shows what an older .blend, or a script, has as text.
    assert seen["menu"] == ["EVERYTHING", "LARGEST", "WRITTEN", "EVERYTHING"]
    assert seen["text"] == "largest"
    assert seen["points"] == seen["box"] == [["FINISHED"], ""]
    points = [path.replace("_matte.", "_points.") for path in seen["files"]]
    assert [kept(path, discs) for path in points] == [["green"], ["red"]]
    assert [kept(path, discs) for path in seen["files"]] == [["red"], ["red"]]
    assert seen["no area"] == [[], "The box to keep has no area; pick it on the plate."]
    assert seen["driven"][1].startswith("The place to keep has a driver or is in the NLA;")
    assert seen["reset"] == ["EVERYTHING", "all"]
