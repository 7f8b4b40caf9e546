"""The focus of the clean plate, brought to the plate's background.

The camera focuses on the subject in the plate and on the wall in the clean plate, or the other way
round. What is seen is one wall, blurred in one of the two: the blur is measured where a blur of
some width makes them alike, at the edges of the background, and a clean plate that is too sharp is
blurred as much. One that is too soft is sharpened as far as its noise allows.

Blur is light: it is applied to the values in which the plates composite.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from .local_contrast import Floats, Mask, encoded, shrunk

SIZE = 1280  # long side at which the blur is measured
WIDTHS = tuple(0.5 * 2 ** (n / 2) for n in range(9))  # sigma in pixels at that size: 0.5 to 8
BACKGROUND = 0.05  # encoded difference below which a place is background under its best blur
EDGE, EDGES = 0.03, 300  # encoded step between neighbours; pixels of edges that are needed
HALVED = 0.6  # the residual at edges has to come down to that
WORTH = 0.006  # encoded, by which it has to come down
SOFT = 0.9  # pixels; a clean plate that was moved is softer by half of that
STANDS_OUT = 1.5  # times the residual in flat places: grain is the same in both
TILES, APART = 4, 2  # a frame in TILES x TILES; steps of WIDTHS that are another focus
NOISE = 3e-3  # of the signal's power, in the Wiener filter


@dataclass(frozen=True)
class Focus:
    """How the clean plate's background differs from the plate's."""

    sigma: float  # pixels of a Gaussian
    softer: bool  # the clean plate is the softer of the two
    varies: bool  # another width in other parts of the frame

    def on(self, clean: Floats) -> Floats:
        """``clean`` (H, W, 3) with the plate's focus."""
        if not self.softer:
            return _blurred(clean, self.sigma)
        return _sharpened(clean, self.sigma)

    def warnings(self) -> tuple[str, ...]:
        """What the artist has to know about it."""
        found = []
        if self.softer:
            found.append(
                f"The clean plate is softer than the plate's background (by {self.sigma:.1f} px): "
                "fine parts of the background may stay in alpha. Use a clean plate in the plate's "
                "focus."
            )
        if self.varies:
            found.append(
                "The focus of plate and clean plate differs from place to place: where the "
                "background is blurred otherwise, parts of it may stay in alpha."
            )
        return tuple(found)


def fit_focus(image: Floats, clean: Floats, known: Mask, linear: bool) -> Focus | None:
    """The focus of ``clean`` beside ``image``, (H, W, 3) as they composite; None if it is alike.

    ``clean`` is moved and relit already. ``known`` (H, W) is where it has pixels.
    """
    small_image, small_clean = (shrunk(x, SIZE) for x in (image, clean))
    valid = shrunk(known.astype(np.float32), SIZE) > 0.999
    I_enc, B_enc = encoded(small_image, linear), encoded(small_clean, linear)
    before = _apart(I_enc, B_enc)
    if float(np.median(before[valid])) == 0 if valid.any() else True:
        return None  # it matches to the bit
    ways = {
        softer: [
            _difference(small_image, small_clean, I_enc, B_enc, sigma, softer, linear)
            for sigma in WIDTHS
        ]
        for softer in (False, True)
    }
    best = np.minimum.reduce([before, *ways[False], *ways[True]])
    background = (cv2.blur(best, (5, 5)) < BACKGROUND) & valid
    step = np.maximum(_steps(I_enc), _steps(B_enc))
    edges = background & (step > EDGE)
    if edges.sum() < EDGES:
        return None
    start, flat = _rms(before[edges]), _rms(before[background & ~edges])
    softer = min(ways, key=lambda way: min(_rms(x[edges]) for x in ways[way]))
    residuals = [_rms(x[edges]) for x in ways[softer]]
    place = int(np.argmin(residuals))
    least = residuals[place]
    if least > HALVED * start or start - least < WORTH or start < STANDS_OUT * flat:
        return None
    sigma = WIDTHS[place]
    for factor in (2**0.25, 2**-0.25, 2**0.125, 2**-0.125):
        tried = _difference(small_image, small_clean, I_enc, B_enc, sigma * factor, softer, linear)
        now = _rms(tried[edges])
        if now < least:
            sigma, least = sigma * factor, now
    if softer and sigma < SOFT:
        return None
    scale = max(image.shape[:2]) / max(small_image.shape[:2])
    return Focus(round(sigma * scale, 3), softer, _varies([before, *ways[softer]], edges))


def _difference(
    small_image: Floats, small_clean: Floats, I_enc: Floats, B_enc: Floats, sigma: float,
    softer: bool, linear: bool,
) -> Floats:  # fmt: skip
    """What is left with the sharper of the two blurred, (H, W)."""
    if softer:
        return _apart(encoded(_blurred(small_image, sigma), linear), B_enc)
    return _apart(I_enc, encoded(_blurred(small_clean, sigma), linear))


def _varies(stack: list[Floats], edges: Mask) -> bool:
    """Whether parts of the frame want blurs that are steps apart."""
    height, width = edges.shape
    wanted = []
    for rows in np.array_split(np.arange(height), TILES):
        for columns in np.array_split(np.arange(width), TILES):
            place = np.ix_(rows, columns)
            inside = edges[place]
            if inside.sum() >= EDGES:
                wanted.append(int(np.argmin([_rms(x[place][inside]) for x in stack])))
    if len(wanted) < 3:
        return False
    low, high = np.percentile(wanted, (15, 85))
    return bool(high - low >= APART)


def _blurred(pixels: Floats, sigma: float) -> Floats:
    result: Floats = cv2.GaussianBlur(pixels, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    return result


def _sharpened(pixels: Floats, sigma: float) -> Floats:
    """The inverse of a Gaussian blur, as far as NOISE allows (a Wiener filter)."""
    edge = int(np.ceil(4 * sigma))
    wide = cv2.copyMakeBorder(pixels, edge, edge, edge, edge, cv2.BORDER_REFLECT)
    height, width = wide.shape[:2]
    down, across = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    blur = np.exp(-2 * np.square(np.pi * sigma) * (np.square(down) + np.square(across)))
    inverse = (blur * (1 + NOISE) / (np.square(blur) + NOISE))[..., None]
    spectrum = np.fft.rfft2(wide, axes=(0, 1)) * inverse
    sharp = np.fft.irfft2(spectrum, (height, width), axes=(0, 1)).astype(np.float32)
    low, high = float(pixels.min()), float(pixels.max())
    return np.ascontiguousarray(np.clip(sharp[edge:-edge, edge:-edge], low, high))


def _apart(one: Floats, other: Floats) -> Floats:
    result: Floats = np.sqrt(np.square(one - other).mean(axis=2))
    return result


def _steps(shown: Floats) -> Floats:
    """How much each pixel differs from its neighbours, (H, W)."""
    kernel = np.ones((3, 3), np.uint8)
    result: Floats = (cv2.dilate(shown, kernel) - cv2.erode(shown, kernel)).max(axis=2)
    return result


def _rms(values: npt.NDArray[np.float32]) -> float:
    """Without the tenth that is largest: it is the subject's."""
    if not values.size:
        return 0.0
    kept = np.sort(values)[: max(1, int(0.9 * values.size))]
    return float(np.sqrt(np.square(kept).mean()))
