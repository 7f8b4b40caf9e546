"""A timeline's rows from a process of its own: one JSON object on standard output.

    python -m dmp_matting.cli.timeline_process shots.otio

``rows``, or an error as it crosses the wire. OpenTimelineIO parses in C++ and its adapters run what
they like; neither may take `dmp` along, so this process has limits of its own and may die.
"""

import json
import sys
from pathlib import Path

from ..errors import DmpError, InputError
from ..operating_system import limits
from .timelines import read_timeline

MEMORY = 4 << 30  # bytes
CPU = 50  # seconds


def main(path: str) -> None:
    """Print the rows of the timeline ``path``, or what is wrong with it."""
    _limit()
    try:
        print(json.dumps({"rows": read_timeline(Path(path))}, default=str))
    except DmpError as error:
        print(json.dumps(error.to_wire()))
    except Exception as reason:  # of a timeline that is none, such as metadata that goes in circles
        text = (str(reason).strip().splitlines() or [type(reason).__name__])[0][:200]
        wrong = InputError(f"'{path}' is no timeline that OpenTimelineIO reads ({text}).")
        print(json.dumps(wrong.to_wire()))


def _limit() -> None:
    resource = limits()
    if resource is None:
        return
    try:
        for kind, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, CPU)):
            resource.setrlimit(kind, (most, most))
    except (ValueError, OSError):
        pass  # a stricter limit that is there already


if __name__ == "__main__":
    main(sys.argv[1])
