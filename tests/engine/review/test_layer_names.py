"""Layers under a facility's names: everything of ours reads them as its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.plates.io import Packing, read_matte, read_plate, write_layers
from dmp_engine.plates.io.compression import check_compression, is_written
from dmp_engine.review import measures
from dmp_engine.review.contact_sheet import read_alpha, read_result
from dmp_engine.review.deliveries import read_picture
from dmp_engine.review.export_clean_plate import write_clean_file
from dmp_matting.errors import OutputError, PlateError
from dmp_matting.job import Plate, Role

from ...scenes import write_image

NAMES = "alpha=matte rgba=beauty foreground=fg confidence=zz_trust clean=bg unseen=bg_unseen"


@pytest.fixture
def results(tmp_path: Path) -> tuple[Path, Path]:
    """One result under our names and under others, cropped and in float, of 40 x 24 pixels."""
    noise = np.random.default_rng(3).random((24, 40, 3)).astype(np.float32)
    path = write_image(tmp_path / "plate.exr", noise, "float")
    plate = read_plate(Plate(str(path), Role.IMAGE))
    alpha = np.zeros((24, 40), np.float32)
    alpha[6:20, 8:30] = noise[6:20, 8:30, 0]
    more = {"confidence": noise[..., 1], "clean": noise[::-1].copy(), "unseen": noise[..., 2]}
    attributes = {"dmp:space": "scene_linear", "dmp:image": str(path)}
    ours, theirs = tmp_path / "ours.exr", tmp_path / "theirs.exr"
    for out, names in ((ours, ""), (theirs, NAMES)):
        packing = Packing("zip", "float", True, names)
        write_layers(out, plate, alpha, noise[:, ::-1], attributes, more, None, packing)
    return ours, theirs


def test_the_file_has_them(results: tuple[Path, Path]) -> None:
    spec = oiio.ImageBuf(str(results[1])).spec()
    wanted = {f"{layer}.{leaf}" for layer in ("beauty", "fg", "bg") for leaf in "RGB"}
    wanted |= {f"{layer}.A" for layer in ("matte", "zz_trust", "bg_unseen")}
    assert set(spec.channelnames) == wanted
    assert spec.get_string_attribute("dmp:layer_names") == NAMES


def test_every_reader_finds_its_layers(results: tuple[Path, Path], tmp_path: Path) -> None:
    ours, theirs = (read_result(path) for path in results)
    for name in ("alpha", "premultiplied", "foreground"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    assert np.array_equal(*(read_alpha(path) for path in results))
    (one, _), (other, _) = (measures._extras(path) for path in results)
    assert one is not None and other is not None and np.array_equal(one, other)
    for premultiplied in (False, True):
        assert np.array_equal(*(read_picture(path, premultiplied).codes for path in results))
    plate = read_plate(Plate(str(tmp_path / "plate.exr"), Role.IMAGE))
    core = [read_matte(Plate(str(path), Role.CORE, "raw"), plate) for path in results]
    assert np.array_equal(*core) and core[0].max() > 0.5
    for path in results:
        write_clean_file(path, path.with_suffix(".clean.exr"), "auto")
    clean = [oiio.ImageBuf(str(path.with_suffix(".clean.exr"))) for path in results]
    assert clean[0].spec().channelnames == clean[1].spec().channelnames == ("R", "G", "B",
                                                                            "unseen.A")  # fmt: skip
    assert np.array_equal(*(one.get_pixels("float") for one in clean))
    assert not clean[1].spec().get_string_attribute("dmp:layer_names")


def test_a_result_without_one_of_them_names_it(results: tuple[Path, Path]) -> None:
    image = oiio.ImageBuf(str(results[1]))
    image.specmod().attribute("dmp:layer_names", "alpha=gone")
    assert image.write(str(results[1]))
    with pytest.raises(PlateError, match="has no channel R;"):
        read_result(results[1])


def test_what_this_openimageio_writes_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a name that it does not know it makes zip, without a word."""
    assert not is_written("zstandard") and is_written("piz")
    check_compression("dwaa")
    with pytest.raises(OutputError, match=r"writes no zstandard; choose zip, or update the engine"):
        check_compression("zstandard")
