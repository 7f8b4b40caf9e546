"""Settings.keep over a shot: a point, a box or the largest region is followed frame to frame.

Standard library only, Python 3.9.
"""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import List, Optional

from ..client.engine_process import engine_lines
from ..job import Job
from ..keep import Keep
from ..settings import Settings
from .sequences import FilePattern, is_pattern
from .shot import Shot


def follows(shot: Shot) -> bool:
    """Whether something is to be followed: not where the artist has set several keys."""
    keep = Keep.parse(shot.settings.keep)
    if not keep.is_followed or not is_pattern(shot.image):
        return False
    return len(_frames(shot, keep)) > 1


def with_followed_subject(shot: Shot) -> Shot:
    """``shot`` whose Settings.keep has a key for each frame; itself where nothing is followed.

    A single point or box counts in its key's frame, or else in the first one that has something
    there, and is followed from there, both ways; ``largest`` is the region that is largest in any
    frame. Raises EngineError, and what the engine raises.
    """
    if not follows(shot):
        return shot
    numbers = _frames(shot, Keep.parse(shot.settings.keep))
    job = Job(tuple(map(shot.frame, numbers)), shot.settings_on_cpu or shot.settings)
    with tempfile.TemporaryDirectory(prefix="dmp-") as folder:
        request = Path(folder) / "request.json"
        query = {"job": job.to_json(), "keep": shot.settings.keep}
        request.write_text(json.dumps(query), encoding="utf-8")
        text = ""
        for line in engine_lines("follow", str(request)):
            text = line.get("keep", text)
    settings, on_cpu = (
        one if one is None else one.changed(keep=text)
        for one in (shot.settings, shot.settings_on_cpu)
    )
    assert settings is not None
    return dataclasses.replace(shot, settings=settings, settings_on_cpu=on_cpu)


def unfollowed(shot: Shot) -> Shot:
    """``shot`` of which nothing is followed: each frame comes out as it does by itself.

    For hosts, where a frame that is solved alone is the same as in its range and on a farm.
    """
    numbers = [*shot.frames, *shot.around]
    if not numbers:
        return shot

    def changed(settings: Optional[Settings]) -> Optional[Settings]:
        if settings is None:
            return None
        keep = Keep.parse(settings.keep).unfollowed(min(numbers), max(numbers))
        return settings.changed(keep=keep.text())

    settings = changed(shot.settings)
    assert settings is not None
    on_cpu = changed(shot.settings_on_cpu)
    return dataclasses.replace(shot, settings=settings, settings_on_cpu=on_cpu)


def _frames(shot: Shot, keep: Keep) -> List[int]:
    """The frames to look at, ascending: those of the shot, and the way there from the key's."""
    wanted = {*shot.numbers(), *shot.around}
    pattern = FilePattern.parse(shot.image)
    if keep.has_frames and pattern is not None:
        first = keep.keys[0][0]
        low, high = min(first, *wanted), max(first, *wanted)
        wanted.update(number for number in pattern.frames() if low <= number <= high)
    return [
        number for number in sorted(wanted)
        if all(os.path.exists(plate.path) for plate in shot.frame(number).plates)
    ]  # fmt: skip
