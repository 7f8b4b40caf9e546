"""One plate in three lines: python examples/one_plate.py plate.exr clean.exr matte.exr"""

import sys

import dmp_matting

layers = dmp_matting.matte(*sys.argv[1:4], preset="draft")
print(layers.path, f"{layers.width} x {layers.height}", *layers.warnings)
