"""*Build Clean Plate*: a plate whose subject moves, no clean plate, a button of the panel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..scenes import blocks, disc_over, write_image
from .avi import write_avi
from .conftest import SMALL, Blender, channels, read

PLACES = (38, 44, 50, 56, 50, 44)  # where the disc is: its middle is never seen
ALWAYS = disc_over(np.zeros((64, 96, 3)), (47, 34), 4, 1).alpha > 0.5


@pytest.fixture
def wall(tmp_path: Path) -> np.ndarray:
    """What is behind a disc that paces, in six frames as EXR, as 8-bit PNG and as a movie."""
    random = np.random.default_rng(8)
    wall = 0.1 + 0.7 * blocks(random, 8, 12, 8)[:64, :96]
    movie = []
    for number, x in enumerate(PLACES, 1):
        plate = disc_over(wall, (x, 34), 15, 4).plate
        plate = plate + random.normal(0, 0.003, plate.shape)
        write_image(tmp_path / f"plate.{number:04d}.exr", plate, "float")
        encoded = np.where(
            plate <= 0.0031308, plate * 12.92, 1.055 * plate.clip(1e-6) ** (1 / 2.4) - 0.055
        )
        movie.append(np.round(encoded.clip(0, 1) * 255).astype(np.uint8))
        write_image(tmp_path / f"shown.{number:04d}.png", encoded.clip(0, 1), "uint8")
    write_avi(tmp_path / "shown.avi", np.stack(movie))
    write_image(tmp_path / "clean.exr", wall, "float")
    return wall


@pytest.mark.parametrize(
    ("version", "plate"),
    [("4.5", "plate.0001.exr"), ("5.0", "shown.0001.png"), ("3.4", "shown.avi")],
)
def test_a_shot_without_a_clean_plate(
    installed: Callable[[str], Blender], engine: Any, wall: np.ndarray, tmp_path: Path,
    output: Path, version: str, plate: str,
) -> None:  # fmt: skip
    seen = installed(version).run(
        "clean_plate", folder=tmp_path, output=output, plate=plate, frames=len(PLACES),
        size=(96, 64), settings={**SMALL, "solve_size": 0},
    )  # fmt: skip
    stem = plate.partition(".")[0]
    assert seen["no plate"][1] == "Choose a plate first, the picture with the subject."
    assert seen["still"][1].startswith("The plate 'clean.exr' is one frame; a clean plate of")
    assert seen["built"] == [["FINISHED"], ""] and not seen["poll"]
    files = [Path(one) for one in seen["files"]]
    assert [one.parent.name for one in files] == [f"{stem}_clean_v001", f"{stem}_clean_v002"]
    assert Path(seen["image"][0]) == files[0] and seen["again"] == seen["built"]
    assert channels(files[0]) == ["R", "G", "B", "unseen.A"]
    picture = read(files[0])
    unseen = picture[..., 3] > 0.5
    assert unseen[ALWAYS].all() and 0.01 < unseen.mean() < 0.35
    assert np.abs(picture[..., :3] - wall)[~unseen].mean() < 0.004, "scene-linear, whatever it is"
    # The matte has no evidence where nothing was seen; with a node, which renders the plate, too.
    assert seen["matte"] == seen["node matte"] == [["FINISHED"], ""]
    for matte in [*seen["mattes"], *seen["node mattes"]]:
        confidence = read(matte)[..., channels(matte).index("confidence.A")]
        assert confidence[ALWAYS].max() <= 0.5 < confidence[~unseen].mean()
    assert len(seen["mattes"]) == len(seen["node mattes"]) == 1
    assert seen["node"] == [["FINISHED"], ""] and seen["socket"] == "RGBA"
    assert seen["linked"][0] == "CompositorNodeImage"
    assert "has a map of what was never seen, which nodes do not hand on" in seen["changed"][1]


@pytest.mark.parametrize("version", ["4.5", "5.0", "3.4"])
def test_the_first_save_takes_clean_plates_along(
    installed: Callable[[str], Blender], engine: Any, wall: np.ndarray, tmp_path: Path,
    output: Path, version: str,
) -> None:  # fmt: skip
    seen = installed(version).run(
        "first_save", folder=tmp_path, output=output, frames=len(PLACES), size=(96, 64),
        settings={**SMALL, "temporal": "off"},
    )  # fmt: skip
    assert seen["node"] == seen["row"] == [["FINISHED"], ""]
    assert "/blender/unsaved/" in seen["chosen"] and seen["linked"][1] == ["GROUP"]
    assert (output / "unsaved") in Path(seen["linked"][0]).parents
    chosen, (linked, links) = Path(seen["chosen then"]), seen["linked then"]
    stem = Path("plate_clean_v001", "plate_clean.exr")
    assert chosen == tmp_path / "work" / "dmp" / "sh010" / "Scene" / stem
    # Its mattes are of the same content, whatever the clean plate is called now.
    assert seen["matte"] == [["FINISHED"], ""]
    assert seen["solved"] == seen["solved then"] == f"1-{len(PLACES)} solved"
    assert seen["path"].startswith("//"), "beside the .blend, on whatever machine"
    assert Path(linked).is_relative_to(output / "sh010" / "Scene") and links == ["GROUP"]
    assert seen["all"] == sorted([str(chosen), str(chosen), linked]), "a copy of the image too"
    for picture in (chosen, linked):
        assert channels(picture) == ["R", "G", "B", "unseen.A"]
    assert not (output / "unsaved").exists(), "nothing is left in a folder that was chosen"
