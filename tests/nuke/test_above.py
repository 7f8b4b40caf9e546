"""What changes a plate without a change of the nodes' own values makes its frames stale too."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nuke
import pytest
from nuke_standin.session import Session, run_until

from dmp_matting.client.connection import Connection
from dmp_matting.hosts import FrameStatus, Role
from dmp_nuke import jobs, states
from dmp_nuke.sources import Sources, digest_above

from .conftest import Shot, dmp_node, graded, press


@pytest.fixture
def dmp(shot: Shot, tmp_path: Path) -> Any:
    """Both inputs below a node: they are rendered."""
    made = dmp_node(*map(graded, shot.reads()), tmp_path / "m.%04d.exr")
    made["first"].setValue(1001)
    made["last"].setValue(1003)
    return made


def names(dmp: Any, *numbers: int) -> list[str]:
    """What the jobs call the plate at the frames, without the file's own name."""
    found = (Sources(dmp).names(number, "main")[Role.IMAGE] for number in numbers)
    return [name.rpartition("(")[2] for name in found]


def test_an_expression_follows_a_node_that_is_not_above(
    dmp: Any, shot: Shot, engine: Connection
) -> None:
    """A slider that several nodes share."""
    slider = nuke.nodes.Multiply(name="Slider", value=1.0)
    dmp.input(0)["value"].setExpression("Slider.value")
    nuke.frame(1001)
    press(dmp, "matte_frame")
    assert states.frame_states(dmp, [1001]) == {1001: FrameStatus.SOLVED}
    above = digest_above(dmp)
    slider["value"].setValue(3.0)
    assert states.frame_states(dmp, [1001]) == {1001: FrameStatus.STALE}
    assert digest_above(dmp) != above, "the tile sees it as well"
    slider["value"].setValue(1.0)
    assert states.frame_states(dmp, [1001]) == {1001: FrameStatus.SOLVED}


def test_a_slider_that_is_moved_while_the_inputs_are_rendered(
    dmp: Any, engine: Connection, tmp_path: Path
) -> None:
    slider = nuke.nodes.Multiply(name="Slider", value=1.0)
    dmp.input(0)["value"].setExpression("Slider.value")
    nuke.frame(1001)
    dmp["matte_frame"].execute()
    slider["value"].setValue(3.0)
    run_until(lambda: not jobs.RUNNING)
    assert "were changed while its inputs were rendered" in dmp["status"].value()
    assert not (tmp_path / "m.1001.exr").exists()


def test_an_expression_that_changes_at_some_frames(dmp: Any) -> None:
    before = names(dmp, 1001, 1002)
    dmp.input(0)["value"].setExpression("frame > 1001 ? 2 : 1")
    linked = names(dmp, 1001, 1002)
    assert set(before).isdisjoint(linked)
    nuke.frame(1003)
    assert names(dmp, 1001, 1002) == linked, "whatever frame the artist looks at"
    slider = nuke.nodes.Multiply(name="Slider", value=1.0)
    dmp.input(0)["value"].setExpression("frame > 1001 ? Slider.value : 1")
    linked = names(dmp, 1001, 1002)
    slider["value"].setValue(2.0)
    assert names(dmp, 1001) == linked[:1] and names(dmp, 1002) != linked[1:]


def test_another_wire_between_the_same_nodes(dmp: Any, shot: Shot) -> None:
    switch, first = nuke.nodes.Switch(), dmp.input(0)
    second = graded(first.input(0))
    second["value"].setValue(2.0)
    for index, source in enumerate((first, second, first)):
        switch.setInput(index, source)
    dmp.setInput(0, switch)
    before, above = names(dmp, 1001), digest_above(dmp)
    switch.setInput(2, second)
    assert names(dmp, 1001) != before and digest_above(dmp) != above
    switch.setInput(2, first)
    assert names(dmp, 1001) == before and digest_above(dmp) == above


def test_another_input_of_the_group_around(shot: Shot, tmp_path: Path) -> None:
    plate, clean = map(graded, shot.reads())
    group = nuke.nodes.Group()
    group.setInput(0, plate)
    group.setInput(1, clean)
    with group:
        outer = [nuke.nodes.Input(name=name) for name in ("A", "B", "C")]
        switch = nuke.nodes.Switch()
        for index, source in enumerate(outer):
            switch.setInput(index, source)
        made = dmp_node(switch, outer[1], tmp_path / "m.%04d.exr")
    group.setInput(2, plate)
    before = names(made, 1001)
    group.setName("Renamed")
    assert names(made, 1001) == before
    group.setInput(2, clean)
    assert names(made, 1001) != before


def test_the_order_in_which_a_group_lists_its_nodes(dmp: Any, tmp_path: Path) -> None:
    """A script that is opened again may have another one; what leads to no Output is no matter."""
    group = nuke.nodes.Group()
    group.setInput(0, dmp.input(0))
    with group:
        source = nuke.nodes.Input()
        files = [nuke.nodes.Vectorfield(vfield_file=f"/lut/{name}.vf") for name in "ab"]
        for node, above in zip(files, (source, files[0]), strict=True):
            node.setInput(0, above)
        nuke.nodes.Output().setInput(0, files[1])
        stray = nuke.nodes.Multiply(value=1.0)
    dmp.setInput(0, group)
    before = Sources(dmp).names(1001, "main"), Sources(dmp)._files(Role.IMAGE, 1001, "main")
    group._nodes.reverse()
    assert before == (
        Sources(dmp).names(1001, "main"), Sources(dmp)._files(Role.IMAGE, 1001, "main"),
    )  # fmt: skip
    stray["value"].setValue(2.0)
    assert names(dmp, 1001) == [before[0][Role.IMAGE].rpartition("(")[2]]
    files[0]["vfield_file"].setValue("/lut/c.vf")
    assert names(dmp, 1001) != [before[0][Role.IMAGE].rpartition("(")[2]]


def test_the_scripts_colours(dmp: Any) -> None:
    """Nuke converts a rendered plate with them."""
    before = names(dmp, 1001)
    nuke.root()["OCIO_config"].setValue("custom")
    assert names(dmp, 1001) != before


def test_linear_is_not_what_every_script_works_in(
    shot: Shot, session: Session, tmp_path: Path
) -> None:
    dmp, plain = dmp_node(*shot.reads(), tmp_path / "m.%04d.exr"), tmp_path / "plate.1001.exr"
    root = nuke.root()

    def direct() -> str:
        return Sources(dmp).direct(Role.IMAGE, 1001, "main")

    root["colorManagement"].setValue("OCIO")
    assert direct() == plain.as_posix()
    root["workingSpaceLUT"].setValue("ACES - ACEScg")
    assert direct() == ""
    dmp.input(0)["raw"].setValue(True)
    assert direct() == plain.as_posix()
    dmp.input(0)["raw"].setValue(False)
    root["colorManagement"].setValue("Nuke")
    assert direct() == plain.as_posix()


def hold(read: Any) -> None:
    read["last"].setValue(1001)


def loop(read: Any) -> None:
    read["last"].setValue(1002)
    read["after"].setValue("loop")


def nearest(read: Any) -> None:
    Path(read["file"].value().replace("%04d", "1003")).unlink()
    read["on_error"].setValue("nearest frame")


@pytest.mark.parametrize("way", [hold, loop, nearest])
def test_a_read_that_repeats_another_frame(
    dmp: Any, shot: Shot, engine: Connection, tmp_path: Path, way: Callable[[Any], None]
) -> None:
    """Its file is the one that is shown: delivered again, it counts."""
    way(dmp.input(1).input(0))
    dmp["set_temporal"].setValue("off")
    frames = [1003]
    nuke.frame(1003)
    if way is nearest:  # the stand-in's Read knows no nearest frame
        name = Sources(dmp).names(1003, "main")[Role.CLEAN]
    else:
        press(dmp, "matte_frame")
        assert states.frame_states(dmp, frames) == {1003: FrameStatus.SOLVED}
    shutil.copy(tmp_path / "plate.1001.exr", tmp_path / "clean.1001.exr")
    if way is nearest:
        assert Sources(dmp).names(1003, "main")[Role.CLEAN] != name
    else:
        assert states.frame_states(dmp, frames) == {1003: FrameStatus.STALE}


def test_a_relative_path_and_a_filter(
    shot: Shot, session: Session, engine: Connection, tmp_path: Path
) -> None:
    """A Read's file is the one that Nuke opens: it is found, and its change is seen."""
    dmp = dmp_node(*shot.reads(), tmp_path / "m.%04d.exr")
    dmp["set_temporal"].setValue("off")
    frames, plain = [1001], (tmp_path / "plate.1001.exr").as_posix()
    nuke.frame(1001)
    press(dmp, "matte_frame")
    nuke.root()["project_directory"].setValue(tmp_path.parent.as_posix())
    nuke.addFilenameFilter(lambda name: name.replace("P:/", f"{tmp_path.as_posix()}/"))
    for written in (f"{tmp_path.name}/plate.%04d.exr", "P:/plate.%04d.exr"):
        dmp.input(0)["file"].setValue(written)
        assert Sources(dmp).direct(Role.IMAGE, 1001, "main") == plain
        assert states.frame_states(dmp, frames) == {1001: FrameStatus.SOLVED}, "the same file"
    dmp.setInput(0, graded(dmp.input(0)))
    press(dmp, "matte_frame")
    assert states.frame_states(dmp, frames) == {1001: FrameStatus.SOLVED}
    assert Sources(dmp).names(1001, "main")[Role.IMAGE].startswith(plain)
    shutil.copy(tmp_path / "plate.1002.exr", tmp_path / "plate.1001.exr")
    assert states.frame_states(dmp, frames) == {1001: FrameStatus.STALE}


def test_paint_may_reveal_another_frame(dmp: Any, tmp_path: Path) -> None:
    """A stroke clones or reveals with an offset in time."""
    paint = nuke.nodes.RotoPaint()
    paint.setInput(0, dmp.input(0))
    dmp.setInput(0, paint)
    before = names(dmp, 1001)
    shutil.copy(tmp_path / "clean.1003.exr", tmp_path / "plate.1003.exr")
    assert names(dmp, 1001) != before


def test_another_percent_sign_than_the_frames(
    shot: Shot, engine: Connection, tmp_path: Path
) -> None:
    """The node's own Tcl cannot tell it from the frame's number."""
    dmp = dmp_node(*shot.reads(), tmp_path / "50% of it" / "m.%04d.exr")
    nuke.frame(1001)
    assert press(dmp, "matte_frame").startswith("Done: 1 frame")
    dmp["on_error"].setValue("plate")
    assert press(dmp, "matte_frame") == (
        "Missing frames cannot be 'plate' where the output has another % than that of the frame "
        "number; choose another value."
    )
