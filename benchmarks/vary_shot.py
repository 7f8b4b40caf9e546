"""A shot made harder, its truth still exact: film grain, a moving camera, another direction.

    python benchmarks/vary_shot.py tests/plates/furball WORK/grain --grain 0.01
    python benchmarks/vary_shot.py tests/plates/furball WORK/pan --pan 3
    python benchmarks/vary_shot.py WORK/lemur WORK/other --mirror --every 2 --grain 0.01

--grain   independent Gaussian noise of that sigma on every plate and on the clean plate, encoded
--pan     the background moves by so many pixels a frame; the clean plate is a sequence
--mirror  left and right change places, and time runs backwards
--every   keeps each n-th frame only, so that it moves n times as fast
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import torch
from numpy.typing import NDArray
from scipy import ndimage

from dmp_engine.dmp.model.encoding import Encoding

Array = NDArray[np.float32]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("shot", type=Path)
    options.add_argument("folder", type=Path)
    options.add_argument("--grain", type=float, default=0.0)
    options.add_argument("--pan", type=float, default=0.0)
    options.add_argument("--mirror", action="store_true")
    options.add_argument("--every", type=int, default=1)
    given = options.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    clean = read(given.shot / "clean.exr")[..., :3]
    numbers = sorted(int(path.name.split(".")[1]) for path in given.shot.glob("plate.*.exr"))
    numbers = numbers[:: given.every]
    for index, number in enumerate(numbers):
        at = numbers[-1 - index] if given.mirror else number
        truth, behind = read(given.shot / f"truth.{at}.exr"), clean
        if given.mirror:
            truth, behind = truth[:, ::-1], behind[:, ::-1]
        if given.pan:
            away = (0, given.pan * (index - (len(numbers) - 1) / 2), 0)
            behind = half(ndimage.shift(behind, away, order=1, mode="mirror"))
        image = half(truth[..., :3] + (1 - truth[..., 3:4]) * behind)
        name = f"{1001 + index}.exr"
        write(given.folder / f"plate.{name}", grained(image, given.grain, random), "RGB")
        write(given.folder / f"truth.{name}", truth[..., :4], "RGBA")
        if given.pan:
            write(given.folder / f"clean.{name}", grained(behind, given.grain, random), "RGB")
    if not given.pan:
        still = clean[:, ::-1] if given.mirror else clean
        if given.grain or given.mirror:
            write(given.folder / "clean.exr", grained(still, given.grain, random), "RGB")
        else:
            shutil.copyfile(given.shot / "clean.exr", given.folder / "clean.exr")


def grained(image: Array, sigma: float, random: np.random.Generator) -> Array:
    if not sigma:
        return image
    encoding = Encoding(True, 0.0, 1.0)
    encoded = encoding.encode(torch.from_numpy(np.ascontiguousarray(image)))
    noisy = encoded + torch.from_numpy(random.normal(0, sigma, image.shape)).float()
    return np.asarray(encoding.decode(noisy).numpy(), np.float32)


def half(values: Array) -> Array:
    return values.astype(np.float16).astype(np.float32)


def read(path: Path) -> Array:
    pixels: Any = oiio.ImageBuf(str(path)).get_pixels(oiio.FLOAT)
    return np.asarray(pixels, np.float32)


def write(path: Path, pixels: Array, names: str) -> None:
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], len(names), "half")
    spec.channelnames = tuple(names)
    spec.attribute("compression", "zip")
    spec.attribute("oiio:ColorSpace", "lin_rec709_scene")
    buffer = oiio.ImageBuf(spec)
    buffer.set_pixels(oiio.ROI(), np.ascontiguousarray(pixels))
    if not buffer.write(str(path)):
        raise SystemExit(f"{path} cannot be written: {buffer.geterror()}")


if __name__ == "__main__":
    main()
