"""Count the rooms, floors and arrows of the house, from its imports.

    python docs/engineering/house.py [TREE] [--json]

TREE is a checkout (this one if left out).

room     a module, or a folder with all that is in it, as one looks at a package from above
floor    the longest chain of imports below a room; what imports nothing of its package is on 0
arrow    one room imports another of the same package
back up  an arrow between two rooms that import each other, directly or in a circle

An ``__init__.py`` is a room of its own, the face, where it imports something.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("plugin", "engine", "nuke", "blender_addon")
FACE = "the face"
# What the picture and the counts show, from the outside inward.
PACKAGES = ("dmp_matting", "dmp_engine", "dmp_engine.dmp", "dmp_engine.plates")


@dataclass
class Package:
    """One package looked at from above."""

    name: str
    rooms: dict[str, list[str]]  # room: the modules in it; a single file has none
    arrows: set[tuple[str, str]] = field(default_factory=set)
    outside: dict[str, set[str]] = field(default_factory=dict)  # room: modules of other packages

    def below(self, room: str) -> set[str]:
        return {to for start, to in self.arrows if start == room}

    def reached(self, room: str) -> set[str]:
        """All rooms that can be reached downwards."""
        found: set[str] = set()
        todo = [room]
        while todo:
            for one in self.below(todo.pop()) - found:
                found.add(one)
                todo.append(one)
        return found

    def back_up(self) -> set[tuple[str, str]]:
        reached = {room: self.reached(room) for room in self.rooms}
        return {(a, b) for a, b in self.arrows if a in reached[b]}

    def circles(self) -> list[list[str]]:
        reached = {room: self.reached(room) for room in self.rooms}
        groups = {
            tuple(sorted(b for b in self.rooms if a in reached[b] and b in reached[a]))
            for a in self.rooms
            if a in reached[a]
        }
        return [list(group) for group in sorted(groups)]

    def floors(self) -> dict[str, int]:
        down = self.arrows - self.back_up()

        @cache
        def floor(room: str) -> int:
            return max((floor(b) + 1 for a, b in down if a == room), default=0)

        return {room: floor(room) for room in self.rooms}

    def counts(self) -> dict[str, int]:
        return {
            "rooms": len(self.rooms),
            "floors": max(self.floors().values()) + 1,
            "arrows": len(self.arrows),
            "back up": len(self.back_up()),
            "circles": len(self.circles()),
        }


# --- reading -------------------------------------------------------------------------------------


def modules(tree: Path) -> dict[str, Path]:
    found = {}
    for source in SOURCES:
        for file in sorted((tree / source).rglob("*.py")):
            parts = file.relative_to(tree / source).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports(name: str, file: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of this house that one file imports, at any depth of its code."""
    package = name.split(".") if file.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *filter(None, [node.module])])
            for alias in node.names:
                full = f"{module}.{alias.name}"
                if full in known or module in known:
                    yield full if full in known else module


def read_package(tree: Path, name: str) -> Package:
    known = modules(tree)
    inside = {module: file for module, file in known.items() if f"{module}.".startswith(name + ".")}
    needs = {module: set(imports(module, file, known)) for module, file in inside.items()}

    def room_of(module: str) -> str:
        return FACE if module == name else module[len(name) + 1 :].split(".")[0]

    rooms: dict[str, list[str]] = {}
    for module in inside:
        if module == name and not needs[module]:
            continue
        held = rooms.setdefault(room_of(module), [])
        if module.count(".") > name.count(".") + 1:
            held.append(module.split(".", name.count(".") + 2)[-1])
    package = Package(name, rooms)
    for module, needed in needs.items():
        start = room_of(module)
        for one in needed:
            if one not in inside:
                package.outside.setdefault(start, set()).add(one)
            elif (to := room_of(one)) != start and to in rooms and start in rooms:
                package.arrows.add((start, to))
    return package


def folders(tree: Path) -> list[str]:
    """All packages of the plug-in and the engine, by name."""
    return sorted(
        name
        for name, file in modules(tree).items()
        if file.name == "__init__.py" and name.startswith(("dmp_matting", "dmp_engine"))
    )


def main() -> None:
    reads = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    reads.add_argument("tree", nargs="?", type=Path, default=ROOT)
    reads.add_argument("--json", action="store_true", help="with each floor and what goes back up")
    given = reads.parse_args()
    found = {name: read_package(given.tree, name) for name in PACKAGES}
    if given.json:
        whole = {
            name: {
                **one.counts(),
                "floor of": one.floors(),
                "arrows back up": sorted(one.back_up()),
                "in circles": one.circles(),
            }
            for name, one in found.items()
        }
        json.dump(whole, sys.stdout, indent=1)
        return
    print("package               " + "  ".join(next(iter(found.values())).counts()))
    for name, one in found.items():
        counts = one.counts().items()
        print(f"{name:20}  " + "  ".join(f"{count:>{len(what)}}" for what, count in counts))


if __name__ == "__main__":
    main()
