"""The law of the folders: which layer each is in, what lies at the top, how long a file may be.

Every rule is a function from a source tree to sentences about what breaks it; test_house.py runs
them over the repository, and over small trees with a planted violation.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

from .house_imports import imports, module_name, sources

# From the ground up. A folder imports from itself and from lower lines; folders in one line do not
# see each other. A folder that is not named belongs to the named one around it; "." is the top of
# the package, beside whose files `__init__` and `hosts` (the faces) and `__main__` (the command)
# stand highest.
LAYERS: dict[str, tuple[tuple[str, ...], ...]] = {
    "dmp_matting": (
        (".",),  # the vocabulary
        ("client",),  # a job goes to the engine, its layers come back
        ("shots",),
        ("farm", "panel", "publish"),
        ("publish.plugins",),
        ("cli",),
    ),
    "dmp_engine": (
        (".", "dmp", "machine"),  # dmp: the types that all of the algorithm yields
        ("dmp.model",),
        ("dmp.paper",),
        ("dmp.evidence",),
        ("dmp.recompositions",),
        ("dmp.solve",),
        ("dmp.temporal",),
        ("plates.io",),
        ("plates.clean_plate",),
        ("plates",),
        ("pipeline", "review"),
        ("processes", "server", "machine.bench"),
        ("evaluation",),
    ),
}
# The whole of each package's top. One more file there is one more word that everybody must know.
TOP = {
    "plugin/dmp_matting": {
        "__init__", "atomic_write", "errors", "exr_header", "file_lock", "frame_window",
        "generators", "hosts", "job", "keep", "layer_names", "ocio", "operating_system", "paths",
        "presets", "settings", "settings_schema", "version",
    },
    "engine/dmp_engine": {"__init__", "__main__", "tensors", "version"},
}  # fmt: skip
FACES = ("", "__main__", "hosts")  # they see everything
LONGEST = 400  # lines of a file
REASON = "Long because "


def layer_of(module: str) -> tuple[str, int] | None:
    """The folder of a module as `LAYERS` has it, and its height; None for another package's."""
    package, _, inside = module.partition(".")
    if package not in LAYERS:
        return None
    heights = {folder: at for at, line in enumerate(LAYERS[package]) for folder in line}
    if inside in FACES:
        return inside or "__init__", len(LAYERS[package])
    folder = inside
    while folder and folder not in heights:
        folder = folder.rpartition(".")[0]
    if not folder and "." in inside:
        return inside.rpartition(".")[0], -1  # a folder that no line names
    return folder or ".", heights[folder or "."]


def arrows_point_down(tree: Path) -> list[str]:
    modules = {module_name(tree, file): file for file in sources(tree, "plugin", "engine")}
    names = {file.relative_to(tree).as_posix(): name for name, file in modules.items()}
    wrong = set()
    for name in modules:
        layer = layer_of(name)
        if layer is not None and layer[1] < 0:
            wrong.add(f"{layer[0]} stands in no line of LAYERS in tests/house_layers.py")
    for one in imports(tree, "plugin", "engine"):
        target = one.full if one.full in modules else one.module
        here, there = layer_of(names[one.file]), layer_of(target)
        if target not in modules or here is None or there is None or here == there:
            continue
        if one.top == names[one.file].partition(".")[0] and here[1] <= there[1]:
            wrong.add(f"{one}: {there[0]} is not below {here[0]}")
    return sorted(wrong)


def the_top_is_the_vocabulary(tree: Path) -> list[str]:
    return [
        f"{file.relative_to(tree)} lies at the top, where only {', '.join(sorted(allowed))} do"
        for folder, allowed in TOP.items()
        for file in sorted((tree / folder).glob("*.py"))
        if file.stem not in allowed
    ]


def long_files_have_a_reason(tree: Path) -> list[str]:
    """`REASON` begins a line of the docstring of every file over `LONGEST` lines."""
    wrong = []
    for file in [*sources(tree), *sorted((tree / "tests").rglob("*.py"))]:
        text = file.read_text(encoding="utf-8")
        length = len(text.splitlines())
        opening = ast.get_docstring(ast.parse(text)) or ""
        if length > LONGEST and not any(line.startswith(REASON) for line in opening.splitlines()):
            wrong.append(f'{file.relative_to(tree)} has {length} lines and no "{REASON}…"')
    return wrong


LAYER_RULES: list[Callable[[Path], list[str]]] = [
    arrows_point_down,
    the_top_is_the_vocabulary,
    long_files_have_a_reason,
]

# For each rule files that keep it, and then one file that breaks it.
PLANTED_IN_LAYERS: list[tuple[Callable[[Path], list[str]], dict[str, str], tuple[str, str]]] = [
    (  # an arrow up
        arrows_point_down,
        {
            "plugin/dmp_matting/job.py": "from .errors import DmpError\n",
            "plugin/dmp_matting/errors.py": "",
            "plugin/dmp_matting/client/connection.py": "from ..job import Job\n",
            "plugin/dmp_matting/shots/run.py": "from ..client.connection import Connection\n",
        },
        ("plugin/dmp_matting/client/wire.py", "def late():\n    from ..shots.run import run\n"),
    ),
    (  # two of one height
        arrows_point_down,
        {
            "plugin/dmp_matting/farm/dask.py": "",
            "plugin/dmp_matting/cli/app.py": "from ..farm.dask import on_cluster\n",
        },
        ("plugin/dmp_matting/panel/form.py", "from ..farm import dask\n"),
    ),
    (  # the vocabulary sees the face
        arrows_point_down,
        {
            "plugin/dmp_matting/__init__.py": "from .job import Job\n",
            "plugin/dmp_matting/job.py": "",
        },
        ("plugin/dmp_matting/errors.py", "from . import Job\n"),
    ),
    (  # in the engine, within dmp
        arrows_point_down,
        {
            "engine/dmp_engine/__main__.py": "from .server.app import app\n",
            "engine/dmp_engine/server/app.py": "",
            "engine/dmp_engine/dmp/solve/frame.py": "from ..paper.refine import refine\n",
            "engine/dmp_engine/dmp/paper/refine.py": "",
        },
        ("engine/dmp_engine/dmp/model/noise.py", "from ..solve.frame import solve\n"),
    ),
    (  # a folder that nobody thought of
        arrows_point_down,
        {"engine/dmp_engine/plates/io/read.py": ""},
        ("engine/dmp_engine/helpers/strings.py", ""),
    ),
    (
        the_top_is_the_vocabulary,
        {"plugin/dmp_matting/job.py": "", "plugin/dmp_matting/client/util.py": ""},
        ("plugin/dmp_matting/util.py", ""),
    ),
    (
        the_top_is_the_vocabulary,
        {"engine/dmp_engine/tensors.py": ""},
        ("engine/dmp_engine/worker.py", ""),
    ),
    (
        long_files_have_a_reason,
        {
            "engine/dmp_engine/tensors.py": "x = 1\n" * LONGEST,
            "tests/test_it.py": f'"""It.\n\n{REASON}it is one.\n"""\n' + "x = 1\n" * LONGEST,
        },
        ("nuke/dmp_nuke/knobs.py", '"""Knobs."""\n' + "x = 1\n" * LONGEST),
    ),
]
