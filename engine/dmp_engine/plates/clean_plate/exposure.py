"""Light: per-channel gain and offset, and a slow change over the frame, from what is background.

The exposure drifts, the white balance is locked too late, a cloud passes, a lens vignettes:
I = m(x) (g B + o) on the background, m smooth. What is background is not known yet; it
is where the details agree (detail.py) first, then where the fit explains the plate.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np
import numpy.typing as npt

from .local_contrast import Floats, Mask, encoded, shrunk

Vector = npt.NDArray[np.float64]

SIZE = 320  # long side at which light is fitted
# Of the slow part, a polynomial in the light's logarithm: a vignette, and only where that does not
# explain the pair a cloud, a lamp to one side. Behind a large subject nothing ties a high degree.
DEGREES = (2, 4)
TERMS = tuple((i, j) for i in range(DEGREES[-1] + 1) for j in range(DEGREES[-1] + 1 - i))
ACROSS, DOWN = np.array(TERMS).T  # degrees of each term's two polynomials
DAMPED = np.array([float((i + j) ** 2) for i, j in TERMS])
RIDGE = 2e-4  # what keeps it from growing wild behind the subject
CLIPPED = 0.995  # of the brightest value: what is blown out holds no colour
PASSES = 6
WIDE, NARROW = 0.15, 0.025  # encoded difference that is still background, from first to last pass
CLEARLY = 0.9  # of the residual; what a richer light must come down to
LEAST_CHANGE = 0.6 / 255  # encoded; less is not worth touching the clean plate
LEAST_PIXELS = 60
LIMITS = (0.5, 2.0)  # of a gain; beyond, the pair is no pair
EXACT, LOST_SHARE = 2.5 / 255, 0.01  # what matched that well and does no more is a veto


@dataclass(frozen=True, eq=False)
class Light:
    """What the clean plate is multiplied by and added to; ``slow`` (T, 3) on top, in TERMS."""

    gain: Vector = field(default_factory=lambda: np.ones(3))
    offset: Vector = field(default_factory=lambda: np.zeros(3))
    slow: Vector | None = None

    def on(self, clean: Floats) -> Floats:
        """The clean plate (H, W, 3) in this light."""
        lit = clean * self.gain.astype(np.float32) + self.offset.astype(np.float32)
        if self.slow is not None:
            lit = lit * self.field(*clean.shape[:2])
        return lit.astype(np.float32)

    def field(self, height: int, width: int) -> Floats:
        """The slow part as a factor, (H, W, 3)."""
        if self.slow is None:
            return np.ones((height, width, 3), np.float32)
        down, across = _legendre(height), _legendre(width)
        field = [down @ _square(one) @ across.T for one in self.slow.T]
        return np.exp(np.stack(field, -1)).astype(np.float32)


def fit_light(
    image: Floats, clean: Floats, agrees: Mask, known: Mask, linear: bool
) -> Light | None:
    """The light in which ``clean`` looks like ``image`` on the background; None to leave it.

    Both (H, W, 3) as they composite, registered; ``agrees`` is where their details agree,
    ``known`` where the clean plate has pixels.
    """
    pair = _Pair.of(image, clean, agrees, known, linear)
    if pair is None:
        return None
    still = Light()
    found = [still]
    seeds = pair.seeds()
    for offset in (False, True):
        light = _refined(pair, seeds, offset)
        if light is not None:
            found.append(light)
    if len(found) == 1:
        return None
    best = still
    for light in found[1:]:
        best = _better(pair, best, light)
    start = best if best is not still else found[1]
    for degree in DEGREES:
        slow = _with_slow(pair, start, degree)
        if slow is not None:
            best = _better(pair, best, slow)
    return None if best is still else best


@dataclass(frozen=True, eq=False)
class _Pair:
    """Both plates small, and what may be fitted to."""

    image: Floats
    clean: Floats
    agrees: Mask
    usable: Mask
    linear: bool
    shown: Floats  # the image, encoded

    @classmethod
    def of(
        cls, image: Floats, clean: Floats, agrees: Mask, known: Mask, linear: bool
    ) -> _Pair | None:
        usable = known.copy()
        for x in (image, clean):
            peak = float(x.max())
            if not linear or peak <= 1.0:  # displays and 8-bit files clip; light does not
                usable &= (x < CLIPPED * max(peak, 1e-6)).all(axis=2)
        small = shrunk(usable.astype(np.float32), SIZE) > 0.999
        if small.sum() < LEAST_PIXELS:
            return None
        agreeing = shrunk(agrees.astype(np.float32), SIZE) > 0.5
        image, clean = shrunk(image, SIZE), shrunk(clean, SIZE)
        return cls(image, clean, agreeing & small, small, linear, encoded(image, linear))

    def apart(self, light: Light) -> Floats:
        """RMS encoded difference (h, w) in a light, grain smoothed."""
        apart = encoded(light.on(self.clean), self.linear) - self.shown
        result: Floats = np.sqrt(np.square(cv2.GaussianBlur(apart, (0, 0), 1.0)).mean(axis=2))
        return result

    def slope(self) -> Floats:
        """How much more an encoded value changes than a linear one (h, w, 3)."""
        if not self.linear:
            return np.ones_like(self.image)
        step = np.float32(1e-3)
        values = np.maximum(self.image, 1e-3)
        rise: Floats = (encoded(values + step, True) - encoded(values, True)) / step
        return rise

    def seeds(self) -> Mask:
        """Surely background: agreeing detail, else the most frequent ratio of the two."""
        if self.agrees.sum() >= LEAST_PIXELS:
            return self.agrees
        blurred = [cv2.GaussianBlur(encoded(x, self.linear), (0, 0), 2.0)
                   for x in (self.image, self.clean)]  # fmt: skip
        ratio = np.log(np.maximum(blurred[0], 0.01) / np.maximum(blurred[1], 0.01))
        bins = np.clip(np.round(ratio / 0.03), -40, 40).astype(np.int64) + 40
        code = (bins[..., 0] * 81 + bins[..., 1]) * 81 + bins[..., 2]
        counts = np.bincount(code[self.usable], minlength=81**3)
        frequent = np.flatnonzero(counts > 0.5 * counts.max())
        unit = 40 * (81 * 81 + 81 + 1)
        nearest = frequent[np.argmin(np.abs(frequent - unit))]
        result: Mask = self.usable & (code == nearest)
        return result


def _better(pair: _Pair, known: Light, other: Light) -> Light:
    """``other``, if it lowers the residual over what either explains clearly, else ``known``.

    A smooth subject can pass for a relit background. But places that match to the last digit
    match for no other reason than that they are the background, and must go on to.
    """
    before, after = pair.apart(known), pair.apart(other)
    lost = pair.usable & (before < EXACT) & (after > 3 * EXACT)
    if lost.sum() > max(LEAST_PIXELS, LOST_SHARE * pair.usable.sum()):
        return known
    either = pair.usable & (np.minimum(before, after) < NARROW)
    if either.sum() < LEAST_PIXELS:
        return known
    was, now = (float(np.minimum(x, WIDE)[either].mean()) for x in (before, after))
    return other if now < CLEARLY * was and was - now > LEAST_CHANGE else known


def _refined(pair: _Pair, seeds: Mask, offset: bool) -> Light | None:
    """Gain, or gain and offset, by least squares on a background that grows and settles."""
    slope = pair.slope()
    background, light = seeds.astype(np.float32), Light()
    for turn in range(PASSES):
        gain, shift = np.ones(3), np.zeros(3)
        for c in range(3):
            weight = (background * slope[..., c] ** 2).ravel().astype(np.float64)
            b, i = (x[..., c].ravel().astype(np.float64) for x in (pair.clean, pair.image))
            columns = np.stack([b, np.ones_like(b)] if offset else [b])
            normal = (columns * weight) @ columns.T + 1e-9 * np.eye(len(columns))
            solved = np.linalg.solve(normal, (columns * weight) @ i)
            gain[c], shift[c] = solved[0], solved[1] if offset else 0.0
        if not np.isfinite(gain).all() or (gain < LIMITS[0]).any() or (gain > LIMITS[1]).any():
            return None
        light = Light(gain, shift)
        width = WIDE * (NARROW / WIDE) ** (turn / (PASSES - 1))
        background = _weights(pair, light, width)
        if (background > 0).sum() < LEAST_PIXELS:
            return None
    return light


def _weights(pair: _Pair, light: Light, width: float) -> Floats:
    """Tukey's weight of each pixel as background: 1 to 0 at a difference of ``width``."""
    share = np.minimum(pair.apart(light) / width, 1)
    result: Floats = np.where(pair.usable, (1 - share**2) ** 2, 0).astype(np.float32)
    return result


def _with_slow(pair: _Pair, start: Light, degree: int) -> Light | None:
    """``start`` times a smooth field of ``degree`` that fits the background."""
    height, width = pair.usable.shape
    down, across = _legendre(height), _legendre(width)
    chosen = np.array([i + j <= degree for i, j in TERMS])
    ridge = np.diag(RIDGE * DAMPED[chosen])
    slope = pair.slope()
    base = start.on(pair.clean)
    light = replace(start, slow=np.zeros((len(TERMS), 3)))
    seeds = cv2.GaussianBlur(pair.agrees.astype(np.float32), (0, 0), 3.0) > 0.05
    for turn in range(PASSES):
        close = _weights(pair, light, WIDE * (NARROW / WIDE) ** (turn / (PASSES - 1)))
        background = close * (seeds | (turn > 1))
        assert light.slow is not None
        slow, field = light.slow.copy(), light.field(height, width)
        for c in range(3):  # Gauss-Newton: light changes by its own share
            lit = (base[..., c] * field[..., c]).astype(np.float64)
            weight = background * slope[..., c] ** 2 * lit
            total = float((weight * lit).sum())
            if total <= 0:
                return None
            normal = _products(weight * lit, down, across)[np.ix_(chosen, chosen)]
            log_field = down @ _square(slow[:, c]) @ across.T
            aim = weight * (pair.image[..., c] - lit + lit * log_field)
            right = (down.T @ aim @ across)[DOWN, ACROSS][chosen]
            slow[chosen, c] = np.linalg.solve(normal + total * ridge, right)
        light = replace(start, slow=slow)
        field = light.field(height, width)
        if not np.isfinite(field).all() or field.min() < LIMITS[0] or field.max() > LIMITS[1]:
            return None
    return light


def _legendre(count: int) -> Vector:
    """Legendre polynomials at the centres of ``count`` pixels, (count, degree + 1)."""
    at = np.linspace(-1 + 1 / count, 1 - 1 / count, count)
    result: Vector = np.polynomial.legendre.legvander(at, DEGREES[-1]).astype(np.float64)
    return result


def _square(coefficients: Vector) -> Vector:
    """The coefficients (T,) of TERMS by the degrees of the rows' and the columns' polynomial."""
    result = np.zeros((DEGREES[-1] + 1, DEGREES[-1] + 1))
    result[DOWN, ACROSS] = coefficients
    return result


def _products(weight: Vector, down: Vector, across: Vector) -> Vector:
    """Sums of ``weight`` (h, w) times the product of each two TERMS, (T, T).

    A term is one polynomial down times one across, so the sums are taken one axis at a time.
    """
    two_down, two_across = (
        (x[:, :, None] * x[:, None]).reshape(len(x), -1) for x in (down, across)
    )
    sides = (DEGREES[-1] + 1,) * 4
    sums = (two_down.T @ weight @ two_across).reshape(sides)  # down, down, across, across
    result: Vector = sums[DOWN[:, None], DOWN, ACROSS[:, None], ACROSS]
    return result
