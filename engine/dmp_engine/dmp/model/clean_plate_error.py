"""The error of the fitted clean plate, as the solver takes it into account.

Two kinds. A motion leaves an error along the edges of the clean plate's detail. Where that error
explains the difference, the clean plate has taken the plate's value already
(plates/clean_plate/residual.py), so the tests of what is background ignore it. Compression errs
around the subject as grain does everywhere: the tests take it into account, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import overload

from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class CleanPlateError:
    """Standard deviations (1, 1, H, W), encoded, of one channel of I - B.

    ``sigma`` is the solver's error, ``sigma_tests`` the part of it that is noise to the tests
    as well.
    """

    sigma: Tensor
    sigma_tests: Tensor | None = None

    @classmethod
    def of_compression(cls, sigma: Tensor) -> CleanPlateError:
        return cls(sigma, sigma_tests=sigma)

    def each(self, change: Callable[[Tensor], Tensor]) -> CleanPlateError:
        """The same with other deviations: cut, padded, on another device."""
        tests = None if self.sigma_tests is None else change(self.sigma_tests)
        return CleanPlateError(change(self.sigma), tests)

    def together(self, other: CleanPlateError) -> CleanPlateError:
        """Both, independent of each other."""
        sigma = _both(self.sigma, other.sigma)
        return CleanPlateError(sigma, _both(self.sigma_tests, other.sigma_tests))

    def shrunk(self, size: tuple[int, int]) -> CleanPlateError:
        """At a smaller size: that of means of it, independent from pixel to pixel."""

        def of_means(sigma: Tensor) -> Tensor:
            pixels = sigma.shape[-2] * sigma.shape[-1] / (size[0] * size[1])
            return (functional.interpolate(sigma.square(), size, mode="area") / pixels).sqrt()

        return self.each(of_means)


@overload
def _both(one: Tensor, other: Tensor) -> Tensor: ...
@overload
def _both(one: Tensor | None, other: Tensor | None) -> Tensor | None: ...
def _both(one: Tensor | None, other: Tensor | None) -> Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return (one.square() + other.square()).sqrt()
