"""The one table of tuned values of shots; the rows are as in model/parameters.py.

Chosen on the furball (8 frames) and the lemur in motion (7 frames), at 320 px. Beside it only
guards against division by zero stand in the modules, and REACH and PASSES of neighbours.py, which
job.NEIGHBOURS fixes for the hosts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..model.parameters import tuned


def shot(value: Any, unit: str, meaning: str) -> Any:
    """One row of the table."""
    return tuned(value, unit, meaning, chosen="furball, lemur in motion")


@dataclass(frozen=True)
class ShotParameters:
    """The tuned values; see model/parameters.py for units."""

    # --- which core is decided again ----------------------------------------------------------
    seen_through: float = shot(0.2, "1", "least 1 - alpha by triangulation")
    seen_sigmas: float = shot(4.0, "1", "its least ratio to its standard deviation")
    seen_fit: float = shot(0.15, "1", "least mean fit of the neighbours: else the motion is wrong")
    seen_margin: float = shot(2.0, "px@320", "opened around a find")
    # --- weights in the matting-Laplacian solve, beside 1 of alpha^T L alpha -------------------
    alone: float = shot(0.004, "1", "of the frame's own alpha, over its variance")
    alone_least: float = shot(0.002, "1", "least variance of the frame's own alpha")
    alone_decided: float = shot(0.05, "1", "its variance where the frame was sure of the core")
    triangulation: float = shot(0.18, "1", "of triangulation, over its variance")
    neighbour: float = shot(6.0, "1", "of the alpha of a neighbour whose layer fits")
    fit: float = shot(0.03, "encoded", "standard deviation of a fitting layer's misfit")
    # --- triangulation ------------------------------------------------------------------------
    windows: tuple[tuple[int, float], ...] = shot(
        ((1, 0.25), (3, 0.1), (5, 0.08)),
        "px, 1",
        "side of a window; variance of alpha where as much is unexplained as B varies",
    )
    window_least: float = shot(0.0005, "1", "least variance of a window's alpha")
    enough_fit: float = shot(0.5, "1", "mean fit of the neighbours for full weight")
    stranger: float = shot(0.02, "1", "of a frame's weight that it keeps where it does not fit")
    # --- motion ---------------------------------------------------------------------------------
    grey: float = shot(0.46, "encoded", "behind the layer whose motion is measured")
    # --- fusion -----------------------------------------------------------------------------------
    own: float = shot(0.4, "1", "weight of the frame's own layers; of fitting neighbours: 1")
    around: float = shot(12.0, "px@320", "radius in which the core shows how F varies")
    core: float = shot(0.97, "1", "alpha of core, there")
    spread: float = shot(0.1, "1", "standard deviation of alpha before the plate is looked at")
    varies: float = shot(8.0, "1", "variance of F, of that in the core nearby")
    # --- eq. 18 and what follows it ---------------------------------------------------------------
    refine_passes: int = shot(20, "1", "N of eq. 18 (the paper's)")
    variance_alpha: float = shot(0.3, "1", "sigma^2_alpha of eq. 18 before fusion")
    clip_white: float = shot(0.98, "1", "alpha from which on it is 1, before fusion")
    full_variance_alpha: float = shot(10.0, "1", "sigma^2_alpha at full resolution (the paper's)")
    full_clip_white: float = shot(0.92, "1", "alpha from which on it is 1 at full resolution")
    knee: float = shot(0.4, "1", "alpha up to which clip white changes nothing")
    grain: float = shot(0.008, "1", "least noise of the bound of alpha, in values that add up")
    dark: float = shot(0.02, "1", "B below which there is no bound of alpha, likewise")
    bound_sigmas: float = shot(3.3, "1", "noise that the bound of alpha leaves out")
    hidden_sigmas: float = shot(1.5, "1", "noise that hides what an alpha adds to the plate")
    lonely: float = shot(0.1, "1", "mean alpha of 3 x 3 below which that is grain's print")


SHOT = ShotParameters()
