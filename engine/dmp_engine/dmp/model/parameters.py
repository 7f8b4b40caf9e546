"""The one table of tuned values of the model. Nothing else in this package is tuned.

Each entry states its unit, what it means, how much the mean SAD changes when it is changed
(``effect``), and on which pictures it was chosen (``chosen``: ``odd`` is the odd half of the
composite benchmark at 320 px, ``both`` was checked on either half). Units:

    encoded   the values that a display shows, black 0 and white 1
    px@320    pixels where the long side has 320; scaled with the plate's long side
    px        pixels at any size
    nat       natural logarithm of a probability ratio
    1         a pure number
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


def tuned(value: Any, unit: str, meaning: str, effect: str = "", chosen: str = "odd") -> Any:
    """One row of the table."""
    row = {"unit": unit, "meaning": meaning, "effect": effect, "chosen": chosen}
    return field(default=value, metadata=row)


@dataclass(frozen=True)
class Parameters:
    """The tuned values; see the module's docstring for units."""

    # --- noise and colour ---------------------------------------------------------------------
    rounding: float = tuned(
        0.6 / 255, "encoded", "sigma: standard deviation of I - B without grain"
    )
    grain_of_f: float = tuned(0.01, "encoded", "s_F: texture of F within a source's surroundings")
    shading: float = tuned(
        0.15, "1", "s_b: relative variation of F along its own brightness", "0: +16 %"
    )
    broad_weight: float = tuned(
        0.2, "1", "w_G: weight of one Gaussian over all sources", "0: +17 %"
    )
    outlier_weight: float = tuned(0.01, "1", "w_U: weight of an F uniform in the colour cube")
    likeness: float = tuned(0.1, "encoded", "difference from B below which a source weighs less")
    # --- source colours -----------------------------------------------------------------------
    sources: int = tuned(30, "1", "K: sources sampled for an undecided pixel")
    inside_sources: int = tuned(16, "1", "K where the core is checked for holes")
    source_spread: float = tuned(14.0, "px", "distance of the sources from the nearest core pixel")
    later_spread: float = tuned(11.0, "px", "the same once opaque pixels are known")
    rim_weight: float = tuned(
        0.1, "1", "weight of opaque sources within `growth` of a mixed pixel", "0: < 2 %", "both"
    )
    palette_weight: float = tuned(0.05, "1", "weight of the colours of the whole core", "0: +5 %")
    palette_bins: int = tuned(32, "1", "bins of the palette's histogram in each channel")
    palette_alphas: int = tuned(8, "1", "values of alpha at which the palette is evaluated")
    # --- regions ------------------------------------------------------------------------------
    band: float = tuned(16.0, "px@320", "R: undecided up to this distance from the background")
    core_distance: float = tuned(10.0, "px@320", "core, hence a source, beyond this distance")
    inside_distance: float = tuned(6.0, "px@320", "distance of sources that check the core")
    edge_falloff: float = tuned(6.0, "px@320", "first mass of the part between falls by e over it")
    mass_blur: float = tuned(8.0, "px@320", "sigma over which prior masses are averaged")
    growth: int = tuned(6, "px", "undecided around mixed pixels of the pass before", "0: +3 %")
    inside_gain: float = tuned(4.0, "1", "windows' independent pixels where the core is checked")
    inside_odds: float = tuned(0.05, "1", "probability of a hole that opens the core")
    # --- prior --------------------------------------------------------------------------------
    mass_floor: float = tuned(3e-4, "1", "least prior mass of alpha = 0, between and 1")
    beta: float = tuned(0.5, "1", "Beta(b, b) of alpha between 0 and 1", "1: < 2 %")
    coupling: float = tuned(10.0, "1", "lambda: weight of the matting Laplacian", "x 3: < 2 %")
    # --- window test of the background --------------------------------------------------------
    offset: float = tuned(0.1, "encoded", "tau: a subject's typical difference from B")
    neighbour_power: float = tuned(3.0, "1", "weight of the neighbours' log odds of background")
    veto_floor: float = tuned(0.1, "1", "rho: bound of a window's veto", "no veto: +9 % on hair")
    # --- texture of B seen through ------------------------------------------------------------
    texture_half: int = tuned(4, "px", "half side of a window")
    texture_stride: int = tuned(5, "px", "distance between windows")
    texture_inflation: float = tuned(4.0, "1", "ratio of true to nominal variance of the slope")
    texture_floor: float = tuned(0.03, "1", "least standard deviation of a window's alpha")
    texture_prior: float = tuned(0.1, "1", "standard deviation of the slope of a seen-through core")
    transmission_blur: float = tuned(
        12.0, "px@320", "sigma of the region whose opaque pixels are asked together", "8: +2 %"
    )
    transmission_floor: float = tuned(0.004, "1", "least standard deviation of a region's share")
    # --- expectation propagation --------------------------------------------------------------
    damping: float = tuned(0.7, "1", "share of a new site in its geometric mean with the old")
    largest_variance: float = tuned(0.25, "1", "bound of a cavity's variance")
    # --- F and alpha together -----------------------------------------------------------------
    luma_step: float = tuned(0.03, "encoded", "typical step of F's brightness between pixels")
    chroma_step: float = tuned(0.01, "encoded", "typical step of F's chroma between pixels")
    edge_tail: float = tuned(10.0, "1", "nu: degrees of freedom of a step of F")
    trust: float = tuned(0.3, "1", "share of alpha's variance that the F step takes into account")
    model_error: float = tuned(
        0.07, "1", "standard deviation of a mixed alpha beside the posterior's: for confidence only"
    )
    # --- correction by a network fitted to recompositions ----------------------------------------
    correction_steps: int = tuned(150, "1", "steps of AdamW", "100: +1 %")
    correction_pixels: int = tuned(3000, "1", "pixels of a step")
    correction_rate: float = tuned(0.01, "1", "learning rate after its warm-up, then a cosine")
    correction_strength: float = tuned(
        1.3, "1", "of d in use: the model errs less on recompositions than on the pair"
    )


PARAMETERS = Parameters()
