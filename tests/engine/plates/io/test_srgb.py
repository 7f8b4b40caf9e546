"""One sRGB curve: the arrays' and the tensors' agree, and no file has one of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.plates.io.srgb import linear_to_srgb, srgb_to_linear

ENGINE = Path(__file__).resolve().parents[4] / "engine"
TENSORS = Encoding(linear=True, low=0.0, high=1.0)
EDGES = [0.0, 0.0031308, 0.04045, 1.0]  # where the curve's pieces meet


@pytest.fixture
def codes() -> np.ndarray:
    """(65544,) float32 in [0, 1]: every 16-bit code, and both sides of every edge."""
    edges = np.array(EDGES, np.float32)
    sides = [np.nextafter(edges, np.float32(side)) for side in (0, 1)]
    return np.concatenate([np.arange(65536, dtype=np.float32) / 65535, *sides])


def test_to_linear_is_the_curve_of_the_tensors(codes: np.ndarray) -> None:
    ours, theirs = srgb_to_linear(codes), TENSORS.decode(torch.from_numpy(codes)).numpy()
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=8 * 2.0**-23, atol=0)


def test_to_display_is_the_curve_of_the_tensors(codes: np.ndarray) -> None:
    ours, theirs = linear_to_srgb(codes), TENSORS.encode(torch.from_numpy(codes)).numpy()
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=2 * 2.0**-23)
    doubles = codes.astype(np.float64)
    theirs = TENSORS.encode(torch.from_numpy(doubles)).numpy()
    np.testing.assert_allclose(linear_to_srgb(doubles), theirs, rtol=0, atol=1e-15)


def test_one_undoes_the_other(codes: np.ndarray) -> None:
    np.testing.assert_allclose(srgb_to_linear(linear_to_srgb(codes)), codes, rtol=0, atol=1e-6)


def test_white_stays_white_and_the_display_has_no_more() -> None:
    values = np.array([-1.0, 0.0, 1.0, 60.0], np.float32)
    np.testing.assert_allclose(linear_to_srgb(values), [0, 0, 1, 1], rtol=0, atol=2.0**-24)
    assert linear_to_srgb(values).max() <= 1
    assert srgb_to_linear(values[1:3]).tolist() == [0.0, 1.0]
    assert srgb_to_linear(values[:1]) == np.float32(-1 / 12.92)


def test_no_other_file_has_a_curve_of_its_own() -> None:
    having = [file for file in ENGINE.rglob("*.py") if "12.92" in file.read_text("utf-8")]
    assert sorted(file.name for file in having) == ["encoding.py", "srgb.py"]
