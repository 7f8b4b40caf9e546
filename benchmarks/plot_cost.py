"""Draw the measurements of cost_by_size.py: seconds against pixels, both logarithmic.

python benchmarks/plot_cost.py RESULTS.json PICTURE.svg        (`make figures` runs it)
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

WIDE, TALL, LEFT, BOTTOM, MARGIN = 640, 380, 60, 50, 20
SERIES = (("wall", "#1b6ca8", "seconds of the clock"), ("cpu", "#c0562a", "seconds of CPU"))
BAR = 0.6  # the exponent that was required


def main() -> None:
    source, target = map(Path, sys.argv[1:3])
    report = json.loads(source.read_text())
    target.write_text("\n".join(svg(report)) + "\n")


def svg(report: dict[str, Any]) -> list[str]:
    rows = report["rows"]
    start = next(row for row in rows if row["pixels"] == 512 * 512)
    last = start["wall"] * (rows[-1]["pixels"] / start["pixels"]) ** BAR
    most = max(last, *(row[kind] for row in rows for kind, _, _ in SERIES))
    low, high = 1.0, 10 ** math.ceil(math.log10(most))
    pixels = [row["pixels"] for row in rows]

    def x(value: float) -> float:
        share = math.log(value / pixels[0]) / math.log(pixels[-1] / pixels[0])
        return LEFT + share * (WIDE - LEFT - MARGIN - 60)

    def y(value: float) -> float:
        share = math.log(max(value, low) / low) / math.log(high / low)
        return TALL - BOTTOM - share * (TALL - BOTTOM - MARGIN - 30)

    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {TALL}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDE}" height="{TALL}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{report["preset"]}, {report["threads"]} threads, '
        "the whole command</text>",
    ]
    step = low
    while step <= high:
        drawn.append(
            f'<line x1="{LEFT}" x2="{WIDE - MARGIN}" y1="{y(step):.1f}" y2="{y(step):.1f}" '
            f'stroke="#ddd"/><text x="{LEFT - 8}" y="{y(step) + 4:.1f}" text-anchor="end">'
            f"{step:g} s</text>"
        )
        step *= 10
    for index, row in enumerate(rows):
        down = TALL - BOTTOM + (18 if index % 2 == 0 else 34)
        drawn.append(
            f'<text x="{x(row["pixels"]):.1f}" y="{down}" text-anchor="middle">'
            f"{row['width']}×{row['height']}</text>"
        )
    drawn.append(
        f'<line x1="{x(start["pixels"]):.1f}" y1="{y(start["wall"]):.1f}" x2="{x(pixels[-1]):.1f}" '
        f'y2="{y(last):.1f}" stroke="#999" stroke-dasharray="4 4"/>'
        f'<text x="{x(pixels[-1]) + 4:.1f}" y="{y(last):.1f}" fill="#777">pixels^{BAR}</text>'
    )
    for number, (kind, colour, label) in enumerate(SERIES):
        points = [(x(row["pixels"]), y(row[kind])) for row in rows]
        line = " ".join(f"{across:.1f},{up:.1f}" for across, up in points)
        drawn.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        drawn += [f'<circle cx="{a:.1f}" cy="{u:.1f}" r="4" fill="{colour}"/>' for a, u in points]
        drawn.append(
            f'<text x="{WIDE - MARGIN}" y="{20 + 16 * number}" text-anchor="end" '
            f'fill="{colour}">{label}</text>'
        )
    return [*drawn, "</svg>"]


if __name__ == "__main__":
    main()
