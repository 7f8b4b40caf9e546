"""JPEG: what compression does to the background around the subject.

A pair that was saved as JPEG may match to the bit where no subject is near, and is several
percent off in every block that the subject touches. How far differs from block to block, so no
level of noise shows it; but the compression can be done again:

    quality    compressing the plate as it was compressed changes next to nothing, a quality
               higher or lower changes it all (after Farid, "Exposing Digital Forgeries From JPEG
               Ghosts", IEEE Transactions on Information Forensics and Security, 2009)
    rings      the clean plate with the subject over it, compressed: what that changes around the
               subject is taken off the plate, and is, squared, the variance of the rest

What is then within its noise is background, and the subject is cut out again, a few times over.

Encoded values; colours (H, W, 3), maps (H, W).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import torch

from ...dmp.evidence.known_background import known_background
from ...dmp.model.noise import Noise
from ...tensors import tensor_of
from .local_contrast import Floats, Mask

LOWEST, HIGHEST = 30, 98  # qualities that are looked for; above it compression leaves nothing
CLEARLY = 0.9  # of the change by the qualities beside it; never compressed: 1.0
LEAST = 0.2  # steps of 8 bits; what changes less shows nothing
MEASURED_ON = 1 << 18  # pixels at most
WHOLE, WHOLLY = 0.2, 0.95  # of a step of 8 bits; share of the values that are as near to one
SAMPLINGS = (0x221111, 0x211111, 0x111111)  # of the colours: 4:2:0, 4:2:2, 4:4:4
TURNS = 4  # times the subject is cut out
AGAIN = 1.2  # what was compressed before has less to lose: by so much, measured at quality 85
ASIDE = 4  # pixels; half a block
WINDOWS, ENOUGH = (5, 9, 17), 0.2  # sides in which the error is measured; share that suffices

Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Jpeg:
    """How a plate was compressed: the quality as libjpeg counts, the sampling of its colours."""

    quality: int
    sampling: int

    def again(self, rgb: Floats) -> Floats:
        """``rgb`` as it comes out of the same compression."""
        return _floats(_compressed(_codes(rgb), self.quality, self.sampling))


@dataclass(frozen=True, eq=False)
class Explained:
    """Where compression explains the difference, and the deviation of I - B everywhere else.

    ``sigma`` is of one channel, grain included.
    """

    background: Mask
    sigma: Floats


def compression_of(plate: Floats) -> Jpeg | None:
    """The last compression of an encoded plate that nothing changed since; None without one."""
    if plate.min() < 0 or plate.max() > 1:
        return None
    rows = max(16, MEASURED_ON // plate.shape[1] // 16 * 16)
    first = max(0, (plate.shape[0] - rows) // 32 * 16)  # the grid of its blocks stays
    part = plate[first : first + rows]
    if (np.abs(255 * part - np.rint(255 * part)) < WHOLE).mean() < WHOLLY:
        return None
    codes = _codes(part)
    grey = cv2.cvtColor(codes, cv2.COLOR_RGB2GRAY)
    change = np.array([_change(grey, q) for q in range(LOWEST - 1, HIGHEST + 2)])
    beside = np.minimum(change[:-2], change[2:])
    ghost = np.where(beside > LEAST, change[1:-1] / np.maximum(beside, LEAST), 1.0)
    if ghost.min() > CLEARLY:
        return None
    quality = LOWEST + int(ghost.argmin())
    # By values unchanged: what is clipped, as saturated colours are, changes by far the most.
    sampling = max(SAMPLINGS, key=lambda s: (_compressed(codes, quality, s) == codes).mean())
    return Jpeg(quality, sampling)


def explained(I_enc: Floats, B_enc: Floats, jpeg: Jpeg) -> Explained:
    """What ``jpeg`` explains of an encoded plate and its fitted clean plate."""
    clean = tensor_of(B_enc, "cpu")
    grain = Noise.of_pair(tensor_of(I_enc, "cpu"), clean)
    # No subject is known yet: what another grid of blocks would do to the plate.
    moved = [(ASIDE, 0), (ASIDE, 0), (0, 0)]
    aside = jpeg.again(np.pad(I_enc, moved, mode="reflect"))[ASIDE:, ASIDE:]
    everywhere = np.ones(I_enc.shape[:2], bool)
    error = _deviation(aside - I_enc, everywhere)
    equal = (np.abs(I_enc - B_enc) < 0.5 / 255).all(axis=2)
    error[cv2.erode(equal.astype(np.uint8), np.ones((3, 3))) > 0] = 0
    plate = I_enc
    for _ in range(TURNS):
        noise = grain.and_also(torch.from_numpy(error)[None, None])
        found = known_background(tensor_of(plate, "cpu"), clean, noise)
        background: Mask = found[0, 0].numpy()
        over = np.where(background[..., None], B_enc, I_enc)
        after = jpeg.again(over)
        error = _deviation(after - B_enc, background)
        plate = over + (I_enc - after)
    noise = grain.and_also(torch.from_numpy(error)[None, None])
    return Explained(background, noise.sigma[0, 0].numpy())


def _deviation(change: Floats, where: Mask) -> Floats:
    """RMS of a ``change`` (H, W, 3) by compression around each pixel, (H, W)."""
    squares = np.square(change).mean(axis=2) * where
    share = where.astype(np.float32)
    known = np.zeros(where.shape, np.float32)
    variance = np.zeros(where.shape, np.float32)
    for side in WINDOWS:
        here = cv2.blur(share, (side, side))
        mean = np.maximum(cv2.blur(squares, (side, side)), 0) / np.maximum(here, 1e-3)
        variance = np.where(known < ENOUGH, mean, variance)
        known = np.where(known < ENOUGH, here, known)
    result: Floats = (AGAIN * np.sqrt(variance)).astype(np.float32)
    return result


def _change(grey: Codes, quality: int) -> float:
    done, packed = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, quality])
    assert done
    return _rms(cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE), grey)


def _compressed(codes: Codes, quality: int, sampling: int) -> Codes:
    how = [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    done, packed = cv2.imencode(".jpg", cv2.cvtColor(codes, cv2.COLOR_RGB2BGR), how)
    assert done
    result: Codes = cv2.cvtColor(cv2.imdecode(packed, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    return result


def _rms(one: Codes, other: Codes) -> float:
    return float(np.sqrt(np.square(one.astype(np.float32) - other).mean()))


def _codes(rgb: Floats) -> Codes:
    result: Codes = np.clip(np.rint(255 * rgb), 0, 255).astype(np.uint8)
    return result


def _floats(codes: Codes) -> Floats:
    result: Floats = (codes / 255).astype(np.float32)
    return result
