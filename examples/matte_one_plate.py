"""One plate and its clean plate, from a script: the engine is started when none runs.

python examples/matte_one_plate.py plate.exr clean.exr out.exr
"""

import sys

from dmp_matting import DmpError, Frame, Job, Plate, Role, matte, preset

plate, clean, out = sys.argv[1:4]
frame = Frame(1, (Plate(plate, Role.IMAGE), Plate(clean, Role.CLEAN)))
try:
    for progress in matte(Job((frame,), preset("draft")), {1: out}):
        print(f"\r{progress.stage.value:12} {progress.fraction:4.0%}", end="", flush=True)
    print(f"\nWrote {out}")
except DmpError as error:
    sys.exit(f"\n{error}")
