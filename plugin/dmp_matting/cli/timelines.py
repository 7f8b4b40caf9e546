"""Timelines of OpenTimelineIO as rows of a list of shots: a clip each, and the frames it uses.

Frames of a transition are used, those that a nested track cuts away are not. What a clip has no
field for stands in its metadata under ``dmp``, whose ``frames`` win over what is computed here.
"""

import math
import os
import re
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple
from urllib.parse import unquote, urlparse

from ..client.requirements import how_to_add
from ..errors import InputError
from ..shots.sequences import FilePattern, group_files, is_pattern, range_text

Row = Dict[str, Any]

RANGE = re.compile(r"\[(-?\d+)-(-?\d+)\](?=[^\[\]]*$)")  # DaVinci Resolve: plate.[1001-1100].exr
SAY = "name its frames under 'frames' in the clip's metadata 'dmp'"


def read_timeline(file: Path) -> List[Row]:
    """The rows of a timeline's clips that have pictures. InputError names the clip."""
    try:
        import opentimelineio as otio
    except ImportError:
        raise InputError(
            f"Timelines need OpenTimelineIO; install it with `{how_to_add('batch')}`."
        ) from None
    if not file.exists():
        raise InputError(f"'{file}' does not exist.")
    try:
        timeline = otio.adapters.read_from_file(str(file))
    except Exception as reason:  # its adapters raise whatever they like
        raise InputError(f"'{file}' is no timeline that OpenTimelineIO reads ({reason}).") from None
    tracks = timeline.video_tracks() if hasattr(timeline, "video_tracks") else [timeline]
    folder = os.path.dirname(os.path.abspath(file))
    clips = (
        clip for track in tracks if hasattr(track, "find_clips") for clip in track.find_clips()
    )
    return [row for row in (_row(clip, folder, otio) for clip in clips) if row]


def _row(clip: Any, folder: str, otio: Any) -> Row:
    """The row of a clip; empty for one that shows no picture, or is not used."""
    given = _plain(clip.metadata.get("dmp", {}))
    if not getattr(clip, "enabled", True):
        return {}
    media = _media(clip, folder, otio)
    if media is None and not given:
        return {}
    row: Row = {"name": clip.name}
    if media is not None:
        image, first, numbers = media
        row["image"] = image
        if "frames" not in given:
            used = _used(clip, otio)
            if used is not None and not used:
                return {}
            row["frames"] = "" if used is None else _numbers(clip, used, first, numbers)
    return {**row, **given}


def _plain(value: Any) -> Any:
    """Metadata as Python's own: OpenTimelineIO's die with their timeline."""
    if hasattr(value, "items"):
        return {str(key): _plain(one) for key, one in value.items()}
    if hasattr(value, "__iter__") and not isinstance(value, str):
        return [_plain(one) for one in value]
    return value


# --- the frames that are used --------------------------------------------------------------------


def _used(clip: Any, otio: Any) -> Optional[List[float]]:
    """The times of the media that the edit shows, in frames of the media's rate, each once.

    None where neither clip nor media has a range: all that is on disk. Empty where it is cut away.
    """
    media = clip.media_reference
    if clip.source_range is None and media.available_range is None:
        return None
    used = clip.visible_range()
    above = clip.parent()
    while above is not None:
        _speed(above, clip, otio)
        if above.source_range is not None:
            inside = clip.transformed_time_range(used, above)
            if not inside.intersects(above.source_range):
                return []
            used = above.transformed_time_range(inside.clamped(above.source_range), clip)
        above = above.parent()
    rate = media.available_range.start_time.rate if media.available_range else None
    rate = getattr(media, "rate", None) or rate or used.start_time.rate
    start = used.start_time.rescaled_to(rate).value
    count = math.ceil(used.duration.rescaled_to(rate).value - 1e-6)
    speed = _speed(clip, clip, otio)
    times = (start + speed * at for at in range(count))
    return sorted({float(edge(time)) for time in times for edge in (math.floor, math.ceil)})


def _speed(item: Any, clip: Any, otio: Any) -> float:
    """How fast the media of ``clip`` runs in ``item``; InputError where that is no one number."""
    speed = 1.0
    for effect in item.effects:
        if not isinstance(effect, otio.schema.TimeEffect) or not getattr(effect, "enabled", True):
            continue
        scalar: Any = getattr(effect, "time_scalar", None)
        constant = isinstance(effect, otio.schema.LinearTimeWarp) and scalar is not None
        if not constant or scalar < 0 or item is not clip:
            what = "plays backwards" if constant and scalar < 0 else "has a retime"
            raise InputError(
                f"The clip {clip.name} {what} ({effect.effect_name or effect.schema_name()}) that "
                f"cannot be followed; {SAY}."
            )
        speed *= scalar
    return speed


def _numbers(clip: Any, used: Sequence[float], first: int, there: Sequence[int]) -> str:
    """The files' numbers for times of the media, as a range.

    A time counts from the media's available range, whose start is its first file. Without one
    times are the numbers themselves, or count from 0 where they are lower than the first number.
    """
    media = clip.media_reference
    zero: Any = media.available_range.start_time.to_frames() if media.available_range else None
    if zero in there and not hasattr(media, "start_frame"):
        first = zero  # files before it are handles
    step = getattr(media, "frame_step", 1) or 1
    if zero is None:
        zero = first if used[0] >= first else 0
    found = [first + math.floor((time - zero) / step) * step for time in used]
    if there and not set(found) & set(there):
        raise InputError(
            f"The clip {clip.name} uses frames {range_text(found)}, but on disk are "
            f"{range_text(there)}; {SAY}."
        )
    return range_text(found)


# --- the files -----------------------------------------------------------------------------------


def _media(clip: Any, folder: str, otio: Any) -> Optional[Tuple[str, int, Tuple[int, ...]]]:
    """Plate, its first number, and the numbers on disk; None for a clip without a picture."""
    media = clip.media_reference
    if isinstance(media, otio.schema.ImageSequenceReference):
        digits = "#" * max(1, media.frame_zero_padding)
        name = f"{media.name_prefix}{digits}{media.name_suffix}"
        paths = [os.path.join(base, name) for base in _paths(media.target_url_base)]
        image = next((path for path in paths if _on_disk(path, folder)), paths[0])
        return image, media.start_frame, _on_disk(image, folder)
    if not isinstance(media, otio.schema.ExternalReference):
        return None
    for path in _paths(media.target_url):
        found = _sequence(path, folder)
        numbers = _on_disk(found[0], folder)
        if numbers or os.path.exists(os.path.join(folder, found[0])):
            break
    else:
        found = _sequence(_paths(media.target_url)[0], folder)
        numbers = ()
    image, first = found
    if first is None:
        first = numbers[0] if numbers else 0
    return image, first, numbers


def _sequence(path: str, folder: str) -> Tuple[str, Optional[int]]:
    """``plate.[1001-1100].exr`` as ``plate.####.exr``, 1001; any other name as it is.

    One file of a sequence, by which some programs name all of it, becomes its pattern.
    """
    match = RANGE.search(path)
    if match is None or os.path.exists(os.path.join(folder, path)):
        return _of_one_file(path, folder)
    digits = "#" * len(match[1])
    return f"{path[: match.start()]}{digits}{path[match.end() :]}", int(match[1])


def _of_one_file(path: str, folder: str) -> Tuple[str, Optional[int]]:
    place, name = os.path.split(path)
    try:
        groups = group_files(os.listdir(os.path.join(folder, place)))
    except OSError:
        return path, None
    group = next((one for one in groups if name in one.names and len(one.names) > 1), None)
    pattern = FilePattern.parse(group.pattern) if group is not None else None
    if group is None or pattern is None:
        return path, None
    number = name[len(pattern.head) : len(name) - len(pattern.tail)]
    return os.path.join(place, group.pattern), int(number)


def _on_disk(path: str, folder: str) -> Tuple[int, ...]:
    """The numbers of a sequence that are there; none for a still or a folder that is not there."""
    place = os.path.join(folder, path)
    pattern = FilePattern.parse(place) if is_pattern(place) else None
    if pattern is None or not os.path.isdir(os.path.dirname(place)):
        return ()
    return pattern.frames()


def _paths(url: str) -> List[str]:
    """What a URL may mean as a path, the likeliest first; Windows' drive without the slash before.

    A path that is no URL may be encoded all the same, and ``%04d`` is no encoding.
    """
    parsed = urlparse(url)
    is_file = parsed.scheme == "file"
    text = f"//{parsed.netloc}{parsed.path}" if is_file and _is_host(parsed.netloc) else parsed.path
    if not is_file:
        text = url
    kept = re.sub(r"%(?=0?\d?d)", "%25", text)
    ways = [unquote(kept), unquote(text)] if is_file else [text, unquote(kept), unquote(text)]
    return [
        way[1:] if is_file and re.match(r"/[A-Za-z]:", way) else way for way in dict.fromkeys(ways)
    ]


def _is_host(name: str) -> bool:
    return name not in ("", "localhost")
