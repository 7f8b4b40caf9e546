"""The pictures of docs/artist/hair.md, from two reports of `dmp eval`: an older version's and ours.

    python benchmarks/hair_pictures.py GROUND BEFORE AFTER [--preset draft] [-o docs/pictures]
    python benchmarks/hair_pictures.py tests/plates/lemur BEFORE AFTER --items lemur

Rows: before, after, and the truth. Columns: the pair, alpha, the subject over flat green, over
another plate, and the straight foreground alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "engine")]

from dmp_engine.evaluation import benchmark  # noqa: E402
from dmp_engine.evaluation.items import Item, displayed, folder_sources  # noqa: E402
from dmp_engine.evaluation.run import layers_path  # noqa: E402
from dmp_engine.plates.io.srgb import srgb_to_linear  # noqa: E402

Array = NDArray[np.float64]

GREEN = np.asarray([0.06, 0.55, 0.12])  # display-encoded 0.27, 0.76, 0.38
WIDTH, GAP, HEAD = 320, 4, 18
QUALITY = 80


def tile(picture: Array, item: Item, height: int) -> Image.Image:
    """Colours (H, W, 3) or an alpha (H, W), as the item is stored."""
    if picture.ndim == 2:
        shown = np.repeat(np.clip(picture, 0, 1)[..., None], 3, axis=2)
    else:
        shown = displayed(picture, item.linear)
    image = Image.fromarray((shown * 255 + 0.5).astype(np.uint8))
    same = image.size == (WIDTH, height)
    return image if same else image.resize((WIDTH, height), Image.Resampling.LANCZOS)


def layers(report: Path, item: Item, preset: str) -> tuple[Array, Array]:
    with np.load(layers_path(report, item.name, f"dmp-{preset}")) as stored:
        return stored["alpha"].astype(np.float64), stored["foreground"].astype(np.float64)


def drawn(item: Item, other: Array, rows: list[tuple[str, tuple[Array, Array]]]) -> Image.Image:
    height = round(WIDTH * item.image.shape[0] / item.image.shape[1])
    canvas = Image.new("RGB", (5 * WIDTH + 4 * GAP, len(rows) * (height + HEAD)), (43, 43, 43))
    pen, font = ImageDraw.Draw(canvas), ImageFont.load_default()
    green = np.broadcast_to(GREEN if item.linear else displayed(GREEN, True), item.image.shape)
    given = [("plate", item.image), ("clean plate", item.clean)]
    for row, (name, (alpha, colours)) in enumerate(rows):
        a = alpha[..., None]
        pictures = [
            (f"{name}: alpha", alpha),
            (f"{name}: over green", a * colours + (1 - a) * green),
            (f"{name}: over another plate", a * colours + (1 - a) * other),
            (f"{name}: foreground alone", colours),
        ]
        first = [given[row]] if row < len(given) else [("", np.full_like(item.image, 0.024))]
        for column, (words, picture) in enumerate([*first, *pictures]):
            x, y = column * (WIDTH + GAP), row * (height + HEAD)
            pen.text((x + 2, y + 3), words, (220, 220, 220), font)
            canvas.paste(tile(picture, item, height), (x, y + HEAD))
    return canvas


def fitted(plate: Array, item: Item) -> Array:
    """Another plate, linear, in the item's size and encoding."""
    height, width = item.image.shape[:2]
    sized = benchmark.resize(plate, width, height)
    return sized if item.linear else displayed(sized, True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("ground", type=Path)
    options.add_argument("before", type=Path)
    options.add_argument("after", type=Path)
    options.add_argument("--items", default="", help="names, separated by commas")
    options.add_argument("--preset", default="draft")
    options.add_argument("--over", type=Path, help="folder of an item whose clean plate is used")
    options.add_argument("-o", "--output", type=Path, default=ROOT / "docs" / "pictures")
    given = options.parse_args()
    wanted = [name for name in given.items.split(",") if name]
    other = folder_sources(given.over)[0].load()
    behind = other.clean if other.linear else srgb_to_linear(other.clean)
    for source in folder_sources(given.ground):
        if wanted and source.name not in wanted:
            continue
        item = source.load()
        rows = [
            (name, layers(report, item, given.preset))
            for name, report in (("before", given.before), ("after", given.after))
        ]
        if item.alpha is not None and item.foreground is not None:
            rows.append(("truth", (item.alpha, item.foreground)))
        parts = [part for part in item.name.split("/") if part not in ("odd", "even")]
        path = given.output / f"hair-{'-'.join(parts).replace('hair-', '')}.jpg"
        drawn(item, fitted(behind, item), rows).save(path, quality=QUALITY, optimize=True)
        print(path)


if __name__ == "__main__":
    main()
