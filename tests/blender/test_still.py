"""One frame: two images, a press of the button, an EXR that is right, nodes that show it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..conftest import Pair
from .conftest import PLATES, SMALL, Blender, channels, mattes, read

LEMUR = PLATES / "lemur"
LAYERS = ["R", "G", "B", "A", "foreground.R", "foreground.G", "foreground.B"]


def test_demo_pair_against_the_truth(any_blender: Blender, engine: Any, output: Path) -> None:
    seen = any_blender.run(
        "still", plate=LEMUR / "plate.png", clean=LEMUR / "clean.png", space="Non-Color",
        size=[340, 220], output=output,
        settings={"preset": "draft", "seed": 1} if any_blender.version == "4.5" else SMALL,
    )  # fmt: skip
    assert (seen["ended"], seen["sentence"]) == (["FINISHED"], "")
    assert seen["older"] == ["proposed", 3]
    (result,) = mattes(output)
    assert set(LAYERS) <= set(channels(result))
    layers = read(result)
    truth = read(LEMUR / "alpha.png")[..., 0]
    error = float(np.abs(layers[..., 3] - truth).mean())
    # draft is at 0.0055 on the command line; the small one only has to be a matte of this plate
    assert error < (0.008 if any_blender.version == "4.5" else 0.05)

    # What the compositor renders is what the EXR holds, float for half.
    rendered = {name: read(path) for name, path in seen["rendered"].items()}
    assert seen["outputs"][:4] == ["Combined", "Straight", "Alpha", "Foreground"]
    names = channels(result)
    alpha = layers[..., names.index("A")]
    foreground = layers[..., [names.index(f"foreground.{one}") for one in "RGB"]]
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(rendered["Combined"][..., :4], layers[..., :4], **close)
    np.testing.assert_allclose(rendered["Alpha"][..., 0], alpha, **close)
    np.testing.assert_allclose(rendered["Foreground"][..., :3], foreground, **close)
    np.testing.assert_allclose(rendered["Straight"][..., :3], foreground, **close)
    np.testing.assert_allclose(rendered["Straight"][..., 3], alpha, **close)
    if "confidence.A" in names:
        confidence = layers[..., names.index("confidence.A")]
        np.testing.assert_allclose(rendered["Confidence"][..., 0], confidence, **close)

    assert seen["scenes"] == ["Scene"]  # no throw-away scene stays
    assert not [name for name in seen["images"] if name.startswith(("preview", "part_"))]


def test_the_artists_mattes(blender: Blender, engine: Any, output: Path, tmp_path: Path) -> None:
    pair = Pair(tmp_path, 64, 48)
    seen = blender.run(
        "mattes", plate=pair.image, clean=pair.clean, size=[64, 48], output=output, settings=SMALL
    )
    assert seen["ended"] == [["FINISHED"], ""]
    (result,) = mattes(output)
    layers = read(result)
    alpha = layers[..., channels(result).index("A")]
    layers = layers[..., [channels(result).index(name) for name in "RGB"]]
    assert alpha[12:20, 20:30].mean() > 0.9  # the subject, inside the garbage matte
    assert (alpha[:, 34:] == 0).all()  # and cut off by it
    assert (alpha[-4:, :4] == 1).all()  # the core matte's corner, where there is no subject
    assert (alpha[22:26, :32] == 0).all()  # the holdout, through the middle of the subject
    assert (alpha[:4, 8:20] == 1).all() and (alpha[:4, :8] == 0).all()  # the trimap's own word
    assert layers[22:26, :32, :3].max() == 0 and layers[:, 34:, :3].max() == 0
