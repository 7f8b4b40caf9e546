"""The pictures of a movie, upright, as R, G, B between 0 and 1, through PyAV (the extra `movies`).

Rules: every picture once, in the order in which they are shown, whatever the distances in time
between them (variable frame rate). Codes become R, G, B by the movie's own matrix and range; where
it names no matrix, by that of its size: HD and larger is BT.709, smaller BT.601. What the codes
mean is movie_light.py's matter.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dmp_matting.errors import PlateError

from .limits import MOST_PIXELS

Codes = npt.NDArray[np.uint16]  # (H, W, 3), 65535 is 1

HD_HEIGHT, HD_WIDTH = 720, 1280
FULL_RANGE = 2  # FFmpeg's numbers, which are those of ISO/IEC 23091-2 but for the range
MATRICES = {
    1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020",
}  # fmt: skip
UNKNOWN = 2
TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.,])(\d+)")


@dataclass(frozen=True)
class MovieFacts:
    """What a movie's header states; ``count`` is of its pictures, ``first`` the first's number.

    ``trc`` and ``primaries`` are the numbers of ISO/IEC 23091-2; 2 where it does not state them.
    """

    count: int
    first: int
    timecode: str
    rate: float  # pictures a second, on average
    trc: int
    primaries: int
    bits: int
    pixel_aspect: float
    interlaced: bool


def movie_facts(path: Path) -> MovieFacts:
    """Read the header and count the pictures; nothing is decoded but the first. PlateError."""
    av = _av(path)
    with _opened(av, path) as container:
        stream = _video(container, path)
        header = _Tags.of(stream.codec_context)
        try:
            first = next(container.decode(stream), None)
            container.seek(0)
            count = sum(packet.size > 0 for packet in container.demux(stream))
        except av.error.FFmpegError as reason:
            raise _damaged(path, reason) from None
        if first is None:
            raise PlateError(f"'{path}' has no picture in it; export it again.")
        rate = float(stream.average_rate or stream.guessed_rate or 24)
        timecode = _timecode(container)
        aspect = stream.sample_aspect_ratio or 1
        return MovieFacts(
            count,
            frame_number(timecode, rate) if timecode else 1,
            timecode,
            rate,
            _Tags.of(first).or_else(header).trc,
            _Tags.of(first).or_else(header).primaries,
            max(component.bits for component in first.format.components),
            float(aspect) if aspect > 0 else 1.0,
            bool(first.interlaced_frame),
        )


def movie_pictures(path: Path) -> Iterator[Codes]:
    """All pictures, as shown. Raises PlateError for what is damaged, also in the middle."""
    av = _av(path)
    with _opened(av, path) as container:
        stream = _video(container, path)
        header = _Tags.of(stream.codec_context)
        stream.thread_type = "AUTO"
        stream.codec_context.options = {"err_detect": "explode"}
        graph: Any = None
        state: tuple[Any, ...] = ()
        done = 0
        try:
            for frame in container.decode(stream):
                if frame.is_corrupt:
                    raise _damaged(path, f"picture {done + 1}")
                if frame.width * frame.height > MOST_PIXELS:
                    raise PlateError(f"'{path}' is larger than DMP takes; scale it down.")
                tags = _Tags.of(frame).or_else(header)
                now = (frame.width, frame.height, frame.format.name, tags)
                if graph is None or now != state:
                    if graph is not None and now[:2] != state[:2]:
                        raise PlateError(
                            f"'{path}' changes its size at picture {done + 1}; cut it there."
                        )
                    graph, state = _to_rgb(av, stream, frame, tags), now
                graph.push(frame)
                yield _upright(graph.pull().to_ndarray(), int(frame.rotation))
                done += 1
        except av.error.FFmpegError as reason:
            raise _damaged(path, reason) from None


def frame_number(timecode: str, rate: float) -> int:
    """The number of a picture with that timecode: the pictures since midnight."""
    match = TIMECODE.search(timecode)
    if match is None:
        return 1
    hours, minutes, seconds, frames = (int(match[place]) for place in (1, 2, 3, 5))
    nominal = max(1, round(rate))
    minutes += 60 * hours
    number = (60 * minutes + seconds) * nominal + frames
    if match[4] != ":" and nominal % 30 == 0:  # drop frame: numbers left out each minute but tenths
        number -= nominal // 15 * (minutes - minutes // 10)
    return number


def timecode_of(number: int, like: str, rate: float) -> str:
    """The timecode of the picture ``number``, the inverse of :func:`frame_number`.

    Drop frame where the timecode ``like`` is; "" where that is none.
    """
    match = TIMECODE.search(like)
    if match is None:
        return ""
    nominal = max(1, round(rate))
    if match[4] != ":" and nominal % 30 == 0:
        left_out = nominal // 15
        tens, rest = divmod(number, 600 * nominal - 9 * left_out)
        minutes = max(0, rest - left_out) // (60 * nominal - left_out)
        number += left_out * (9 * tens + minutes)
    seconds, frames = divmod(number, nominal)
    hours = seconds // 3600 % 24
    return f"{hours:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{match[4]}{frames:02}"


def pyav() -> Any:
    """PyAV, which writes nothing to the standard streams. ImportError."""
    import av
    import av.filter

    av.logging.set_level(None)
    return av


def _av(path: Path) -> Any:
    try:
        return pyav()
    except ImportError:
        raise PlateError(
            f"'{path}' is a movie, which DMP reads through PyAV: install it with "
            f"`{sys.executable} -m pip install 'av>=18'`, or {frames_instead(path)}"
        ) from None


def frames_instead(path: Path) -> str:
    """What to do with a movie that cannot be read."""
    return f"make frames of it (ffmpeg -i {path.name} plate.%04d.png) and matte plate.%04d.png."


def _opened(av: Any, path: Path) -> Any:
    try:
        return av.open(str(path))
    except FileNotFoundError:
        raise PlateError(f"'{path}' does not exist; check the path.") from None
    except PermissionError:
        raise PlateError(f"'{path}' may not be read; ask for permission to read it.") from None
    except (av.error.FFmpegError, OSError) as reason:
        raise _damaged(path, reason) from None


def _video(container: Any, path: Path) -> Any:
    streams = [one for one in container.streams.video if one.codec_context is not None]
    if not streams:
        raise PlateError(f"'{path}' has no pictures that FFmpeg decodes; {frames_instead(path)}")
    return streams[0]


def _damaged(path: Path, reason: object) -> PlateError:
    why = getattr(reason, "strerror", None) or reason
    return PlateError(
        f"'{path}' is truncated, damaged or of a kind that FFmpeg does not decode ({why}); copy it "
        f"again, or {frames_instead(path)}"
    )


def _timecode(container: Any) -> str:
    for one in (*container.streams.video, *container.streams, container):
        found = str(one.metadata.get("timecode", ""))
        if TIMECODE.search(found):
            return found
    return ""


@dataclass(frozen=True)
class _Tags:
    """What pictures, or a header, state of their colours; UNKNOWN where they do not."""

    matrix: int
    trc: int
    primaries: int
    whole: bool | None  # whether codes have the full range

    @classmethod
    def of(cls, source: Any) -> _Tags:
        matrix, trc, primaries = (
            int(getattr(source, name) or UNKNOWN)
            for name in ("colorspace", "color_trc", "color_primaries")
        )
        extent = int(source.color_range or 0)
        return cls(matrix, trc, primaries, extent == FULL_RANGE if extent else None)

    def or_else(self, other: _Tags) -> _Tags:
        """These, and the other's where these are not stated: ProRes has some in each place."""
        return _Tags(
            other.matrix if self.matrix == UNKNOWN else self.matrix,
            other.trc if self.trc == UNKNOWN else self.trc,
            other.primaries if self.primaries == UNKNOWN else self.primaries,
            other.whole if self.whole is None else self.whole,
        )


def _to_rgb(av: Any, stream: Any, frame: Any, tags: _Tags) -> Any:
    """A graph of filters from such frames to 16-bit R, G, B."""
    large = frame.height >= HD_HEIGHT or frame.width >= HD_WIDTH
    matrix = MATRICES.get(tags.matrix, "bt709" if large else "bt601")
    whole = frame.format.name.startswith("yuvj") or tags.whole
    convert = f"in_color_matrix={matrix}:in_range={'pc' if whole else 'tv'}:out_range=pc"
    if frame.format.is_rgb:
        convert = "in_range=pc:out_range=pc"
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=stream.time_base
    )
    scale = graph.add("scale", f"{convert}:flags=bicubic+accurate_rnd+full_chroma_int+bitexact")
    wanted = graph.add("format", "pix_fmts=rgb48le")
    sink = graph.add("buffersink")
    for one, other in ((source, scale), (scale, wanted), (wanted, sink)):
        one.link_to(other)
    graph.configure()
    return graph


def _upright(codes: Codes, rotation: int) -> Codes:
    """``codes`` turned by FFmpeg's ``rotation``: degrees, anticlockwise."""
    return np.ascontiguousarray(np.rot90(codes, round(rotation / 90) % 4))
