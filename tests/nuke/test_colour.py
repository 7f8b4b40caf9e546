"""A keyer gives back the colours that it got: in whatever space the plates are."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import nuke
import numpy as np
import pytest
from nuke_standin.session import Session

from dmp_matting.client.connection import Connection
from dmp_matting.hosts import FrameStatus, SettingsError
from dmp_nuke import colour, knobs, menus, node, states

from .conftest import Shot, dmp_node, pixels, press

CONFIG = """ocio_profile_version: 2
roles: {scene_linear: lin, default: lin}
displays: {monitor: [!<View> {name: plain, colorspace: lin}]}
colorspaces:
  - !<ColorSpace>
    name: lin
  - !<ColorSpace>
    name: "show log"
    to_scene_reference: !<ExponentTransform> {value: 2.4}
"""


@pytest.fixture
def show_config(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A facility's configuration, which the script names and $OCIO does not."""
    monkeypatch.delenv("OCIO", raising=False)
    path = tmp_path / "show" / "config.ocio"
    path.parent.mkdir()
    path.write_text(CONFIG)
    nuke.root()["OCIO_config"].setValue("custom")
    nuke.root()["customOCIOConfigPath"].setValue(path.as_posix())
    return path


def matted(shot: Shot, tmp_path: Path, space: str) -> Any:
    made = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr", temporal="off")
    made["colour"].setValue(knobs.NAMED)
    made["colour_space"].setValue(space)
    nuke.frame(1001)
    assert press(made, "matte_frame").startswith("Done: 1 frame in")
    return made


def assert_the_colours_of_the_plate(tmp_path: Path) -> None:
    found, spec = pixels(tmp_path / "matte.1001.exr")
    plate, _ = pixels(tmp_path / "plate.1001.exr")
    inside = found["A"] > 0.999
    assert inside.sum() > 50
    for name in "RGB":
        assert np.abs(found[name] - plate[name])[inside].max() < 5e-3
        assert np.abs(found[f"foreground.{name}"] - plate[name])[inside].max() < 5e-3
        edge = (found["A"] > 0.1) & ~inside  # multiplied after the conversion, not before
        product = found[f"foreground.{name}"] * found["A"]
        assert np.abs(found[name] - product)[edge].mean() < 3e-2
        assert found[name][found["A"] == 0].max(initial=0) < 1e-3
    assert spec.getattribute("chromaticities") is None, "the plate names no primaries"


@pytest.mark.parametrize("space", ["sRGB", "ACEScg"])
def test_a_named_space_comes_back_as_it_went(
    shot: Shot, engine: Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: str
) -> None:
    """Also when the engine's cache has the same pixels in the working space."""
    monkeypatch.delenv("OCIO", raising=False)
    with monkeypatch.context() as before:
        before.setattr(knobs, "keeps_space", lambda node: False)
        matted(shot, tmp_path, space)
    nuke.delete(nuke.toNode("DMPMatte1"))
    (tmp_path / "matte.1001.exr").unlink()
    matted(shot, tmp_path, space)
    assert_the_colours_of_the_plate(tmp_path)


def test_the_scripts_own_configuration_goes_with_the_job(
    shot: Shot, engine: Connection, show_config: Path, session: Session, tmp_path: Path
) -> None:
    assert colour.spaces() == ["lin", "show log"]
    made = matted(shot, tmp_path, "show log")
    assert_the_colours_of_the_plate(tmp_path)
    assert states.frame_states(made, [1001]) == {1001: FrameStatus.SOLVED}
    made["colour_space"].setValue("lin")
    assert states.frame_states(made, [1001]) == {1001: FrameStatus.STALE}
    assert session.messages == []


def test_the_pulldown_shows_the_scripts_spaces(show_config: Path, session: Session) -> None:
    menus.add()
    made = node.create()
    assert made["colour_space"].values() == ["lin", "show log"]
    made["colour_space"].setValue("show log")
    show_config.write_text(CONFIG.replace("show log", "new log"))
    made["colour"].setValue(knobs.NAMED)
    assert made["colour_space"].values() == ["show log", "lin", "new log"]
    assert knobs.colour_space(made) == "show log", "what was chosen stays, and the engine reports"


def test_a_configuration_of_nukes_own_is_found(session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "plugins" / "OCIOConfigs" / "configs" / "nuke-default"
    folder.mkdir(parents=True)
    (folder / "config.ocio").write_text(CONFIG)
    assert colour.configuration() is None and "sRGB" in colour.spaces()
    nuke.pluginAddPath((tmp_path / "plugins").as_posix(), addToSysPath=False)
    assert colour.configuration() == (folder / "config.ocio").as_posix()


def test_an_archived_configuration_is_read_too(show_config: Path, session: Session) -> None:
    archive = show_config.with_suffix(".ocioz")
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("config.ocio", CONFIG)
    nuke.root()["customOCIOConfigPath"].setValue(archive.as_posix())
    assert colour.spaces() == ["lin", "show log"]


def test_a_configuration_that_is_not_there(show_config: Path, session: Session) -> None:
    show_config.unlink()
    with pytest.raises(SettingsError, match="does not exist; correct it in the project settings"):
        colour.configuration()
    assert "sRGB" in colour.spaces()
