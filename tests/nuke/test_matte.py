"""Matte frame and Matte range, through a real engine process, pixel against pixel."""

from __future__ import annotations

from pathlib import Path

import nuke
import numpy as np
from nuke_standin.session import Session

from dmp_matting import preset
from dmp_matting.wire import Wire

from .conftest import FURBALL, dmp_node, pixels, press, read_node


def test_a_frame_of_the_furball(session: Session, engine: Wire, tmp_path: Path) -> None:
    """The real thing at 320x240: preset `draft`, against the renderer's exact alpha."""
    plate = read_node(FURBALL / "plate.%04d.exr", 1001, 1008)
    clean = read_node(FURBALL / "clean.exr")
    dmp = dmp_node(plate, clean, tmp_path / "matte.%04d.exr")
    dmp["custom"].setValue(False)
    dmp["preset"].setValue("draft")
    nuke.frame(1001)
    status = press(dmp, "matte_frame")
    assert status.startswith("Done: 1 frame in") and "draft on cpu" in status

    found, spec = pixels(tmp_path / "matte.1001.exr")
    truth, _ = pixels(FURBALL / "truth.1001.exr")
    assert set(found) == {"R", "G", "B", "A", "foreground.R", "foreground.G", "foreground.B"}
    assert np.abs(found["A"] - truth["A"]).mean() < 0.02
    assert np.abs(found["R"] - truth["R"]).mean() < 0.02

    # What comes out of the node is what lies on disk, for whatever is connected to it.
    image = dmp._image(1001, "main")
    for ours, files in (("rgba.alpha", "A"), ("rgba.red", "R"), ("foreground.red", "foreground.R")):
        assert np.array_equal(image.channels[ours], found[files])
    assert preset("draft").preset in status
