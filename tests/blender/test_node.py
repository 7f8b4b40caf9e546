"""A node with inputs: a linked branch is matted as the same pixels are that are sent as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ..scenes import write_image
from .conftest import SMALL, Blender, channels, moving_square, read

FRAMES = [1, 2, 3]
ADD = "choose one as the plate, or add one: Add > Keying > DMP Matte."
BAD = {
    "none": f"No node DMP Matte is chosen: {ADD}",
    "unlinked": "Nothing is linked to Image of 'DMP Matte'; link the plate to it.",
    "no clean": "Nothing is linked to Clean Plate of 'DMP Matte'; link the clean plate to it.",
    "loop": "Clean Plate of 'DMP Matte' is linked to what comes out of it; ",
    "3d": " is in the branch of 'DMP Matte', and no 3D scene is rendered for a "
    "matte; render it to files, and link an Image node with these in its place.",
    "tiles": "'shot.<UDIM>.exr' is in the branch of 'DMP Matte', and Blender opened it as UDIM "
    "tiles; open it again with Detect UDIMs off.",
    "size": "The clean plate of 'DMP Matte' is made of a picture of 24 x 16, and the scene renders "
    "48 x 32; ",
    "no file": "has no file for frame 4: ",
    "two": "'DMP Matte' is in 2 nodes of the compositor; ",
    "other scene": "'DMP Matte' is no node of scene 'Other', or it is inside a group",
}


@pytest.mark.parametrize("any_blender", ["3.4", "4.2", "4.5", "5.0", "5.3"], indirect=True)
def test_a_graded_branch(any_blender: Blender, engine: Any, output: Path, tmp_path: Path) -> None:
    moving_square(tmp_path)
    write_image(tmp_path / "small.exr", np.zeros((16, 24, 3)), "float")
    seen = any_blender.run(
        "node", folder=tmp_path, output=output, size=[48, 32], frames=FRAMES, settings=SMALL
    )
    assert seen["inputs"] == ["Image", "Clean Plate"]
    assert seen["outputs"] == ["Combined", "Straight", "Alpha", "Foreground", "Confidence"]
    for name, sentence in BAD.items():
        ended, found = seen["bad"][name]
        assert ended == [] and sentence in found, name

    assert seen["added"] == seen["ended"] == [["FINISHED"], ""]
    assert [Path(one).name for one in seen["node"]] == [
        f"DMP_Matte_matte.{n:04d}.exr" for n in FRAMES
    ]
    assert seen["untouched"] is True and seen["file output"] is False
    assert seen["again"] == [["FINISHED"], ""] and seen["kept"] is True

    assert seen["animation untouched"] is True
    assert seen["animated ended"] == seen["animated"][0] == [["FINISHED"], ""]

    for ours, theirs in seen["plates"]:
        np.testing.assert_allclose(read(ours), read(theirs)[..., :3], rtol=1e-6)

    # The same pixels, solved: nothing differs from what the same plates give as files. Blender 5.3
    # computes another last bit in a longer tree, which half floats may show.
    within = (
        {"rtol": 1e-3, "atol": 1e-3} if any_blender.version == "5.3" else {"rtol": 0, "atol": 0}
    )
    for ways in (("node", "files"), ("animated", "animated files")):
        ended, *_ = seen[ways[1]]
        assert ended == [["FINISHED"], ""]
        paths = [seen[way] if way == "node" else seen[way][1] for way in ways]
        assert len(paths[0]) == len(paths[1]) == len(FRAMES)
        for node, files in zip(*paths, strict=True):
            assert channels(node) == channels(files)
            np.testing.assert_allclose(read(node), read(files), **within, err_msg=node)
    alpha = read(seen["node"][0])[..., 3]
    assert alpha[10:22, 12:28].min() > 0.9 and alpha[:, 36:].max() < 0.1
    assert not np.array_equal(read(seen["node"][1]), read(seen["animated"][1][1]))

    # What comes out of the node is what the EXR holds.
    result, names = read(seen["node"][1]), channels(seen["node"][1])
    close = {"rtol": 1e-4, "atol": 1e-5}
    rendered = {name: read(path) for name, path in seen["rendered"].items()}
    np.testing.assert_allclose(rendered["Combined"][..., :4], result[..., :4], **close)
    np.testing.assert_allclose(rendered["Alpha"][..., 0], result[..., 3], **close)
    straight = result[..., [names.index(f"foreground.{one}") for one in "RGB"]]
    np.testing.assert_allclose(rendered["Foreground"][..., :3], straight, **close)
    confidence = result[..., names.index("confidence.A")]
    np.testing.assert_allclose(rendered["Confidence"][..., 0], confidence, **close)

    # A changed grade makes frames stale; the frame that is shown does not.
    solved, stale = "1-3 solved", "1-3 stale"
    assert seen["states"] == [solved, stale, solved, stale, solved]
