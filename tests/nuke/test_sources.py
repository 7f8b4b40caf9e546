"""What the plates of a node are made from: files that are read out of sight of its inputs."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nuke
import numpy as np
import pytest
from nuke_standin.session import Session

from dmp_matting.hosts import Role
from dmp_nuke.sources import Sources

from ..scenes import write_image
from .conftest import Shot, dmp_node, read_node


@pytest.fixture
def dmp(shot: Shot, tmp_path: Path) -> Any:
    """A node of three frames, none solved."""
    return dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr")


def made_from(made: Any) -> list[tuple[str, str]]:
    """The names of the plates of frame 1001, and the states of their files."""
    found = Sources(made)
    plates = found.frame(1001, "main", "auto").plates
    return [(plate.path, found.states().status(plate)) for plate in plates]


@pytest.mark.parametrize(
    "way", ["in a group", "another node's matte", "a table", "shifted", "below a shift"]
)
def test_a_file_that_is_read_out_of_sight_makes_a_frame_stale(
    dmp: Any, shot: Shot, tmp_path: Path, way: str
) -> None:
    """Inside of a group, by another DMP node, or at another frame."""
    changed = tmp_path / ("plate.1003.exr" if "shift" in way else "plate.1001.exr")
    above = dmp.input(0)
    if way == "in a group":
        above = nuke.nodes.Group()
        with above:
            read = read_node(tmp_path / "plate.%04d.exr", 1001, 1003)
            nuke.nodes.Output().setInput(0, read)
    elif way == "another node's matte":
        changed = tmp_path / "first.1001.exr"
        shutil.copy(tmp_path / "plate.1001.exr", changed)
        above = dmp_node(*shot.reads(), tmp_path / "first.%04d.exr")
    elif way == "a table":
        changed = tmp_path / "look.vf"
        changed.write_bytes(b"a table of colours")
        above = nuke.nodes.Vectorfield(vfield_file=changed.as_posix())
        above.setInput(0, dmp.input(0))
    elif way == "shifted":
        above["frame"].setValue("frame + 2")
    else:
        above = nuke.nodes.TimeOffset(time_offset=-2)
        above.setInput(0, dmp.input(0))
    dmp.setInput(0, above)
    before = made_from(dmp)
    assert made_from(dmp) == before and "(plate, frame 1001, nodes " in before[0][0]
    (tmp_path / "clean.1003.exr").write_bytes(b"no neighbour of its own")
    assert made_from(dmp) == before
    with changed.open("ab") as file:
        file.write(b"delivered again")
    assert made_from(dmp) != before


def test_a_file_that_may_hold_several_views_is_rendered(
    dmp: Any, session: Session, tmp_path: Path
) -> None:
    """A stereo EXR: the file alone is not one view's picture."""
    read = dmp.input(0)
    plain = f"{tmp_path.as_posix()}/plate.1001.exr"
    assert Sources(dmp).direct(Role.IMAGE, 1001, "main") == plain
    session.views = ["left", "right"]
    assert Sources(dmp).direct(Role.IMAGE, 1001, "right") == plain, "it names no view"
    values = np.zeros((32, 48, 6), np.float32)
    write_image(Path(plain), values, channels=["R", "G", "B", "right.R", "right.G", "right.B"])
    assert Sources(dmp).direct(Role.IMAGE, 1001, "right") == ""
    read["file"].setValue(f"{tmp_path.as_posix()}/%V/plate.%04d.exr")
    right = f"{tmp_path.as_posix()}/right/plate.1001.exr"
    assert Sources(dmp).direct(Role.IMAGE, 1001, "right") == right
