"""Colour configurations: a facility's in $OCIO, and Blender's own that it writes there itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..scenes import write_image
from .conftest import SMALL, Blender, read

FACILITY = """\
ocio_profile_version: 1
roles:
  data: Utility - Raw
  default: Utility - Raw
  default_byte: Output - sRGB
  scene_linear: ACES - ACEScg
displays:
  sRGB:
    - !<View> {name: Raw, colorspace: Utility - Raw}
active_displays: [sRGB]
active_views: [Raw]
colorspaces:
  - !<ColorSpace>
    name: ACES - ACEScg
    bitdepth: 32f
  - !<ColorSpace>
    name: Output - sRGB
    bitdepth: 8ui
    to_reference: !<ExponentTransform> {value: [2.2, 2.2, 2.2, 1]}
  - !<ColorSpace>
    name: Utility - Raw
    bitdepth: 32f
    isdata: true
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    random = np.random.default_rng(7)
    clean = random.random((32, 48, 3)).astype(np.float32)
    plate = clean.copy()
    plate[8:24, 10:30] = (0.9, 0.1, 0.1)
    write_image(tmp_path / "plate.exr", plate, "float")
    write_image(tmp_path / "clean.exr", clean, "float")
    mapped = np.dstack([clean, np.zeros_like(clean[..., 0])])  # of the shot's own frames
    write_image(tmp_path / "built.exr", mapped, "float", channels=("R", "G", "B", "unseen.A"))
    write_image(tmp_path / "plate.png", plate, "uint8")
    (tmp_path / "config.ocio").write_text(FACILITY)
    return tmp_path


def test_a_facilitys_names(blender: Blender, engine: Any, folder: Path, output: Path) -> None:
    config = str(folder / "config.ocio")
    seen = blender.run(
        "configuration", folder=folder, output=output, own=False, settings=SMALL,
        matte=blender.version == "5.0", environment={"OCIO": config},
    )  # fmt: skip
    assert seen["names"] == ["ACES - ACEScg", "Utility - Raw"]
    assert seen["sent"] == seen["child"] == config
    png, exr = seen["plates"]
    assert png[2] == exr[2] == "scene_linear"  # in the facility's: Blender has converted them
    assert png[0].startswith(f"{folder}/plate.png (plate, ")
    shown = np.round(read(folder / "plate.exr") * 255) / 255
    np.testing.assert_allclose(read(png[1]), shown**2.2, atol=2e-3)
    # As it is, since its map is lost where Blender renders it: its values are the plate's.
    assert seen["built"] == [str(folder / "built.exr"), "scene_linear"]
    if blender.version == "5.0":
        assert seen["matte"] == [["FINISHED"], ""] and seen["space"] == "ACES - ACEScg"


def test_blenders_own_configuration_is_no_facilitys(blender: Blender, folder: Path) -> None:
    seen = blender.run("configuration", folder=folder, own=True, matte=False)
    assert seen["names"] == ["Linear Rec.709", "Non-Color"]
    assert seen["sent"] == seen["child"] == ""
    png, exr = (str(folder / name) for name in ("plate.png", "plate.exr"))
    assert seen["built"] == [str(folder / "built.exr"), "scene_linear"]
    assert seen["plates"] == [[png, png, "sRGB"], [exr, exr, "scene_linear"]]  # files, as they are
