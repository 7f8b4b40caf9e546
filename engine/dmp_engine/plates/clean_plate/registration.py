"""Registration: where each of the plate's pixels lies in the clean plate.

A tripod is nudged, a hand holds the camera, a lens breathes. The subject is in one of the
two only and must not pull: only places whose detail agrees (detail.py) are listened to.

    candidates   standing still; phase correlation; SIFT features and a MAGSAC homography
    refinement   ECC (Evangelidis & Psarakis 2008) on the detail of what agrees, coarse to fine
    flow         DIS optical flow on top, smooth, where parallax is left over
    choice       the simplest motion; a richer one only if it lowers the residual clearly

A pair that already fits is left as it is: no motion is returned, not a small one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from .local_contrast import AGREE, Detail, Floats, Mask, agreement, detail, shrunk

Matrix = npt.NDArray[np.float64]
Kind = Literal["translation", "rotation", "homography", "flow"]

COARSE, FINE = 640, 1280  # long sides at which motion is searched and refined
SMALLEST_SIDE = 64  # pixels; nothing is registered below: a few windows agree by chance
FARTHEST = 0.2  # of the long side; a clean plate that is farther off is another shot
REFINEMENTS = 3  # how often what agrees is looked up again
TURN, ZOOM = 12.0, 1.25  # degrees and factor; beyond them a homography is a coincidence
LEAST_AGREEING = 0.002  # of the frame
LEAST_MOTION = 0.08  # px; less is not worth resampling the clean plate
CLEARLY = 0.93  # of the residual; what a richer motion must come down to
APART = 1.0  # a difference of details beyond which more makes no worse
SPREAD_CELLS = 5  # of 16 that must agree before a homography is trusted
FLOW_SMOOTH, FLOW_LEAST = 0.015, 12.0  # sigma of what is left of a flow: of the long side, in px
FLOW_MOTION, FLOW_CLEARLY = 0.25, 0.85  # as LEAST_MOTION and CLEARLY: a flow can imitate grain
FLOW_FARTHEST = 0.008  # of the long side; more than parallax is another thing, such as glass


@dataclass(frozen=True, eq=False)
class Motion:
    """Plate pixel (x, y) is clean-plate pixel ``matrix`` (x, y, 1), and ``flow`` more."""

    kind: Kind
    matrix: Matrix  # (3, 3)
    flow: Floats | None = None  # (H, W, 2) in pixels

    def places(self, height: int, width: int) -> tuple[Floats, Floats]:
        """x and y in the clean plate for each pixel of the plate, (H, W) each."""
        x, y = np.meshgrid(np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64))
        m = self.matrix
        below = m[2, 0] * x + m[2, 1] * y + m[2, 2]
        across = (m[0, 0] * x + m[0, 1] * y + m[0, 2]) / below
        down = (m[1, 0] * x + m[1, 1] * y + m[1, 2]) / below
        if self.flow is not None:
            across, down = across + self.flow[..., 0], down + self.flow[..., 1]
        return across.astype(np.float32), down.astype(np.float32)


def register(image: Floats, clean: Floats, valid: Mask, how: str) -> Motion | None:
    """The motion between two encoded plates, or None where they are best left as they are.

    ``valid`` is where the clean plate has pixels. ``how`` is the setting: auto,
    translation, homography or flow; the last three cap what is tried.
    """
    height, width = image.shape[:2]
    if min(height, width) < SMALLEST_SIDE:
        return None
    coarse = _at(image, clean, valid, COARSE)
    starts = [(_agreeing(coarse, m), m) for m in _candidates(coarse)]
    most, start = max(starts, key=lambda found: found[0])
    if most < LEAST_AGREEING:
        return None
    if starts[0][0] >= 0.98 * most:  # standing still is as good
        start = starts[0][1]
    start = _refined(coarse, start, cv2.MOTION_TRANSLATION)
    fine = _at(image, clean, valid, FINE)
    found = [np.eye(3), *_motions(coarse, fine, start, how)]
    residuals = _residuals(fine, [_Warped.by(fine, m) for m in found])
    best = 0
    for number in range(1, len(found)):
        farther = _largest(found[number], found[best], fine.size) / fine.scale > LEAST_MOTION
        if farther and residuals[number] < CLEARLY * residuals[best]:
            best = number
    matrix = _scaled(found[best], 1 / fine.scale)
    flow = _flow(fine, found[best]) if how in ("auto", "flow") else None
    if flow is not None:
        full = cv2.resize(flow / fine.scale, (width, height), interpolation=cv2.INTER_CUBIC)
        return Motion("flow", matrix, full.astype(np.float32))
    kinds: tuple[Kind, ...] = ("translation", "rotation", "homography")
    return None if best == 0 else Motion(kinds[best - 1], matrix)


def _motions(coarse: _Level, fine: _Level, start: Matrix, how: str) -> Iterator[Matrix]:
    """What each model comes to at the fine size, simplest first."""
    step = fine.scale / coarse.scale
    yield _refined(fine, _scaled(start, step), cv2.MOTION_TRANSLATION)
    if how == "translation" or _spread(coarse, start) < SPREAD_CELLS:
        return
    for model in (cv2.MOTION_EUCLIDEAN, cv2.MOTION_HOMOGRAPHY):
        start = _refined(coarse, start, model)
        yield _refined(fine, _scaled(start, step), model)


# --- one size at which both are compared --------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Level:
    """Both plates' details at one size; ``scale`` is that size over the plates' own."""

    image: Detail
    clean: Detail
    shown: tuple[Floats, Floats]  # luma of both, encoded
    scale: float

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.image.pixels.shape
        return height, width


def _at(image: Floats, clean: Floats, valid: Mask, longest: int) -> _Level:
    small = [shrunk(x, longest) for x in (image, clean)]
    known = shrunk(valid.astype(np.float32), longest) > 0.999
    return _Level(
        detail(small[0]),
        detail(small[1], known),
        (small[0].mean(axis=2), small[1].mean(axis=2)),
        max(small[0].shape) / max(image.shape),
    )


def _scaled(matrix: Matrix, factor: float) -> Matrix:
    """The same motion at ``factor`` times the size; pixel centres lie at half pixels."""
    half = (factor - 1) / 2
    up = np.array([[factor, 0, half], [0, factor, half], [0, 0, 1]])
    result: Matrix = up @ matrix @ np.linalg.inv(up)
    result /= result[2, 2]
    return result


@dataclass(frozen=True, eq=False)
class _Warped:
    """The clean plate's detail where the plate's pixels are."""

    detail: Detail
    agreement: Floats

    @classmethod
    def by(cls, level: _Level, matrix: Matrix, flow: Floats | None = None) -> _Warped:
        height, width = level.size
        across, down = Motion("flow", matrix, flow).places(height, width)
        pixels = cv2.remap(level.clean.pixels, across, down, cv2.INTER_CUBIC)
        known = cv2.remap(level.clean.valid.astype(np.uint8), across, down, cv2.INTER_NEAREST) > 0
        inside = (across >= 0) & (across <= width - 1) & (down >= 0) & (down <= height - 1)
        warped = Detail(pixels, known & inside)
        return cls(warped, agreement(level.image, warped))


def _agreeing(level: _Level, matrix: Matrix) -> float:
    """Share of the frame that agrees after a motion."""
    return float((_Warped.by(level, matrix).agreement > AGREE).mean())


def _spread(level: _Level, matrix: Matrix) -> int:
    """How many of 4 x 4 cells of the frame have something that agrees."""
    agrees = (_Warped.by(level, matrix).agreement > AGREE).astype(np.float32)
    cells = cv2.resize(agrees, (4, 4), interpolation=cv2.INTER_AREA)
    return int((cells > 0.01).sum())


def _residuals(level: _Level, warped: list[_Warped]) -> list[float]:
    """Mean truncated difference of detail for each, over what agrees for any of them."""
    agrees = np.any([w.agreement > AGREE for w in warped], axis=0)
    agrees &= np.all([w.detail.valid for w in warped], axis=0)
    if not agrees.any():
        return [APART for _ in warped]
    found = []
    for one in warped:
        apart = cv2.GaussianBlur(level.image.pixels - one.detail.pixels, (0, 0), 1.0)
        found.append(float(np.minimum(np.abs(apart), APART)[agrees].mean()))
    return found


# --- where to begin -----------------------------------------------------------------------------


def _candidates(level: _Level) -> Iterator[Matrix]:
    """Standing still first, then what finds large motions; all of them plausible."""
    yield np.eye(3)
    for matrix in (_by_phase(level), _by_features(level)):
        if matrix is not None and _plausible(matrix, level.size):
            yield matrix


def _by_phase(level: _Level) -> Matrix:
    window = cv2.createHanningWindow(level.size[::-1], cv2.CV_32F)
    # copies: OpenCV 5.0 applies the window to its arguments in place
    views = (level.image.pixels.copy(), level.clean.pixels.copy())
    (x, y), _ = cv2.phaseCorrelate(*views, window)
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1]], np.float64)


def _by_features(level: _Level) -> Matrix | None:
    sift = cv2.SIFT_create(nfeatures=3000, contrastThreshold=0.02)
    keys, words = zip(*(sift.detectAndCompute(_bytes(x), None) for x in level.shown), strict=True)
    if any(w is None or len(w) < 8 for w in words):
        return None
    pairs = cv2.BFMatcher().knnMatch(words[0], words[1], k=2)
    good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < 0.8 * p[1].distance]
    if len(good) < 8:
        return None
    here = np.array([keys[0][m.queryIdx].pt for m in good], np.float32)
    there = np.array([keys[1][m.trainIdx].pt for m in good], np.float32)
    cv2.setRNGSeed(0)
    matrix, inliers = cv2.findHomography(here, there, cv2.USAC_MAGSAC, 1.5, maxIters=5000)
    if matrix is None or inliers is None or int(inliers.sum()) < 8:
        return None
    return np.asarray(matrix, np.float64)


def _bytes(luma: Floats) -> npt.NDArray[np.uint8]:
    low, high = np.percentile(luma, (0.5, 99.5))
    scaled = (luma - low) / max(high - low, 1e-6) * 255
    result: npt.NDArray[np.uint8] = np.clip(scaled, 0, 255).astype(np.uint8)
    return result


def _plausible(matrix: Matrix, size: tuple[int, int]) -> bool:
    """Whether the same camera could have moved like that between two takes of one shot."""
    height, width = size
    if not np.isfinite(matrix).all() or abs(matrix[2, 2]) < 1e-9:
        return False
    matrix = matrix / matrix[2, 2]
    if _largest(matrix, np.eye(3), size) > FARTHEST * max(size):
        return False
    area = float(np.linalg.det(matrix[:2, :2]))
    turn = float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0])))
    bend = float(np.abs(matrix[2, :2] * (width, height)).max())
    return ZOOM**-2 < area < ZOOM**2 and abs(turn) < TURN and bend < 0.2


def _largest(one: Matrix, other: Matrix, size: tuple[int, int]) -> float:
    """How far apart two motions take a corner of the frame, in pixels."""
    height, width = size
    corners = np.array(
        [[0, 0, 1], [width - 1, 0, 1], [0, height - 1, 1], [width - 1, height - 1, 1]], np.float64
    ).T
    a, b = one @ corners, other @ corners
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = a[:2] / a[2] - b[:2] / b[2]
    return float(np.nan_to_num(np.hypot(*apart), nan=np.inf).max())


# --- refinement ---------------------------------------------------------------------------------


def _refined(level: _Level, matrix: Matrix, model: int) -> Matrix:
    """ECC on what agrees, which is looked up again after each turn; the start if it fails."""
    stop = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 40, 1e-6)
    for _ in range(REFINEMENTS):
        agrees = _Warped.by(level, matrix).agreement > AGREE
        if agrees.mean() < LEAST_AGREEING:
            return matrix
        mask = cv2.dilate(agrees.astype(np.uint8), np.ones((3, 3), np.uint8))
        # The clean plate is ECC's template, so that the mask can lie in the plate.
        back = np.linalg.inv(matrix)
        back = (back / back[2, 2]).astype(np.float32)
        if model != cv2.MOTION_HOMOGRAPHY:
            back = _rigid(back, level.size, model == cv2.MOTION_EUCLIDEAN)
        try:
            _, back = cv2.findTransformECC(
                level.clean.pixels, level.image.pixels, back, model, stop, mask, 3
            )
        except cv2.error:  # ECC gives up where nothing correlates
            return matrix
        whole = np.eye(3)
        whole[: len(back)] = back
        if not np.isfinite(whole).all() or abs(np.linalg.det(whole)) < 1e-6:
            return matrix
        better: Matrix = np.linalg.inv(whole).astype(np.float64)
        better /= better[2, 2]
        if not _plausible(better, level.size):
            return matrix
        moved = _largest(better, matrix, level.size)
        matrix = better
        if moved < 0.01:
            break
    return matrix


def _rigid(matrix: Matrix, size: tuple[int, int], turns: bool) -> Floats:
    """The shift, and maybe the turn, of a matrix that agrees with it at the centre, (2, 3)."""
    middle = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2, 1.0])
    moved = matrix @ middle
    angle = np.arctan2(matrix[1, 0], matrix[0, 0]) if turns else 0.0
    cosine, sine = np.cos(angle), np.sin(angle)
    rigid = np.array([[cosine, -sine, 0], [sine, cosine, 0]])
    rigid[:, 2] = moved[:2] / moved[2] - rigid[:, :2] @ middle[:2]
    return rigid.astype(np.float32)


def _flow(level: _Level, matrix: Matrix) -> Floats | None:
    """A smooth flow on top of ``matrix`` (H, W, 2), where it lowers the residual clearly."""
    height, width = level.size
    before = _Warped.by(level, matrix)
    views = [np.clip(d.pixels * 40 + 128, 0, 255).astype(np.uint8) for d in
             (level.image, before.detail)]  # fmt: skip
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    raw, back = dis.calc(views[0], views[1], None), dis.calc(views[1], views[0], None)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    returned = cv2.remap(back, x + raw[..., 0], y + raw[..., 1], cv2.INTER_LINEAR)
    after = _Warped.by(level, matrix, raw)
    longest = max(level.size)
    trusted = (np.hypot(*np.moveaxis(raw + returned, 2, 0)) < 0.5) & (after.agreement > AGREE)
    trusted &= np.hypot(*np.moveaxis(raw, 2, 0)) < FLOW_FARTHEST * longest
    if trusted.mean() < 5 * LEAST_AGREEING:
        return None
    sigma = max(FLOW_SMOOTH * longest, FLOW_LEAST)
    weight = cv2.GaussianBlur(trusted.astype(np.float32), (0, 0), sigma)
    smooth = cv2.GaussianBlur(raw * trusted[..., None], (0, 0), sigma)
    result: Floats = smooth / (weight[..., None] + 0.02)  # to none where none is known
    warped = _Warped.by(level, matrix, result)
    residuals = _residuals(level, [before, warped])
    moved = float(np.quantile(np.hypot(*np.moveaxis(result[trusted], 1, 0)), 0.9)) / level.scale
    if moved < FLOW_MOTION or residuals[1] > FLOW_CLEARLY * residuals[0]:
        return None
    return result
