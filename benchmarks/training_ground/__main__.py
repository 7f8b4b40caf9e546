"""Renders the training ground: subjects with exact alpha and straight foreground.

    pip install bpy==5.0.1                       # Python 3.11; 4.5 and 4.2 work too
    python benchmarks/training_ground FOLDER
    python benchmarks/training_ground --list
    python benchmarks/training_ground FOLDER --only 03-hair-curly

FOLDER/odd and FOLDER/even hold one folder a subject, with the pictures `whole` and `close` (a crop
of a frame four times as large). Each is an item of `dmp eval FOLDER`, or of one half,
`dmp eval FOLDER/odd`: plate.exr, clean.exr, alpha.exr, foreground.exr, float, scene-linear.

The rules:
- everything is procedural and seeded: no file is read, nothing is downloaded;
- the subject is rendered alone over nothing: premultiplied colour and coverage;
- the clean plate is computed alone (backdrops.py), without noise;
- plate = premultiplied + (1 - alpha) clean, in float32, to the last bit;
- so the set gets no shadow and no spilled light, and glass does not refract it.

Pictures that exist are kept; an interrupted run resumes with the same command.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import stage  # noqa: E402
from backdrops import BACKDROPS  # noqa: E402
from catalogue import CATALOGUE, Subject  # noqa: E402
from exr import PARTS, write_item  # noqa: E402

CLOSE_SCALE = 4.0  # the frame that a close-up is cut from, in widths of the whole picture


def folder_of(subject: Subject, output: Path) -> Path:
    """Odd numbers in one half, even ones in the other: tune on one, report on the other."""
    return output / ("odd" if int(subject.name[:2]) % 2 else "even") / subject.name


def make(subject: Subject, output: Path, width: int, samples: float, threads: int) -> None:
    """Renders what is missing of a subject: the whole, and its close-up."""
    views = {
        "whole": stage.View(width, 1.0, (0.0, 0.0)),
        "close": stage.View(width, CLOSE_SCALE, subject.close),
    }
    missing = {
        name: view
        for name, view in views.items()
        if not all((folder_of(subject, output) / name / f"{part}.exr").is_file() for part in PARTS)
    }
    if not missing:
        return
    seed = int(subject.name[:2])
    stage.clear(seed, threads)
    subject.build(seed)
    for name, view in missing.items():
        begun = time.monotonic()
        rendered = stage.render(view, max(1, round(subject.samples * samples)))
        clean = BACKDROPS[subject.backdrop](*view.points(), seed)
        write_item(folder_of(subject, output) / name, rendered, view.averaged(clean))
        print(f"{subject.name} {name}: {time.monotonic() - begun:.1f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="subjects; all if left out")
    parser.add_argument("--list", action="store_true", help="names and backdrops, then end")
    parser.add_argument("--width", type=int, default=320, help="of each picture; height is 3/4")
    parser.add_argument("--samples", type=float, default=1.0, help="times each subject's own")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.list:
        for subject in CATALOGUE:
            print(f"{subject.name:24} {subject.backdrop}")
        return
    if options.folder is None:
        parser.error("name the folder that the pictures go to")
    known = {subject.name: subject for subject in CATALOGUE}
    for name in options.only or ():
        if name not in known:
            parser.error(f"there is no subject '{name}'; --list names them")
    for name in options.only or known:
        make(known[name], options.folder, options.width, options.samples, options.threads)


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # bpy may hang or crash while it is torn down
