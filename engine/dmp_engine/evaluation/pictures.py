"""The pictures of a report: arrays in, data URIs out.

Colours are shown as displayed (scene-linear through the sRGB curve), alphas as
they are. An error map is black where alpha is right, orange where it is
too opaque, blue where it is too clear; an error of 1/2 has full colour.
"""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .items import Item, displayed
from .peers import Matte

Array = NDArray[np.float64]

LARGEST = 400  # longest side in the report
ERROR_GAIN = 2.0
FLAT = (0.10, 0.55, 0.20)  # as displayed: a green that neither skin nor fur hides in
QUALITY = 88


def colours_uri(rgb: Array, linear: bool) -> str:
    """A picture (H, W, 3)."""
    return _uri(displayed(rgb, linear))


def alpha_uri(alpha: Array) -> str:
    """An alpha (H, W)."""
    return _uri(np.clip(alpha, 0, 1))


def error_uri(alpha: Array, truth: Array) -> str:
    """Where and which way alpha is wrong."""
    error = np.clip((alpha - truth) * ERROR_GAIN, -1, 1)
    high, low = np.clip(error, 0, 1), np.clip(-error, 0, 1)
    return _uri(np.stack([high, 0.35 * (high + low), low], axis=2) ** 0.7)


def over_uri(matte: Matte, item: Item, backdrop: Array | None) -> str:
    """The subject over ``backdrop`` (any size, as the item's values), or over the flat colour."""
    height, width = item.image.shape[:2]
    if backdrop is None:
        flat = np.array(FLAT) ** 2.2 if item.linear else np.array(FLAT)
        backdrop = np.broadcast_to(flat, item.image.shape)
    else:
        backdrop = _covering(backdrop, height, width)
    colours = item.image if matte.foreground is None else matte.foreground
    alpha = matte.alpha[..., None]
    return _uri(displayed(alpha * colours + (1 - alpha) * backdrop, item.linear))


def _covering(picture: Array, height: int, width: int) -> Array:
    """The picture's middle, scaled to cover the frame; nearest pixels do for a backdrop."""
    scale = max(height / picture.shape[0], width / picture.shape[1])
    rows = (np.arange(height) - height / 2) / scale + picture.shape[0] / 2
    columns = (np.arange(width) - width / 2) / scale + picture.shape[1] / 2
    rows = np.clip(rows.astype(int), 0, picture.shape[0] - 1)
    columns = np.clip(columns.astype(int), 0, picture.shape[1] - 1)
    covered: Array = picture[rows][:, columns]
    return covered


def _uri(pixels: Array) -> str:
    picture = Image.fromarray(np.round(np.clip(pixels, 0, 1) * 255).astype(np.uint8))
    longest = max(picture.size)
    if longest > LARGEST:
        width, height = (max(1, round(side * LARGEST / longest)) for side in picture.size)
        picture = picture.resize((width, height), Image.Resampling.BOX)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
