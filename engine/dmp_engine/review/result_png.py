"""A finished frame as one small PNG, for programs that cannot read EXR: the panel, a browser.

Straight foreground as displayed (scene-linear through the sRGB curve, clipped at 1; raw pixels as
they are) and alpha: the same kind of picture as the live preview.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO as oiio

from ..plates.io.colour_space import RAW
from .contact_sheet import check_picture, read_result, resized, shown, write_picture

SIDE = 2048  # pixels; longest side of the picture


def make_picture(result: Path, output: Path) -> None:
    """Write the PNG ``output``, whole or not at all. Raises PlateError and OutputError."""
    check_picture(output)
    layers = read_result(result)
    # Colours are weighted by alpha while they shrink, or hidden ones would bleed in.
    alpha = np.clip(layers.alpha, 0, 1)[..., None]
    straight = shown(layers.foreground, layers.space == RAW)
    height, width = layers.alpha.shape
    scale = min(1.0, SIDE / max(height, width))
    if scale < 1:
        size = max(1, round(height * scale)), max(1, round(width * scale))
        smaller = resized(alpha, *size)
        weighted = resized(straight * alpha, *size) / np.maximum(smaller, 1e-6)
        straight = np.where(smaller > 0, np.clip(weighted, 0, 1), resized(straight, *size))
        alpha = np.clip(smaller, 0, 1)
    picture = oiio.ImageBuf(np.ascontiguousarray(np.concatenate([straight, alpha], 2), np.float32))
    picture.specmod().attribute("oiio:UnassociatedAlpha", 1)
    write_picture(picture, output)
