"""The curve from compositing values to the networks: invertible, monotone, smooth, -2 to 500."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from dmp_engine.dmp.model.encoding import SLOPE, Encoding

LINEAR, RAW = Encoding(True, 0.0, 1.0), Encoding(False, 0.0, 1.0)
STEPS = torch.cat([-torch.logspace(-7, 0.3010, 400).flip(0), torch.logspace(-7, 2.69897, 4000)])


def test_decoding_undoes_encoding_to_float_precision() -> None:
    back = LINEAR.decode(LINEAR.encode(STEPS))
    # Twelve roundings of float32; the curve itself loses nothing.
    torch.testing.assert_close(back, STEPS, rtol=12 * 2.0**-23, atol=1e-9)


def test_in_double_precision_the_inverse_is_exact() -> None:
    values = STEPS.double()
    torch.testing.assert_close(LINEAR.decode(LINEAR.encode(values)), values, rtol=1e-6, atol=1e-12)


def test_it_is_the_srgb_curve_up_to_one() -> None:
    x = np.linspace(0, 1, 1001)
    srgb = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    ours = LINEAR.encode(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours, srgb, atol=1e-7)


def test_it_is_odd() -> None:
    torch.testing.assert_close(LINEAR.encode(-STEPS), -LINEAR.encode(STEPS), rtol=0, atol=0)


def test_it_rises_everywhere() -> None:
    values = STEPS.double()
    assert (LINEAR.encode(values).diff() > 0).all()
    assert (LINEAR.decode(values[values < 5]).diff() > 0).all()


def test_its_slope_has_no_jump_at_one() -> None:
    at = torch.tensor([1 - 1e-6, 1 + 1e-6], dtype=torch.double, requires_grad=True)
    LINEAR.encode(at).sum().backward()
    assert at.grad is not None
    torch.testing.assert_close(at.grad, torch.full_like(at, SLOPE), rtol=1e-5, atol=0)


@pytest.mark.parametrize("value", [-2.0, -0.5, 0.001, 0.2, 0.999, 1.5, 60.0, 500.0])
def test_gradients_are_finite_and_those_of_finite_differences(value: float) -> None:
    for curve in (LINEAR.encode, LINEAR.decode):
        x = torch.tensor([min(value, 3.0)], dtype=torch.double, requires_grad=True)
        assert torch.autograd.gradcheck(curve, x, eps=1e-7, rtol=1e-4)


def test_raw_values_stay_themselves() -> None:
    assert torch.equal(RAW.encode(STEPS), STEPS)
    assert torch.equal(RAW.decode(STEPS), STEPS)


def test_the_networks_range_holds_both_plates(furball: Callable[[int], Any]) -> None:
    truth = furball(1003)
    encoding = Encoding.of_pair(truth.image, truth.clean, linear=True)
    assert truth.image.max() > 5  # a highlight
    for plate in (truth.image, truth.clean):
        inside = encoding.to_network(encoding.encode(plate))
        assert inside.min() >= 0 and inside.max() <= 1
        back = encoding.decode(encoding.from_network(inside))
        torch.testing.assert_close(back, plate, rtol=1e-5, atol=1e-6)


def test_negative_values_have_a_place_in_the_networks_range(tiny: Any) -> None:
    raised = tiny.image - 0.1
    encoding = Encoding.of_pair(raised, tiny.clean, linear=True)
    assert encoding.low == float(LINEAR.encode(raised.min())) < -0.2 and encoding.high == 1.0
    assert encoding.to_network(encoding.encode(raised)).min() >= 0
