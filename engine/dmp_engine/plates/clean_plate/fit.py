"""The clean plate brought to the plate: moved, relit, completed. Before anything is solved.

    register   align.py         where each of the plate's pixels lies in the clean plate
    warped     warp.py          the clean plate as the plate's camera saw it
    fit_light  illumination.py  exposure, colour, slow light
    fit_focus  focus.py         the blur of the plate's background, or of the clean plate
    filled     warp.py          where the clean plate has no pixels
    explained  compression.py   what JPEG did to the plate around the subject
    shadow     shadow.py        what the subject's shadow takes from it, where the settings want it

Before all of this, find_painted (painted.py): what was painted out of the plate is no evidence.

Rule: what fits already is not touched. A pair that matches to the bit stays so.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace

import cv2
import numpy as np

from dmp_matting.settings import Settings

from ...dmp.model.clean_plate_error import CleanPlateError
from ...dmp.steps import Memo, no_cache
from ...tensors import tensor_of
from ..io.colour_space import RAW
from ..io.read import PlateImage
from .exposure import Light, fit_light
from .focus import fit_focus
from .jpeg import compression_of, explained
from .local_contrast import AGREE, Floats, Mask, agreement, detail, encoded, shrunk
from .painted import find_painted
from .pair_checks import header_warnings, pair_warnings
from .registration import Motion, register
from .report import Report, report_of
from .residual import Blown, replenished, replenished_alike, residual_sigma, within_residual
from .shadow import find_shadow
from .warp import filled, moved_mask, warped

OFF = "off"
COMPARED = 640  # long side at which details are compared once more
CLIPPED_SHARE = 0.0005  # of the frame at the extreme value; with less nothing was clipped
BACKGROUND = 0.08  # encoded difference below which a place counts as background in the report
EXACT, EXACT_SHARE, LOST_SHARE = 2.5 / 255, 0.02, 0.5  # encoded; of the frame; of what is exact
POOR, POOR_SHARE = 0.06, 0.6  # a residual that large must at least have come down a lot,
FITS, MORE, EXPLAINS = 0.02, 5.0, 0.05  # or so many times more, and of the frame, be within that
SHADED = 0.03  # of a ratio; less counts as none in the note
NEVER_SEEN = (
    "No frame shows what is behind a part of the subject: alpha is a guess there, with a "
    "confidence of 0.5 at most. Look at it; a core or garbage matte decides it, or a longer "
    "range of frames."
)
PAINTED = (
    "The clean plate was painted over around the subject, so it shows nothing of the set there: "
    "alpha follows the plate's own outlines, with a confidence of 0.5 at most. Look at it; a core "
    "or garbage matte decides it, or a clean plate that was shot."
)
FARTHEST = 0.25  # encoded; beyond it a difference makes no worse


@dataclass(frozen=True, eq=False)
class Fitted:
    """The clean plate to solve with, and where it is made up (H, W)."""

    clean: PlateImage
    unknown: Mask
    report: Report
    warnings: tuple[str, ...] = ()
    shadow: Floats | None = None  # (H, W, 3), what ``clean`` was multiplied by last; see shadow.py
    clean_plate_error: CleanPlateError | None = None  # as in :class:`Fit`
    has_map: bool = False  # the clean plate's file has a map of what is made up

    def layers(self, settings: Settings, unit: float = 1.0) -> dict[str, Floats]:
        """What is written beside the matte: the same layers for every frame of a job.

        ``unit`` is what the pair was multiplied by before it was fitted; see exposure_unit.py.
        """
        layers = {}
        if settings.shadows != OFF:
            none = np.ones_like(self.clean.rgb)
            layers["shadow"] = none if self.shadow is None else self.shadow
        if settings.clean_layer:
            layers["clean"] = self.clean.rgb * np.float32(1 / unit)
            if self.has_map:
                layers["unseen"] = self.unknown.astype(np.float32)
        return layers

    def hidden(self) -> Mask | None:
        """Where the clean plate is made up, by its own map or since it was painted (H, W)."""
        return None if self.clean.unseen is None else self.unknown

    def notes(self) -> tuple[str, ...]:
        """What was done, for the artist."""
        notes = [self.report.sentence()]
        if self.shadow is not None:
            share = 100 * float((np.abs(self.shadow - 1).max(axis=2) > SHADED).mean())
            notes.append(f"Shadow or light on {share:.0f} % of the frame was kept out of alpha.")
        return tuple(note for note in notes if note)

    def attributes(self) -> dict[str, str]:
        """What the layers' header holds about it."""
        return {"dmp:clean_fit": json.dumps(asdict(self.report))} if self.report.touched else {}


def fit_clean(
    image: PlateImage, clean: PlateImage, settings: Settings, memo: Memo = no_cache
) -> Fitted:
    """Bring ``clean`` to ``image`` as ``settings.align`` and ``settings.illumination`` allow.

    ``memo`` keeps what an earlier call for the same pair and settings has found.
    """
    cv2.setNumThreads(settings.threads or -1)
    linear, has_map = image.space != RAW, clean.unseen is not None
    if not has_map:
        clean = replace(clean, unseen=memo("painted", lambda: _painted(image, clean)))
    made_up = NEVER_SEEN if has_map else PAINTED

    def fitted() -> tuple[Fit, tuple[str, ...], Floats | None]:
        fit = fit_pixels(
            image.rgb, clean.rgb, clean.covered(), linear, settings, unseen=clean.unseen
        )
        found = tuple(
            pair_warnings(image.rgb, fit.moved, fit.pixels, fit.known, linear, fit.guessed)
        )
        found += (*([made_up] if fit.guessed else []), *fit.warnings)
        shadow = None
        if settings.shadows != OFF:
            shadow = find_shadow(image.rgb, fit.pixels, fit.known, linear)
            if shadow is not None:
                fit = replace(fit, pixels=fit.pixels * shadow)
        return fit, found, shadow

    fit, found, shadow = memo("fit", fitted)
    warnings = (*header_warnings(image, clean), *found)
    plate = replace(clean, rgb=fit.pixels)
    return Fitted(
        plate, ~fit.known, fit.report, warnings, shadow, fit.clean_plate_error, has_map
    )  # fmt: skip


def _painted(image: PlateImage, clean: PlateImage) -> Mask | None:
    linear = image.space != RAW
    return find_painted(encoded(image.rgb, linear), encoded(clean.rgb, linear), clean.covered())


@dataclass(frozen=True, eq=False)
class Fit:
    """The fitted clean plate (H, W, 3), before it was relit, and where it is no invention.

    ``clean_plate_error`` is how far off it may still be.
    """

    pixels: Floats
    moved: Floats
    known: Mask
    report: Report
    clean_plate_error: CleanPlateError | None = None
    warnings: tuple[str, ...] = ()  # of what could not be fitted
    guessed: bool = False  # a part of this frame has no clean plate, which is made up there


def fit_pixels(
    image: Floats,
    clean: Floats,
    covered: Mask,
    linear: bool,
    settings: Settings,
    unseen: Mask | None = None,
) -> Fit:
    """:func:`fit_clean` for (H, W, 3) in the space they composite in: scene-linear or as stored.

    ``covered`` (H, W) is where the clean plate has pixels, ``unseen`` where no frame shows them.
    """
    I_enc = encoded(image, linear)
    if settings.align == OFF and settings.illumination == OFF:
        pixels = clean
        if unseen is not None:
            close = _apart(I_enc, encoded(clean, linear), covered) < BACKGROUND
            pixels = filled(image, clean, covered, close, I_enc, unseen)
        fit = Fit(pixels, clean, covered, Report(), guessed=_any(unseen))
        return _decompressed(fit, image, I_enc, linear, settings)
    B_enc = encoded(clean, linear)
    before = _apart(I_enc, B_enc, covered)
    found = register(I_enc, B_enc, covered, settings.align) if settings.align != OFF else None
    tried = _tried(image, clean, covered, I_enc, before, found, linear, settings)
    if tried.poor and found is not None:  # on a bare wall a motion may be a coincidence: the light
        tried = _tried(image, clean, covered, I_enc, before, None, linear, settings)
    if tried.poor:
        tried = replace(
            tried, motion=None, light=None, moved=clean, pixels=clean, known=covered,
            after=before, now=tried.was,
        )  # fmt: skip
    motion, light, pixels, known, after = (
        tried.motion, tried.light, tried.pixels, tried.known, tried.after
    )  # fmt: skip
    moved = tried.moved
    focus = fit_focus(image, pixels, known, linear) if settings.align != OFF else None
    if focus is not None:
        pixels, moved = _within_range(focus.on(pixels), image), focus.on(moved)
        after = _apart(I_enc, encoded(pixels, linear), known)
    resampled = motion is not None or focus is not None
    clean_plate_error: CleanPlateError | None = None
    if resampled or light is not None:
        blown = None if light is None else _blown(clean, motion)
        fitted = encoded(pixels, linear)
        agrees = _agreeing(I_enc, fitted, known)
        within = within_residual(I_enc, fitted, known, agrees, blown, resampled)
        if resampled:
            error = residual_sigma(I_enc, fitted, agrees & known, within)
            clean_plate_error = (
                None if error is None else CleanPlateError(tensor_of(error[..., None], "cpu"))
            )
        pixels = np.where(within[..., None], image, pixels)
        if blown is not None:
            pixels = replenished(image, pixels, blown, within)
            alike = replenished_alike(I_enc, encoded(pixels, linear), blown, within)
            pixels, within = np.where(alike[..., None], image, pixels), within | alike
        after = np.where(within, 0, after)
    hidden = None if unseen is None else moved_mask(unseen, motion)
    pixels = filled(image, pixels, known, after < BACKGROUND, I_enc, hidden)
    missing = float(1 - known.mean())
    report = report_of(image.shape, motion, light, tried.now, tried.was, missing)
    warnings: tuple[str, ...] = ()
    if focus is not None:
        now = _rms(after, (after < BACKGROUND) & known)
        sigma = -focus.sigma if focus.softer else focus.sigma
        report = replace(report, focus=sigma, residual=round(now, 5))
        warnings += focus.warnings()
    fit = Fit(pixels, moved, known, report, clean_plate_error, warnings, _any(hidden))
    return _decompressed(fit, image, I_enc, linear, settings)


def _any(unseen: Mask | None) -> bool:
    return unseen is not None and bool(unseen.any())


def _decompressed(fit: Fit, image: Floats, I_enc: Floats, linear: bool, settings: Settings) -> Fit:
    """``fit`` without what compression did around the subject, where the plate was a JPEG."""
    jpeg = compression_of(I_enc) if settings.method == "model" else None
    if jpeg is None:
        return fit
    found = explained(I_enc, encoded(fit.pixels, linear), jpeg)
    within = found.background & fit.known
    error = CleanPlateError.of_compression(tensor_of(found.sigma[..., None], "cpu"))
    return replace(
        fit,
        pixels=np.where(within[..., None], image, fit.pixels),
        report=replace(fit.report, jpeg=jpeg.quality),
        clean_plate_error=error
        if fit.clean_plate_error is None
        else fit.clean_plate_error.together(error),
    )


@dataclass(frozen=True, eq=False)
class _Tried:
    """A motion and the light that goes with it, and whether they are worse than nothing."""

    motion: Motion | None
    light: Light | None
    moved: Floats
    pixels: Floats
    known: Mask
    after: Floats  # what is left over at each pixel (H, W), and on the background,
    now: float
    was: float  # and there without them
    poor: bool


def _tried(
    image: Floats,
    clean: Floats,
    covered: Mask,
    I_enc: Floats,
    before: Floats,
    motion: Motion | None,
    linear: bool,
    settings: Settings,
) -> _Tried:
    moved, known = (clean, covered) if motion is None else warped(clean, covered, motion)
    pixels = moved
    light: Light | None = None
    if settings.illumination != OFF:
        agrees = _agreeing(I_enc, encoded(pixels, linear), known)
        light = fit_light(image, pixels, agrees, known, linear)
        if light is not None:
            pixels = _within_range(light.on(pixels), image)
    after = _apart(I_enc, encoded(pixels, linear), known)
    either = (np.minimum(before, after) < BACKGROUND) & known & covered
    was, now = (_rms(x, either) for x in (before, after))
    exact = (before < EXACT) & covered
    lost = exact & ((after > 3 * EXACT) | ~known)
    poor = now > was or (now > POOR and now > POOR_SHARE * was and not _explains(before, after))
    # What matched to the last digit was the background: a fit that loses most of it is wrong.
    poor |= exact.mean() > EXACT_SHARE and lost.sum() > LOST_SHARE * exact.sum()
    return _Tried(motion, light, moved, pixels, known, after, now, was, poor)


def _agreeing(I_enc: Floats, B_enc: Floats, known: Mask) -> Mask:
    """Where details agree, at the plates' size."""
    height, width = known.shape
    small = [shrunk(x, COMPARED) for x in (I_enc, B_enc)]
    valid = shrunk(known.astype(np.float32), COMPARED) > 0.999
    agrees = agreement(detail(small[0]), detail(small[1], valid)) > AGREE
    result: Mask = cv2.resize(agrees.astype(np.uint8), (width, height)) > 0
    return result


def _apart(I_enc: Floats, B_enc: Floats, known: Mask) -> Floats:
    """RMS difference over the channels (H, W), grain smoothed; of what is ``known`` only."""
    apart = np.where(known[..., None], I_enc - B_enc, np.float32(0))
    share = cv2.GaussianBlur(known.astype(np.float32), (0, 0), 1.0)
    smooth = cv2.GaussianBlur(apart, (0, 0), 1.0) / np.maximum(share, 0.1)[..., None]
    result: Floats = np.sqrt(np.square(smooth).mean(axis=2))
    return result


def _rms(apart: Floats, where: Mask) -> float:
    if not where.any():
        return 0.0
    return float(np.sqrt(np.square(np.minimum(apart[where], FARTHEST)).mean()))


def _explains(before: Floats, after: Floats) -> bool:
    """Whether a fit explains a good part of the frame that nothing explained, whatever the rest.

    Subjects that are background ``before`` or ``after`` by coincidence weigh heavily in an RMS.
    """
    was, now = (float((x < FITS).mean()) for x in (before, after))
    return now > max(EXPLAINS, MORE * was)


def _blown(clean: Floats, motion: Motion | None) -> Blown | None:
    """Where the clean plate's values are clipped, as the plate sees it."""
    high, low = float(clean.max()), float(clean.min())
    clipped = (clean >= 0.999 * high) if high <= 1 else np.zeros(clean.shape, bool)
    crushed = (clean <= 0.001 * high) if low >= 0 else np.zeros(clean.shape, bool)
    if clipped.any(axis=2).mean() < CLIPPED_SHARE:
        clipped[:] = False
    if crushed.any(axis=2).mean() < CLIPPED_SHARE:
        crushed[:] = False
    if motion is not None:
        places = motion.places(*clean.shape[:2])
        clipped, crushed = (
            cv2.remap(x.astype(np.float32), *places, cv2.INTER_LINEAR) > 0.01
            for x in (clipped, crushed)
        )
    return Blown(clipped, crushed)


def _within_range(clean: Floats, image: Floats) -> Floats:
    """What clips in the plate clips in the relit clean plate."""
    low, high = float(image.min()), float(image.max())
    if low >= 0:
        clean = np.maximum(clean, 0)
    if high <= 1 and (image >= high).any(axis=2).mean() > CLIPPED_SHARE:
        clean = np.minimum(clean, high)
    return clean
