"""Blender in a window, on an X server without a screen: clicked and looked at.

Debian's 3.4, and a newer one where ``DMP_BLENDER_WINDOW`` names its program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..processes import Processes
from ..scenes import disc_over, write_image
from .conftest import NEWER, PLATES, SMALL, WINDOWS, Blender

WINDOW = (1440, 900)
PROGRAMS = ("Xvfb", "xdotool", "import")
SETTINGS = {
    "temporal": "off",
    "preset": "paper",
    "joint_steps": 30,
    "rounds": 1,
    "fit_steps": 1,
    "projection_steps": 1,
    "solve_size": 128,
}


# Of the tab in the sidebar, and of two buttons in the panel: pixels below the sidebar's top. A
# newer Blender opens the tab by its name.
PLACES = {
    "3.4": {"tab": 222, "button": 433, "publish": 488},
    NEWER: {"tab": None, "button": 433, "publish": 488},
}


@pytest.fixture
def display(start_process: Processes) -> str:
    missing = [one for one in PROGRAMS if shutil.which(one) is None]
    if missing:
        pytest.skip(f"no {', '.join(missing)} here (apt-get install xvfb xdotool imagemagick)")
    read, write = os.pipe()
    size = f"{WINDOW[0]}x{WINDOW[1]}x24"
    start_process(
        ["Xvfb", "-displayfd", write, "-screen", "0", size], pass_fds=[write],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as pipe:
        return f":{pipe.readline().strip()}"


def in_a_window(blender: Blender, blend: Path) -> Blender:
    """The same Blender with its window, and the file opened so that no splash is in the way."""
    program = blender.command[0]
    size = ("-p", "0", "0", *map(str, WINDOW))
    command = (program, "--factory-startup", "--python-use-system-env", *size, str(blend))
    return replace(blender, command=(*command, "--python"))


@pytest.mark.parametrize("version", WINDOWS)
def test_a_double_click_closed_editors_and_the_addon_disabled(
    installed: Callable[[str], Blender], display: str, output: Path, version: str
) -> None:
    blender = installed(version)
    given = {
        "plate": PLATES / "furball" / "plate.1001.exr", "clean": PLATES / "furball" / "clean.exr",
        "blend": output / "shot.blend", "output": output, "last": 1002, "settings": {},
        "window": WINDOW,
    }  # fmt: skip
    blender.run("prepare", **given)
    environment = {"DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"}
    seen = in_a_window(blender, output / "shot.blend").run(
        "editors", environment=environment, **given
    )
    assert seen["left"] == 0, seen
    assert seen["double click"] == [1, 0]  # one job
    assert seen["editors"] == 3 and seen["area closed"] == ["FINISHED"]
    # Only an open editor is written to, and none in which the artist looks at something else.
    assert seen["changed"] == seen["at the end"] == ["alpha"]
    assert seen["hidden"] == ""
    assert seen["ended"] == [1, 1]
    # The add-on was disabled under a job: it ends, nothing of ours is left, and all works again.
    assert seen["disabled"] == [2, 2]
    assert seen["after disabling"] == [False, [], False]
    assert seen["enabled"] == [3, 2]
    # Its window was closed: the job went on in the other one, and Esc ended it there.
    windows, has_window, steps = seen["window closed"]
    assert windows == 1 and has_window is True and steps > 3
    assert seen["escaped"] == [4, 4]
    assert seen["another file"] == [5, 5]


@pytest.mark.parametrize("version", WINDOWS)
def test_a_click_a_matte_undo_escape_and_another_file(
    installed: Callable[[str], Blender], engine: Any, display: str,
    output: Path, tmp_path: Path, version: str,
) -> None:  # fmt: skip
    blender = installed(version)
    given = {
        "plate": PLATES / "furball" / "plate.1001.exr", "clean": PLATES / "furball" / "clean.exr",
        "blend": tmp_path / "shot.blend", "output": output, "last": 1002,
        # No two stories are of one seed: what is solved already is not solved again.
        # Steps enough that the panel is drawn between two of them on a fast machine, too.
        "settings": {**SETTINGS, "seed": WINDOWS.index(version), "joint_steps": 150},
        "window": WINDOW, **PLACES[version],
    }  # fmt: skip
    blender.run("prepare", **given)
    environment = {"DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"}
    seen = in_a_window(blender, tmp_path / "shot.blend").run(
        "window", environment=environment, limit=280, **given
    )
    assert seen["left"] == 0, seen  # every step of the story came to its end

    # The click started the job; its progress was seen, on the panel and as a picture.
    assert seen["fractions"] == sorted(seen["fractions"]) and len(seen["fractions"]) > 2
    assert any("solving" in text for text in seen["texts"])
    assert seen["files"] == ["plate_matte.1001.exr", "plate_matte.1002.exr"]
    for name in ("panel", "running", "result", "checker", "unpublished", "preferences"):
        assert (output / f"{name}.png").stat().st_size > 20_000

    assert len(seen["groups"]) == 1 and seen["nodes before"] == 4
    assert seen["in view"] is True
    assert seen["in view before"] is False and seen["in its workspace"] is True
    assert seen["viewed"] == [["DMP plate", "Combined"]]  # nothing else was, so it is seen
    assert seen["over checker"] == [["DMP Over Checker", "Image"]]
    assert seen["users"] == seen["users later"] > 0  # a drawn tree takes none away
    # The preview is gone and was never an image that Blender would ask to save.
    assert seen["unsaved images"] == [] and seen["previews"] == []
    assert seen["repeated"] is False  # Shift+R runs no job
    assert seen["groups after undo"] == []
    assert seen["groups after redo"] == seen["groups"]
    assert seen["while playing"] is True  # Esc stopped the animation and nothing else
    assert seen["after escape"] == seen["groups"]  # and its job had ended in the engine

    # The question about a frame without a plate, answered by Return: the other one is solved.
    assert seen["before the answer"] is False
    assert seen["after the answer"] == [*seen["files"], "plate_matte.1008.exr"]

    # Publish, clicked: what is missing stands in the panel, and its repair publishes the rest.
    ((check, sentence, repairs),) = seen["failures"]
    assert check == "ValidateFrames" and repairs == ["Leave out missing frames"]
    assert sentence.startswith("shot: frame 1009 of ") and "is missing" in sentence
    assert seen["published"] == [
        "shot/v001/contact_sheet.png", "shot/v001/manifest.json", "shot/v001/shot.1008.exr"
    ]  # fmt: skip


@pytest.mark.parametrize("version", WINDOWS)
def test_the_subject_is_clicked_where_it_is_seen(
    installed: Callable[[str], Blender], display: str, output: Path, tmp_path: Path, version: str
) -> None:
    """In an Image Editor and on the Compositor's backdrop, by where a screenshot shows it."""
    wall = np.full((160, 240, 3), 0.2)
    plate = disc_over(wall, (80, 60), 25, 2, (0.9, 0.0, 0.0)).plate  # 100 rows above the lower end
    for name, picture in (("plate", plate), ("clean", wall)):
        write_image(tmp_path / f"{name}.exr", picture)
    blender = installed(version)
    given = {
        "plate": tmp_path / "plate.exr", "clean": tmp_path / "clean.exr", "output": output,
        "blend": tmp_path / "shot.blend", "window": WINDOW, "last": 1, "settings": {},
    }  # fmt: skip
    blender.run("prepare", **given)
    environment = {"DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"}
    seen = in_a_window(blender, tmp_path / "shot.blend").run(
        "pick", environment=environment, limit=150, **given
    )
    assert seen["left"] == 0, seen
    assert seen["point"] == pytest.approx([80, 100], abs=2)
    assert seen["box"] == pytest.approx([55, 75, 105, 125], abs=3)
    assert seen["at frame 1"] == pytest.approx([80, 100], abs=2)
    assert seen["at frame 5"] == pytest.approx([80, 100], abs=2)
    assert seen["on the backdrop"] == pytest.approx([80, 100], abs=2)
    assert seen["beside it"] == seen["on the backdrop"], "no point of the plate"


@pytest.mark.parametrize("version", WINDOWS)
def test_a_node_with_inputs(
    installed: Callable[[str], Blender], engine: Any, display: str,
    output: Path, tmp_path: Path, version: str,
) -> None:  # fmt: skip
    blender = installed(version)
    given = {
        "plate": PLATES / "furball" / "plate.1001.exr", "clean": PLATES / "furball" / "clean.exr",
        "blend": tmp_path / "shot.blend", "output": output, "last": 1001, "size": [320, 240],
        "settings": {**SMALL, "temporal": "off"}, "window": WINDOW,
        "tab": 283 if version == NEWER else 230,
    }  # fmt: skip
    blender.run("prepare", **given)
    environment = {"DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"}
    seen = in_a_window(blender, tmp_path / "shot.blend").run(
        "node_window", environment=environment, **given
    )
    assert seen["left"] == 0, seen
    assert seen["plate"] == ["NODE", True]  # it was added and chosen
    assert seen["files"] == ["DMP_Matte_matte.1001.exr"]
    # Undo takes the matte out of the node; the next matte comes into the same node.
    assert seen["viewed"] == seen["viewed again"] == [["DMP Matte", "Combined"]]
    assert seen["after undo"] == []
    assert seen["scenes"] == ["Scene"]
