"""The law of writing: a file appears whole or not at all, and one place does it.

Rules as in house_layers.py; test_house.py runs them.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

from .house_imports import sources

# A file that is written whole takes its name in one place; these rename what exists already.
RENAMING = {
    "plugin/dmp_matting/atomic_write.py",
    "plugin/dmp_matting/client/launcher.py",  # the engine's log makes room for the next one
    "plugin/dmp_matting/publish/plugins/integrate_matte.py",  # a checked folder becomes a version
    "engine/dmp_engine/server/job_store.py",  # a folder that does not load is put aside
    "blender_addon/dmp_blender/render.py",  # Blender names the picture that it has rendered
}
HAND_MADE = ("os.replace", "os.rename", "os.renames", "shutil.move")


def files_are_written_whole_in_one_place(tree: Path) -> list[str]:
    wrong = []
    for file in sources(tree):
        name = file.relative_to(tree).as_posix()
        if name in RENAMING:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            found = False
            if isinstance(node, ast.Attribute):
                found = node.attr == "rename" or ast.unparse(node) in HAND_MADE
            elif isinstance(node, ast.ImportFrom):
                found = any(f"{node.module}.{alias.name}" in HAND_MADE for alias in node.names)
            if found:
                wrong.append(f"{name}:{node.lineno} renames by hand; use atomic_write")
    return wrong


WRITING_RULES: list[Callable[[Path], list[str]]] = [files_are_written_whole_in_one_place]

# For each rule files that keep it, and then one file that breaks it.
PLANTED_IN_WRITING: list[tuple[Callable[[Path], list[str]], dict[str, str], tuple[str, str]]] = [
    (
        files_are_written_whole_in_one_place,
        {
            "plugin/dmp_matting/atomic_write.py": "import os\nos.replace('a', 'b')\n",
            "engine/dmp_engine/review/probe.py": "'a'.replace('a', 'b')\n",
        },
        ("engine/dmp_engine/pipeline/frame.py", "import os\nos.replace('a.part', 'a')\n"),
    ),
    (
        files_are_written_whole_in_one_place,
        {"plugin/dmp_matting/cli/bench.py": "from os import path\n"},
        ("plugin/dmp_matting/cli/bench.py", "from pathlib import Path\nPath('a').rename('b')\n"),
    ),
]
