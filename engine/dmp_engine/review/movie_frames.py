"""The pictures of movies as image files: plates of a shot, or its clean plate.

16-bit PNG with the movie's codes, or half EXR where they are light (plates/io/movie_light.py). Each
is written whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio

from dmp_matting.atomic_write import atomic_write, output_refused
from dmp_matting.errors import ColourSpaceError, InputError, PlateError

from ..plates.io.movie import Codes, MovieFacts, movie_facts, movie_pictures, timecode_of
from ..plates.io.movie_light import LOGARITHMIC, described, is_light, light_of
from ..plates.io.movie_writer import FPS, TIMECODE
from ..plates.io.write import write_image, write_whole

REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
MEDIAN_OF = 9  # pictures of a clean movie that stand for its still


def write_plate_frames(
    movie: Path, folder: Path, wanted: Sequence[int], named: bool, one: bool = False
) -> Iterator[dict[str, Any]]:
    """Write the pictures of these numbers, of all where there are none; yields a dict for each.

    ``one``: the movie may have one picture only.
    ``named``: the artist names the colour space, so the codes are written whatever the movie
    states. The last dict has the ``pattern``, the ``numbers``, all the movie's ``count``, and a
    ``note``. Raises PlateError, ColourSpaceError, OutputError.
    """
    facts = _facts(movie, named)
    if one and facts.count > 1:
        raise InputError(
            f"'{movie}' has {facts.count} frames, which cannot all be written to one file; put "
            "#### into the output's name."
        )
    last = facts.first + facts.count - 1
    outside = [number for number in wanted if not facts.first <= number <= last]
    if outside:
        code = f", from timecode {facts.timecode}" if facts.timecode else ""
        raise PlateError(
            f"'{movie}' has the frames {facts.first}-{last}{code}; {outside[0]} is not among them."
        )
    files, numbers = _Files(movie, folder, facts, named), []
    for number, codes in enumerate(movie_pictures(movie), facts.first):
        if wanted and number > max(wanted):
            break
        if not wanted or number in wanted:
            yield {"file": files.write(files.name(number), codes, number)}
            numbers.append(number)
    if wanted and len(numbers) < len(set(wanted)):
        raise PlateError(f"'{movie}' ends before frame {max(wanted)}; copy it again.")
    yield {"pattern": files.pattern, "numbers": numbers, "count": facts.count,
           "first": facts.first, "note": files.note(numbers)}  # fmt: skip


def write_clean_frames(
    movie: Path, folder: Path, plate: Sequence[int], wanted: Sequence[int], named: bool
) -> Iterator[dict[str, Any]]:
    """Write a clean movie for the frames ``wanted`` of a plate that has the numbers ``plate``.

    A movie of as many pictures as the plate has frames is taken picture by picture; of any other
    the median of nine pictures is the clean plate, a still. Yields as
    :func:`write_plate_frames`.
    """
    facts = _facts(movie, named)
    if 1 < facts.count == len(plate):
        files = _Files(movie, folder, facts, named)
        files.digits = len(str(max(plate)))
        chosen = set(wanted)
        for number, codes in zip(sorted(plate), movie_pictures(movie), strict=False):
            if number in chosen:
                yield {"file": files.write(files.name(number), codes)}
        yield {"pattern": files.pattern, "note": f"'{movie}' is the clean plate frame by frame."}
        return
    places = np.unique(np.linspace(0, facts.count - 1, MEDIAN_OF).round().astype(int))
    some = [codes for at, codes in enumerate(movie_pictures(movie)) if at in places]
    median = np.empty_like(some[0])
    for row in range(len(median)):  # a row at a time: the median makes copies of what it is given
        median[row] = np.median([one[row] for one in some], axis=0).round()
    files = _Files(movie, folder, facts, named)
    name = f"{movie.stem}.clean{files.suffix}"
    yield {"file": files.write(name, median)}
    note = f"The median of {len(some)} pictures of '{movie}' is the clean plate."
    yield {"pattern": str(folder / name), "note": note if len(some) > 1 else ""}


class _Files:
    """Image files of one movie in a folder."""

    def __init__(self, movie: Path, folder: Path, facts: MovieFacts, named: bool) -> None:
        self.movie, self.folder, self.facts = movie, folder, facts
        self.light = is_light(facts) and not named
        self.suffix = ".exr" if self.light else ".png"
        self.digits = len(str(facts.first + facts.count - 1))

    def name(self, number: int) -> str:
        return f"{self.movie.stem}.{number:0{max(4, self.digits)}d}{self.suffix}"

    @property
    def pattern(self) -> str:
        marks = "#" * max(4, self.digits)
        return str(self.folder / f"{self.movie.stem}.{marks}{self.suffix}")

    def note(self, numbers: Sequence[int]) -> str:
        facts = self.facts
        code = f" from timecode {facts.timecode}" if facts.timecode else ""
        how = described(facts) if self.light else "read as an image file"
        fields = " It is interlaced: make whole frames of it first." if facts.interlaced else ""
        return f"'{self.movie}': frames {numbers[0]}-{numbers[-1]}{code}, {how}.{fields}"

    def write(self, name: str, codes: Codes, number: int | None = None) -> str:
        """The path of the written file; its header has rate and timecode of the plate ``number``.

        So a movie that is made of the mattes has them too (deliveries.py).
        """
        path = self.folder / name
        height, width = codes.shape[:2]
        spec = oiio.ImageSpec(width, height, 3, "half" if self.light else "uint16")
        spec.attribute("PixelAspectRatio", self.facts.pixel_aspect)
        if number is not None:
            spec.attribute(FPS, str(Fraction(self.facts.rate).limit_denominator(1001)))
            if self.facts.timecode:
                timecode = timecode_of(number, self.facts.timecode, self.facts.rate)
                spec.attribute(TIMECODE, timecode)
        if self.light:
            spec.attribute("chromaticities", "float[8]", REC709)
            spec.attribute("compression", "zip")
            write_whole(path, spec, light_of(codes, self.facts))
            return str(path)
        spec.attribute("png:compressionLevel", 3)
        try:
            with atomic_write(path) as temporary:
                write_image("png", temporary, spec, codes)
        except OSError as error:
            raise output_refused(path, error.strerror or str(error), codes.nbytes) from None
        return str(path)


def _facts(movie: Path, named: bool) -> MovieFacts:
    facts = movie_facts(movie)
    if facts.trc in LOGARITHMIC and not named:
        raise ColourSpaceError(
            f"'{movie}' is log-encoded and DMP does not guess which log; name its colour space "
            "(for example ACEScct) or 'raw'."
        )
    return facts
