"""What the machine is: device, driver, packages, and what `dmp doctor` finds."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
from collections.abc import Iterator

from parts import ROOT, Place, Row, part

PACKAGES = ("torch", "numpy", "scipy", "opencv-python-headless", "OpenImageIO", "starlette")


@part
def machine(place: Place) -> Iterator[Row]:
    """The device and the versions that all other rows depend on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "absent"
    yield {"python": sys.version.split()[0], "packages": found}
    import torch

    row: Row = {"torch_cuda": torch.version.cuda, "threads": torch.get_num_threads()}
    if place.cuda:
        known = torch.cuda.get_device_properties(place.device)
        row["name"], row["memory_mb"] = known.name, round(known.total_memory / 1e6)
        row["generation"] = f"{known.major}.{known.minor}"
        row["processors"] = known.multi_processor_count
        row["cudnn"] = torch.backends.cudnn.version()
        row["tf32"] = {
            "matmul": torch.backends.cuda.matmul.allow_tf32,
            "cudnn": torch.backends.cudnn.allow_tf32,
        }
        row["start_s"] = place.timed(torch.zeros, 1, device=place.device)[1]
    yield row
    from dmp_engine.version import engine_version

    yield {"engine": engine_version()}


@part
def doctor(place: Place) -> Iterator[Row]:
    """`dmp doctor` as it is started by `dmp`, with whatever this Python lacks."""
    roots = os.pathsep.join(str(ROOT / name) for name in ("plugin", "engine"))
    done = subprocess.run(
        [sys.executable, "-m", "dmp_engine", "doctor"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join((roots, os.environ.get("PYTHONPATH", ""))),
        },
        capture_output=True,
        text=True,
    )
    if not done.stdout:
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr[-500:]}")
    yield from json.loads(done.stdout)["checks"]
