"""The pair before other backgrounds, where alpha is known.

With the current alpha a of the pair (I, B) and another background B'

    I' = round(clip(I - (1 - a) B + (1 - a) B'))

holds the very subject, its grain and its true hair, in front of B', and its alpha is a. B' is
the clean plate mirrored or turned, so that it has the place's own texture, light and colours.
"""

from __future__ import annotations

from torch import Tensor

from ..model.encoding import Encoding

LEVELS = 255  # to which the values of a recomposition are rounded, as those of most plates are
MOST = 4  # backgrounds that one clean plate makes


def other_backgrounds(clean: Tensor, count: int) -> list[Tensor]:
    """The first ``count`` <= MOST of B (1, 3, H, W) mirrored, turned, upside down and rolled."""
    height, width = clean.shape[-2:]
    return [
        clean.flip(-1),
        clean.flip((-2, -1)),
        clean.flip(-2),
        clean.roll((height // 3, width // 2), (-2, -1)),
    ][:count]


def recomposed(
    image: Tensor, clean: Tensor, alpha: Tensor, background: Tensor, encoding: Encoding
) -> Tensor:
    """I' (1, 3, H, W) of I, B and B' (1, 3, H, W) and alpha (1, 1, H, W)."""
    encoded = encoding.encode(image + (1 - alpha) * (background - clean))
    levels = (encoded.clamp(encoding.low, encoding.high) * LEVELS).round() / LEVELS
    return encoding.decode(levels)
