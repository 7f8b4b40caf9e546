"""Finished results as a ProRes 4444 movie or as PNG: foreground and alpha, as displayed.

The picture is the result's display window; what lies outside of its data is transparent. Colours
are encoded as the plate was, so that they lie over it in an editor: sRGB for plates that are
displayed as they are and for linear ones, the plate's own space where the artist named one, codes
as stored for ``raw``. What is above 1 is clipped. The foreground is straight; only a movie may be
premultiplied, and has then the light without alpha (emission.py), which is else in the EXRs alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from dmp_matting.atomic_write import atomic_write, output_refused
from dmp_matting.errors import OutputError, PlateError

from ..plates.io.channels import Pick
from ..plates.io.colour_space import LEAST_ALPHA, RAW, display_codes
from ..plates.io.header import stored_names
from ..plates.io.image_file import ImageFile
from ..plates.io.movie import TIMECODE as TIMECODE_FORM
from ..plates.io.movie_writer import (
    DEFAULT_FPS,
    FPS,
    TIMECODE,
    Codes,
    MovieForm,
    check_writer,
    exact_fps,
    write_prores,
)
from ..plates.io.write import WINDOW, flush_to_disk, uncropped, write_image

CHANNELS = ("foreground.R", "foreground.G", "foreground.B", "A")
PREMULTIPLIED = ("R", "G", "B", "A")
RECORD = "dmp:delivery"  # the text of a PNG that has the record
MOVIE = ".mov"


def make_deliveries(
    files: Sequence[Mapping[str, Any]], fps: float, premultiplied: bool = False
) -> Iterator[dict[str, Any]]:
    """Write each of ``files`` whole or not at all; yields a dict for each frame that was read.

    A file has a ``path``, a ``record`` and ``frames``, each a ``number`` and its ``result``.
    ``fps``: of movies, where it is not 0; ``premultiplied``: movies are. The last dict has ``how``:
    what the files are, in words. Without files only whether movies can be written is looked at.
    Raises PlateError, ColourSpaceError, OutputError.
    """
    if not files or any(is_movie(Path(one["path"])) for one in files):
        check_writer()
    how = ""
    for one in files:
        path, frames = Path(one["path"]), one["frames"]
        if not is_movie(path):
            picture = read_picture(Path(frames[0]["result"]))
            _write_png(path, picture, one["record"])
            how = f"16-bit PNG with straight alpha, {picture.called}"
            yield {"frame": frames[0]["number"]}
            continue
        made = _Movie(path, frames, fps, one["record"], premultiplied)
        yield from made.frames()
        how = made.how
    yield {"how": how}


def is_movie(path: Path) -> bool:
    return path.suffix.lower() == MOVIE


@dataclass(frozen=True, eq=False)
class Picture:
    """A result as it is displayed."""

    codes: Codes  # (H, W, 4)
    tagged: bool  # whether the codes are those of sRGB
    called: str  # their space, in words
    aspect: float  # width of a pixel over its height
    fps: Fraction | None  # that its plate states
    timecode: str


def read_picture(result: Path, premultiplied: bool = False) -> Picture:
    """The EXR ``result``. Raises PlateError, ColourSpaceError."""
    with ImageFile(result) as file:
        part = file.parts()[0]
        wanted = stored_names(part.spec, PREMULTIPLIED if premultiplied else CHANNELS)
        names = list(part.spec.channelnames)
        missing = [name for name in wanted if name not in names]
        if missing:
            raise PlateError(f"'{result}' has no channel {missing[0]}; solve it again.")
        pixels = file.read(Pick(part, tuple(names.index(name) for name in wanted))).pixels
    pixels, spec = _displayed(pixels, part.spec), part.spec
    space = spec.get_string_attribute("dmp:space") or RAW
    rgb, alpha = pixels[..., :3], np.clip(pixels[..., 3:], 0, 1)
    if premultiplied:
        colours, called, tagged = _multiplied(rgb, alpha, space)
    else:
        colours, called, tagged = display_codes(rgb, space)
    joined = np.dstack([colours, alpha])
    aspect = spec.get_float_attribute("PixelAspectRatio", 1.0)
    return Picture(
        np.ascontiguousarray((joined * 65535).round().astype(np.uint16)),
        tagged,
        called,
        aspect if aspect > 0 else 1.0,
        _fps(spec),
        _timecode(spec),
    )


def _multiplied(
    rgb: npt.NDArray[np.float32], alpha: npt.NDArray[np.float32], space: str
) -> tuple[npt.NDArray[np.float32], str, bool]:
    """As :func:`display_codes`, of the premultiplied ``rgb``: its straight codes times alpha.

    Light without alpha is what it adds to the space's black.
    """
    covered = alpha > LEAST_ALPHA
    share = np.where(covered, alpha, 1).astype(np.float32)
    codes, called, tagged = display_codes((rgb / share).astype(np.float32), space)
    black, _, _ = display_codes(np.zeros((1, 1, 3), np.float32), space)
    return np.where(covered, codes * share, np.clip(codes - black, 0, 1)), called, tagged


def _displayed(pixels: npt.NDArray[np.float32], spec: oiio.ImageSpec) -> npt.NDArray[np.float32]:
    """``pixels`` (H, W, C) of the data window over the display window; 0 where there are none."""
    whole, x, y = uncropped(pixels, spec), spec.x, spec.y
    if whole is not pixels:
        x, y = map(int, spec.get_string_attribute(WINDOW).split()[:2])
    x, y = x - spec.full_x, y - spec.full_y
    size = (spec.full_height, spec.full_width)
    if (y, x, *whole.shape[:2]) == (0, 0, *size):
        return whole
    found = np.zeros((*size, whole.shape[2]), np.float32)
    seen = found[max(y, 0) : max(y + whole.shape[0], 0), max(x, 0) : max(x + whole.shape[1], 0)]
    top, left = max(-y, 0), max(-x, 0)
    seen[:] = whole[top : top + seen.shape[0], left : left + seen.shape[1]]
    return found


def _fps(spec: oiio.ImageSpec) -> Fraction | None:
    """Of the movie that the plate was, or of the plate's header."""
    try:
        stated = spec.get_string_attribute(FPS)
        if not stated:
            over, under = spec.getattribute("FramesPerSecond")
            stated = f"{over}/{under}"
        return Fraction(stated) if 1 <= Fraction(stated) <= 1000 else None
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def _timecode(spec: oiio.ImageSpec) -> str:
    stated = spec.get_string_attribute(TIMECODE) or spec.get_string_attribute("smpte:TimeCode")
    match = TIMECODE_FORM.search(stated)
    return match[0] if match else ""


def _write_png(path: Path, picture: Picture, record: str) -> None:
    height, width = picture.codes.shape[:2]
    spec = oiio.ImageSpec(width, height, 4, "uint16")
    spec.channelnames, spec.alpha_channel = ("R", "G", "B", "A"), 3
    spec.attribute("oiio:UnassociatedAlpha", 1)
    spec.attribute("PixelAspectRatio", picture.aspect)
    spec.attribute("png:compressionLevel", 3)
    # Without a word OpenImageIO writes that it is sRGB; "data" has no tag.
    spec.attribute("oiio:ColorSpace", "sRGB" if picture.tagged else "data")
    spec.attribute(RECORD, record)
    try:
        with atomic_write(path) as temporary:
            write_image("png", temporary, spec, picture.codes)
            flush_to_disk(temporary)
    except OSError as error:
        reason = error.strerror or str(error)
        raise output_refused(path, reason, picture.codes.nbytes) from None


class _Movie:
    """One movie of many results, which are read one after the other."""

    def __init__(
        self,
        path: Path,
        frames: Sequence[Mapping[str, Any]],
        fps: float,
        record: str,
        premultiplied: bool,
    ) -> None:
        self.path, self.results, self.record = path, frames, record
        self._premultiplied = premultiplied
        first = self._first = self._read(frames[0])
        self.rate = exact_fps(fps) if fps else first.fps or DEFAULT_FPS
        # A rate of the artist's own may have no picture of that number in a second.
        fits = first.timecode and int(first.timecode[9:]) < round(self.rate)
        self.timecode = first.timecode if fits else ""

    def _read(self, entry: Mapping[str, Any]) -> Picture:
        return read_picture(Path(entry["result"]), self._premultiplied)

    @property
    def how(self) -> str:
        start = f" from {self.timecode}" if self.timecode else ""
        alpha = "premultiplied" if self._premultiplied else "straight"
        called = self._first.called.replace("sRGB", "tagged Rec. 709")
        return f"ProRes 4444 with {alpha} alpha, {called}, {float(self.rate):.5g} fps{start}"

    def frames(self) -> Iterator[dict[str, Any]]:
        """Write it, and yield a dict for each frame."""
        first = self._first
        form = MovieForm(self.rate, self.timecode, first.aspect, first.tagged, self.record)
        size = (first.codes.shape[0], first.codes.shape[1])
        for at in write_prores(self.path, size, self._pictures(), form):
            yield {"frame": self.results[at]["number"]}

    def _pictures(self) -> Iterator[Codes]:
        for at, entry in enumerate(self.results):
            picture = self._read(entry) if at else self._first
            if picture.codes.shape != self._first.codes.shape:
                raise OutputError(
                    f"'{entry['result']}' is of another size than the frames before it, which a "
                    "movie cannot have; name an output .####.png."
                )
            yield picture.codes
