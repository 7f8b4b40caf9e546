"""*Build clean plate*: a plate whose subject moves, no clean plate, a button."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke
import numpy as np
import pytest
from nuke_standin.session import Session, run_until

from dmp_matting.client.connection import Connection
from dmp_nuke import clean_plate, knobs, node, steps

from ..scenes import blocks, disc_over, write_image
from .conftest import HERE, dmp_node, graded, pixels, press, read_node

SEEN = range(-16, 125, 20)  # where the disc is: each place of the wall is seen
PACED = (38, 44, 50, 56, 50, 44)  # the middle is never seen
ALWAYS = disc_over(np.zeros((64, 96, 3)), (47, 34), 4, 1).alpha > 0.5


class Walk:
    """A disc that moves before a wall; the data window reaches over the format."""

    def __init__(self, folder: Path, places: Any, view: str = "", gain: float = 1.0) -> None:
        self.folder = folder
        random = np.random.default_rng(8)
        self.wall = gain * (0.1 + 0.7 * blocks(random, 8, 12, 8)[:64, :96])
        for number, x in enumerate(places, 1001):
            plate = disc_over(self.wall, (x, 34), 15, 4).plate
            plate = plate + random.normal(0, 0.003, plate.shape)
            name = f"plate{view}.{number}.exr"
            write_image(folder / name, plate, at=(-8, -4), window=(0, 0, 80, 56))
        self.last = 1000 + len(places)

    def read(self) -> Any:
        return read_node(self.folder / "plate.%04d.exr", 1001, self.last)

    def node(self, plate: Any = None) -> Any:
        made = dmp_node(plate or self.read(), None, self.folder / "dmp/v002/matte.%04d.exr")
        knobs.set_range(made, 1001, 1001)
        (self.folder / "dmp").mkdir(exist_ok=True)
        return made

    def made(self, version: int = 1, view: str = "") -> Path:
        folder = self.folder / "dmp" / f"DMPMatte1_clean_v{version:03d}"
        return folder / f"DMPMatte1_clean{view}.exr"


def colours(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A clean plate's colours (H, W, 3), and where they are made up."""
    channels, _ = pixels(path)
    return np.dstack([channels[one] for one in "RGB"]), channels["unseen.A"] > 0.5


def test_a_shot_without_a_clean_plate(session: Session, engine: Connection, tmp_path: Path) -> None:
    """Press, and matte: the file is beside the versions, connected, the plate's own values."""
    walk = Walk(tmp_path, SEEN)
    dmp = walk.node()
    status = press(dmp, "build_clean")
    assert status.startswith(f"The clean plate was made of {len(SEEN)} frames")
    assert str(walk.made()) in status
    read = dmp.input(1)
    assert read.Class() == "Read" and read["file"].value() == walk.made().as_posix()
    found, unseen = colours(walk.made())
    assert unseen.mean() < 0.02 and np.abs(found - walk.wall)[~unseen].mean() < 0.002
    assert press(dmp, "matte_range").startswith("Done: 1 frame")
    assert session.renders == [], "all was read from files"
    nuke.undo()
    nuke.undo()
    assert dmp.input(1) is None, "one undo takes the Read away"


def test_what_was_never_seen_is_reported_and_no_evidence(
    session: Session, engine: Connection, tmp_path: Path
) -> None:
    """Also below nodes that change the clean plate: its map is rendered with it."""
    walk = Walk(tmp_path, PACED)
    dmp = walk.node()
    status = press(dmp, "build_clean")
    assert "% of it was never seen" in status and dmp["tile_color"].value() == 0xC88A00FF
    for change in (lambda: None, lambda: dmp.setInput(1, graded(dmp.input(1)))):
        change()
        assert "alpha is a guess there" in press(dmp, "matte_range")
        channels, spec = pixels(tmp_path / "dmp/v002/matte.1001.exr")
        confidence = channels["confidence.A"]
        rows = slice(spec.y + 4, spec.y + 4 + spec.height)
        columns = slice(spec.x + 8, spec.x + 8 + spec.width)
        assert confidence[ALWAYS[rows, columns]].max() <= 0.5


def test_no_file_is_overwritten_and_a_connection_is_not_taken_unasked(
    session: Session, engine: Connection, tmp_path: Path
) -> None:
    walk = Walk(tmp_path, SEEN)
    dmp = walk.node()
    press(dmp, "build_clean")
    before, read = walk.made().read_bytes(), dmp.input(1)
    session.answers[:] = [False]
    press(dmp, "build_clean")
    assert "is connected as the clean plate" in session.messages[-1]
    assert dmp.input(1) is read and not walk.made(2).exists()
    session.answers[:] = [True]
    press(dmp, "build_clean")
    assert dmp.input(1)["file"].value() == walk.made(2).as_posix()
    assert walk.made().read_bytes() == before
    # What the artist connects meanwhile stays.
    session.answers[:] = [True]
    dmp["build_clean"].execute()
    dmp.setInput(1, read)
    run_until(lambda: not steps.RUNNING)
    assert dmp.input(1) is read and walk.made(3).exists()
    assert "another one is connected by now" in dmp["status"].value()


@pytest.mark.parametrize("how", ["bar", "button", "deleted"])
def test_cancelled(session: Session, engine: Connection, tmp_path: Path, how: str) -> None:
    """Nothing stays on the disk, and nothing is connected."""
    walk = Walk(tmp_path, SEEN)
    dmp = walk.node()
    dmp["build_clean"].execute()
    if how == "bar":
        session.bars[-1].cancelled = True
    elif how == "button":
        dmp["cancel"].execute()
    else:
        nuke.delete(dmp)
    run_until(lambda: not steps.RUNNING)
    assert list((tmp_path / "dmp").rglob("*clean*")) == []
    if how != "deleted":
        assert dmp["status"].value() == "Cancelled; no clean plate was written."
        assert dmp.input(1) is None


def test_cancel_is_that_of_the_node_whatever_it_is_called(
    session: Session, engine: Connection, tmp_path: Path
) -> None:
    """A new node that has its old name by now cancels nothing of it."""
    walk = Walk(tmp_path, SEEN)
    dmp = walk.node()
    name = dmp.name()
    dmp["build_clean"].execute()
    dmp.setName("renamed")
    other = walk.node()
    assert other.name() == name
    other["cancel"].execute()
    assert other["status"].value() == "Nothing is running."
    dmp["cancel"].execute()
    assert dmp["status"].value() == "Cancelling."
    run_until(lambda: not steps.RUNNING)
    assert dmp["status"].value() == "Cancelled; no clean plate was written."
    assert list((tmp_path / "dmp").rglob("*clean*")) == []


def test_rendered_frames_and_a_named_colour_space(
    session: Session, engine: Connection, tmp_path: Path
) -> None:
    """The clean plate has the values of the script; frames that are missing are left out."""
    walk = Walk(tmp_path, SEEN)
    (tmp_path / "plate.1003.exr").unlink()
    dmp = walk.node(graded(walk.read()))
    dmp["colour"].setValue("named")
    dmp["colour_space"].setValue("sRGB")
    status = press(dmp, "build_clean")
    assert f"of {len(SEEN) - 1} frames" in status
    assert len(session.renders) == len(SEEN) - 1
    found, unseen = colours(walk.made())
    assert np.abs(found - walk.wall)[~unseen].mean() < 0.003
    assert dmp.input(1)["raw"].value() is True


def test_a_clean_plate_of_each_view(session: Session, engine: Connection, tmp_path: Path) -> None:
    session.views[:] = ["left", "right"]
    for view, gain in (("left", 1.0), ("right", 0.5)):
        walk = Walk(tmp_path, SEEN, f".{view}", gain)
    dmp = walk.node(read_node(tmp_path / "plate.%V.%04d.exr", 1001, walk.last))
    dmp["file"].setValue((tmp_path / "dmp/%V/v001/matte.%04d.exr").as_posix())
    press(dmp, "build_clean")
    assert dmp.input(1)["file"].value() == walk.made(view=".%V").as_posix()
    left, right = (colours(walk.made(view=f".{one}"))[0] for one in ("left", "right"))
    assert np.isclose(right.mean() / left.mean(), 0.5, atol=0.02)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("plate", "Connect the plate input of DMPMatte1."),
        ("one", "The plate of DMPMatte1 is one frame; a clean plate of the shot itself needs"),
        ("still", "Nothing moves in these"),
        ("script", "The script is not saved, and the output lies beside it"),
    ],
)
def test_bad_input_is_one_sentence(
    session: Session, engine: Connection, tmp_path: Path, spoil: str, words: str
) -> None:
    walk = Walk(tmp_path, [40] * 6 if spoil == "still" else SEEN)
    dmp = walk.node()
    if spoil == "plate":
        dmp.setInput(0, None)
    elif spoil == "one":
        dmp.input(0)["last"].setValue(1001)
    elif spoil == "script":
        dmp["file"].setValue("[file dirname [value root.name]]/dmp/m.%04d.exr")
    status = press(dmp, "build_clean")
    assert status.startswith(words)
    assert session.messages == [status] and dmp["tile_color"].value() == 0xB02020FF
    assert dmp.input(1) is None and list(tmp_path.rglob("*clean*")) == []


def test_an_older_node_gets_the_button(session: Session) -> None:
    nuke.scriptOpen(str(HERE / "saved" / "node_version_8.nk"))
    (dmp,) = node.all_nodes()
    assert dmp.knob("build_clean") is None
    before = knobs.settings_of(dmp, [1001])
    assert node.update(dmp)
    assert dmp["build_clean"].label() == "Build clean plate"
    assert knobs.settings_of(dmp, [1001]) == before
    assert clean_plate.CLEAN == 1
