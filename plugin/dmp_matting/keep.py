"""Which regions of a matte are kept: the text of Settings.keep, read. Standard library only.

    all                             everything that differs from the clean plate
    largest                         the region with the most alpha, followed through a shot
    largest each                    the region with the most alpha of each frame by itself
    at 400,300                      the regions at these points: X,Y[,X,Y...]
    box 100,50,700,500              the regions in this box: X0,Y0,X1,Y1
    at 400,300@1001 600,310@1050    keys: the point, or the box, moves in a straight line from frame
                                    to frame, and stands still before the first and after the last

Pixels of the plate's display window, from its upper left corner: x to the right, y down.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, replace
from typing import Callable, List, Tuple

from .errors import SettingsError

ALL, LARGEST, AT, BOX = "all", "largest", "at", "box"
EACH = "each"
FORMS = (
    "all, largest, 'largest each', 'at X,Y' (more points: 'at X,Y,X,Y'), or 'box X0,Y0,X1,Y1'; "
    "with keys: 'at X,Y@1001 X,Y@1050'"
)
OUTSIDE = (-9999.0, -9999.0)  # a point where no region is: nothing stays
LONGEST = 1_000_000  # letters
MOST = 1e6  # pixels; no plate is larger
SAME = 0.01  # pixels; places that are no further apart mean the same region
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)"
PLACE = re.compile(rf"({NUMBER}(?:\s*,\s*{NUMBER})*)(?:\s*@\s*(-?\d{{1,19}}))?")


@dataclass(frozen=True)
class Keep:
    """What to keep; ``keys`` are a frame and the numbers of that frame, ascending.

    Without ``has_frames`` the one key that there is counts for all frames. ``largest`` has no keys;
    with ``has_frames`` it is that of each frame by itself.
    """

    kind: str
    keys: Tuple[Tuple[int, Tuple[float, ...]], ...] = ()
    has_frames: bool = False

    @classmethod
    def parse(cls, text: str) -> Keep:
        """What ``text`` means. SettingsError where it means nothing, or two things."""
        word, _, rest = re.sub(r"[:=\s]", " ", text.strip(), count=1).partition(" ")
        kind, rest = word.lower(), rest.strip()
        if len(text) > LONGEST:
            raise _wrong(text)
        if kind in ("", ALL, LARGEST) and not rest:
            return cls(kind or ALL)
        if kind == LARGEST and rest.lower() == EACH:
            return cls(LARGEST, has_frames=True)
        if kind not in (AT, BOX):
            raise _wrong(text)
        keys, end = [], 0
        for match in PLACE.finditer(rest):
            if rest[end : match.start()].strip(" \t;"):
                raise _wrong(text)
            end = match.end()
            keys.append((match[2], tuple(float(one) for one in match[1].split(","))))
        if not keys or rest[end:].strip(" \t;"):
            raise _wrong(text)
        if len(keys) > 1 and not all(frame for frame, _ in keys):
            raise SettingsError(
                f"'keep' has several places but not a frame for each: {_short(text)}; write "
                "'at X,Y@1001 X,Y@1050', or several points as 'at X,Y,X,Y'."
            )
        for _, numbers in keys:
            _check(kind, numbers, text)
        by_frame = {int(frame or 0): numbers for frame, numbers in keys}
        if len(by_frame) < len(keys):
            raise SettingsError(f"'keep' names one frame twice: {_short(text)}.")
        return cls(kind, tuple(sorted(by_frame.items())), bool(keys[0][0]))

    @property
    def is_all(self) -> bool:
        return self.kind == ALL

    @property
    def is_followed(self) -> bool:
        """Whether a shot follows it from frame to frame: it has not a place of its own for each."""
        if self.kind == LARGEST:
            return not self.has_frames
        return len(self.keys) == 1

    def same_at(self, frame: int, other: Keep) -> bool:
        """Whether both keep the same regions of a frame, whatever they keep of others."""
        if self.kind != other.kind:
            return False
        one, two = self.numbers(frame), other.numbers(frame)
        return len(one) == len(two) and all(abs(a - b) <= SAME for a, b in zip(one, two))

    def numbers(self, frame: int) -> Tuple[float, ...]:
        """The coordinates at a frame: between two keys of as many numbers on the line between.

        Empty for ``all`` and ``largest``.
        """
        if not self.keys:
            return ()
        frames = [one for one, _ in self.keys]
        place = bisect.bisect_right(frames, frame)
        before, after = self.keys[max(0, place - 1)], self.keys[min(place, len(frames) - 1)]
        if before[0] == after[0] or len(before[1]) != len(after[1]):
            return before[1]
        part = (frame - before[0]) / (after[0] - before[0])
        part = min(max(part, 0.0), 1.0)
        return tuple(a + part * (b - a) for a, b in zip(before[1], after[1]))

    def moved(self, move: Callable[[float, float], Tuple[float, float]]) -> Keep:
        """The same places in other coordinates: ``move`` takes and returns x and y."""
        keys = []
        for frame, numbers in self.keys:
            pairs = [move(*numbers[n : n + 2]) for n in range(0, len(numbers), 2)]
            keys.append((frame, tuple(number for pair in pairs for number in pair)))
        return replace(self, keys=tuple(keys))

    def unfollowed(self, first: int, last: int) -> Keep:
        """The same for a shot of the frames from ``first`` to ``last`` that follows nothing.

        One place gets keys at both ends, as an artist's own motion has.
        """
        if self.kind == LARGEST:
            return replace(self, has_frames=True)
        if len(self.keys) != 1:
            return self
        numbers = self.keys[0][1]
        keys = tuple((frame, numbers) for frame in sorted({first, last}))
        return replace(self, keys=keys, has_frames=True)

    def thinned(self) -> Keep:
        """The same without the keys that lie on the straight line between others.

        For keys of as many numbers each, as one point or one box has.
        """
        kept, apart = list(self.keys[:1]), SAME / 4
        # The slopes of a line from the last kept key that goes through all keys since, in bounds.
        bounds: List[Tuple[float, float]] = []
        for before, (frame, numbers) in zip(self.keys, self.keys[1:]):
            start, base = kept[-1]
            slopes = [(one - other) / (frame - start) for one, other in zip(numbers, base)]
            if any(not low <= slope <= high for slope, (low, high) in zip(slopes, bounds)):
                kept.append(before)
                start, base = before
                slopes = [(one - other) / (frame - start) for one, other in zip(numbers, base)]
                bounds = []
            room = apart / (frame - start)
            own = [(slope - room, slope + room) for slope in slopes]
            bounds = [
                (max(one[0], other[0]), min(one[1], other[1])) for one, other in zip(bounds, own)
            ] or own
        return replace(self, keys=(*kept, *self.keys[1:][-1:]))

    def text(self) -> str:
        """As :meth:`parse` reads it."""
        written = [",".join(f"{number:.10g}" for number in numbers) for _, numbers in self.keys]
        if self.has_frames:
            written = [f"{one}@{frame}" for one, (frame, _) in zip(written, self.keys)]
        if self.kind == LARGEST and self.has_frames:
            written = [EACH]
        return " ".join([self.kind, *written])


def _check(kind: str, numbers: Tuple[float, ...], text: str) -> None:
    if any(abs(number) > MOST for number in numbers):
        raise SettingsError(f"'keep' has a number that is no pixel: {_short(text)}.")
    if kind == AT and len(numbers) % 2:
        raise SettingsError(f"'keep at' wants pairs of X,Y, not {len(numbers)} numbers.")
    if kind == BOX:
        if len(numbers) != 4:
            raise SettingsError(f"'keep box' wants X0,Y0,X1,Y1, not {len(numbers)} numbers.")
        if numbers[0] == numbers[2] or numbers[1] == numbers[3]:
            raise SettingsError(f"The box of 'keep' has no area: {_short(text)}.")


def _wrong(text: str) -> SettingsError:
    return SettingsError(f"'keep' is {FORMS}; not {_short(text)}.")


def _short(text: str) -> str:
    return repr(text) if len(text) <= 60 else f"{text[:57]!r}..."
