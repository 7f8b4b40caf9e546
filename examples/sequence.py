"""A sequence. Run it again after an interruption: finished frames are kept.

python examples/sequence.py 'plate.####.exr' clean.exr 'matte.####.exr'
"""

import sys

from dmp_matting import Shot, ShotFrame, run_shots

for event in run_shots([Shot("shot", *sys.argv[1:4])]):
    if isinstance(event, ShotFrame):
        print(event.layers.frame, event.layers.path)
