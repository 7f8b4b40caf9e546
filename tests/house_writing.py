"""The law of mechanisms: each stands in one place, as the writing of a file that appears whole.

Rules as in house_layers.py; test_house.py runs them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

from .house_imports import sources
from .scripts import load_script

_mechanisms = load_script("docs/engineering/mechanisms.py")
MECHANISMS, holders = _mechanisms.MECHANISMS, _mechanisms.holders
# Text that holds a mark, where that is no plain word.
HELD = {
    "a thread with poll, wait and result": "def wait(self):\n    pass\n\ndef result(self):\n",
    "the stages in words": '{Stage.SOLVE: "Solving"}\n',
    "a frame's plates as the solver's pair": "fit_clean(image, clean)\n",
}

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


def mechanisms_stand_in_one_place(tree: Path) -> list[str]:
    return [
        f"{name} has {one.name}, which only {', '.join(one.places)} should"
        for one in MECHANISMS
        for name in holders(one.mark, tree)
        if name not in one.places
    ]


# Which system it is; what differs there is a function that a test can try for each.
KNOW_THE_SYSTEM = {
    "plugin/dmp_matting/operating_system.py",
    "plugin/dmp_matting/client/install/machine.py",  # what only an installation needs
}
ASKS_THE_SYSTEM = ("sys.platform", "os.name", "sys.getwindowsversion")
ONLY_SOME_HAVE = {"fcntl", "msvcrt", "resource", "winreg", "_winapi"}


def one_file_knows_the_operating_system(tree: Path) -> list[str]:
    wrong = []
    for file in sources(tree):
        name = file.relative_to(tree).as_posix()
        if name in KNOW_THE_SYSTEM:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            found = isinstance(node, ast.Attribute) and ast.unparse(node) in ASKS_THE_SYSTEM
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                module = getattr(node, "module", None)
                names = [module] if module else [one.name for one in node.names]
                found = bool(ONLY_SOME_HAVE & set(names))
                found = found or (
                    bool(module)
                    and any(f"{module}.{one.name}" in ASKS_THE_SYSTEM for one in node.names)
                )
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
                found = ast.unparse(node.args[0]) in ("os", "signal", "socket")
            if found:
                wrong.append(f"{name}:{node.lineno} asks for the system; use operating_system")
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
    one_file_knows_the_operating_system,
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
            dict.fromkeys(one.places, text),
            ("engine/dmp_engine/server/app.py", text),
        )
        for one in MECHANISMS
        for text in [HELD.get(one.name, re.sub(r"\\(.)", r"\1", one.mark))]
    ),
    *(
        (
            one_file_knows_the_operating_system,
            {
                "plugin/dmp_matting/operating_system.py": "import sys\nsys.platform\nos.name\n",
                "engine/dmp_engine/server/app.py": "import os\nos.getcwd()\ngetattr(job, 'os')\n",
            },
            ("engine/dmp_engine/server/pool.py", text),
        )
        for text in (
            "import sys\nx = sys.platform == 'win32'\n",
            "from sys import platform\n",
            "import os\nx = os.name\n",
            "def late():\n    import resource\n",
            "import os\nx = hasattr(os, 'fork')\n",
        )
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
