"""What the codes of a movie mean, by the transfer and the primaries that it states.

    BT.709, BT.601, sRGB, gamma, nothing stated    codes as they are: an image file of the same
                                                   codes is read as sRGB, and so are they
    the same curves with BT.2020 or P3 primaries   through the sRGB curve to linear Rec. 709
    PQ, HLG, linear                                to linear Rec. 709; diffuse white is 1

A plate from a movie therefore fits a clean plate that is a still of it. The numbers are those of
ISO/IEC 23091-2; curves and diffuse white by ITU-R BT.2100 and BT.2408.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .movie import Codes, MovieFacts
from .srgb import srgb_to_linear

Floats = npt.NDArray[np.float32]  # (H, W, 3)

LINEAR, PQ, HLG = 8, 16, 18
LOGARITHMIC = (9, 10)
PQ_WHITE = 203.0  # cd/m2 of diffuse white
HLG_WHITE = 0.75  # code of diffuse white
TO_REC709 = {  # linear, both of white D65
    9: ((1.660491, -0.587641, -0.072850), (-0.124550, 1.132900, -0.008349),
        (-0.018151, -0.100579, 1.118730)),
    12: ((1.224940, -0.224940, 0.0), (-0.042057, 1.042057, 0.0), (-0.019638, -0.078636, 1.098274)),
}  # fmt: skip
NAMES = {LINEAR: "linear", PQ: "PQ", HLG: "HLG"}


def is_light(facts: MovieFacts) -> bool:
    """Whether :func:`light_of` is to be taken; else the codes are as those of an image file."""
    return facts.trc in NAMES or facts.primaries in TO_REC709


def light_of(codes: Codes, facts: MovieFacts) -> Floats:
    """Linear Rec. 709, unbounded, of the codes of such a movie."""
    values = codes.astype(np.float32) / np.float32(65535)
    if facts.trc == PQ:
        light = _pq(values)
    elif facts.trc == HLG:
        light = _hlg(values) / _hlg(np.full((1, 1, 1), HLG_WHITE, np.float32))
    elif facts.trc == LINEAR:
        light = values
    else:
        light = srgb_to_linear(values)
    matrix = TO_REC709.get(facts.primaries)
    if matrix is not None:
        light = light @ np.array(matrix, np.float32).T
    return np.ascontiguousarray(light, np.float32)


def described(facts: MovieFacts) -> str:
    """What is made of the codes, for the artist."""
    wide = {9: " of BT.2020", 12: " of P3"}.get(facts.primaries, "")
    curve = NAMES.get(facts.trc, "sRGB" if wide else "")
    return f"{curve}{wide}, converted to linear Rec. 709" if curve else "read as an image file"


def _pq(values: Floats) -> Floats:
    """SMPTE ST 2084; diffuse white becomes 1."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = np.power(values, 1 / m2)
    light = np.power(np.maximum(power - c1, 0) / (c2 - c3 * power), 1 / m1)
    return np.asarray(light * (10000 / PQ_WHITE), np.float32)


def _hlg(values: Floats) -> Floats:
    """ARIB STD-B67, the light of the scene, 0 to 1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    low, high = np.square(values) / 3, (np.exp((values - c) / a) + b) / 12
    return np.asarray(np.where(values <= 0.5, low, high), np.float32)
