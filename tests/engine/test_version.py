"""The engine's version changes with everything that can change a pixel, and with nothing else."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy
import pytest

from dmp_engine import version
from dmp_engine.evaluation.run import OWN_WAY
from dmp_engine.version import closure_of, engine_version, imported_by, library_version

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {"dmp_engine": ROOT / "engine/dmp_engine", "dmp_matting": ROOT / "plugin/dmp_matting"}
CLOSURE = closure_of(SOURCES)
DIGEST = CLOSURE.digest()
FILES = sorted(CLOSURE.files)


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A copy of both packages, to change."""
    folder = tmp_path_factory.mktemp("tree")
    for name, source in SOURCES.items():
        shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    return {name: folder / name for name in SOURCES}


def changed_digest(tree: dict[str, Path], name: str) -> str:
    """The digest with one line more in the file ``name``, which is put back afterwards."""
    path = tree["dmp_engine"].parent / name
    before = path.read_bytes()
    path.write_bytes(before + b"\n# another line\n")
    try:
        return closure_of(tree).digest()
    finally:
        path.write_bytes(before)


def test_a_copy_of_the_sources_is_the_same_engine(tree: dict[str, Path]) -> None:
    assert closure_of(tree).digest() == DIGEST
    assert engine_version().endswith(f"+{DIGEST[:12]}")


@pytest.mark.parametrize("name", FILES)
def test_a_changed_line_is_another_engine(tree: dict[str, Path], name: str) -> None:
    assert changed_digest(tree, name) != DIGEST


@pytest.mark.parametrize(
    "name",
    [
        "dmp_engine/server/page.py",
        "dmp_engine/processes/worker.py",
        "dmp_engine/evaluation/metrics.py",
        "dmp_matting/__init__.py",
        "dmp_matting/client/launcher.py",
    ],
)
def test_a_file_that_makes_no_pixels_changes_nothing(tree: dict[str, Path], name: str) -> None:
    assert changed_digest(tree, name) == DIGEST


def test_a_peer_of_the_evaluation_is_known_by_what_it_imports() -> None:
    """Without DMP's own way, whose results are known by the engine's version."""
    peers = closure_of(SOURCES, "dmp_engine.evaluation.peers", without=OWN_WAY)
    folder = "dmp_engine/evaluation"
    assert {f"{folder}/{name}.py" for name in ("closedform", "doubledip", "rvm", "trimaps")} <= set(
        peers.files
    )
    assert "dmp_engine/dmp/paper/networks.py" in peers.files  # of doubledip
    assert not any(name.startswith("dmp_engine/pipeline/") for name in peers.files)
    assert "pymatting" in peers.libraries


def test_the_closure_holds_all_that_python_loads() -> None:
    listing = (
        "import sys, dmp_engine.pipeline.frame\n"
        "for name, module in sorted(sys.modules.items()):\n"
        "    if name.split('.')[0] == 'dmp_engine': print(module.__file__)\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", listing], capture_output=True, text=True, check=True, timeout=120,
        env={"PYTHONPATH": f"{ROOT / 'plugin'}:{ROOT / 'engine'}"},
    ).stdout.split()  # fmt: skip
    names = {Path(file).relative_to(ROOT / "engine").as_posix() for file in loaded}
    assert len(names) > 40
    assert names <= set(FILES)


def imports_of(source: bytes) -> set[str]:
    """By the whole tree of a module of the package a.b."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = {0: [], 1: ["a", "b"], 2: ["a"], 3: []}[node.level]
            origin = ".".join([*base, *filter(None, [node.module])])
            found |= {origin, *(f"{origin}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("name", FILES)
def test_the_lines_with_imports_hold_all_of_them(name: str) -> None:
    source = CLOSURE.files[name].read_bytes()
    assert set(imported_by("a.b", source)) == imports_of(source)


@pytest.mark.parametrize(
    "source",
    [
        "x = 1; import one; from two import three as four\n",
        "if True: import one\nelse: import two\n",
        "try: import one\nexcept ImportError: from . import two\n",
        "def f():\n    class A:\n        from .. import one, two\n",
        "from one import (  # a (comment) with a parenthesis\n    two,\n    three,\n)\n",
        "from one import (two,\r\n    three)\r\nimport four\r\n",
        "from one import \\\n    two\n",
        "from one \\\r\n import two\r\n",
        "import one, \\\n  two\n",
        'a = """what they import"""\nimport one\nb = """what we import"""\nimport two\n',
        'def f():\n    """Import or\n    import."""; import one\n',
        "# import (see below\nimport one\nx = (1)\n",
        "with open('import') as x: import one\n",
        "match 1:\n    case 1: import one\n    case _:\n        import two\n",
        "import\tone\n",
    ],
)
def test_no_import_is_missed(source: str) -> None:
    assert set(imported_by("a.b", source.encode())) == imports_of(source.encode())
    assert imports_of(source.encode())


def test_an_example_in_a_docstring_hides_nothing() -> None:
    source = b'"""Use it so:\n\n    import example\n"""\nimport one\n'
    assert set(imported_by("a.b", source)) >= {"one"}


def test_shots_and_the_settings_are_part_of_it() -> None:
    assert {
        "dmp_engine/dmp/temporal/fusion.py",
        "dmp_engine/pipeline/shot_frame.py",
        "dmp_engine/tensors.py",
        "dmp_matting/settings.py",
    } <= set(FILES)


def test_a_data_file_beside_a_module_is_part_of_it(tree: dict[str, Path]) -> None:
    weights = tree["dmp_engine"] / "dmp" / "paper" / "weights.bin"
    weights.write_bytes(b"1")
    try:
        with_data = closure_of(tree).digest()
        weights.write_bytes(b"2")
        assert len({DIGEST, with_data, closure_of(tree).digest()}) == 3
    finally:
        weights.unlink()


def test_the_libraries_are_those_that_the_closure_imports() -> None:
    assert CLOSURE.libraries == {"torch", "numpy", "scipy", "OpenImageIO", "cv2"}


@pytest.mark.parametrize("library", sorted(CLOSURE.libraries))
def test_another_version_of_a_library_is_another_engine(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = library_version
    monkeypatch.setattr(
        version, "library_version", lambda name: "99.0" if name == library else real(name)
    )
    assert CLOSURE.digest() != DIGEST


def test_the_version_of_a_library_is_that_of_its_distribution() -> None:
    assert library_version("numpy") == numpy.__version__
    name, number = library_version("cv2").split()  # its distributions are not called cv2
    assert name.startswith("opencv") and number.startswith(cv2.__version__)


def test_a_library_without_a_distribution_is_known_by_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "homemade"
    folder.mkdir()
    (folder / "__init__.py").write_text("x = 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = library_version("homemade")
    (folder / "__init__.py").write_text("x = 10\n")
    assert before and library_version("homemade") != before
    assert library_version("not_installed_anywhere") == ""


def test_a_distribution_without_a_list_of_modules_is_found_by_its_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "__init__.py").write_text("")
    info = tmp_path / "outer-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outer\nVersion: 1.5\n")
    (info / "RECORD").write_text("inner/__init__.py,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert library_version("inner") == "outer 1.5"


def test_the_server_computes_it_without_the_libraries_that_it_is_about() -> None:
    heavy = ["torch", "numpy", "scipy", "cv2", "OpenImageIO"]
    loaded = (
        "import sys\nfrom dmp_engine.version import engine_version\n"
        f"engine_version()\nprint([x for x in {heavy} if x in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", loaded], capture_output=True, text=True, check=True, timeout=120,
        env={"PYTHONPATH": f"{ROOT / 'plugin'}:{ROOT / 'engine'}"},
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
