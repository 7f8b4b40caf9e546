"""Where each mechanism stands that once stood in several places: in one, or in the two it needs.

    python docs/engineering/mechanisms.py [TREE] [--json]

TREE is a checkout (this one if left out). A mechanism is known by a mark, words of its source that
nobody else needs; files are counted that hold it. `tests/test_house.py` holds the places.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("plugin", "engine", "nuke", "blender_addon")


@dataclass(frozen=True)
class Mechanism:
    """One thing that the house does, and the only files that may."""

    name: str
    mark: str  # a regular expression
    places: tuple[str, ...]
    why: str = ""  # there are two


MECHANISMS = (
    Mechanism(
        "a thread with poll, wait and result",
        r"def wait\(self.*\n(?s:.*)def result\(self",
        ("plugin/dmp_matting/client/background_task.py",),
    ),
    Mechanism(
        "a ticker on Nuke's main thread", r"executeInMainThread", ("nuke/dmp_nuke/ticker.py",)
    ),
    Mechanism(
        "a ticker on Blender's main thread",
        r"timers\.register",
        ("blender_addon/dmp_blender/engine.py", "blender_addon/dmp_blender/compat.py"),
        "the second runs something once, after drawing",
    ),
    Mechanism(
        "a generator drained to its result",
        r"except StopIteration",
        ("plugin/dmp_matting/generators.py",),
    ),
    Mechanism(
        "a file that appears whole",
        r"os\.replace\(",
        ("plugin/dmp_matting/atomic_write.py", "blender_addon/dmp_blender/render.py"),
        "Blender names the picture that it has rendered",
    ),
    Mechanism(
        "the sRGB curve",
        r"12\.92",
        ("engine/dmp_engine/plates/io/srgb.py", "engine/dmp_engine/dmp/model/encoding.py"),
        "for arrays and for tensors; a test compares them",
    ),
    Mechanism(
        "the first bytes of an EXR",
        r"\\x76\\x2f\\x31\\x01",
        ("plugin/dmp_matting/exr_header.py", "engine/dmp_engine/plates/io/image_file.py"),
        "its header, and the formats by their first bytes",
    ),
    Mechanism(
        "another Python, with nothing of the user's",
        r'"-I", "-c"',
        ("plugin/dmp_matting/client/engine_python.py", "engine/dmp_engine/server/pool.py"),
        "the engine, and its workers",
    ),
    Mechanism('the sentence "DMP hit a bug"', r"hit a bug", ("plugin/dmp_matting/errors.py",)),
    Mechanism(
        "any exception as an error of ours",
        r"def as_dmp_error\(",
        ("plugin/dmp_matting/errors.py", "engine/dmp_engine/machine/errors.py"),
        "for the hosts, and for the engine, whose traceback goes to a file",
    ),
    Mechanism("the stages in words", r'Stage\.[A-Z]+: "', ("plugin/dmp_matting/job.py",)),
    Mechanism(
        "a frame's plates as the solver's pair",
        r"(?<!def )\bfit_clean(_plate)?\(",
        ("engine/dmp_engine/pipeline/pair.py",),
    ),
)


def holders(mark: str, tree: Path = ROOT) -> list[str]:
    """The source files below ``tree`` that hold ``mark``, relative to it."""
    wanted = re.compile(mark)
    return [
        file.relative_to(tree).as_posix()
        for source in SOURCES
        for file in sorted((tree / source).rglob("*.py"))
        if wanted.search(file.read_text(encoding="utf-8"))
    ]


def main() -> None:
    reads = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    reads.add_argument("tree", nargs="?", type=Path, default=ROOT)
    reads.add_argument("--json", action="store_true")
    given = reads.parse_args()
    found = {
        one.name: {"files": holders(one.mark, given.tree), "why": one.why} for one in MECHANISMS
    }
    if given.json:
        print(json.dumps(found, indent=1))
        return
    for name, one in found.items():
        print(f"{len(one['files']):3}  {name:44}  {', '.join(one['files'])}")


if __name__ == "__main__":
    main()
