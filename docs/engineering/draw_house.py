"""Draw the house from its imports: rooms as boxes, floor by floor, an arrow for "imports".

    python docs/engineering/draw_house.py PICTURE.svg [TREE]

TREE is a checkout (this one if left out). What rooms, floors and arrows are: house.py.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from house import FACE, PACKAGES, ROOT, Package, read_package  # beside this file

SMALL, LARGE, LINE = 11.5, 13.5, 15  # text sizes and the height of a line, pixels
GAP_X, GAP_Y, PAD = 22, 46, 12
COLOURS = {  # page, box, outline, arrow
    "dmp_matting": ("#fbf8f1", "#fffdf8", "#b08d4f", "#a98f63"),
    "dmp_engine": ("#eff5fa", "#fbfdff", "#4f83ad", "#7198b8"),
    "dmp_engine.dmp": ("#f0f6ef", "#fbfefb", "#5b9160", "#7ea882"),
    "dmp_engine.plates": ("#f5f1f8", "#fefcff", "#87689f", "#a189b3"),
}


@dataclass
class Box:
    """A room, or (without a title) the place where a long arrow passes a floor."""

    title: str
    lines: list[str]
    width: float
    height: float
    x: float = 0.0  # of its middle
    y: float = 0.0  # of its top


def text_width(text: str, size: float) -> float:
    return sum(0.36 if letter in "ijlt.,/ f" else 0.63 for letter in text) * size


def wrapped(words: list[str], width: float) -> list[str]:
    lines: list[str] = []
    for word in words:
        if lines and text_width(f"{lines[-1]}  {word}", SMALL) <= width:
            lines[-1] += f"  {word}"
        else:
            lines.append(word)
    return lines


def box_of(room: str, held: list[str]) -> Box:
    if room == FACE:
        return Box("__init__.py", [FACE], 124, 49)
    title = f"{room}/" if held else f"{room}.py"
    names = sorted(name.split(".")[0] for name in held if "." not in name)
    within = sorted({name.split(".")[0] + "/" for name in held if "." in name})
    names = [name for name in names if f"{name}/" not in within] + within
    lines = wrapped(names, 190 if len(names) > 10 else 150)
    width = max([text_width(title, LARGE) * 1.12, *(text_width(line, SMALL) for line in lines)])
    return Box(title, lines, width + 2 * PAD, 28 + LINE * len(lines) + (6 if lines else 2))


def without_shortcuts(package: Package) -> set[tuple[str, str]]:
    """The arrows that do not follow from two or more others."""
    down = package.arrows - package.back_up()
    slim = Package(package.name, package.rooms, down)
    return {
        (a, b)
        for a, b in down
        if not any(b in slim.reached(other) for other in slim.below(a) - {b})
    }


class Drawing:
    """A package in layers (Sugiyama): floors, places for long arrows, fewest crossings."""

    def __init__(self, package: Package) -> None:
        self.package = package
        floors = package.floors()
        self.boxes = {room: box_of(room, held) for room, held in package.rooms.items()}
        self.rows: list[list[str]] = [[] for _ in range(max(floors.values()) + 1)]
        for room in sorted(floors):
            self.rows[floors[room]].append(room)
        self.paths: list[list[str]] = []
        self.links: set[tuple[str, str]] = set()
        for start, to in sorted(without_shortcuts(package)):
            path = [start]
            for floor in range(floors[start] - 1, floors[to], -1):
                place = f"{start}>{to}@{floor}"
                self.boxes[place] = Box("", [], 8, 0)
                self.rows[floor].append(place)
                path.append(place)
            path.append(to)
            self.paths.append(path)
            self.links |= set(zip(path, path[1:], strict=False))
        self._order()
        self._place()

    def _order(self) -> None:
        best, fewest = [list(row) for row in self.rows], self._crossings()
        for turn in range(40):
            for floor in range(len(self.rows)) if turn % 2 else reversed(range(len(self.rows))):
                beside = self.rows[floor - 1 if turn % 2 else floor + 1 :][:1]
                if not beside or floor - 1 < 0 and turn % 2:
                    continue
                where = {name: number for number, name in enumerate(beside[0])}
                now = {name: number for number, name in enumerate(self.rows[floor])}
                self.rows[floor].sort(key=lambda name: self._middle(name, where, now[name]))
            if (crossings := self._crossings()) < fewest:
                best, fewest = [list(row) for row in self.rows], crossings
        self.rows = best

    def _middle(self, name: str, where: dict[str, int], otherwise: float) -> float:
        found = [where[b if a == name else a] for a, b in self.links if name in (a, b)
                 and (b if a == name else a) in where]  # fmt: skip
        return sum(found) / len(found) if found else otherwise

    def _crossings(self) -> int:
        count = 0
        for upper, lower in zip(self.rows[1:], self.rows, strict=False):
            up = {name: number for number, name in enumerate(upper)}
            low = {name: number for number, name in enumerate(lower)}
            ends = [(up[a], low[b]) for a, b in self.links if a in up and b in low]
            count += sum(
                (a - c) * (b - d) < 0
                for i, (a, b) in enumerate(ends)
                for c, d in ends[:i]
            )  # fmt: skip
        return count

    def _place(self) -> None:
        y = 0.0
        for row in reversed(self.rows):
            for name in row:
                self.boxes[name].y = y
            y += max(self.boxes[name].height for name in row) + GAP_Y
        self.height = y - GAP_Y
        for row in self.rows:
            self._spread(row, {name: float(120 * number) for number, name in enumerate(row)})
        for turn in range(60):
            rows = self.rows if turn % 2 else list(reversed(self.rows))
            for row in rows:
                wish = {}
                for name in row:
                    near = [self.boxes[b if a == name else a].x for a, b in self.links
                            if name in (a, b)]  # fmt: skip
                    wish[name] = sum(near) / len(near) if near else self.boxes[name].x
                self._spread(row, wish)
        left = min(box.x - box.width / 2 for box in self.boxes.values())
        for box in self.boxes.values():
            box.x -= left
        self.width = max(box.x + box.width / 2 for box in self.boxes.values())

    def _spread(self, row: list[str], wish: dict[str, float]) -> None:
        """As near to the wished places as the order and the widths allow (least squares)."""
        groups: list[tuple[float, float, int]] = []  # sum of (wish - offset), offset's end, count
        offset, offsets = 0.0, []
        for number, name in enumerate(row):
            if number:
                offset += (self.boxes[row[number - 1]].width + self.boxes[name].width) / 2 + GAP_X
            offsets.append(offset)
            groups.append((wish[name] - offset, 0.0, 1))
            while len(groups) > 1 and groups[-2][0] / groups[-2][2] > groups[-1][0] / groups[-1][2]:
                last = groups.pop()
                groups[-1] = (groups[-1][0] + last[0], 0.0, groups[-1][2] + last[2])
        shifts = [total / count for total, _, count in groups for _ in range(count)]
        for name, along, shift in zip(row, offsets, shifts, strict=True):
            self.boxes[name].x = along + shift

    def svg(self, x: float, y: float) -> Iterator[str]:
        _, fill, outline, arrow = COLOURS[self.package.name]
        key = self.package.name.replace(".", "-")
        for path in self.paths:
            yield (
                f'<path d="{self._curve(path, x, y)}" fill="none" stroke="{arrow}" '
                f'stroke-width="1.4" marker-end="url(#{key})"/>'
            )
        for box in self.boxes.values():
            if not box.title:
                continue
            left, top = x + box.x - box.width / 2, y + box.y
            yield (
                f'<rect x="{left:.0f}" y="{top:.0f}" width="{box.width:.0f}" '
                f'height="{box.height:.0f}" rx="5" fill="{fill}" stroke="{outline}"/>'
                f'<text x="{left + PAD:.0f}" y="{top + 20:.0f}" class="room">{box.title}</text>'
            )
            for number, line in enumerate(box.lines):
                yield (
                    f'<text x="{left + PAD:.0f}" y="{top + 37 + LINE * number:.0f}" '
                    f'class="file">{escape(line).replace("  ", "&#160;&#160;")}</text>'
                )

    def _curve(self, path: list[str], x: float, y: float) -> str:
        def port(name: str, other: str, ends: list[str]) -> float:
            """Where an arrow meets a box: beside each other, in the order of the other ends."""
            box = self.boxes[name]
            ends = sorted(ends, key=lambda end: (self.boxes[end].x, end))
            step = min(16.0, (box.width - 2 * PAD) / max(len(ends), 1))
            return x + box.x + (ends.index(other) - (len(ends) - 1) / 2) * step

        first, last = self.boxes[path[0]], self.boxes[path[-1]]
        outs = [b for a, b in self.links if a == path[0]]
        ins = [a for a, b in self.links if b == path[-1]]
        row = {name: row for row in self.rows for name in row}
        start = port(path[0], path[1], outs)
        foot = first.y + max(self.boxes[name].height for name in row[path[0]])
        points = [(start, y + first.y + first.height), (start, y + foot)]
        for place in path[1:-1]:
            tall = max(self.boxes[name].height for name in row[place])
            points += [(x + self.boxes[place].x, y + self.boxes[place].y),
                       (x + self.boxes[place].x, y + self.boxes[place].y + tall)]  # fmt: skip
        points.append((port(path[-1], path[-2], ins), y + last.y - 2))
        drawn = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
        for (x0, y0), (x1, y1) in zip(points, points[1:], strict=False):
            bend = (y1 - y0) * 0.5
            drawn += f"C{x0:.0f} {y0 + bend:.0f} {x1:.0f} {y1 - bend:.0f} {x1:.0f} {y1:.0f}"
        return drawn


def picture(tree: Path) -> str:
    """The whole house as one SVG, the plug-in above the engine."""
    drawings = {name: Drawing(read_package(tree, name)) for name in PACKAGES}
    margin, head = 24, 54
    plugin, engine, dmp, plates = (drawings[name] for name in PACKAGES)
    left = max(plugin.width, plates.width) + 2 * margin
    right = max(engine.width, dmp.width, 520) + 2 * margin
    wide = left + right + 4 * margin
    shared = sorted(
        {
            module.removeprefix("dmp_matting.")
            for places in engine.package.outside.values()
            for module in places
            if module.startswith("dmp_matting.")
        }
    )
    body: list[str] = []

    def panel(drawing: Drawing, x: float, y: float, width: float, under: str) -> float:
        page, _, outline, _ = COLOURS[drawing.package.name]
        source = "plugin" if drawing is plugin else "engine"
        title = f"{source}/{drawing.package.name.replace('.', '/')}"
        height = drawing.height + head + margin
        body.append(
            f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="8" '
            f'fill="{page}" stroke="{outline}" stroke-opacity="0.35"/>'
            f'<text x="{x + 16:.0f}" y="{y + 25:.0f}" class="head">{title}</text>'
            f'<text x="{x + 16:.0f}" y="{y + 43:.0f}" class="note">{escape(under)}</text>'
        )
        body.extend(drawing.svg(x + (width - drawing.width) / 2, y + head))
        return y + height + margin

    half = (left - margin) / 2
    for x, name, says in (
        (margin, "nuke/", "a node, a menu, results in a Read"),
        (2 * margin + half, "blender_addon/", "a panel, results in a node group"),
    ):
        body.append(
            f'<rect x="{x:.0f}" y="{margin}" width="{half:.0f}" height="50" rx="8" fill="#f6f6f6" '
            f'stroke="#bbb"/><text x="{x + 16:.0f}" y="{margin + 22}" class="head">{name}</text>'
            f'<text x="{x + 16:.0f}" y="{margin + 40}" class="note">in the host: {says}</text>'
            f'<path d="M{x + half / 2:.0f} {margin + 50}v24" class="host"/>'
            f'<text x="{x + half / 2 + 10:.0f}" y="{margin + 66}" class="note">imports the face '
            "only</text>"
        )
    top, across = margin + 76, left + 3 * margin
    for number, line in enumerate(
        (
            "client/ starts the engine as a process and sends HTTP over a local socket.",
            "The plug-in never imports the engine. The engine imports the vocabulary:",
            ", ".join(shared) + ".",
        )
    ):
        y = margin + 18 + 17 * number
        body.append(f'<text x="{across + 16:.0f}" y="{y:.0f}" class="note">{line}</text>')
    body.append(f'<path d="M{left + margin:.0f} {top + 130}H{across - 3:.0f}" class="wire"/>')
    y = panel(plugin, margin, top, left, "in any Python 3.9 or newer: standard library only")
    low = panel(plates, margin, y, left, "files and real-world trouble ⇄ clean tensors")
    y = panel(engine, across, top, right, "in its own Python 3.11 or newer, with torch")
    low = max(low, panel(dmp, across, y, right, "the algorithm: tensors in, tensors out"))
    markers = "".join(
        f'<marker id="{name.replace(".", "-")}" viewBox="0 0 10 10" refX="8" refY="5" '
        'markerWidth="6.5" markerHeight="6.5" orient="auto">'
        f'<path d="M0 1 9 5 0 9z" fill="{colours[3]}"/></marker>'
        for name, colours in {**COLOURS, "grey": ("", "", "", "#888")}.items()
    )
    foot = (
        "A box is a module, or a folder with the modules in it. An arrow means “imports”; arrows "
        "that follow from others are left out. Drawn from the imports by draw_house.py."
    )
    tall = low + 14
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:.0f} {tall:.0f}" '
            f'width="{wide:.0f}" height="{tall:.0f}" '
            'font-family="DejaVu Sans, Verdana, sans-serif">',
            f"<defs>{markers}<style>.head{{font-size:15px;font-weight:bold;fill:#222}}"
            f".room{{font-size:{LARGE}px;font-weight:bold;fill:#222}}"
            f".file,.note{{font-size:{SMALL}px;fill:#555}}"
            ".host{stroke:#888;stroke-width:1.4;marker-end:url(#grey)}"
            ".wire{stroke:#888;stroke-width:3;stroke-dasharray:6 4;marker-end:url(#grey)}"
            "</style></defs>",
            f'<rect width="{wide:.0f}" height="{tall:.0f}" fill="white"/>',
            *body,
            f'<text x="{margin}" y="{tall - 14:.0f}" class="note">{foot}</text>',
            "</svg>",
            "",
        ]
    )


def main() -> None:
    reads = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    reads.add_argument("picture", type=Path)
    reads.add_argument("tree", nargs="?", type=Path, default=ROOT)
    given = reads.parse_args()
    given.picture.write_text(picture(given.tree), encoding="utf-8")


if __name__ == "__main__":
    main()
