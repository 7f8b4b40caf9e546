"""The error of the fitted clean plate, as the solver takes it into account.

Two kinds. A motion leaves an error along the edges of the clean plate's detail. Where that error
explains the difference, the clean plate has taken the plate's value already
(plates/clean_plate/residual.py), so the tests of what is background ignore it; beside the subject
a border of pixels is unreliable. Compression errs around the subject as grain does everywhere:
the tests take it into account, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import overload

from torch import Tensor
from torch.nn import functional

SEAM = 1.0  # pixels of the plate beside the subject that a motion loses


@dataclass(frozen=True)
class CleanPlateError:
    """Standard deviations (1, 1, H, W), encoded, of one channel of I - B.

    ``sigma`` is the solver's error, ``tested`` the part of it that is noise to the tests as
    well. ``seam`` is how many pixels of background beside the subject are lost.
    """

    sigma: Tensor
    tested: Tensor | None = None
    edge_loss_px: float = 0.0

    @classmethod
    def of_motion(cls, sigma: Tensor) -> CleanPlateError:
        return cls(sigma, edge_loss_px=SEAM)

    @classmethod
    def of_compression(cls, sigma: Tensor) -> CleanPlateError:
        return cls(sigma, tested=sigma)

    def each(self, change: Callable[[Tensor], Tensor]) -> CleanPlateError:
        """The same with other deviations: cut, padded, on another device."""
        tested = None if self.tested is None else change(self.tested)
        return replace(self, sigma=change(self.sigma), tested=tested)

    def together(self, other: CleanPlateError) -> CleanPlateError:
        """Both, independent of each other."""
        sigma = _both(self.sigma, other.sigma)
        return CleanPlateError(
            sigma, _both(self.tested, other.tested), max(self.edge_loss_px, other.edge_loss_px)
        )

    def shrunk(self, size: tuple[int, int]) -> CleanPlateError:
        """At a smaller size: that of means of it, independent from pixel to pixel."""
        longest = max(self.sigma.shape[-2:])

        def of_means(sigma: Tensor) -> Tensor:
            pixels = sigma.shape[-2] * sigma.shape[-1] / (size[0] * size[1])
            return (functional.interpolate(sigma.square(), size, mode="area") / pixels).sqrt()

        return replace(self.each(of_means), edge_loss_px=self.edge_loss_px * max(size) / longest)


@overload
def _both(one: Tensor, other: Tensor) -> Tensor: ...
@overload
def _both(one: Tensor | None, other: Tensor | None) -> Tensor | None: ...
def _both(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return (one.square() + other.square()).sqrt()
