"""*Install Engine* in a real Blender, with the wheel that the zip carries: to its first matte."""

from __future__ import annotations

import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from dmp_matting.client.requirements import TORCH

from ..conftest import Home
from ..packages import Index, assert_resumed, index, make_torch_big, release, wheel
from .conftest import PLATES, WINDOWS, Blender
from .test_window import PLACES, WINDOW, display, in_a_window

__all__ = ["display", "index", "release"]  # fixtures


@pytest.mark.parametrize("blender", ["4.5"], indirect=True)
def test_install_engine(blender: Blender, home: Home, tmp_path: Path) -> None:
    wheels = tmp_path / "wheels"
    # In place of a gigabyte of packages: those of the environment that runs the tests.
    wheel(wheels, "torch", TORCH, {"theirs.pth": f"{sysconfig.get_path('purelib')}\n"})
    for name in ("constraints-cpu.txt", "constraints-cuda.txt"):
        (wheels / name).write_text("")
    seen = blender.run("install_engine", python="", wheels=wheels, nothing=tmp_path / "nothing")
    assert seen["before"] == "missing" and str(home.root) in seen["plan"]
    assert seen["offline"].startswith("Blender may not go online: tick Preferences > System")
    assert (
        seen["wrong"] == f"The folder {tmp_path / 'nothing'} does not exist; name one with wheels."
    )
    assert seen["installed"] == [["FINISHED"], ""]
    assert (seen["after"], seen["update"]) == ("stopped", "")
    assert seen["config"]["engine_python"].startswith(str(home.root / "data"))
    assert seen["started"] == [["FINISHED"], ""]


@pytest.mark.parametrize("version", WINDOWS)
def test_the_button_is_pressed_in_a_window(
    make_blender: Callable[[str], Blender], addon_zip: Path, display: str, index: Index,
    release: Path, home: Home, output: Path, tmp_path: Path, version: str,
) -> None:  # fmt: skip
    """By a hand, from an index that the test serves, over a line that breaks.

    The release lies in the add-on.
    """
    size = make_torch_big(release, tmp_path / "packages")
    blender = make_blender(version)
    blender.run("install", zip=addon_zip, uninstall=False)
    (core,) = blender.user.rglob("dmp_matting")
    for place, pattern in ((core / "release", "*.whl"), (core / "client/install", "*.txt")):
        for file in release.glob(pattern):
            shutil.copyfile(file, place / file.name)
    given = {
        "plate": PLATES / "furball" / "plate.1001.exr", "clean": PLATES / "furball" / "clean.exr",
        "blend": output / "shot.blend", "output": output, "last": 1001, "settings": {},
        "window": WINDOW, "install": 72, **PLACES[version],
    }  # fmt: skip
    blender.run("prepare", **given)
    index.trouble, index.pause = "resets", 1.5  # long enough to be seen in the panel
    seen = in_a_window(blender, output / "shot.blend").run(
        "press_install", environment={"DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1"},
        limit=200, **given,
    )  # fmt: skip
    assert seen["left"] == 0, seen
    assert seen["before the answer"] is False and seen["after Escape"] is False
    assert seen["titles"] and all(one.startswith("Installing: ") for one in seen["titles"])
    # The reason of one that failed stays until the button is pressed again.
    failed, sentence = seen["failure"]
    assert failed and "http://127.0.0.1:9/simple cannot be reached" in sentence
    assert seen["while it runs"] == [False, ""] and seen["success"] is True
    assert seen["config"]["engine_python"].startswith(str(home.root / "data" / "engines"))
    assert_resumed(index, size)
    assert any(one.startswith("The connection broke; torch goes on at") for one in seen["steps"])
