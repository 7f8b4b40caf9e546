"""Which engine made a result, for the greeting and the result cache: equal versions, equal pixels.

The version is a digest of everything that can change a pixel. It is computed from the sources and
not listed by hand: every module that ``pipeline/frame.py`` reaches by imports, at any depth and in
both packages, the data files beside these modules, and every library they import, with its
version. The sources are parsed and never imported, so that the server can do it without torch.

Left out is the ``__init__`` of ``dmp_matting``: it imports the client, which makes no pixels.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.metadata
import importlib.util
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from dmp_matting import version as release

ENTRY = "dmp_engine.pipeline.frame"
VOCABULARY = "dmp_matting"
# Lines with the word, with parentheses to their end.
IMPORTING = re.compile(rb"^[^\n]*\bimport\b[^\n(]*(?:\([^)]*\)[^\n]*)?$", re.MULTILINE)
UNSURE, CONTINUED = re.compile(rb"[\"']"), re.compile(rb"\\\r?\n")
PACKAGE = str(Path(__file__).resolve().parent)  # where this engine lies


@cache
def engine_version() -> str:
    """``0.1.0+3fa94c0d12ab``: the release, and the digest. Of the moment of the first call."""
    _loaded_state()
    return _version(release.__version__, _closure())


def installed_version() -> str:
    """The version of the files as they are now: another one after an update of a running engine.

    Empty in the middle of an update. Takes a millisecond while nothing has changed. Blocks.
    """
    state = _state()
    return engine_version() if state == _loaded_state() else _version_on_disk(state)


def _version(number: str, closure: Closure) -> str:
    return f"{number}+{closure.digest()[:12]}"


def _closure() -> Closure:
    return closure_of(our_packages())


@cache
def _watched() -> tuple[Path, ...]:
    """Our files, and the folders that change when a library is installed."""
    closure = _closure()
    found = [importlib.util.find_spec(library) for library in sorted(closure.libraries)]
    origins = {Path(spec.origin).parent.parent for spec in found if spec and spec.origin}
    return (*closure.files.values(), *sorted(origins))


@cache
def _loaded_state() -> tuple[object, ...]:
    return _state()


def _state() -> tuple[object, ...]:
    """What changes whenever an update does; empty when a file is gone."""
    try:
        found = [os.stat(path) for path in _watched()]
    except OSError:
        return ()
    return tuple((one.st_mtime_ns, one.st_size, one.st_ino) for one in found)


@lru_cache(maxsize=4)
def _version_on_disk(state: tuple[object, ...]) -> str:
    try:
        text = Path(release.__file__).read_text("utf-8")
        number = re.search(r'__version__ = "(.+)"', text)
        return _version(number[1] if number else "", _closure())
    except (OSError, SyntaxError, ValueError):
        return ""


@dataclass(frozen=True)
class Closure:
    """What makes the pixels: our files by their names in the packages, and others' libraries."""

    files: Mapping[str, Path]  # "dmp_engine/pipeline/frame.py" -> where it lies
    libraries: frozenset[str]  # names as imported: "cv2"

    def digest(self) -> str:
        """64 hexadecimal digits over the files' content and the libraries' versions."""
        digest = hashlib.sha256()
        for name, path in sorted(self.files.items()):
            digest.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
        for library in sorted(self.libraries):
            digest.update(f"{library} {library_version(library)}\n".encode())
        return digest.hexdigest()


def our_packages() -> dict[str, Path]:
    """The two packages that an engine is made of, and where they lie."""
    return {"dmp_engine": Path(__file__).parent, VOCABULARY: Path(release.__file__).parent}


def closure_of(
    packages: Mapping[str, Path], entry: str = ENTRY, without: tuple[str, ...] = ()
) -> Closure:
    """Everything that ``entry`` reaches by imports; ``packages`` are ours and their folders.

    Modules that begin with a name of ``without`` are left out, and what only they import.
    """
    modules: dict[str, Path] = {}
    libraries: set[str] = set()
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        parts = name.split(".")
        if parts[0] not in packages:
            libraries.add(parts[0])
            continue
        path = _module_file(packages, parts)
        if path is None:  # a function or a class: its module is waiting too
            continue
        if name in modules or name == VOCABULARY or name.startswith(without):
            continue
        modules[name] = path
        waiting.append(name.rpartition(".")[0] or name)  # Python runs the parents as well
        waiting += _imported(name, path)
    files = {_name_in(packages, name, path): path for name, path in modules.items()}
    own = {path.parent for name, path in modules.items() if not name.startswith(VOCABULARY)}
    for folder in own:
        for path in folder.iterdir():
            if path.is_file() and path.suffix != ".py" and not path.name.startswith("."):
                files[_name_in(packages, "dmp_engine", path)] = path
    return Closure(files, frozenset(libraries - sys.stdlib_module_names))


def library_version(library: str) -> str:
    """The version of the distribution that brings the module ``library``; empty if it is absent.

    A library without a distribution, such as one a studio built itself, is known by its files'
    names, sizes and times.
    """
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        spec = importlib.util.find_spec(library)
    if spec is None or spec.origin is None:
        return ""
    place = Path(spec.origin)
    folder = place.parent if spec.submodule_search_locations else place
    brought = [
        f"{distribution.name} {distribution.version}"
        for distribution in importlib.metadata.distributions(path=[str(folder.parent)])
        if _brings(distribution, library)
    ]
    if brought:
        return ", ".join(sorted(brought))
    files = sorted(folder.rglob("*")) if folder.is_dir() else [folder]
    states = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr(states).encode()).hexdigest()


def _brings(distribution: importlib.metadata.Distribution, library: str) -> bool:
    tops = distribution.read_text("top_level.txt")
    if tops is not None:
        return library in tops.split()
    record = "\n" + (distribution.read_text("RECORD") or "")
    return f"\n{library}/" in record


def _module_file(packages: Mapping[str, Path], parts: list[str]) -> Path | None:
    place = packages[parts[0]].joinpath(*parts[1:])
    if (place / "__init__.py").is_file():
        return place / "__init__.py"
    file = place.with_suffix(".py")
    return file if file.is_file() else None


def _name_in(packages: Mapping[str, Path], module: str, path: Path) -> str:
    package = module.split(".")[0]
    return f"{package}/{path.relative_to(packages[package]).as_posix()}"


def _imported(module: str, path: Path) -> tuple[str, ...]:
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return imported_by(package, path.read_bytes())


@cache
def imported_by(package: str, source: bytes) -> tuple[str, ...]:
    """Absolute names of all imports: of ``from a.b import c`` both ``a.b`` and ``a.b.c``.

    ``source`` is a module's whose relative imports begin at ``package``.
    """
    folders = package.split(".")
    found: list[str] = []
    for node in _statements(_parsed_imports(source)):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = folders[: len(folders) - node.level + 1] if node.level else []
            origin = ".".join([*base, *filter(None, [node.module])])
            found += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    return tuple(found)


def _parsed_imports(source: bytes) -> ast.AST:
    """A tree that has all import statements of a source: each is on a line with ``import``.

    To parse those lines alone takes a fifth of the time, which every start of an engine waits for.
    The whole source is parsed where they make no sense by themselves, and where one has a string
    or goes on another line. An example in a docstring may add an import; none is ever missed.
    """
    alone = b"\n".join(line.strip() for line in IMPORTING.findall(source))
    if not UNSURE.search(alone) and not CONTINUED.search(source):
        with contextlib.suppress(SyntaxError):
            return ast.parse(alone)
    return ast.parse(source)


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements at any depth, without their expressions, of which there are many more."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):
            continue
        yield node
        yield from _statements(node)
