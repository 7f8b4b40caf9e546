"""What a disturbed pair costs: SAD of `draft` with the clean plate fitted and as it is.

    python benchmarks/disturbed.py --data DATA [--items GT01,GT09] [--kinds shift-1,noise-2]
        [--preset draft] [--size 320] [--ways fitted,off]
        [-o benchmarks/results/disturbed_s320.json]

Every pair of the composite benchmark (engine/dmp_engine/evaluation/benchmark.py) is disturbed
in one way at a time, and solved as stored with `align` and `illumination` auto and off. The
motions and the light are the clean plate's; the truth stays the plate's. The plate is the
benchmark's own.

    still          nothing
    shift-N        the clean plate's camera N px aside (N cos 30, N sin 30): the photograph
                   is resampled before it is scaled down, so that the grid of pixels differs as it
                   does on a sensor
    turn           0.5 degrees about the centre, made the same way
    gain-dark      clean plate x 0.8
    gain-bright    clean plate x 1.25, clipped at 1
    gain-colours   clean plate x (0.8, 1.0, 1.25), clipped at 1
    vignette       clean plate x (1 - 0.3 r^2), r = 1 in the corners
    noise-N        Gaussian noise of sigma N % on both, different in each, clipped
    read-N         the same, of N % of white in linear values, as a sensor's: strong in shadows
    jpeg           both saved as JPEG of quality 85 (4:2:0)
    noise-N-jpeg   grain of N % as above, then JPEG, as a camera saves it

All results are 8 bit. The file is written after every solve, and a second run goes on from it.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "engine")]

from dmp_engine.dmp.model.encoding import Encoding  # noqa: E402
from dmp_engine.evaluation import benchmark, metrics  # noqa: E402
from dmp_engine.evaluation.items import Item  # noqa: E402
from dmp_engine.evaluation.peers import _dmp as solved  # noqa: E402
from dmp_matting.presets import preset  # noqa: E402

Array = NDArray[np.float64]
Pair = benchmark.Pair


def moved(data: Path, pair: Pair, x: float, y: float, degrees: float) -> Pair:
    """The pair with a clean plate from another place, in pixels of the pair."""
    order = benchmark.names(data).index(pair.name) % len(benchmark.BACKGROUNDS)
    with Image.open(data / benchmark.BACKGROUNDS[order]) as picture:
        photo = np.asarray(picture.convert("RGB"), np.float32) / 255
    height, width = pair.alpha.shape
    scale = 1.02 * max(width / photo.shape[1], height / photo.shape[0])
    move = cv2.getRotationMatrix2D((width / scale / 2, height / scale / 2), degrees, 1)
    move[:, 2] += np.array([x, y]) / scale
    size = (photo.shape[1], photo.shape[0])
    aside = cv2.warpAffine(photo, move, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    scaled = benchmark.resize(
        aside.astype(np.float64), round(size[0] * scale), round(size[1] * scale)
    )
    return replace(pair, clean=stored(scaled[:height, :width]))


def relit(pair: Pair, factor: Array | float) -> Pair:
    return replace(pair, clean=stored(pair.clean * factor))


def vignetted(pair: Pair) -> Pair:
    height, width = pair.alpha.shape
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return relit(pair, (1 - 0.3 * (x * x + y * y) / 2)[..., None])


def noisy(pair: Pair, sigma: float) -> Pair:
    random = np.random.default_rng(int(pair.name[2:]))
    image, clean = (stored(x + random.normal(0, sigma, x.shape)) for x in (pair.image, pair.clean))
    return replace(pair, image=image, clean=clean)


def read_noise(pair: Pair, sigma: float) -> Pair:
    """Of a sensor: one number in linear values, so ten times as strong in a picture's shadows."""
    random, curve = np.random.default_rng(int(pair.name[2:])), Encoding(True, 0.0, 1.0)

    def again(x: Array) -> Array:
        linear = curve.decode(torch.from_numpy(x)).numpy() + random.normal(0, sigma, x.shape)
        return stored(curve.encode(torch.from_numpy(linear)).numpy())

    return replace(pair, image=again(pair.image), clean=again(pair.clean))


def jpeg(pair: Pair) -> Pair:
    def again(x: Array) -> Array:
        file = BytesIO()
        Image.fromarray((x * 255).round().astype(np.uint8)).save(file, "JPEG", quality=85)
        with Image.open(file) as picture:
            return np.asarray(picture, np.float64) / 255

    return replace(pair, image=again(pair.image), clean=again(pair.clean))


def grainy_jpeg(pair: Pair, sigma: float) -> Pair:
    return jpeg(noisy(pair, sigma))


def stored(x: Array) -> Array:
    return np.round(np.clip(x, 0, 1) * 255) / 255


def kinds(data: Path) -> dict[str, Callable[[Pair], Pair]]:
    """Every disturbance by its name."""
    aside = {
        f"shift-{n:g}": partial(
            lambda pair, n: moved(data, pair, n * np.cos(np.pi / 6), n * np.sin(np.pi / 6), 0), n=n
        )
        for n in (0.3, 1.0, 4.0, 20.0)
    }
    return {
        "still": lambda pair: pair,
        **aside,
        "turn": lambda pair: moved(data, pair, 0, 0, 0.5),
        "gain-dark": lambda pair: relit(pair, 0.8),
        "gain-bright": lambda pair: relit(pair, 1.25),
        "gain-colours": lambda pair: relit(pair, np.array([0.8, 1.0, 1.25])),
        "vignette": vignetted,
        **{f"noise-{n:g}": partial(noisy, sigma=n / 100) for n in (0.5, 1.0, 2.0, 4.0)},
        **{f"read-{n:g}": partial(read_noise, sigma=n / 100) for n in (0.2, 0.5)},
        "jpeg": jpeg,
        **{f"noise-{n:g}-jpeg": partial(grainy_jpeg, sigma=n / 100) for n in (0.5, 1.0)},
    }


def machine() -> str:
    """The processor, as it calls itself."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0]}, {len(names)} cores" if names else platform.machine()


def summary(results: dict[str, dict[str, dict[str, float]]]) -> str:
    """A Markdown table: means over the items that have been solved in every way."""
    whole = [n for n, ways in results.items() if all(len(ways[k]) == 2 for k in ways) and ways]
    names = list(dict.fromkeys(k for n in whole for k in results[n]))
    whole = [n for n in whole if all(k in results[n] for k in names)]
    lines = [f"{len(whole)} images: {', '.join(whole)}", "",
             "| disturbed | as it is | fitted | of still |", "|---|---|---|---|"]  # fmt: skip
    still = np.mean([results[n]["still"]["fitted"] for n in whole]) if whole else 1.0
    for name in names:
        off, on = (np.mean([results[n][name][w] for n in whole]) for w in ("off", "fitted"))
        lines.append(f"| {name} | {off:.3f} | {on:.3f} | {on / still:.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--items", default="")
    parser.add_argument("--kinds", default="")
    parser.add_argument("--preset", default="draft")
    parser.add_argument("--ways", default="fitted,off")
    parser.add_argument("--size", type=int, default=320)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--fresh", action="store_true", help="forget what the file holds")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    cv2.setNumThreads(options.threads)
    results: dict[str, dict[str, dict[str, float]]] = {}
    if options.output.exists() and not options.fresh:
        results = json.loads(options.output.read_text())["sad"]
    settings = preset(options.preset).changed(device="cpu", threads=options.threads)
    ways = {
        "fitted": settings.changed(align="auto", illumination="auto"),
        "off": settings.changed(align="off", illumination="off"),
    }
    every = kinds(options.data)
    for name in options.items.split(",") if options.items else benchmark.names(options.data):
        pair = benchmark.composite(options.data, name, options.size)
        for kind in options.kinds.split(",") if options.kinds else every:
            disturbed = every[kind](pair)
            item = Item(name, disturbed.image, disturbed.clean)
            for way in options.ways.split(","):
                mine = results.setdefault(name, {}).setdefault(kind, {})
                if way in mine:
                    continue
                begun = time.monotonic()
                mine[way] = round(metrics.sad(solved(item, ways[way]).alpha, pair.alpha), 4)
                seconds = time.monotonic() - begun
                print(f"{name} {kind} {way}: SAD {mine[way]:.3f} ({seconds:.0f} s)", flush=True)
                written = {
                    "size": options.size,
                    "preset": options.preset,
                    "threads": options.threads,
                    "machine": machine(),
                    "command": " ".join(["python", "benchmarks/disturbed.py", *sys.argv[1:]]),
                    "sad": results,
                }
                options.output.write_text(json.dumps(written, indent=1) + "\n")
    print(summary(results))


if __name__ == "__main__":
    main()
