"""Non-commercial and Indie: Python holds ten nodes at most."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke
import pytest
from nuke_standin.session import Session

from dmp_matting.client.connection import Connection
from dmp_nuke import menus, node, states

from .conftest import HERE, Shot, dmp_node, press


@pytest.fixture
def limited(session: Session) -> Session:
    session.most_nodes = 10
    return session


def test_building_makes_one_node_and_pastes_the_rest(limited: Session) -> None:
    before = limited.made
    made = node.build()
    assert limited.made - before == 1
    assert len(made._nodes) > 20


def test_nodes_are_found_one_by_one(limited: Session) -> None:
    with nuke.nodes.Group(name="Comp"):
        inner = node.build()
    others = [nuke.nodes.Group() for _ in range(12)]
    outer = node.build()
    assert len(others) == 12
    with pytest.raises(RuntimeError, match="hold 10 nodes"):
        nuke.allNodes("Group", nuke.root(), True)
    found = {one.fullName() for one in node.each_node()}
    assert found == {inner.fullName(), outer.fullName()} == {"Comp.DMPMatte1", "DMPMatte1"}


def test_a_matte_in_such_an_edition(
    limited: Session, shot: Shot, engine: Connection, tmp_path: Path
) -> None:
    """With more than ten nodes above the plate, and more than ten groups in the script."""
    plate, clean = shot.reads()
    above: Any = plate
    for _ in range(12):
        grade = nuke.nodes.Multiply(value=1.0)
        grade.setInput(0, above)
        above = grade
        nuke.nodes.Group()
    made = dmp_node(above, clean, tmp_path / "matte.%04d.exr", temporal="off")
    nuke.frame(1001)
    assert press(made, "matte_frame").startswith("Done: 1 frame in")
    assert list(states.frame_states(made, [1001]).values()) == [states.FrameStatus.SOLVED]


def test_an_older_node_is_updated_there_too(limited: Session) -> None:
    menus.add()
    nuke.scriptOpen(str(HERE / "saved" / "node_version_2.nk"))
    nuke.menu("Nuke").menu("DMP Matte")._items["Update nodes"][0]()
    assert limited.messages == ["1 node was updated."]
