"""Matte frame and Matte range, through a real engine process, pixel against pixel."""

from __future__ import annotations

from pathlib import Path

import nuke
import numpy as np
import pytest
from nuke_standin.session import Session, run_until

from dmp_engine.plates.io.user_mattes import constraint_of
from dmp_matting import preset
from dmp_matting.client.connection import Connection
from dmp_matting.job import Role
from dmp_nuke import jobs, knobs, node

from ..scenes import write_image
from .conftest import FURBALL, Shot, dmp_node, graded, pixels, press, quick, read_node


def test_a_frame_of_the_furball(session: Session, engine: Connection, tmp_path: Path) -> None:
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
    assert set(found) >= {"R", "G", "B", "A", "foreground.R", "foreground.G", "foreground.B"}
    assert np.abs(found["A"] - truth["A"]).mean() < 0.02
    assert np.abs(found["R"] - truth["R"]).mean() < 0.02

    # What comes out of the node is what lies on disk, for whatever is connected to it.
    image = dmp._image(1001, "main")
    for ours, files in (("rgba.alpha", "A"), ("rgba.red", "R"), ("foreground.red", "foreground.R")):
        assert np.array_equal(image.channels[ours], found[files])
    assert preset("draft").preset in status


def test_ten_frames_against_the_truth(session: Session, engine: Connection, tmp_path: Path) -> None:
    """With overscan, pixel aspect and timecode, which come back as they went."""
    shot = Shot(tmp_path, range(1001, 1011))
    output = tmp_path / "out" / "matte.%04d.exr"  # the folder is made
    dmp = dmp_node(*map(graded, shot.reads()), output)
    dmp["preset"].setValue("draft")
    dmp["custom"].setValue(False)
    knobs.follow_preset(dmp)
    quick(dmp, joint_steps=15, fit_steps=10, refine_passes=5)
    dmp["first"].setValue(1001)
    dmp["last"].setValue(1010)
    status = press(dmp, "matte_range")
    assert status.startswith("Done: 10 frames in ")

    ranges = [(first, last) for _, first, last, _ in session.renders]
    assert ranges == [(number, number) for number in shot.frames] * 2, "in steps of one frame"
    for number in shot.frames:
        found, spec = pixels(str(output) % number)
        assert np.abs(found["A"] - shot.alpha[number]).mean() < 0.01
        inside = shot.alpha[number] > 0.99
        for at, name in enumerate("RGB"):
            assert np.abs(found[f"foreground.{name}"][inside] - shot.colour[at]).mean() < 0.02
        premultiplied = found["foreground.R"] * found["A"]
        assert np.allclose(found["R"], premultiplied, atol=2e-3)
        assert (spec.x, spec.y, spec.width, spec.height) == (-8, -4, 96, 64)
        assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == (0, 0, 80, 56)
        assert spec.get_float_attribute("PixelAspectRatio") == 2.0
        assert spec.getattribute("smpte:TimeCode") == (number, 0)
        shown = dmp._image(number, "main").channels
        assert np.array_equal(shown["rgba.alpha"], found["A"])

    # rgb as the straight foreground, at the turn of a knob.
    dmp["output"].setValue("straight foreground")
    shown = dmp._image(1001, "main").channels
    assert np.array_equal(shown["rgba.red"], shown["foreground.red"])
    assert any(bar.progress > 50 for bar in session.bars)


def test_an_error_until_there_is_a_result_and_the_plate_after_clear(
    shot: Shot, engine: Connection, tmp_path: Path
) -> None:
    plate, clean = shot.reads()
    dmp = dmp_node(plate, clean, tmp_path / "matte.%04d.exr")
    nuke.frame(1002)
    with pytest.raises(RuntimeError, match=r"result: Error reading .*matte\.1002\.exr"):
        dmp._image(1002, "main")
    dmp["on_error"].setValue("plate")
    before = dmp._image(1002, "main").channels
    assert np.array_equal(before["rgba.red"], plate._image(1002, "main").channels["rgba.red"])
    press(dmp, "matte_frame")
    assert "rgba.alpha" in dmp._image(1002, "main").channels
    dmp["clear"].execute()
    assert "rgba.alpha" not in dmp._image(1002, "main").channels
    assert (tmp_path / "matte.1002.exr").exists()
    assert press(dmp, "reload") == (
        "1 frames on disk, 1002 to 1002. 1-100: 0 solved, 0 stale, 100 missing."
    )
    assert "rgba.alpha" in dmp._image(1002, "main").channels


def test_what_is_upstream_is_rendered_and_mattes_count(
    shot: Shot, engine: Connection, tmp_path: Path
) -> None:
    """A garbage matte that is 0 leaves nothing; the plates come through the node graph."""
    plate, clean = shot.reads()
    brighter = nuke.nodes.Multiply(value=2.0)
    brighter.setInput(0, plate)
    dmp = dmp_node(brighter, clean, tmp_path / "matte.%04d.exr")
    nothing = nuke.nodes.Multiply(value=0.0)
    nothing.setInput(0, plate)
    dmp.setInput(2, nothing)
    nuke.frame(1001)
    assert press(dmp, "matte_frame").startswith("Done")
    found, _ = pixels(tmp_path / "matte.1001.exr")
    assert found["A"].max() == 0


def test_every_matte_has_an_input_and_is_kept(
    shot: Shot, engine: Connection, session: Session, tmp_path: Path
) -> None:
    """A range, all four at once: one render an input, and not a pixel says otherwise."""
    high, wide = 24, 32  # the format; overscan of 4 and 8 pixels lies around it
    soft = np.clip((np.arange(wide) - 5.5) / 4 + 0.5, 0, 1) * np.ones((high, 1))
    painted = {
        Role.GARBAGE: soft,
        Role.CORE: np.zeros((high, wide)),
        Role.TRIMAP: np.full((high, wide), 0.5),
    }
    painted[Role.CORE][14:, :12] = 0.8
    painted[Role.HOLDOUT] = np.repeat(np.linspace(0.8, 0, high)[:, None], wide, 1).clip(0, 1)
    painted[Role.TRIMAP][:, -6:] = 0
    painted[Role.TRIMAP][-5:] = 1
    dmp = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr")
    for index, (role, _, _) in enumerate(node.INPUTS):
        if role.is_matte:
            values = painted[role].astype(np.float32)
            for number in shot.frames:
                write_image(tmp_path / f"{role.value}.{number}.exr", np.dstack([values] * 3))
            dmp.setInput(index, read_node(tmp_path / f"{role.value}.%04d.exr", 1001, 1003))
    dmp["first"].setValue(1001)
    dmp["last"].setValue(1003)
    assert press(dmp, "matte_range").startswith("Done: 3 frames in ")
    mattes = [role for role in Role if role.is_matte]
    steps = [(number, number) for number in shot.frames]
    assert [one[1:3] for one in session.renders] == steps * len(mattes)
    constraint = constraint_of({role: matte.astype(np.float32) for role, matte in painted.items()})
    assert constraint is not None and all(
        (constraint == value).sum() > 40 for value in (0, 0.25, 1)
    )
    for number in shot.frames:
        found, _ = pixels(tmp_path / f"matte.{number}.exr")
        alpha, red = (found[name][4:28, 8:40] for name in "AR")
        assert (alpha[constraint == 0] == 0).all() and (alpha[constraint == 1] == 1).all()
        assert (red[constraint == 0] == 0).all()
        found["A"][4:28, 8:40] = 0
        assert (found["A"] == 0).all()  # a matte is black beyond its pixels: garbage


def test_a_still_clean_plate_is_rendered_once(
    shot: Shot, engine: Connection, session: Session, tmp_path: Path
) -> None:
    dmp = dmp_node(*map(graded, shot.reads()), tmp_path / "matte.%04d.exr")
    dmp["clean_still"].setValue(True)
    dmp["first"].setValue(1001)
    dmp["last"].setValue(1003)
    assert press(dmp, "matte_range").startswith("Done: 3 frames")
    numbers = [one[1] for one in session.renders]
    assert numbers == [1001, 1002, 1003, 1001]


def test_views(shot: Shot, engine: Connection, session: Session, tmp_path: Path) -> None:
    """%V in the output: one job a view. Without it: a sentence."""
    session.views = ["left", "right"]
    dmp = dmp_node(*map(graded, shot.reads()), tmp_path / "matte.%04d.exr")
    nuke.frame(1001)
    assert press(dmp, "matte_frame") == (
        "The output has no %V, but there are 2 views; "
        "put %V into it, or name one view under Plates."
    )
    dmp["file"].setValue((tmp_path / "matte.%V.%04d.exr").as_posix())
    assert press(dmp, "matte_frame").startswith("Done: 2 frames")
    assert [one[3] for one in session.renders] == [("left", "right")] * 6, "with its neighbours"
    assert (tmp_path / "matte.left.1001.exr").exists()
    assert (tmp_path / "matte.right.1001.exr").exists()
    dmp["matte_frame"].execute()
    running = jobs.running(dmp)
    assert running is not None
    run_until(lambda: running._task is not None)
    assert running._task is not None
    assert running._task.wait(60)  # the left view is done, and Nuke has not looked yet
    assert press(dmp, "cancel") == "Cancelled; 1 of 2 frames are done."
    dmp["views"].setValue("right")
    dmp["set_joint_steps"].setValue(2)
    press(dmp, "matte_frame")
    assert session.renders[-1][3] == ("right",)


def test_it_shows_the_matte_while_it_is_being_solved(
    shot: Shot, engine: Connection, session: Session, tmp_path: Path
) -> None:
    plate, clean = shot.reads()
    dmp = dmp_node(plate, clean, tmp_path / "matte.%04d.exr", preset="paper", joint_steps=1_000_000)
    nuke.frame(1001)
    dmp["matte_frame"].execute()
    preview = dmp.node("preview")
    run_until(lambda: bool(preview["file"].value()), 60)
    shown = dmp._image(1001, "main")
    assert "rgba.alpha" in shown.channels and shown.format == (0, 0, 32, 24)
    with pytest.raises(RuntimeError, match=r"result: Error reading .*matte\.1002\.exr"):
        dmp._image(1002, "main")  # the other frames give what they have: here nothing
    folder = Path(preview["file"].value()).parent
    assert press(dmp, "cancel") == "Cancelled; 0 of 1 frames are done."
    assert preview["file"].value() == "" and not folder.exists()
    assert not list(tmp_path.glob("matte*"))
