"""From the size at which a large plate is solved to the plate's own pixels.

For the paper's algorithm and for the frames of a shot, which are solved smaller: alpha and F
are scaled up as smooth starting points, and eq. 18 brings each undecided pixel into step with
what the plate and the clean plate show there, which puts hair and edges back. (Guided and joint
upsampling were tried in place of the plain one and changed nothing:
docs/experiments/hdr_and_size.md.) A single frame of the model has a step of its own at full
size: joint_layers.py.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import torch
from torch import Tensor
from torch.nn import functional

from dmp_matting.job import Stage

from ..steps import Step

WHOLE = 0.999  # of the neighbours at the solved size have decided alike
CHUNK = 1 << 20  # pixels at once: bounds the memory, changes no result

# Brings alpha and F of some pixels into step with the plate, each pixel by itself: of image, clean
# plate, alpha, F, (1, C, 1, N), and the numbers (N) of the pixels in the plate.
Refine = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


def enlarged(x: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, C, h, w) at a larger ``size``."""
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)


def enlarged_trimap(trimap: Tensor, size: tuple[int, int]) -> Tensor:
    """A trimap of 0, 0.5, 1 at a larger ``size``: decided where all around it is."""
    out = enlarged((trimap == 0).float(), size) > WHOLE
    core = enlarged((trimap == 1).float(), size) > WHOLE
    return torch.where(out, 0.0, torch.where(core, 1.0, 0.5))


def refined_at_full_resolution(
    image: Tensor,
    clean: Tensor,
    alpha: Tensor,
    foreground: Tensor,
    held: Tensor | None,
    refine: Refine,
) -> Generator[Step, None, tuple[Tensor, Tensor]]:
    """Alpha and F of a smaller size at that of ``image`` and ``clean`` (1, 3, H, W).

    ``held`` (1, 1, H, W) is a trimap whose 0 and 1 alpha keeps; the others are refined.
    """
    size = (image.shape[-2], image.shape[-1])
    alpha, foreground = enlarged(alpha, size), enlarged(foreground, size)
    open_ = torch.ones_like(alpha, dtype=torch.bool) if held is None else held == 0.5
    if held is not None:
        alpha = torch.where(open_, alpha, held)
    places = open_.flatten().nonzero().squeeze(1)
    # Flat views: what is written to them is written to the layers.
    flat_alpha, flat_f = alpha.view(-1), foreground.view(3, -1)
    pixels = [x.reshape(3, -1) for x in (image, clean)]
    for start in range(0, len(places), CHUNK):
        at = places[start : start + CHUNK]
        i, b, f = (x[:, at][None, :, None] for x in (*pixels, flat_f))
        a, f = refine(i, b, flat_alpha[at][None, None, None], f, at)
        flat_alpha[at], flat_f[:, at] = a[0, 0, 0], f[0, :, 0]
        yield Step(Stage.UPSAMPLE, min(start + CHUNK, len(places)), len(places), 1.0)
    return alpha, foreground


def bands(size: tuple[int, int]) -> Iterator[slice]:
    """Rows of a plate of ``size``, CHUNK pixels at once."""
    high = max(1, CHUNK // size[1])
    for top in range(0, size[0], high):
        yield slice(top, top + high)
