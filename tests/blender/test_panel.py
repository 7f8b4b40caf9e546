"""The panel's buttons keep their places while the engine and jobs come and go."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .conftest import PLATES, Blender

BUTTONS = (
    "dmp.take_selected", "dmp.use_range", "dmp.matte_frame", "dmp.matte_range", "dmp.reload",
    "dmp.reveal", "dmp.publish", "dmp.cancel",
)  # fmt: skip
LITTLE = {"a", "an", "and", "as", "at", "by", "in", "of", "on", "or", "the", "to", "with"}


@pytest.mark.parametrize("any_blender", ["4.5", "3.4"], indirect=True)
def test_no_button_moves_by_itself(any_blender: Blender, tmp_path: Path) -> None:
    lemur = PLATES / "lemur"
    seen = any_blender.run("panel", plate=lemur / "plate.png", clean=lemur / "clean.png")
    places = {
        name: {
            button: [number for number, row in enumerate(rows) if button in row]
            for button in BUTTONS
        }
        for name, rows in seen["rows"].items()
    }
    assert len(places) == 13
    for name, found in places.items():
        assert found == places["ready"], name
        assert all(len(rows) == 1 for rows in found.values())
    # The engine's button is on top, where there is one.
    first = {name: [one for row in rows[:2] for one in row] for name, rows in seen["rows"].items()}
    assert "dmp.install_engine" in first["missing"]
    assert "dmp.cancel_install" in first["installing"]
    assert "dmp.restart_engine" in first["broken"] and "dmp.start_engine" in first["stopped"]
    # A repair is below all that moves, and waits a second after a job.
    rows = seen["rows"]["failed"]
    assert rows[-1] == ["Accept as It Is"]
    repair = {name: found.get("Accept as It Is") for name, found in seen["enabled"].items()}
    assert (repair["running again"], repair["just ended"], repair["failed"]) == (False, False, True)
    # As Blender's guideline has them: labels in Title Case, tips without a full stop.
    labels = [one for one in seen["labels"] if one]
    assert len(labels) > 60 and "Install Engine" in labels
    for label in labels:
        words = re.findall(r"[A-Za-z][A-Za-z.']*", label)
        small = [one for one in words[1:] if one[0].islower() and one not in LITTLE]
        assert not small and words[0][0].isupper(), label
    assert len(seen["tips"]) > 40
    assert not [tip for tip in seen["tips"] if tip.endswith(".")]
