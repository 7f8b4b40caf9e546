"""ProRes 4444 movies with straight alpha, through PyAV (the extra `movies`).

Rules: whole or not at all. A picture's codes become Y, Cb, Cr by BT.709 in the video range, as
ProRes wants them: 10 bits, also of alpha, which is all that FFmpeg's encoder takes. What its
header states of colours is what the codes are: BT.709 or nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dmp_matting.atomic_write import atomic_write, output_refused
from dmp_matting.errors import OutputError, PlateError

from .movie import UNKNOWN, movie_facts, pyav
from .write import flush_to_disk

Codes = npt.NDArray[np.uint16]  # (H, W, 4), 65535 is 1; straight

# Of a picture that was a movie's, in the headers of what is made of it.
FPS, TIMECODE = "movie:fps", "movie:timecode"
DEFAULT_FPS = Fraction(24)
NTSC = (24, 30, 48, 60, 120)  # rates that are written rounded when they are x 1000/1001
BT709 = 1  # FFmpeg's numbers, which are those of ISO/IEC 23091-2 but for the range
VIDEO_RANGE, FULL_RANGE = 1, 2
ALPHA_MAX = 1023  # of 10 bits
ENCODER = "prores_ks"
OPTIONS = {"profile": "4444", "vendor": "apl0", "alpha_bits": "16"}


@dataclass(frozen=True)
class MovieForm:
    """What a movie's header states."""

    fps: Fraction
    timecode: str  # of the first picture; empty for none
    pixel_aspect: float
    tagged: bool  # as BT.709; else nothing is stated of its colours
    comment: str

    @property
    def colours(self) -> int:
        """The number of its primaries and of its transfer."""
        return BT709 if self.tagged else UNKNOWN


def check_writer() -> None:
    """OutputError where there is no PyAV, or none that encodes ProRes."""
    try:
        pyav().codec.Codec(ENCODER, "w")
    except ImportError:
        raise OutputError(
            "A .mov is written through PyAV: install it with "
            f"`{sys.executable} -m pip install 'av>=18'`, or name an output .####.png or .####.exr."
        ) from None
    except ValueError:  # av.codec.UnknownCodecError
        raise OutputError(
            "PyAV here was built without ProRes; install its wheel, or name an output .####.png."
        ) from None


def exact_fps(fps: float) -> Fraction:
    """A rate as it is meant: 23.976 is 24000/1001."""
    for nominal in NTSC:
        exact = Fraction(nominal * 1000, 1001)
        if abs(fps - exact) < 0.006:
            return exact
    return Fraction(fps).limit_denominator(1001)


def write_prores(
    path: Path, size: tuple[int, int], pictures: Iterable[Codes], form: MovieForm
) -> Iterator[int]:
    """Write the movie ``path`` of pictures of ``size`` (height, width); yields the number of each.

    Nothing is left where the iterator is closed before its end. OutputError.
    """
    av = pyav()
    need, colours = 0, form.colours
    try:
        with atomic_write(path, keep_suffix=True) as temporary:
            with av.open(str(temporary), "w", format="mov") as container:
                container.metadata["comment"] = form.comment
                stream = _stream(container, size, form)
                count = 0
                for count, codes in enumerate(pictures, 1):
                    need += codes.nbytes // 4
                    frame = av.VideoFrame.from_ndarray(codes, "rgba64le").reformat(
                        format="yuva444p10le", src_color_range=FULL_RANGE,
                        dst_colorspace=BT709, dst_color_range=VIDEO_RANGE,
                    )  # fmt: skip
                    _set_alpha(frame, codes[..., 3])
                    frame.color_trc = frame.color_primaries = colours  # of ProRes' own header
                    frame.pts, frame.time_base = count - 1, 1 / form.fps
                    container.mux(stream.encode(frame))
                    yield count - 1
                container.mux(stream.encode())
            _check(temporary, count)
    except (av.error.FFmpegError, OSError) as error:
        raise output_refused(path, getattr(error, "strerror", None) or str(error), need) from None


def _check(movie: Path, count: int) -> None:
    """OSError where the written file does not have ``count`` pictures."""
    flush_to_disk(movie)
    try:
        found = movie_facts(movie).count
    except PlateError:
        found = -1
    if found != count:
        raise OSError("what was written does not read back")


def _set_alpha(frame: Any, alpha: npt.NDArray[np.uint16]) -> None:
    """Give ``frame`` the nearest codes of ``alpha``: the conversion is off by up to a whole one."""
    plane = frame.planes[3]
    rows = np.zeros((plane.height, plane.line_size // 2), np.uint16)
    rows[:, : plane.width] = (alpha * (ALPHA_MAX / 65535)).round()
    plane.update(rows)


def _stream(container: Any, size: tuple[int, int], form: MovieForm) -> Any:
    stream = container.add_stream(ENCODER, rate=form.fps, options=OPTIONS)
    stream.height, stream.width = size
    stream.pix_fmt = "yuva444p10le"
    context = stream.codec_context
    context.time_base = 1 / form.fps
    context.sample_aspect_ratio = Fraction(form.pixel_aspect).limit_denominator(1000)
    context.colorspace, context.color_range = BT709, VIDEO_RANGE
    context.color_trc = context.color_primaries = form.colours
    if form.timecode:
        stream.metadata["timecode"] = form.timecode
    return stream
