"""Rotation flags: every format's pixels as a viewer shows them."""

from __future__ import annotations

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.plates.io import read_matte
from dmp_engine.plates.io.orientation import upright_spec
from dmp_matting.errors import MismatchError
from dmp_matting.job import Plate, Role


@pytest.mark.parametrize("flag", range(1, 9))
@pytest.mark.parametrize("name,kind", [("a.tif", "uint8"), ("a.tif", "half"), ("a.exr", "half")])
def test_it_is_what_openimageio_shows(picture, image, noise, flag, name, kind):
    path = picture(name, noise, kind, attributes={"Orientation": flag})
    shown = oiio.ImageBufAlgo.reorient(oiio.ImageBuf(str(path)))
    plate = image(path, "raw")
    assert np.array_equal(plate.rgb, shown.get_pixels("float"))
    sides = (plate.spec.width, plate.spec.height, plate.spec.full_width, plate.spec.full_height)
    assert sides == ((51, 33, 51, 33) if flag < 5 else (33, 51, 33, 51))
    assert plate.spec.get_int_attribute("Orientation", -1) == -1


def test_a_photograph(picture, image, noise):
    smooth = np.broadcast_to(np.linspace(0, 1, 51)[None, :, None], (33, 51, 3))
    stored = picture("a.jpg", smooth, "uint8", attributes={"Orientation": 6})
    rgb = image(stored, "raw").rgb
    assert rgb.shape == (51, 33, 3)
    assert np.all(np.diff(rgb.mean(axis=(1, 2))) > 0)  # left has become top


def test_a_pair_whose_flags_differ_fits(picture, image, noise):
    plate = image(picture("p.tif", noise[::-1, ::-1], "uint8", attributes={"Orientation": 3}))
    clean = image(picture("c.tif", noise, "uint8"), like=plate)
    assert np.array_equal(plate.rgb, clean.rgb)
    sideways = picture("s.tif", noise, "uint8", attributes={"Orientation": 6})
    with pytest.raises(MismatchError, match="33 x 51 but"):
        image(sideways, like=plate)


def test_a_matte_turns_with_its_flag(picture, image, noise):
    plate = image(picture("p.tif", noise, "uint8"))
    matte = (noise[..., :1] > 0.5).astype(np.float32)
    turned = picture("m.tif", np.rot90(matte), "uint8", attributes={"Orientation": 6})
    assert np.array_equal(read_matte(Plate(str(turned), Role.CORE), plate), matte[..., 0])


def test_a_data_window_turns_in_its_display_window():
    spec = oiio.ImageSpec(10, 6, 3, "half")
    spec.x, spec.y, spec.full_x, spec.full_y = 7, 9, 5, 8
    spec.full_width, spec.full_height = 40, 20
    spec.attribute("PixelAspectRatio", 2.0)
    spec.attribute("Orientation", 6)
    turned = upright_spec(spec)
    assert (turned.width, turned.height, turned.full_width, turned.full_height) == (6, 10, 20, 40)
    # two from the left and one from the top became two from the top and one from the right
    assert (turned.x, turned.y) == (5 + 20 - 1 - 6, 8 + 2)
    assert (turned.full_x, turned.full_y) == (5, 8)
    assert turned.get_float_attribute("PixelAspectRatio") == 0.5
