"""Which Python runs the engine, by what command line, and with which environment.

Rules: standard library only, Python 3.9; nothing is started here. The engine is
never imported: the first of these that holds is used.

1. What the host's own preferences name.
2. ``$DMP_ENGINE_PYTHON``: a Python with torch, numpy and OpenImageIO.
3. The per-user configuration that ``dmp setup`` writes, with ``--install`` or without.
4. This very interpreter, when it has both ``dmp_engine`` and torch (installed from
   a release's wheel, or a source checkout on PYTHONPATH).

The command always has ``-I``, so a host's PYTHONHOME, PYTHONPATH and user site
reach neither the engine nor its workers. What ``-I`` takes away from a source
checkout is handed back by name: ``python_command`` takes the source roots.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from ..errors import EngineMissingError, engine_remedy
from ..ocio import own_configuration
from ..paths import read_config

# Variables of the starting program that the engine keeps: where things lie, how they are written,
# and how its libraries use this machine.
KEPT = {
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "OCIO",
    "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONNOUSERSITE", "PYTHONUTF8",
    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
    # Windows does not start a process without these
    "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERNAME", "USERPROFILE",
    "LOCALAPPDATA", "APPDATA", "PROGRAMDATA", "HOMEDRIVE", "HOMEPATH", "NUMBER_OF_PROCESSORS",
    "PROCESSOR_ARCHITECTURE",
}  # fmt: skip
KEPT_PREFIXES = (
    "LC_", "DMP_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "HSA_", "OMP_", "KMP_", "GOMP_", "MKL_",
    "OPENBLAS_", "TORCH_", "PYTORCH_", "CUBLAS_", "CUDNN_", "OCIO_", "OIIO_", "OPENIMAGEIO_",
    "EXR_", "OPENEXR_", "MALLOC_",
)  # fmt: skip

# Runs the module of argument 1 with the arguments after the fourth. Argument 2: source roots for
# the path; a site-packages folder goes last, or it would hide the standard library. Argument 3:
# the folder of a dmp_matting to use, wherever a host has it and whatever it is called there.
# Where this Python has no engine, the answer is one event like the engine's own, no traceback;
# argument 4 is what to do then, where the program is that starts it.
_BOOT = """\
import importlib.util, json, os, runpy, sys
module, roots, folder, remedy = sys.argv[1:5]
del sys.argv[1:5]
for root in filter(None, roots.split(os.pathsep)):
    if root not in sys.path:
        last = os.path.basename(root) in ("site-packages", "dist-packages")
        sys.path.insert(len(sys.path) if last else 0, root)
if folder:
    spec = importlib.util.spec_from_file_location(
        "dmp_matting", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder])
    package = sys.modules["dmp_matting"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(package)
try:
    __import__(module.partition(".")[0])
except ImportError as reason:
    print(json.dumps({"event": "error", "error": "EngineMissingError", "message":
        "The Python at %s has no DMP engine (%s); %s." % (sys.executable, reason, remedy)}),
        flush=True)
    sys.exit(3)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def python_command(
    python: str, module: str, *, roots: Sequence[str] = (), package: str = ""
) -> List[str]:
    """The command line that runs ``module`` in ``python``, apart from a host's Python settings.

    ``roots``: folders for the path. ``package``: the folder of the dmp_matting to use there.
    """
    return isolated(python, _BOOT, module, os.pathsep.join(roots), package, engine_remedy())


def isolated(python: str, text: str, *arguments: str) -> List[str]:
    """The command line that runs ``text`` in ``python`` with nothing of the user's settings."""
    return [python, "-I", "-c", text, *arguments]


def engine_command(python: Optional[str] = None, *, configured: bool = True) -> List[str]:
    """The start of the engine's command line; append ``run``, ``doctor``, ``view`` and so on.

    ``python``: the one that the artist set in a host, before all other places. ``configured``:
    False where the user's configuration is not to be read. Raises EngineMissingError when no Python
    with the engine is to be found, and InputError for a configuration that cannot be read.
    """
    python, roots = _chosen(python, configured)
    return python_command(python, "dmp_engine", roots=roots)


@dataclass(frozen=True)
class EnginePlace:
    """Where an engine lies: its Python, and the folder of its package if that is known."""

    python: str
    folder: str = ""

    def is_that_of(self, greeting: Mapping[str, Any]) -> bool:
        """Whether the engine with that greeting was started from this place."""
        folder = str(greeting.get("folder", ""))
        return self.python == greeting.get("python") and self.folder in ("", folder)


def engine_place(python: Optional[str] = None) -> EnginePlace:
    """The place of the engine that :func:`engine_command` starts. Raises EngineMissingError."""
    program, roots = _chosen(python)
    found = (os.path.join(root, "dmp_engine") for root in roots)
    folder = next((one for one in found if os.path.isdir(one)), "")
    return EnginePlace(program, os.path.realpath(folder) if folder else "")


def engine_environment() -> Dict[str, str]:
    """What an engine for all of this user's programs keeps of the one that starts it.

    It outlives that program and its shell: passwords, proxies and a host's own settings are none
    of its business. A job brings the variables that its colours depend on.
    """
    return {name: value for name, value in child_environment().items() if _is_needed(name)}


def _is_needed(name: str) -> bool:
    return name.upper() in KEPT or name.upper().startswith(KEPT_PREFIXES)


def child_environment() -> Dict[str, str]:
    """This process's environment without the host's own settings; PATH, the user's OCIO stay."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith("PYTHON") and name != "__PYVENV_LAUNCHER__"
    }
    if not own_configuration():
        kept.pop("OCIO", None)
    kept["PYTHONNOUSERSITE"] = "1"
    kept["PYTHONUTF8"] = "1"
    return kept


def _chosen(python: Optional[str], configured: bool = True) -> Tuple[str, List[str]]:
    if python:
        return _named(python, "The preference Engine Python", "correct or clear it")
    return _engine_python(configured)


def _engine_python(configured: bool) -> Tuple[str, List[str]]:
    named = os.path.expanduser(os.environ.get("DMP_ENGINE_PYTHON", ""))
    if named:
        return _named(named, "DMP_ENGINE_PYTHON", engine_remedy())
    chosen = str(read_config().get("engine_python", "")) if configured else ""
    if chosen:
        return _named(chosen, "The configuration that `dmp setup` wrote", engine_remedy())
    if _is_python(sys.executable) and importlib.util.find_spec("torch") is not None:
        engine = _root("dmp_engine") or next(iter(_checkout_roots()), None)
        if engine is not None:
            # torch's own folder: without it `-I` would lose an install in the user site.
            roots = [str(_here()), engine, _root("torch")]
            return sys.executable, list(dict.fromkeys(root for root in roots if root))
    raise EngineMissingError(f"The DMP engine was not found; {engine_remedy()}.")


def _named(python: str, by: str, remedy: str) -> Tuple[str, List[str]]:
    if not os.access(python, os.X_OK) or os.path.isdir(python):
        raise EngineMissingError(f"{by} names '{python}', which is not a program; {remedy}.")
    return python, _checkout_roots()


def _is_python(program: Optional[str]) -> bool:
    """False in a host such as Nuke, whose ``sys.executable`` is the host itself."""
    return bool(program) and Path(program or "").name.lower().startswith("python")


def _here() -> Path:
    """The source root that this package lies in."""
    return Path(__file__).resolve().parents[2]


def _checkout_roots() -> List[str]:
    """``engine/`` and ``plugin/`` when this package runs from a source checkout, else nothing."""
    engine = _here().parent / "engine"
    if _here().name == "plugin" and (engine / "dmp_engine" / "__main__.py").is_file():
        return [str(engine), str(_here())]
    return []


def _root(package: str) -> Optional[str]:
    """The folder that ``package`` would be imported from, or None."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return str(Path(places[0]).resolve().parent) if places else None
