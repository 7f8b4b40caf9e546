"""Measure methods on items; every result is kept at once, so that a run can go on later.

The report folder holds

    results.jsonl   one JSON object a line: item, method, errors, seconds, memory
    layers/         NAME.METHOD.npz: alpha and foreground (float16);
                    NAME.METHOD.unfinished: state of a DMP solve that was interrupted
    summary.json    means and medians over items, flicker of sequences
    report.html     the same with pictures (report.py)

A result is taken from results.jsonl when item, size, method and all of its
settings are the same; anything else is computed again and replaces it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmp_matting.atomic_write import atomic_write
from dmp_matting.errors import DmpError, OutputError

from ..machine.peak_memory import PeakMemory
from ..version import closure_of, engine_version, our_packages
from . import metrics
from .items import Item, Source
from .peers import DMP, Matte, Method

Array = NDArray[np.float64]

# What a result depends on besides its settings; DMP's own depend on the engine's version.
OWN_WAY = ("dmp_engine.pipeline", "dmp_engine.plates", "dmp_engine.review")  # DMP's, and files


@dataclass(frozen=True)
class Result:
    """What one method gave on one item. ``errors`` is empty where there is no truth."""

    item: str
    sequence: str
    method: str
    label: str
    sees_truth: bool
    version: str  # of the engine
    key: str  # of everything that the result depends on
    width: int
    height: int
    errors: dict[str, float]
    seconds: float
    memory_mb: float | None  # peak of the process; of the GPU where one was used
    failure: str = ""  # why there is no result


def measure(
    sources: Sequence[Source], methods: Sequence[Method], size: int, folder: Path
) -> Iterator[tuple[Result, bool]]:
    """Run every method on every source; yields each Result and whether it is new.

    Results go to ``folder`` as they come. Raises OutputError when it cannot be
    written, and what loading an item raises.
    """
    earlier = {(r.item, r.method): r for r in read_results(folder)}
    try:
        (folder / "layers").mkdir(parents=True, exist_ok=True)
    except OSError as reason:
        raise OutputError(f"'{folder}' cannot be made ({reason.strerror}).") from None
    warmed: set[str] = set()
    for source in sources:
        item: Item | None = None
        for method in methods:
            key = _key(source.name, size, method)
            known = earlier.get((source.name, method.name))
            if known is not None and known.key == key and not known.failure:
                yield known, False
                continue
            item = item or source.load()
            if method.name not in warmed and method.quick:
                _warm_up(method)
            warmed.add(method.name)
            unfinished = layers_path(folder, source.name, method.name).with_suffix(".unfinished")
            result, matte = _measured(item, method, key, unfinished)
            if matte is not None:
                _keep_layers(folder, item, method, matte)
            earlier[source.name, method.name] = result
            _write_lines(folder, list(earlier.values()))
            yield result, True


def read_results(folder: Path) -> list[Result]:
    """The results in a report folder; none where there is no such file. Torn lines are skipped."""
    try:
        lines = (folder / "results.jsonl").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            found.append(Result(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found


def errors_of(item: Item, matte: Matte) -> dict[str, float]:
    """All errors of one matte; empty without a truth."""
    if item.alpha is None:
        return {}
    alpha, truth = matte.alpha, item.alpha
    unknown = metrics.unknown_region(truth)
    errors = {
        "sad": metrics.sad(alpha, truth),
        "mse": metrics.mse(alpha, truth),
        "gradient": metrics.gradient_error(alpha, truth),
        "connectivity": metrics.connectivity_error(alpha, truth),
        "sad_unknown": metrics.sad(alpha, truth, unknown),
        "mse_unknown": metrics.mse(alpha, truth, unknown),
        "gradient_unknown": metrics.gradient_error(alpha, truth, unknown),
        "connectivity_unknown": metrics.connectivity_error(alpha, truth, unknown),
        "core": metrics.core_solidity(alpha, truth),
        "outside": metrics.outside_cleanliness(alpha, truth),
    }
    if matte.foreground is not None and item.foreground is not None:
        errors["foreground_mse"] = metrics.foreground_mse(matte.foreground, item.foreground, truth)
    return errors


def layers_path(folder: Path, item: str, method: str) -> Path:
    """Where the layers of one result lie."""
    return folder / "layers" / f"{item.replace('/', '_')}.{method}.npz"


def _measured(
    item: Item, method: Method, key: str, unfinished: Path
) -> tuple[Result, Matte | None]:
    height, width = item.image.shape[:2]
    memory = PeakMemory()
    begun = time.monotonic()
    matte: Matte | None = None
    failure = ""
    try:
        matte = method.run(item, unfinished=unfinished) if method.resumes else method.run(item)
    except DmpError as error:
        failure = str(error)
    except (ValueError, RuntimeError, ImportError) as error:  # a peer's library gave up
        failure = f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - begun + (matte.before if matte is not None else 0.0)
    result = Result(
        item.name,
        item.sequence,
        method.name,
        method.label,
        method.sees_truth,
        engine_version(),
        key,
        width,
        height,
        {} if matte is None else errors_of(item, matte),
        round(seconds, 3),
        memory.peak(),
        failure,
    )
    return result, matte


def _key(name: str, size: int, method: Method) -> str:
    solver = engine_version() if method.name.startswith(DMP) else _digest("peers")
    parts = [name, size, method.name, method.settings, solver, _digest("metrics"), _digest("items")]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@cache
def _digest(module: str) -> str:
    """Of a module of this folder and all that it imports, its libraries' versions included."""
    entry = f"{__package__}.{module}"
    return closure_of(our_packages(), entry, without=OWN_WAY).digest()


def _warm_up(method: Method) -> None:
    """Let compilers and caches do their work before the clock runs."""
    random = np.random.default_rng(0)
    clean = random.random((32, 48, 3)) * 0.3
    alpha = np.zeros((32, 48))
    alpha[8:24, 12:36] = 1.0
    alpha[8:24, 10:12] = 0.5
    image = alpha[..., None] * 0.9 + (1 - alpha[..., None]) * clean
    try:
        method.run(Item("warm", image, clean, alpha))
    except (DmpError, ValueError, RuntimeError, ImportError):
        return  # the measured run reports it


def _keep_layers(folder: Path, item: Item, method: Method, matte: Matte) -> None:
    path = layers_path(folder, item.name, method.name)
    arrays: dict[str, NDArray[Any]] = {"alpha": matte.alpha.astype(np.float16)}
    if matte.foreground is not None:
        arrays["foreground"] = matte.foreground.astype(np.float16)
    try:
        with atomic_write(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
    except OSError as reason:
        raise OutputError(f"'{path}' cannot be written ({reason.strerror}).") from None


def _write_lines(folder: Path, results: list[Result]) -> None:
    write_text(
        folder / "results.jsonl",
        "".join(json.dumps(asdict(result)) + "\n" for result in results),
    )


def write_text(path: Path, text: str) -> None:
    """Write a whole file or none. Raises OutputError."""
    try:
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as reason:
        raise OutputError(f"'{path}' cannot be written ({reason.strerror}).") from None
