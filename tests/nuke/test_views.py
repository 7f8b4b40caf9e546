"""Stereo: what was solved of one view is never another one's."""

from __future__ import annotations

from pathlib import Path

import nuke
from nuke_standin.session import Session

from dmp_matting.client.connection import Connection
from dmp_matting.hosts import FrameStatus, Role
from dmp_nuke import node, states
from dmp_nuke.sources import Sources

from .conftest import Shot, dmp_node, graded, press


def test_a_new_node_has_a_place_for_each_view(session: Session) -> None:
    assert "%V" not in node.build()["file"].value()
    session.views = ["left", "right"]
    assert node.build()["file"].value().endswith("/v001/DMPMatte2.%V.%04d.exr")


def test_one_views_matte_is_not_the_others(
    shot: Shot, session: Session, engine: Connection, tmp_path: Path
) -> None:
    """Of one file with both views, and an output without a place for each."""
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


def test_names_of_older_results(
    shot: Shot, session: Session, engine: Connection, tmp_path: Path
) -> None:
    """They have no view. With a place for each view they are the node's own: no question."""
    session.views = ["left"]
    dmp = dmp_node(*map(graded, shot.reads()), tmp_path / "m.%V.%04d.exr")
    nuke.frame(1001)
    press(dmp, "matte_frame")
    session.views = ["left", "right"]
    assert ", view left (plate" in Sources(dmp).names(1001, "left")[Role.IMAGE]
    assert states.others_frames(dmp, [1001]) == ""
    dmp["views"].setValue("left")
    dmp["file"].setValue((tmp_path / "m.left.%04d.exr").as_posix())
    assert "comes from another plate" in states.others_frames(dmp, [1001])
