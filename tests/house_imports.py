"""What the sources import, read from their text: for the law of the house, in test_house.py."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOMS = ("plugin", "engine", "nuke", "blender_addon")


@dataclass(frozen=True)
class Import:
    """One imported name: ``from a.b import c`` is ``a.b.c`` with module ``a.b``."""

    file: str  # relative to the tree
    line: int
    module: str
    name: str  # empty for a plain `import a.b`

    @property
    def top(self) -> str:
        return self.module.split(".")[0]

    @property
    def full(self) -> str:
        return f"{self.module}.{self.name}" if self.name else self.module

    def __str__(self) -> str:
        return f"{self.file}:{self.line} imports {self.full}"


def sources(tree: Path, *rooms: str) -> Iterator[Path]:
    for room in rooms or ROOMS:
        yield from sorted((tree / room).rglob("*.py"))


def module_name(tree: Path, file: Path) -> str:
    parts = file.relative_to(tree).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: Path, *rooms: str) -> Iterator[Import]:
    """Every import statement at any depth, relative ones made absolute."""
    for file in sources(tree, *rooms):
        package = module_name(tree, file).split(".")
        if file.name != "__init__.py":
            package = package[:-1]
        where = file.relative_to(tree).as_posix()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(where, node.lineno, alias.name, "")
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                module = ".".join([*base, *filter(None, [node.module])])
                for alias in node.names:
                    yield Import(where, node.lineno, module, alias.name)
