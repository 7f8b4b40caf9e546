"""Which of a file's layers is the plate: by name, never a pass of data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dmp_engine.plates.io.channels import pick_colour
from dmp_engine.plates.io.image_file import ImageFile
from dmp_matting.errors import PlateError


def picked(path: Path, layer: str = "") -> np.ndarray:
    with ImageFile(path) as file:
        return file.read(pick_colour(path, file.parts(), layer)).pixels


@pytest.mark.parametrize("data", ["N", "albedo", "P", "Z", "depth", "crypto_object00", "motion",
                                  "CryptoAsset", "denoise_albedo", "worldPosition", "motionvector",
                                  "Normals"])  # fmt: skip
def test_a_part_of_data_is_never_the_plate(parts, noise, data):
    beauty = noise[::-1].copy()
    for name in ("C", "rgba", "main"):
        path = parts("h.exr", (data, "RGB", noise), (name, "RGB", beauty))
        assert np.array_equal(picked(path), beauty)
    alone = parts("alone.exr", (data, "RGB", noise))
    with pytest.raises(PlateError, match="no main R, G, B"):
        picked(alone)


@pytest.mark.parametrize("data", ["N", "albedo", "crypto_object00", "ViewLayer.CryptoObject00"])
def test_a_layer_of_data_is_never_the_plate(picture, noise, data):
    channels = [f"{data}.{c}" for c in "RGB"]
    with pytest.raises(PlateError, match=f"only the layers {data}; .*--layer"):
        picked(picture("a.exr", noise, channels=channels))
    both = picture("b.exr", np.dstack([noise, noise[::-1]]),
                   channels=[*channels, *(f"diffuse.{c}" for c in "RGB")])  # fmt: skip
    with pytest.raises(PlateError, match="only the layers .*diffuse; "):
        picked(both)  # one light of many


@pytest.mark.parametrize(
    "main,others",
    [
        ("Composite.Combined", ["ViewLayer.Combined", "ViewLayer.Albedo"]),
        ("Ci", ["albedo", "diffuse"]),
        ("C", ["N", "emission"]),
        ("ViewLayer.Combined", ["ViewLayer.Diffuse", "ViewLayer.Emit"]),
        ("FinalImage", ["FinalImageMovieRenderQueue_WorldDepth", "ActorHitProxyMask00"]),
    ],
)
def test_the_beauty_of_each_renderer(picture, noise, main, others):
    names = [*others, main]
    pixels = np.dstack([noise * 0.5] * len(others) + [noise])
    path = picture("a.exr", pixels, channels=[f"{name}.{c}" for name in names for c in "RGB"])
    assert np.array_equal(picked(path), noise)


def test_a_file_with_several_candidates_names_them(picture, parts, noise):
    path = parts("a.exr", ("specular", "RGB", noise), ("diffuse", "RGB", noise))
    with pytest.raises(PlateError, match="only the layers diffuse, specular; .*--layer"):
        picked(path)


def test_the_layer_that_is_named(picture, parts, noise):
    other = noise[::-1].copy()
    path = parts("a.exr", ("C", "RGB", noise), ("albedo", "RGB", other))
    assert np.array_equal(picked(path, "albedo"), other)
    names = ("Composite.Combined", "ViewLayer.Diffuse")
    path = picture(
        "b.exr", np.dstack([noise, other]), channels=[f"{n}.{c}" for n in names for c in "RGB"]
    )
    for spelled in ("ViewLayer.Diffuse", "viewlayer.diffuse", "Diffuse"):
        assert np.array_equal(picked(path, spelled), other)
    with ImageFile(path) as file:  # as a clean plate that has no such layer
        main = pick_colour(path, file.parts(), "gloss", or_main=True)
        assert np.array_equal(file.read(main).pixels, noise)
    with pytest.raises(PlateError, match="no layer 'gloss' .* it has Composite.Combined, View"):
        picked(path, "gloss")


def test_a_vector_is_no_grey_picture(picture, noise):
    with pytest.raises(PlateError, match="no colour channels, only X, Y, Z"):
        picked(picture("a.exr", noise, channels="XYZ"))
