"""What an artist runs: the command `dmp` with its engine, from EXR to EXR."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
from numpy.typing import NDArray
from parts import ROOT, Place, Row, part
from pictures import PLATES


@part
def product(place: Place) -> Iterator[Row]:
    """`dmp matte` as it is typed: without --device, so the choice of the device is seen too.

    Seconds of whole commands: the first starts the engine, the second finds it warm, the third
    mattes the furball's frames with their neighbours; then an engine's status, and its end.
    """
    shot = PLATES / "furball"
    last = 1002 if place.smoke else 1008
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(
                [str(ROOT / "plugin"), str(ROOT / "engine"), os.environ.get("PYTHONPATH", "")]
            ),
            "DMP_RUN_DIR": str(folder / "run"), "DMP_CACHE_DIR": str(folder / "cache"),
            "DMP_DATA_DIR": str(folder / "data"),
        }  # fmt: skip

        def dmp(*words: str) -> Row:
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "dmp_matting.cli", *words],
                env=environment, capture_output=True, text=True, check=False,
            )  # fmt: skip
            seconds = round(time.perf_counter() - start, 3)
            lines = [json.loads(line) for line in done.stdout.splitlines() if line[:1] == "{"]
            found = lines[-1] if lines else {"text": done.stdout[-400:]}
            found.pop("settings", None)
            if done.returncode:
                raise RuntimeError(f"dmp {words[0]} ended with {done.returncode}: {done.stderr}")
            return {"command": f"dmp {words[0]} {Path(words[1]).name}", "seconds": seconds,
                    "found": found,
                    "errors": done.stderr[-400:]}  # fmt: skip

        quick = ["--set", "solve_size=64"] * place.smoke
        chosen = ["--preset", "draft", *quick] + ["--device", "cpu"] * (not place.cuda)
        clean = ["--clean", str(shot / "clean.exr"), "--json", *chosen]
        try:
            for number in (1001, 1002):
                made = folder / f"matte.{number}.exr"
                yield dmp("matte", str(shot / f"plate.{number}.exr"), "-o", str(made), *clean)
                yield {"frame": number, "sad": _sad(made, number)}
            target = folder / "shot" / "matte.####.exr"
            target.parent.mkdir()
            frames = ["--frames", f"1001-{last}", "-o", str(target)]
            yield dmp("matte", str(shot / "plate.####.exr"), *frames, *clean)
            for number in range(1001, last + 1):
                made = target.with_name(f"matte.{number}.exr")
                yield {"frame": number, "of": "the shot", "sad": _sad(made, number)}
            if not place.smoke:
                made = folder / "final.exr"
                words = ["matte", str(shot / "plate.1001.exr"), "-o", str(made)]
                yield dmp(*words, "--clean", str(shot / "clean.exr"), "--json", *chosen[2:])
                yield {"frame": 1001, "preset": "auto", "sad": _sad(made, 1001)}
            yield dmp("engine", "status", "--json")
        finally:
            yield dmp("engine", "stop")


def _sad(made: Path, number: int) -> float | None:
    """Thousands of alpha's absolute differences from the truth; None where no file was made."""
    if not made.is_file():
        return None
    alpha, truth = (_alpha(path) for path in (made, PLATES / f"furball/truth.{number}.exr"))
    return round(float(np.abs(alpha - truth).sum()) / 1000, 5)


def _alpha(path: Path) -> NDArray[np.float32]:
    """(H, W) of the channel A."""
    file = oiio.ImageBuf(str(path))
    pixels: NDArray[np.float32] = file.get_pixels("float")
    return pixels[..., file.spec().channelnames.index("A")]
