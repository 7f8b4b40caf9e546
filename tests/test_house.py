"""The house keeps its own law: who may import whom, what is never committed.

Every rule is a function from a source tree to sentences about what breaks it. The repository must
give none; a small tree with a planted violation must give one, so that each rule can fail.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .house_imports import imports, module_name, sources
from .house_layers import LAYER_RULES, PLANTED_IN_LAYERS
from .house_writing import MECHANISMS, PLANTED_IN_WRITING, WRITING_RULES, holders

ROOT = Path(__file__).resolve().parent.parent
OURS = {"dmp_matting", "dmp_engine", "dmp_nuke", "dmp_blender"}

# The exceptions of the plugin room: these files, and nothing else, see these packages.
PLUGIN_EXTRAS = {
    "plugin/dmp_matting/cli": {"typer", "rich", "fileseq", "yaml", "opentimelineio"},
    "plugin/dmp_matting/panel": {"Qt"},
    "plugin/dmp_matting/farm/openjd.py": {"openjd"},
    "plugin/dmp_matting/farm/dask.py": {"distributed"},
    "plugin/dmp_matting/publish": {"pyblish"},
}
# What the engine shares with the plugin side: the vocabulary, where the user's files lie, how a
# file is written whole, how the header of an EXR is read, and how work that yields is run.
SHARED = (
    "dmp_matting.atomic_write", "dmp_matting.errors", "dmp_matting.exr_header",
    "dmp_matting.file_lock",  # one engine at a time: both ends look at one lock
    "dmp_matting.frame_window", "dmp_matting.generators", "dmp_matting.job", "dmp_matting.keep",
    "dmp_matting.layer_names",
    "dmp_matting.ocio",
    "dmp_matting.operating_system",
    "dmp_matting.paths",
    "dmp_matting.settings", "dmp_matting.version",
)  # fmt: skip
# The algorithm: tensors in, tensors out.
OUTSIDE_WORLD = {
    "OpenImageIO", "asyncio", "http", "io", "multiprocessing", "os", "pathlib", "pickle", "shutil",
    "socket", "ssl", "subprocess", "tempfile", "urllib", "uvicorn", "starlette",
}  # fmt: skip
ALGORITHM_SHARED = {
    "dmp_matting.generators.finish", "dmp_matting.generators.mapped", "dmp_matting.job.Progress",
    "dmp_matting.job.Stage", "dmp_matting.settings.Settings",
}  # fmt: skip
HOST_EXTRAS = {
    "nuke": {"nuke", "nukescripts", "Qt"},
    "blender_addon": {"bpy", "bpy_extras", "bl_ui", "gpu", "gpu_extras", "mathutils", "numpy"},
}


# --- the rules ---------------------------------------------------------------------------------


def plugin_is_standard_library(tree: Path) -> list[str]:
    wrong = []
    for one in imports(tree, "plugin"):
        extras = next(
            (extra for place, extra in PLUGIN_EXTRAS.items()
             if one.file == place or one.file.startswith(place + "/")),
            set(),
        )  # fmt: skip
        if one.top not in sys.stdlib_module_names | {"dmp_matting"} | extras:
            wrong.append(str(one))
    return wrong


def engine_shares_only_the_vocabulary(tree: Path) -> list[str]:
    wrong = []
    for one in imports(tree, "engine"):
        foreign = one.top in (OURS | {"nuke", "bpy"}) - {"dmp_engine"}
        if foreign and not any(
            one.full == shared or one.full.startswith(shared + ".") for shared in SHARED
        ):
            wrong.append(str(one))
    return wrong


def algorithm_sees_no_files(tree: Path) -> list[str]:
    wrong = []
    for one in imports(tree, "engine"):
        if not one.file.startswith("engine/dmp_engine/dmp/"):
            continue
        outside = one.top in OUTSIDE_WORLD
        if one.top == "dmp_matting":
            outside = one.full not in ALGORITHM_SHARED
        if one.top == "dmp_engine":
            outside = not f"{one.full}.".startswith("dmp_engine.dmp.")
        if outside:
            wrong.append(str(one))
    return wrong


def nobody_imports_evaluation(tree: Path) -> list[str]:
    own = ("engine/dmp_engine/evaluation/", "engine/dmp_engine/__main__.py")
    return [
        str(one)
        for one in imports(tree)
        if f"{one.full}.".startswith("dmp_engine.evaluation.") and not one.file.startswith(own)
    ]


def hosts_see_only_the_face(tree: Path) -> list[str]:
    wrong = []
    for room, extras in HOST_EXTRAS.items():
        own = {"nuke": "dmp_nuke", "blender_addon": "dmp_blender"}[room]
        allowed = sys.stdlib_module_names | extras | {own, "dmp_matting"}
        for one in imports(tree, room):
            inside = one.top == "dmp_matting" and one.module != "dmp_matting.hosts"
            if one.top not in allowed or inside:
                wrong.append(str(one))
    return wrong


def rooms_are_no_packages(tree: Path) -> list[str]:
    return [
        f"{room}/__init__.py makes the folder a package that shadows others"
        for room in ("nuke", "engine", "plugin")
        if (tree / room / "__init__.py").exists()
    ]


def no_circles(tree: Path) -> list[str]:
    modules = {module_name(tree, file): file for file in sources(tree)}
    names = {file.relative_to(tree).as_posix(): name for name, file in modules.items()}
    needs: dict[str, set[str]] = {name: set() for name in modules}
    for one in imports(tree):
        target = one.full if one.full in modules else one.module
        if target in modules and target != names[one.file]:
            needs[names[one.file]].add(target)
    # Take away, again and again, what needs nothing that is left; what remains goes in circles.
    while True:
        free = [name for name, needed in needs.items() if not needed & needs.keys()]
        if not free:
            break
        for name in free:
            del needs[name]
    return [f"{name} is part of, or leads to, an import circle" for name in sorted(needs)]


def plugin_speaks_python_39(tree: Path) -> list[str]:
    wrong = []
    for file in sources(tree, "plugin", "nuke", "blender_addon"):
        try:
            ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 9))
        except SyntaxError as error:
            wrong.append(f"{file.relative_to(tree)}:{error.lineno} {error.msg}")
    return wrong


def setup_installs_every_package(tree: Path) -> list[str]:
    found = {
        module_name(tree, file)
        for file in sources(tree, "plugin", "engine")
        if file.name == "__init__.py" and file.parent.parent != tree
    }
    for node in ast.walk(ast.parse((tree / "setup.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.keyword) and node.arg == "packages":
            found -= set(ast.literal_eval(node.value))
    return [f"setup.py does not install {name}" for name in sorted(found)]


RULES: list[Callable[[Path], list[str]]] = [
    plugin_is_standard_library,
    engine_shares_only_the_vocabulary,
    algorithm_sees_no_files,
    nobody_imports_evaluation,
    hosts_see_only_the_face,
    rooms_are_no_packages,
    no_circles,
    plugin_speaks_python_39,
    setup_installs_every_package,
    *LAYER_RULES,
    *WRITING_RULES,
]

# For each rule files that keep it, and then one file that breaks it.
PLANTED: list[tuple[Callable[[Path], list[str]], dict[str, str], tuple[str, str]]] = [
    (
        plugin_is_standard_library,
        {"plugin/dmp_matting/cli/app.py": "import typer, rich.table\nfrom ..job import Job\n"},
        ("plugin/dmp_matting/job.py", "def read():\n    import numpy\n"),
    ),
    (
        plugin_is_standard_library,
        {"plugin/dmp_matting/publish/collect.py": "import pyblish.api\n"},
        (
            "plugin/dmp_matting/client/launcher.py",
            "from dmp_engine.pipeline.frame import matte_frame\n",
        ),
    ),
    (
        engine_shares_only_the_vocabulary,
        {"engine/dmp_engine/pipeline/frame.py": "import torch\nfrom dmp_matting.job import Job\n"},
        ("engine/dmp_engine/server.py", "from dmp_matting.presets import preset\n"),
    ),
    (
        engine_shares_only_the_vocabulary,
        {"engine/dmp_engine/pipeline/frame.py": "from dmp_matting.version import __version__\n"},
        ("engine/dmp_engine/server.py", "from dmp_matting import preset\n"),
    ),
    (
        algorithm_sees_no_files,
        {"engine/dmp_engine/dmp/solve/frame.py": "import math\nfrom .crop import Box\n"},
        ("engine/dmp_engine/dmp/paper/refine.py", "from pathlib import Path\n"),
    ),
    (
        algorithm_sees_no_files,
        {"engine/dmp_engine/dmp/solve/frame.py": "from dmp_matting.job import Stage\n"},
        ("engine/dmp_engine/dmp/paper/refine.py", "from dmp_matting.job import Plate\n"),
    ),
    (
        algorithm_sees_no_files,
        {"engine/dmp_engine/pipeline/frame.py": "from ..plates.io import read_plate\n"},
        ("engine/dmp_engine/dmp/paper/refine.py", "from ...plates.io import read_plate\n"),
    ),
    (
        nobody_imports_evaluation,
        {"engine/dmp_engine/__main__.py": "from .evaluation.metrics import sad\n"},
        ("engine/dmp_engine/pipeline/frame.py", "from .. import evaluation\n"),
    ),
    (
        hosts_see_only_the_face,
        {"nuke/dmp_nuke/node.py": "import nuke\nfrom dmp_matting.hosts import Job\n"},
        ("blender_addon/dmp_blender/ui.py", "from dmp_matting.client.job_client import matte\n"),
    ),
    (
        hosts_see_only_the_face,
        {"blender_addon/dmp_blender/ui.py": "import bpy, numpy\n"},
        ("nuke/dmp_nuke/node.py", "import dmp_blender\n"),
    ),
    (
        rooms_are_no_packages,
        {"nuke/dmp_nuke/__init__.py": ""},
        ("nuke/__init__.py", ""),
    ),
    (
        no_circles,
        {"engine/dmp_engine/a.py": "from . import b\n", "engine/dmp_engine/b.py": "import c\n"},
        ("engine/dmp_engine/b.py", "def late():\n    from dmp_engine.a import x\n"),
    ),
    (
        plugin_speaks_python_39,
        {"plugin/dmp_matting/job.py": "x = {**{}}\n"},
        ("plugin/dmp_matting/job.py", "match 1:\n    case 1: pass\n"),
    ),
    (
        setup_installs_every_package,
        {"plugin/dmp_matting/__init__.py": "", "setup.py": "setup(packages=['dmp_matting'])\n"},
        ("plugin/dmp_matting/publish/__init__.py", ""),
    ),
    *PLANTED_IN_LAYERS,
    *PLANTED_IN_WRITING,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_law(rule: Callable[[Path], list[str]]) -> None:
    assert rule(ROOT) == []


@pytest.mark.parametrize(
    ("rule", "sound", "broken"), PLANTED, ids=[f"{p[0].__name__}-{p[2][0]}" for p in PLANTED]
)
def test_each_rule_can_fail(
    rule: Callable[[Path], list[str]],
    sound: dict[str, str],
    broken: tuple[str, str],
    tmp_path: Path,
) -> None:
    def plant(name: str, text: str) -> None:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    for name, text in sound.items():
        plant(name, text)
    assert rule(tmp_path) == []
    plant(*broken)
    assert rule(tmp_path) != []


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule.__name__ for rule in RULES} == {planted[0].__name__ for planted in PLANTED}


def test_every_mechanism_is_where_the_law_looks_for_it() -> None:
    """A mark that stands nowhere any more would keep nobody from writing it again."""
    for one in MECHANISMS:
        assert sorted(holders(one.mark)) == sorted(one.places), one.name
        assert (len(one.places) > 1) == bool(one.why), one.name


def test_the_rules_see_the_sources() -> None:
    seen = {str(one.file) for one in imports(ROOT)}
    assert {"plugin/dmp_matting/cli/app.py", "engine/dmp_engine/__main__.py"} <= seen


# --- what is never committed ---------------------------------------------------------------------

# Put together here, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile("|".join(re.escape(f"/{name}/") for name in ("work", "root")))


def machine_paths(files: list[Path]) -> list[str]:
    """Places where a text file names a folder of the machine that it was written on."""
    wrong = []
    for file in files:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (UnicodeDecodeError, FileNotFoundError):
            continue  # a picture, or deleted and not yet committed
        wrong += [f"{file}:{n}" for n, line in enumerate(lines, 1) if MACHINE_PATHS.search(line)]
    return wrong


def test_no_committed_file_names_this_machine() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True)
    if listed.returncode:
        pytest.skip("not a git checkout, so nothing says what is committed")
    files = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    assert len(files) > 20
    assert machine_paths(files) == []


def test_a_machine_path_would_be_found(tmp_path: Path) -> None:
    (tmp_path / "sound.md").write_text("see ../shared and ./framework/x\n")
    (tmp_path / "wrong.md").write_text("run it\nin /" + "work/main\n")
    assert machine_paths(sorted(tmp_path.iterdir())) == [f"{tmp_path / 'wrong.md'}:2"]
