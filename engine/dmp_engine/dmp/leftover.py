"""What the fit of the clean plate could not reach, as the solver is told of it.

Two kinds. A motion leaves a little along the edges of the clean plate's detail: the plates have
been settled where it explains the difference (plates/settle.py), so the tests of what is
background need not know, but the pixels beside the subject are lost with its seam. Compression
errs around the subject as grain does everywhere: the tests know it, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn import functional

SEAM = 1.0  # pixels of the plate beside the subject that a motion loses


@dataclass(frozen=True)
class Leftover:
    """``sigma`` (1, 1, H, W): standard deviation, encoded, of one channel of I - B.

    ``seam`` is how many pixels of background beside the subject are lost; ``tested`` says whether
    it is noise to the tests as well.
    """

    sigma: Tensor
    seam: float = 0.0
    tested: bool = False

    @classmethod
    def of_motion(cls, sigma: Tensor) -> Leftover:
        return cls(sigma, seam=SEAM)

    @classmethod
    def of_compression(cls, sigma: Tensor) -> Leftover:
        return cls(sigma, tested=True)

    def each(self, change: Callable[[Tensor], Tensor]) -> Leftover:
        """The same with another ``sigma``: cut, padded, on another device."""
        return replace(self, sigma=change(self.sigma))

    def shrunk(self, size: tuple[int, int]) -> Leftover:
        """At a smaller size: that of means of it, independent from pixel to pixel."""
        pixels = self.sigma.shape[-2] * self.sigma.shape[-1] / (size[0] * size[1])
        mean = functional.interpolate(self.sigma.square(), size, mode="area")
        return replace(
            self,
            sigma=(mean / pixels).sqrt(),
            seam=self.seam * max(size) / max(self.sigma.shape[-2:]),
        )
