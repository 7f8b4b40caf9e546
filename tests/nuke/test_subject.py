"""Which subject: the menu, the point and the box that an artist drags, in Nuke's coordinates."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nuke
import numpy as np
import pytest
from nuke_standin import script
from nuke_standin.session import Session

from dmp_matting import run_shots
from dmp_matting.cli.shot_lists import read_shots
from dmp_matting.client.connection import Connection
from dmp_matting.errors import SettingsError
from dmp_matting.generators import finish
from dmp_matting.hosts import FrameStatus
from dmp_matting.shots.follow import follows
from dmp_nuke import farm, knobs, menus, node, states, subject

from ..scenes import blocks, disc_over, write_image
from .conftest import HERE, dmp_node, pixels, press, read_node

HEIGHT = 56  # of the format


class Two:
    """A red disc on the left that shrinks, and a green one on the right that grows.

    The format is 80 x 56 with a pixel aspect of 2; the data window has 8 columns and 4 rows more
    on each side.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        wall = blocks(np.random.default_rng(3), 8, 12, 8) * 0.5
        self.red: dict[int, np.ndarray] = {}
        self.green: dict[int, np.ndarray] = {}
        for number, radius in ((1001, 14), (1002, 8)):
            red = disc_over(wall, (26, 24), radius, 3)
            green = disc_over(wall, (70, 44), 22 - radius, 3, (0.1, 0.9, 0.1))
            plate = np.where(green.alpha[..., None] > 0, green.plate, red.plate)
            self.red[number], self.green[number] = red.alpha, green.alpha
            for name, picture in (("plate", plate), ("clean", wall)):
                more = {"at": (-8, -4), "window": (0, 0, 80, HEIGHT)}
                squeezed = {"PixelAspectRatio": 2.0}
                path = folder / f"{name}.{number}.exr"
                write_image(path, picture, attributes=squeezed, **more)

    def node(self) -> Any:
        reads = (
            read_node(self.folder / f"{one}.%04d.exr", 1001, 1002) for one in ("plate", "clean")
        )
        made = dmp_node(*reads, self.folder / "matte.%04d.exr")
        for name, value in (("first", 1001), ("last", 1002)):
            made[name].setValue(value)
        return made

    def subject(self, number: int, name: str = "matte") -> str:
        """Which of the two is in a matte, and nothing of the other one."""
        channels, spec = pixels(self.folder / f"{name}.{number}.exr")
        alpha = np.zeros_like(self.red[number])
        top, left = spec.y + 4, spec.x + 8
        alpha[top : top + spec.height, left : left + spec.width] = channels["A"]
        found = {"red": self.red[number], "green": self.green[number]}
        (kept,) = (one for one, truth in found.items() if np.abs(alpha - truth).mean() < 0.01)
        return kept


@pytest.fixture
def two(session: Session, tmp_path: Path) -> Two:
    return Two(tmp_path)


def move(knob: Any, **keys: tuple[float, ...]) -> None:
    """Keyframes: the numbers at the frames, which are called f1001 and so on."""
    nuke.frame(min(int(frame[1:]) for frame in keys))  # where Nuke sets the first one
    knob.setAnimated()
    for frame, numbers in keys.items():
        for index, number in enumerate(numbers):
            knob.setValueAt(number, int(frame[1:]), index)


# In Nuke the red disc's centre is 18, 36, the green one's 62, 16.
RED, GREEN = (18.0, 36.0), (62.0, 16.0)
RED_BOX, GREEN_BOX = (0.0, 20.0, 40.0, 56.0), (45.0, 0.0, 80.0, 30.0)


def test_what_is_dragged_in_the_viewer_is_what_stays(two: Two, engine: Connection) -> None:
    """Frame by frame as the keys have it, alone and in the range; another place makes it stale."""
    dmp = two.node()
    dmp["keep"].setValue("point")
    move(dmp["keep_point"], f1001=GREEN, f1002=RED)
    assert press(dmp, "matte_range").startswith("Done: 2 frames")
    assert [two.subject(1001), two.subject(1002)] == ["green", "red"]
    nuke.frame(1002)
    alone = pixels(two.folder / "matte.1002.exr")[0]["A"]
    assert press(dmp, "matte_frame").startswith("Done: 1 frame")
    assert np.array_equal(pixels(two.folder / "matte.1002.exr")[0]["A"], alone)
    assert states.frame_states(dmp, [1001, 1002]) == {
        1001: FrameStatus.SOLVED, 1002: FrameStatus.SOLVED,
    }  # fmt: skip
    dmp["keep_point"].setValueAt(GREEN[0], 1002, 0)
    dmp["keep_point"].setValueAt(GREEN[1], 1002, 1)
    assert states.frame_states(dmp, [1001, 1002])[1002] is FrameStatus.STALE
    assert states.frame_states(dmp, [1001])[1001] is FrameStatus.SOLVED
    dmp["keep"].setValue("box")
    move(dmp["keep_box"], f1001=RED_BOX, f1002=GREEN_BOX)
    press(dmp, "matte_range")
    assert [two.subject(1001), two.subject(1002)] == ["red", "green"]


@pytest.mark.parametrize("kind", ["largest", "point"])
def test_a_farm_keeps_what_the_node_keeps(two: Two, engine: Connection, kind: str) -> None:
    """The largest of each frame is another one in the second frame; a point stays where it is."""
    dmp = two.node()
    dmp["keep"].setValue(kind)
    dmp["keep_point"].setValue(RED)
    press(dmp, "matte_range")
    inside = [two.subject(1001), two.subject(1002)]
    assert inside == (["red", "green"] if kind == "largest" else ["red", "red"])
    (shot,) = read_shots(Path(farm.write_shots([dmp], str(two.folder / "farm"), [])), {})
    outside = dataclasses.replace(shot, output=str(two.folder / "farmed.####.exr"))
    assert not follows(outside)
    finish(run_shots([outside]))
    assert [two.subject(1001, "farmed"), two.subject(1002, "farmed")] == inside
    for number in (1001, 1002):
        (two.folder / f"farmed.{number}.exr").replace(two.folder / f"matte.{number}.exr")
    assert set(states.frame_states(dmp, [1001, 1002]).values()) == {FrameStatus.SOLVED}


def curve(dmp: Any) -> None:
    move(dmp["keep_point"], f1001=(10, 50), f1003=(30, 40))


def expression(dmp: Any) -> None:
    dmp["keep_point"].setExpression("frame-1000", 0)


@pytest.mark.parametrize(
    ("kind", "change", "text"),
    [
        ("everything", None, "all"),
        ("largest", None, "largest"),
        ("point", lambda dmp: dmp["keep_point"].setValue((18.0, 36.0)), "at 18,20"),
        ("point", curve, "at 10,6@1001 30,16@1003"),
        ("point", expression, "at 1,56@1001 3,56@1003"),
        ("box", lambda dmp: dmp["keep_box"].setValue((1.0, 2.0, 30.5, 20.0)), "box 1,36,30.5,54"),
        ("as written", lambda dmp: dmp["keep_text"].setValue("at 1,2,3,4"), "at 1,2,3,4"),
    ],
)
def test_nukes_coordinates_and_the_engines(
    two: Two, kind: str, change: Callable[[Any], None] | None, text: str
) -> None:
    """From the lower left corner of the format; a proxy's size changes nothing."""
    dmp = two.node()
    dmp["custom"].setValue(False)
    dmp["keep"].setValue(kind)
    if change is not None:
        change(dmp)
    nuke.root()["proxy"].setValue(True)
    chosen = knobs.settings_of(dmp, [1001, 1002, 1003])
    assert chosen.settings.keep == text
    assert nuke.root()["proxy"].value() is True
    # The text of one frame means the same in it.
    alone = subject.Keep.parse(knobs.settings_of(dmp, [1002]).settings.keep)
    assert alone.same_at(1002, subject.Keep.parse(text))


def test_a_box_without_area_is_a_sentence(two: Two) -> None:
    dmp = two.node()
    dmp["keep"].setValue("box")
    with pytest.raises(SettingsError, match="The box of Keep has no area; drag it in the viewer"):
        knobs.settings_of(dmp)


def test_the_menu_shows_one_knob_and_places_it_on_the_plate(two: Two) -> None:
    menus.add()
    dmp = two.node()

    def shown() -> list[str]:
        return [name for name in subject.KNOB_OF.values() if dmp[name].visible()]

    assert shown() == []
    dmp["keep"].setValue("point")
    assert shown() == ["keep_point"] and dmp["keep_point"].value() == [40, 28]
    dmp["keep"].setValue("box")
    assert shown() == ["keep_box"] and dmp["keep_box"].value() == [20, 14, 60, 42]
    dmp["frame_states"].setValue("1-2: 2 solved, 0 stale, 0 missing")
    dmp["keep_box"].setValue(RED_BOX)
    assert dmp["frame_states"].value() == "changed since: press Reload"
    dmp["keep"].setValue("point")
    dmp["keep"].setValue("box")
    assert dmp["keep_box"].value() == list(RED_BOX), "what was dragged stays"


def test_keys_stay_in_scripts_and_in_updates(two: Two) -> None:
    dmp = two.node()
    dmp["keep"].setValue("point")
    move(dmp["keep_point"], f1001=GREEN, f1002=RED)
    wanted = "{{curve x1001 62 x1002 18} {curve x1001 16 x1002 36}}"
    assert dmp["keep_point"].toScript() == wanted
    text = script.saved([dmp])
    assert " addUserKnob {12 keep_point " in text and f" keep_point {wanted}" in text
    assert " addUserKnob {15 keep_box " in text
    dmp["node_version"].setValue(7)
    assert node.update(dmp)
    assert dmp["keep_point"].toScript() == wanted and dmp["keep"].value() == "point"
    assert dmp["keep_point"].visible() and not dmp["keep_box"].visible()


@pytest.mark.parametrize(
    ("text", "custom", "menu"),
    [
        ("largest", True, "largest"),
        ("all", True, "everything"),
        ("at 5,6@1002 9,9@1004", True, "as written"),
        ("largest", False, "everything"),
    ],
)
def test_an_older_node_keeps_its_text(
    session: Session, tmp_path: Path, text: str, custom: bool, menu: str
) -> None:
    saved = (HERE / "saved" / "node_version_7.nk").read_text()
    (tmp_path / "old.nk").write_text(
        saved.replace("set_keep all", f'set_keep "{text}"').replace(
            "custom true", f"custom {str(custom).lower()}"
        )
    )
    nuke.scriptOpen(str(tmp_path / "old.nk"))
    (dmp,) = node.all_nodes()
    before = knobs.settings_of(dmp, [1001]).settings
    assert before.keep == (text if custom else "all")
    assert node.update(dmp) and dmp.knob("set_keep") is None
    assert dmp["keep"].value() == menu
    assert knobs.settings_of(dmp, [1001]).settings == before
