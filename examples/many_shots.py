"""Every shot of a folder, with progress, failures and a report: a start for a tool of your own.

python examples/many_shots.py SHOTS_FOLDER OUTPUT_FOLDER [PRESET]

SHOTS_FOLDER has a folder for each shot, with plate.####.exr and clean.exr in it.
"""

import sys
from pathlib import Path

from dmp_matting import (
    DmpError,
    Missing,
    Shot,
    ShotEnd,
    ShotFailure,
    ShotNotice,
    ShotProgress,
    ShotReport,
    resolve,
    run_shots,
)

folder, output = Path(sys.argv[1]), Path(sys.argv[2])
reports: list[ShotReport] = []
try:
    settings, settings_on_cpu = resolve(sys.argv[3] if len(sys.argv) > 3 else "auto")
    shots = [
        Shot(
            place.name, str(place / "plate.####.exr"), str(place / "clean.exr"),
            str(output / place.name / "matte.####.exr"),
            settings=settings, settings_on_cpu=settings_on_cpu,
        )
        for place in sorted(folder.iterdir())
        if (place / "clean.exr").exists()
    ]  # fmt: skip
    # Frames whose files are missing are left out here; Missing.FAIL would name them and stop.
    for event in run_shots(shots, missing=Missing.SKIP, make_folders=True):
        if isinstance(event, ShotProgress):
            print(f"\r{event.shot} {event.progress.frame} {event.fraction:4.0%}", end="")
        elif isinstance(event, ShotNotice):
            print(event.text)
        elif isinstance(event, ShotFailure):
            print(f"\n{event.shot} {event.frames}: {event.error}")
        elif isinstance(event, ShotEnd):
            reports.append(event.report)
except DmpError as error:
    sys.exit(f"\n{error}")

print()
for report in reports:
    print(f"{report.shot}: {len(report.solved)} solved, {len(report.kept)} finished before, "
          f"{len(report.skipped)} without files, {len(report.failed)} failed")  # fmt: skip
sys.exit(any(report.failures for report in reports))
