"""Stereo: what was solved of one view is never another one's."""

from __future__ import annotations

from pathlib import Path

import nuke
import numpy as np
import OpenImageIO as oiio
import pytest
from nuke_standin.session import Session, run_until

from dmp_matting.client.connection import Connection
from dmp_matting.hosts import FrameStatus
from dmp_nuke import jobs, node, states

from .conftest import Shot, dmp_node, graded, pixels, press


def test_a_new_node_has_a_place_for_each_view(session: Session) -> None:
    assert "%V" not in node.build()["file"].value()
    session.views = ["left", "right"]
    assert node.build()["file"].value().endswith("/v001/DMPMatte2.%V.%04d.exr")


def test_one_views_matte_is_not_the_others(
    shot: Shot, session: Session, engine: Connection, tmp_path: Path
) -> None:
    """Of one file with both views, and an output without a place for each."""
    in_stereo(shot)
    session.views = ["left", "right"]
    dmp = dmp_node(*shot.reads(), tmp_path / "m.%04d.exr")
    dmp["views"].setValue("left")
    nuke.frame(1001)
    status = press(dmp, "matte_frame")
    assert status.startswith("Done: 1 frame")
    assert "so right shows the matte of left; put %V into it." in status
    assert states.frame_states(dmp, [1001]) == {1001: FrameStatus.SOLVED}
    dmp["views"].setValue("right")
    assert states.frame_states(dmp, [1001]) == {1001: FrameStatus.STALE}
    before = (tmp_path / "m.1001.exr").read_bytes()
    session.answers[:] = [False]
    assert press(dmp, "matte_frame") == "Nothing was overwritten."
    assert (
        "comes from another plate" in session.messages[-1] and "view left" in session.messages[-1]
    )
    assert (tmp_path / "m.1001.exr").read_bytes() == before
    dmp["file"].setValue((tmp_path / "m.%V.%04d.exr").as_posix())
    assert press(dmp, "matte_frame").startswith("Done: 1 frame")
    assert "shows the matte" not in dmp["status"].value()
    assert (tmp_path / "m.right.1001.exr").exists()


def test_a_second_view_leaves_the_first_ones_mattes(
    shot: Shot, session: Session, engine: Connection, tmp_path: Path
) -> None:
    """A plate that is rendered: of the old view it is what it was, of the new one nobody knows."""
    dmp = dmp_node(*map(graded, shot.reads()), tmp_path / "m.%04d.exr")
    nuke.frame(1001)
    press(dmp, "matte_frame")
    session.views = ["main", "right"]
    dmp["views"].setValue("main")
    assert states.frame_states(dmp, [1001]) == {1001: FrameStatus.SOLVED}
    assert states.others_frames(dmp, [1001]) == ""
    for views, chosen in ((["main", "right"], "right"), (["left", "right"], "left")):
        session.views = views
        dmp["views"].setValue(chosen)
        assert states.frame_states(dmp, [1001]) == {1001: FrameStatus.STALE}
        assert "comes from another plate" in states.others_frames(dmp, [1001])
    session.views = ["left"]  # of a script whose only view was called so from the start
    session.answers[:] = [True]
    press(dmp, "matte_frame")
    session.views = ["left", "right"]
    assert states.frame_states(dmp, [1001]) == {1001: FrameStatus.SOLVED}


def test_an_exr_without_views_is_the_same_for_all(
    shot: Shot, session: Session, engine: Connection, tmp_path: Path
) -> None:
    dmp = dmp_node(*shot.reads(), tmp_path / "m.%04d.exr")
    nuke.frame(1001)
    press(dmp, "matte_frame")
    for views in (["main", "right"], ["left", "right"]):
        session.views = views
        for view in views:
            dmp["views"].setValue(view)
            assert states.frame_states(dmp, [1001]) == {1001: FrameStatus.SOLVED}
    dmp["set_joint_steps"].setValue(2)
    assert press(dmp, "matte_frame").startswith("Done: 1 frame")
    assert session.renders == [], "it is taken from its file"


def test_of_an_exr_with_views_each_has_its_own(
    shot: Shot, session: Session, engine: Connection, tmp_path: Path
) -> None:
    """In a script of one view too: a matte of the file would be the first view's."""
    in_stereo(shot)
    dmp = dmp_node(*shot.reads(), tmp_path / "m.%V.%04d.exr")
    nuke.frame(1002)
    session.views = ["right"]
    press(dmp, "matte_frame")
    of_right, _ = pixels(tmp_path / "m.right.1002.exr")
    assert of_right["A"].max() == 0, "nobody is in it"
    session.views = ["left", "right"]
    assert states.frame_states(dmp, [1002]) == {1002: FrameStatus.MISSING}  # the left one's
    assert press(dmp, "matte_frame").startswith("Done: 2 frames")
    of_left, _ = pixels(tmp_path / "m.left.1002.exr")
    assert of_left["A"].max() > 0.9
    dmp["views"].setValue("right")
    assert states.frame_states(dmp, [1002]) == {1002: FrameStatus.SOLVED}


def test_the_picture_of_a_running_job_is_one_views(
    shot: Shot, session: Session, engine: Connection, tmp_path: Path
) -> None:
    """Whoever looks at the other view, or at both, gets what is on disk."""
    session.views = ["left", "right"]
    dmp = dmp_node(*map(graded, shot.reads()), tmp_path / "m.%V.%04d.exr", preset="paper")
    nuke.frame(1002)
    dmp["views"].setValue("right")
    press(dmp, "matte_frame")
    dmp["views"].setValue("")
    dmp["set_joint_steps"].setValue(1_000_000)
    dmp["matte_frame"].execute()
    preview, running = dmp.node("preview"), jobs.running(dmp)
    assert running is not None
    run_until(lambda: bool(preview["file"].value()))

    session.viewed_view = "right"
    run_until(lambda: not preview["file"].value(), 2.0)
    on_disk, _ = pixels(tmp_path / "m.right.1002.exr")
    assert np.array_equal(dmp._image(1002, "right").channels["rgba.alpha"], on_disk["A"])
    reloads = list(session.reloads)
    with pytest.raises(AssertionError, match="waited in vain"):
        run_until(lambda: bool(preview["file"].value()) or session.reloads != reloads, 2.5)

    session.viewed_view = "left"
    run_until(lambda: bool(preview["file"].value()))
    both = nuke.nodes.SideBySide()
    both.setInput(0, dmp)
    session.viewed = both
    run_until(lambda: not preview["file"].value())
    session.viewed = dmp
    run_until(lambda: bool(preview["file"].value()))
    press(dmp, "cancel")


def in_stereo(shot: Shot) -> None:
    """Write the plates anew: the left view is what they were, the right one the clean plate."""
    for number in shot.frames:
        clean, _ = pixels(shot.folder / f"clean.{number}.exr")
        plate, spec = pixels(shot.folder / f"plate.{number}.exr")
        planes = {**plate, **{f"right.{name}": clean[name] for name in "RGB"}}
        spec.channelnames, spec.nchannels = list(planes), len(planes)
        spec.attribute("multiView", oiio.TypeDesc("string[2]"), ("left", "right"))
        out = oiio.ImageOutput.create("openexr")
        path = str(shot.folder / f"plate.{number}.exr")
        values = np.stack(list(planes.values()), axis=-1)
        assert out.open(path, spec) and out.write_image(values) and out.close()
