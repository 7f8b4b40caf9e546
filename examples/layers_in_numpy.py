"""A plate's layers as numpy arrays, and the subject over another background.

python examples/layers_in_numpy.py plate.exr clean.exr matte.exr

Needs numpy and OpenImageIO, which the engine's Python has. The plates are EXR: scene-linear.
"""

import sys

import numpy as np
import OpenImageIO as oiio

import dmp_matting

layers = dmp_matting.matte(*sys.argv[1:4], preset="draft")
image = oiio.ImageBuf(layers.path)
names = image.spec().channelnames
pixels = image.get_pixels("float")  # (height, width, channels), float32


def layer(*channels: str) -> np.ndarray:
    """The channels of these names: (height, width, number of names)."""
    return pixels[..., [names.index(channel) for channel in channels]]


alpha = layer("A")  # (height, width, 1), [0, 1]
premultiplied = layer("R", "G", "B")  # foreground times alpha, scene-linear
foreground = layer("foreground.R", "foreground.G", "foreground.B")  # straight
grey = np.full_like(premultiplied, 0.18)
over = premultiplied + (1 - alpha) * grey

print(f"alpha covers {alpha.mean():.1%} of {alpha.shape[1]} x {alpha.shape[0]} pixels")
print(f"over grey: {over.mean():.3f}, foreground: {foreground.mean():.3f}")
