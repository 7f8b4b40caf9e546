"""EXRs with several layers: the one that is named, else the main one, never any by chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

from .conftest import SMALL, Blender, mattes, read

CLEAN = np.random.default_rng(5).random((32, 48, 3)).astype(np.float32)
PLATE = CLEAN.copy()
PLATE[8:24, 10:30] = (0.9, 0.1, 0.1)


def write(path: Path, **layers: np.ndarray) -> None:
    """An EXR with these layers in this order; ``__`` in a name is the dot between its parts."""
    names = [f"{name}.{one}".replace("__", ".").lstrip(".") for name in layers for one in "RGB"]
    spec = oiio.ImageSpec(48, 32, len(names), "float")
    spec.channelnames = names
    file = oiio.ImageOutput.create(str(path))
    assert file is not None and file.open(str(path), spec)
    file.write_image(np.concatenate(list(layers.values()), axis=2))
    file.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    flat = np.full_like(CLEAN, 0.25)
    write(tmp_path / "clean.exr", __=CLEAN)
    write(tmp_path / "lights.exr", fill=flat, key=PLATE)
    write(tmp_path / "own.exr", ViewLayer__AO=flat, ViewLayer__Combined=PLATE)
    write(tmp_path / "two.exr", back__Combined=flat, front__Combined=PLATE)
    write(tmp_path / "one.exr", front=PLATE)
    return tmp_path


RENDERED = (  # file, layer, a part of the sentence where there is one
    ("lights.exr", "", "the layers fill, key; name one of them as Layer in DMP's panel."),
    ("lights.exr", "key", ""),
    ("lights.exr", "rim", "the layers fill, key; name one"),
    ("own.exr", "", ""),
    ("own.exr", "Combined", ""),
    ("two.exr", "", "the layers back.Combined, front.Combined; name one"),
    ("two.exr", "front", ""),
    ("two.exr", "front.combined", ""),
    ("one.exr", "", ""),
)


@pytest.mark.parametrize("any_blender", ["4.5", "5.3", "3.4"], indirect=True)
def test_the_named_layer(any_blender: Blender, engine: Any, folder: Path, output: Path) -> None:
    seen = any_blender.run(
        "layers", folder=folder, output=output, settings=SMALL,
        rendered=[(name, layer) for name, layer, _ in RENDERED],
    )  # fmt: skip
    assert "only the layers fill, key; write the layer" in seen["sent"][""][1]
    assert "Layer in a host" in seen["sent"][""][1]
    assert "has no layer 'rim'" in seen["sent"]["rim"][1]
    assert seen["sent"]["Key"] == [["FINISHED"], ""] and seen["published"] == "Key"
    (result,) = mattes(output)
    alpha = read(result)[..., 3]
    assert alpha[10:22, 12:28].min() > 0.9 and alpha[:, 36:].max() < 0.1
    linear = np.where(PLATE <= 0.04045, PLATE / 12.92, ((PLATE + 0.055) / 1.055) ** 2.4)
    for name, layer, sentence in RENDERED:
        found = seen["rendered"][f"{name} {layer}"]
        if sentence:
            assert sentence in found
        else:
            np.testing.assert_allclose(read(found)[..., :3], linear, atol=1e-3)
    np.testing.assert_allclose(read(seen["clean"])[..., :3], linear, atol=1e-3)
    layer, published = seen["beside a rendered one"]
    assert layer == ""
    np.testing.assert_allclose(read(published)[..., :3], PLATE, atol=1e-3)
