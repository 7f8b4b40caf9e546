"""Eq. 6 to 8 and 19 on real pairs: known background, patch similarity, trimap and its update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from dmp_engine.dmp.model.morphology import dilate, erode
from dmp_engine.dmp.paper.initial_alpha import (
    background_mask,
    initial_alpha,
    patch_similarity,
    updated_alpha,
)

PAPER = 0.9  # tau of eq. 8


def share(wrong: Tensor, of: Tensor) -> float:
    """Share of ``of`` that is ``wrong``."""
    return float((wrong & of).sum() / of.sum())


# --- eq. 6 -------------------------------------------------------------------------------------


def test_eq6_is_equality_of_every_channel(lemur: Any) -> None:
    found = background_mask(lemur.image, lemur.clean, 0.0)
    naive = (lemur.image == lemur.clean).all(1, keepdim=True)
    assert torch.equal(found, naive)


def test_eq6_finds_the_lemurs_background(lemur: Any) -> None:
    found = background_mask(lemur.image, lemur.clean, 0.0)
    empty = lemur.alpha == 0
    assert share(~found, empty) == 0  # the composite is exact, so all of it is found
    assert share(lemur.alpha > 0.02, found) < 0.002  # half a code value hides a little fur


def test_eq6_finds_the_furballs_background(furball: Callable[[int], Any]) -> None:
    for number in (1001, 1004):
        truth = furball(number)
        found = background_mask(truth.image, truth.clean, 0.0)
        assert share(~found, truth.alpha == 0) == 0
        assert share(truth.alpha > 0.02, found) < 0.002


def test_eq6_with_a_tolerance_forgives_grain(lemur: Any) -> None:
    grain = torch.randn(lemur.image.shape, generator=torch.Generator().manual_seed(1))
    noisy = lemur.image + 0.004 * grain
    empty = lemur.alpha == 0
    assert share(background_mask(noisy, lemur.clean, 0.0), empty) < 0.01
    found = background_mask(noisy, lemur.clean, 0.02)
    assert share(~found, empty) < 0.001
    assert share(lemur.alpha > 0.9, found) < 0.005  # a few codes of the subject are B's


# --- eq. 7 -------------------------------------------------------------------------------------


def naive_similarity(image: Tensor, clean: Tensor, patch: int) -> np.ndarray:
    """Eq. 7 as printed, pixel by pixel, inside the frame only."""
    luma = np.array([0.299, 0.587, 0.114])
    y, yb = (
        np.tensordot(luma, plate[0].double().numpy(), axes=1) for plate in (image, clean)
    )  # (H, W)
    r = patch // 2
    height, width = y.shape
    s = np.full((height, width), np.nan)
    for j in range(r, height - r):
        for i in range(r, width - r):
            p = y[j - r : j + r + 1, i - r : i + r + 1].ravel()
            q = yb[j - r : j + r + 1, i - r : i + r + 1].ravel()
            p, q = p - p.mean(), q - q.mean()
            length = np.linalg.norm(p) * np.linalg.norm(q)
            s[j, i] = p @ q / length if length > 1e-6 else np.nan
    return s


@pytest.mark.parametrize("patch", [3, 5, 7])
def test_eq7_is_the_printed_formula(fur: Any, patch: int) -> None:
    ours = patch_similarity(fur.image, fur.clean, patch)[0, 0].numpy()
    printed = naive_similarity(fur.image, fur.clean, patch)
    defined = ~np.isnan(printed)
    assert defined.mean() > 0.8
    np.testing.assert_allclose(ours[defined], printed[defined], atol=2e-4)  # Y in float32


def test_eq7_does_not_see_exposure(fur: Any) -> None:
    plain = patch_similarity(fur.image, fur.clean, 5)
    darker = patch_similarity(0.5 * fur.image + 0.1, fur.clean, 5)
    textured = naive_similarity(fur.image, fur.clean, 5)
    sure = torch.from_numpy(~np.isnan(textured))[None, None]
    assert (plain - darker).abs()[sure].max() < 1e-3


def test_eq7_is_one_on_the_background_and_low_on_the_subject(lemur: Any) -> None:
    s = patch_similarity(lemur.image, lemur.clean, 5)
    empty = erode(lemur.alpha == 0, 4)  # patches that hold background only
    solid = erode(lemur.alpha == 1, 4)
    assert s[empty].min() > 0.999
    assert share(s > PAPER, solid) < 0.02
    assert s[solid].abs().mean() < 0.5
    assert s.min() >= -1 and s.max() <= 1


def test_eq7_where_there_is_no_texture() -> None:
    flat = torch.full((1, 3, 12, 12), 0.25)
    assert (patch_similarity(flat, flat, 5) == 1).all()
    assert (patch_similarity(flat, flat + 0.1, 5) == 0).all()
    textured = flat + 0.1 * torch.rand(flat.shape, generator=torch.Generator().manual_seed(2))
    assert (patch_similarity(textured, flat, 5) == 0).all()


# --- eq. 8 -------------------------------------------------------------------------------------


def test_eq8_truth_table() -> None:
    background = torch.tensor([True, True, False, False, False])
    similarity = torch.tensor([0.95, 0.10, 0.95, 0.90, 0.10])  # tau itself is not above tau
    expected = torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0])
    assert torch.equal(initial_alpha(background, similarity, PAPER), expected)


def trimap(truth: Any) -> Tensor:
    return initial_alpha(
        background_mask(truth.image, truth.clean, 0.0),
        patch_similarity(truth.image, truth.clean, 5),
        PAPER,
    )


def test_eq8_on_the_lemur(lemur: Any) -> None:
    alpha = trimap(lemur)
    assert set(alpha.unique().tolist()) == {0.0, 0.5, 1.0}
    assert (lemur.alpha[alpha == 0]).mean() < 1e-3
    assert share(alpha < 1, lemur.alpha == 1) < 0.02
    # The paper's known foreground holds fur at the edge: alpha there is off, but not by much.
    known = alpha == 1
    assert (1 - lemur.alpha[known]).mean() < 0.06
    assert share(lemur.alpha < 0.5, known) < 0.06


def test_eq8_on_the_furball(furball: Callable[[int], Any]) -> None:
    truth = furball(1001)
    alpha = trimap(truth)
    assert (truth.alpha[alpha == 0]).mean() < 1e-3
    assert share(alpha < 1, truth.alpha == 1) < 0.05
    assert (alpha - truth.alpha).abs().mean() < 0.05


# --- eq. 19 ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("previous", "solved", "expected"),
    [
        (1.0, 1.00, 1.0),
        (1.0, 0.51, 1.0),  # known foreground stays known above one half
        (1.0, 0.50, 0.5),  # the mean is 3/4, not above it
        (1.0, 0.10, 0.5),
        (0.5, 1.00, 0.5),  # the mean is 3/4: an uncertain pixel stays uncertain
        (0.5, 0.00, 0.5),
        (0.0, 1.00, 0.0),  # known background stays known
        (0.0, 0.00, 0.0),
    ],
)
def test_eq19_truth_table(previous: float, solved: float, expected: float) -> None:
    found = updated_alpha(torch.tensor([previous]), torch.tensor([solved]), "proposed")
    assert found.item() == expected


@pytest.mark.parametrize(
    ("previous", "solved", "expected"),
    [(0.0, 1.0, 1.0), (1.0, 0.0, 0.0), (0.0, 0.5, 0.5), (1.0, 0.5, 0.5), (0.5, 0.96, 1.0)],
)
def test_the_simple_update_forgets_the_first_trimap(
    previous: float, solved: float, expected: float
) -> None:
    found = updated_alpha(torch.tensor([previous]), torch.tensor([solved]), "simple")
    assert found.item() == expected


def test_eq19_with_the_truth_fixes_the_lemurs_trimap(lemur: Any) -> None:
    first = trimap(lemur)
    second = updated_alpha(first, lemur.alpha, "proposed")
    before, after = (1 - lemur.alpha[first == 1]).sum(), (1 - lemur.alpha[second == 1]).sum()
    assert after < 0.7 * before
    assert torch.equal(second == 0, first == 0)


# --- growing and shrinking masks ---------------------------------------------------------------


def test_dilation_of_one_pixel_is_an_octagon_of_its_radius() -> None:
    mask = torch.zeros(1, 1, 61, 61, dtype=torch.bool)
    mask[..., 30, 30] = True
    for radius in (1, 2, 5, 10, 20):
        grown = dilate(mask, radius)[0, 0].numpy()
        y, x = np.mgrid[-30:31, -30:31]
        away = np.hypot(x, y)
        assert grown[away <= 0.85 * radius].all()
        assert not grown[away > 1.12 * radius].any() or radius < 3
        assert grown[30, 30 + radius] and not grown[30, 30 + radius + 1]


def test_erosion_of_the_lemur_is_scipys(lemur: Any) -> None:
    mask = lemur.alpha == 1
    cross = ndimage.binary_erosion(mask[0, 0].numpy(), iterations=1, border_value=1)
    assert np.array_equal(erode(mask, 1)[0, 0].numpy(), cross)
    assert torch.equal(erode(mask, 0), mask)
    assert share(~mask, erode(mask, 5)) == 0
