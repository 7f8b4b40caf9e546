"""The law of mechanisms: each stands in one place, as the writing of a file that appears whole.

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
    "plugin/dmp_matting/publish/plugins/integrate_matte.py",  # a checked folder becomes a version
    "engine/dmp_engine/server/job_folders.py",  # jobs of an ended engine go to the next one
    "engine/dmp_engine/server/job_store.py",  # a folder that does not load is put aside
    "plugin/dmp_matting/client/install/records.py",  # an engine is hidden before it is removed
    "plugin/dmp_matting/paths.py",  # a damaged configuration is put aside
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


# What only one place knows how to do, by words that nobody else needs.
ONE_PLACE = {
    "except StopIteration": ("plugin/dmp_matting/generators.py",),
    "hit a bug": ("plugin/dmp_matting/errors.py",),
    "as_dmp_error(": (  # one for the engine, whose traceback goes to a file, and one for the hosts
        "plugin/dmp_matting/errors.py", "engine/dmp_engine/machine/errors.py",
    ),
    "12.92": (  # the sRGB curve: for arrays, and for tensors; a test compares the two
        "engine/dmp_engine/plates/io/srgb.py", "engine/dmp_engine/dmp/model/encoding.py",
    ),
    r"\x76\x2f\x31\x01": (  # an EXR: its header, and the formats by their first bytes
        "plugin/dmp_matting/exr_header.py", "engine/dmp_engine/plates/io/image_file.py",
    ),
    '"-I", "-c"': (  # another Python, with nothing of the user's: the engine, and its workers
        "plugin/dmp_matting/client/engine_python.py", "engine/dmp_engine/server/pool.py",
    ),
    "executeInMainThread": ("nuke/dmp_nuke/ticker.py",),
    "timers.register": (
        "blender_addon/dmp_blender/engine.py",  # the ticker
        "blender_addon/dmp_blender/compat.py",  # once, after drawing
    ),
}  # fmt: skip


def mechanisms_stand_in_one_place(tree: Path) -> list[str]:
    wrong = []
    for file in sources(tree):
        name, text = file.relative_to(tree).as_posix(), file.read_text(encoding="utf-8")
        for mark, places in ONE_PLACE.items():
            wanted = f"def {mark}" if mark.endswith("(") else mark
            if wanted in text and name not in places:
                wrong.append(f"{name} has {wanted!r}, which only {', '.join(places)} should")
    return wrong


STARTS_PROCESSES = "tests/processes.py"  # each ends with its test


def tests_start_processes_in_one_place(tree: Path) -> list[str]:
    wrong = []
    for file in sources(tree, "tests"):
        name = file.relative_to(tree).as_posix()
        if name == STARTS_PROCESSES:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = isinstance(node, ast.Call) and ast.unparse(node.func).endswith("Popen")
            if called or (
                isinstance(node, ast.ImportFrom) and "Popen" in [one.name for one in node.names]
            ):
                wrong.append(f"{name}:{node.lineno} starts a process; use start_process")
    return wrong


WRITING_RULES: list[Callable[[Path], list[str]]] = [
    files_are_written_whole_in_one_place,
    mechanisms_stand_in_one_place,
    tests_start_processes_in_one_place,
]

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
    *(
        (
            mechanisms_stand_in_one_place,
            {place: f"# def {mark}\n" for place in places},
            ("engine/dmp_engine/server/app.py", f"# def {mark}\n"),
        )
        for mark, places in ONE_PLACE.items()
    ),
    *(
        (
            tests_start_processes_in_one_place,
            {
                STARTS_PROCESSES: "import subprocess\nsubprocess.Popen(['a'])\n",
                "tests/test_a.py": "import subprocess\none: subprocess.Popen[bytes]\n",
            },
            ("tests/engine/test_b.py", text),
        )
        for text in (
            "import subprocess\nwith subprocess.Popen(['a']) as one:\n    pass\n",
            "from subprocess import Popen\n",
        )
    ),
]
