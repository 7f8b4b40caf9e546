"""The one button that restarts the engine, and the preferences: they work, or show why not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ..conftest import Home
from .conftest import Blender

DONE = [["FINISHED"], ""]


@pytest.mark.parametrize("blender", ["4.5"], indirect=True)
def test_the_buttons(blender: Blender, home: Home, tmp_path: Path) -> None:
    wrong = blender.command[0]  # Blender's own Python: a Python, but without the engine
    seen = blender.run(
        "engine_buttons", wrong=wrong, absent="/no/python", cache=tmp_path / "elsewhere",
        blend=tmp_path / "shot.blend",
    )  # fmt: skip
    assert seen["log before"][1].startswith("There is no log yet; it will be ")
    assert f"The Python '{wrong}' has no DMP engine; press Install Eng" in seen["wrong setup"][1]
    assert seen["config after wrong"] == {}
    assert "has no DMP engine" in seen["wrong start"][1]
    assert "has no DMP engine" in seen["choose wrong"][1]
    assert "'/no/python' is not a program" in seen["choose absent"][1]
    assert seen["kept after wrong"] is True and seen["kept after absent"] is True
    good = [blender.engine_python] * 2  # what is kept, and what the field shows
    assert seen["typed wrong"] == seen["typed absent"] == seen["typed"] == good
    assert seen["typed empty"] == ""
    assert seen["choose"] == DONE and seen["chosen"] is True
    assert seen["relative"] == blender.engine_python
    assert seen["setup"] == DONE and seen["restart"] == DONE
    assert seen["config"] == {"engine_python": blender.engine_python}
    assert seen["another"] is True and seen["state"] in ("starting", "ready")
    assert seen["cache"] == str(tmp_path / "elsewhere" / f"user-{os.getuid()}")
    assert seen["cache emptied"] == str(home.cache)
