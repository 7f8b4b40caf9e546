"""Where the EXRs go without a word typed, what an output may say, and what the node shows of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nuke
import numpy as np
import OpenImageIO as oiio
import pytest
from nuke_standin.session import Session

from dmp_matting.client.connection import Connection
from dmp_matting.errors import InputError, OutputError
from dmp_nuke import buttons, node, output, prepare

from .conftest import Shot, dmp_node, press

CHANNELS = ("R", "G", "B", "A", "foreground.R", "foreground.G", "foreground.B", "confidence.A")


@pytest.fixture
def script(session: Session, tmp_path: Path) -> Path:
    """A saved script in a folder of its own."""
    path = tmp_path / "comp" / "sh010_v003.nk"
    path.parent.mkdir()
    nuke.scriptSaveAs(path.as_posix())
    return path


def pressed(made: Any, button: str) -> str:
    made[button].execute()
    return str(made["status"].value())


def result_at(path: Path, picture: dict[str, float], size: tuple[int, int] = (40, 40)) -> None:
    """An EXR as the engine writes it, each channel of one value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    spec = oiio.ImageSpec(*size, len(picture), "half")
    spec.channelnames = list(picture)
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec)
    plane = np.broadcast_to(np.array([*picture.values()], np.float32), (*size[::-1], len(picture)))
    assert out.write_image(np.ascontiguousarray(plane)) and out.close()


def test_a_new_node_writes_beside_the_script(shot: Shot, script: Path, engine: Connection) -> None:
    made = dmp_node(*shot.reads(), Path("/unused"))
    made["file"].setValue(output.default_output(made.name()))
    nuke.frame(1001)
    assert press(made, "matte_frame").startswith("Done: 1 frame in")
    folder = script.parent / "dmp" / made.name() / "v001"
    assert [path.name for path in folder.iterdir()] == [f"{made.name()}.1001.exr"]
    assert made._image(1001, "main").channels["rgba.alpha"].max() > 0.9, "its own Tcl finds it"


def test_the_default_needs_a_saved_script(session: Session) -> None:
    made = node.create()
    assert made["file"].value() == output.default_output("DMPMatte1")
    with pytest.raises(OutputError, match="The script is not saved, and the output lies beside it"):
        output.sequence(made)


def test_version_up_finds_the_next_one_without_files(session: Session, tmp_path: Path) -> None:
    made = node.create()
    disk = f"{tmp_path.as_posix()}/v9"
    made["file"].setValue(f"{disk}/v001/sh_v001.%04d.exr")
    result_at(tmp_path / "v9" / "v002" / "sh_v002.1001.exr", dict.fromkeys("RGBA", 1.0))
    made["version_up"].execute()
    assert made["file"].value() == f"{disk}/v003/sh_v003.%04d.exr", "v9 is another folder"
    made["file"].setValue(f"{tmp_path.as_posix()}/matte.%04d.exr")
    with pytest.raises(OutputError, match="has no version; put v001 into it"):
        output.version_up(made)
    for text, sentence in (
        ("/x/[getenv NO_SUCH]/v001.%04d.exr", "the variable NO_SUCH, which is not set"),
        (f"{disk}/v001.exr", "has no frame number"),
    ):
        made["file"].setValue(text)
        with pytest.raises(OutputError, match=sentence):
            output.version_up(made)
        assert made["file"].value() == text, "no half of a change"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[getenv NO_SUCH]/m.%04d.exr", "The output uses the variable NO_SUCH, which is not set."),
        ("$env(NO_SUCH)/m.%04d.exr", "The output uses the variable NO_SUCH, which is not set."),
        ("/x/$shot/m.%04d.exr",
         'The output \'/x/$shot/m.%04d.exr\' has no value: can\'t read "shot": no such variable.'),
        ("/x/[no_such 1]/m.%04d.exr",
         "The output '/x/[no_such 1]/m.%04d.exr' has no value: invalid command name \"no_such\"."),
        ("/x/%{shot}/m.%04d.exr",
         "The output uses the graph scope variable %{shot}, which DMP does not know; write out its "
         "value, and give each shot a node of its own."),
    ],
)  # fmt: skip
def test_an_output_without_a_value_is_one_sentence(
    session: Session, text: str, sentence: str
) -> None:
    made = node.create()
    made["file"].setValue(text)
    made["reload"].execute()
    assert made["status"].value() == sentence and session.messages == [sentence]


def test_a_plate_that_is_another_file_in_another_shot(
    shot: Shot, session: Session, tmp_path: Path
) -> None:
    made = dmp_node(*shot.reads(), tmp_path / "m.%04d.exr")
    made.input(0)["file"].setValue(f"{tmp_path.as_posix()}/%{{shot}}/plate.%04d.exr")
    assert press(made, "matte_frame") == (
        "Read1 reads a path with the graph scope variable %{shot}; DMP mattes one shot: "
        "write out its value there."
    )


def test_a_view_by_its_first_letter(session: Session, tmp_path: Path) -> None:
    session.views = ["left", "right"]
    made = node.create()
    made["file"].setValue(f"{tmp_path.as_posix()}/m.%v.%04d.exr")
    assert prepare.wanted_views(made) == ("left", "right")
    assert output.sequence(made).path(7, "right") == f"{tmp_path.as_posix()}/m.r.0007.exr"
    session.views = ["left", "low"]
    with pytest.raises(InputError, match="several views begin with one letter; put %V into it"):
        prepare.wanted_views(made)


def test_the_project_directory_and_the_facilitys_filters(session: Session, tmp_path: Path) -> None:
    made = node.create()
    made["file"].setValue("mattes/m.%04d.exr")
    with pytest.raises(OutputError, match="is no full path; start it at the disk's root, or set"):
        output.sequence(made)
    nuke.root()["project_directory"].setValue("P:/show")
    nuke.addFilenameFilter(lambda name: name.replace("P:/", f"{tmp_path.as_posix()}/"))
    nuke.root()["project_directory"].setValue(f"{tmp_path.as_posix()}/show")
    assert output.sequence(made).pattern == f"{tmp_path.as_posix()}/show/mattes/m.%04d.exr"
    made["file"].setValue("/P:/m.%04d.exr")
    assert output.sequence(made).pattern == f"/{tmp_path.as_posix()}/m.%04d.exr"


def test_the_plate_is_shown_where_no_matte_is(shot: Shot, session: Session, tmp_path: Path) -> None:
    """Missing frames as plate: also where the output lies below the project directory."""
    made = dmp_node(*shot.reads(), Path("mattes/m.%04d.exr"))
    made["on_error"].setValue("plate")
    nuke.root()["project_directory"].setValue(tmp_path.as_posix())
    picture = dict(zip(CHANNELS, (0.25, 0.125, 0, 0.5, 0.5, 0.25, 0, 0.75), strict=True))
    (tmp_path / "mattes").mkdir()
    result_at(tmp_path / "mattes" / "m.1001.exr", picture)
    assert made._image(1001, "main").channels["rgba.red"][20, 20] == 0.25
    plate = made.input(0)._image(1002, "main").channels["rgba.red"]
    assert np.array_equal(made._image(1002, "main").channels["rgba.red"], plate)
    made["file"].setValue(f"{tmp_path.as_posix()}/mattes/m.%04d.exr")
    assert made._image(1001, "main").channels["rgba.red"][20, 20] == 0.25
    nuke.addFilenameFilter(lambda name: name.replace("/mattes/", "/elsewhere/"))
    with pytest.raises(InputError, match="'plate' where a filename filter changes the output"):
        prepare.wanted_views(made)


def test_what_the_node_shows(shot: Shot, session: Session, tmp_path: Path) -> None:
    picture = dict(zip(CHANNELS, (0.25, 0.125, 0, 0.5, 0.5, 0.25, 0, 0.75), strict=True))
    result_at(tmp_path / "matte.1001.exr", picture)
    made = dmp_node(*shot.reads(), tmp_path / "matte.%04d.exr")
    background = nuke.nodes.Multiply(value=1.0)
    background.setInput(0, shot.reads()[1])
    made.setInput(6, background)
    nuke.frame(1001)

    def colour(choice: str) -> list[float]:
        made["output"].setValue(choice)
        channels = made._image(1001, "main").channels
        return [float(channels[f"rgba.{leaf}"][20, 20]) for leaf in ("red", "green", "blue")]

    assert colour("result") == [0.25, 0.125, 0]
    assert colour("straight foreground") == [0.5, 0.25, 0]
    assert colour("alpha") == [0.5] * 3
    assert colour("confidence") == [0.75] * 3
    plate = made.input(0)._image(1001, "main").channels
    assert colour("plate") == [float(plate[f"rgba.{leaf}"][20, 20])
                               for leaf in ("red", "green", "blue")]  # fmt: skip
    made["output"].setValue("over checker")
    checker = made._image(1001, "main").channels
    assert np.unique(checker["rgba.blue"]) == pytest.approx([0.06, 0.12])
    assert checker["rgba.alpha"].min() == 1
    wall = background._image(1001, "main").channels["rgba.blue"]
    made["output"].setValue("over background")
    over = made._image(1001, "main")
    assert over.window == background._image(1001, "main").window
    assert np.allclose(over.channels["rgba.blue"][4:, 8:], 0.5 * wall[4:, 8:], atol=1e-3)


def test_every_button_of_the_node_does_something(session: Session) -> None:
    made = node.create()
    named = {name for name, knob in made.knobs().items() if isinstance(knob, nuke.PyScript_Knob)}
    assert named == set(buttons.ACTIONS)
