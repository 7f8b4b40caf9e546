"""The work of a `draft` frame and of a later frame of a shot, counted, not timed.

    python benchmarks/work.py -o benchmarks/results/work.json

tests/engine/pipeline/test_work.py counts again and fails above 1.1 times the committed figures: a
noisy machine hides a change that takes a fifth more seconds, but not one that does a fifth more.
A change that is meant to cost commits new figures.

    operations   that torch dispatches, but for views: on a GPU each is a launch
    elements     that they read and write, in millions
    products     of a sparse matrix and vectors: the iterations of the linear systems
    waits        for a value of a tensor, or for its pixels as an array: a GPU stands still there
    opencv       elements that OpenCV and scipy.ndimage read and write, in millions
    read         bytes that the process reads from files; where Linux counts them

What NumPy itself does is not counted. The pair is made (machine/bench), 96 x 64; the shot is its
subject on a walk over the same wall, and the later frame is the second: all states of its window
are there but one, as for each later frame of a long shot.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "plugin"), str(ROOT / "engine")]

import dmp_engine  # noqa: E402, F401  before torch: it says how torch's threads wait

# isort: split
import cv2  # noqa: E402
import numpy as np  # noqa: E402
import OpenImageIO as oiio  # noqa: E402
import torch  # noqa: E402
from scipy import ndimage  # noqa: E402
from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils._pytree import tree_leaves  # noqa: E402

from dmp_engine.machine.bench.measure import made_pair  # noqa: E402
from dmp_engine.pipeline.frame import matte_frame  # noqa: E402
from dmp_engine.pipeline.shot_frame import LookCache  # noqa: E402
from dmp_matting.frame_window import window_of  # noqa: E402
from dmp_matting.generators import finish  # noqa: E402
from dmp_matting.job import NEIGHBOURS, Frame, Job, Plate, Role  # noqa: E402
from dmp_matting.presets import preset  # noqa: E402

SETTINGS = preset("draft").changed(device="cpu", threads=1)
WAITS = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2"}
READ = Path("/proc/self/io")
WALK = 2  # pixels a frame


class Counted(TorchDispatchMode):
    """Counts what torch does inside; the counts are in ``found``."""

    def __init__(self) -> None:
        super().__init__()
        self.found: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        if not func.is_view:
            tensors = [x for x in tree_leaves((args, made)) if isinstance(x, torch.Tensor)]
            self.found["operations"] += 1
            sparse = [x for x in tensors if x.layout == torch.sparse_csr]
            self.found["elements"] += sum(
                x._nnz() if x.layout == torch.sparse_csr else x.numel() for x in tensors
            )
            self.found["products"] += bool(sparse) or name.startswith("_embedding_bag")
        masked = name == "index" and any(x is not None and x.dtype == torch.bool for x in args[1])
        self.found["waits"] += name in WAITS or masked
        return made


@contextlib.contextmanager
def counted() -> Iterator[Counter[str]]:
    """The work done inside; complete when it is left."""
    counter = Counted()
    found = counter.found
    with contextlib.ExitStack() as stack:
        for module in (cv2, ndimage):
            for name in dir(module):
                one = getattr(module, name)
                if not name.startswith("_") and callable(one) and not isinstance(one, type):
                    stack.enter_context(mock.patch.object(module, name, _weighed(one, found)))
        for name in ("numpy", "tolist"):
            one = getattr(torch.Tensor, name)
            stack.enter_context(mock.patch.object(torch.Tensor, name, _waited(one, found)))
        before = bytes_read()
        with counter:
            yield found
        found["read"] = bytes_read() - before


def _weighed(work: Any, found: Counter[str]) -> Any:
    def weighed(*given: Any, **how: Any) -> Any:
        made = work(*given, **how)
        arrays = (x for x in tree_leaves((given, how, made)) if isinstance(x, np.ndarray))
        found["opencv"] += sum(x.size for x in arrays)
        return made

    return weighed


def _waited(work: Any, found: Counter[str]) -> Any:
    def waited(tensor: torch.Tensor, *given: Any, **how: Any) -> Any:
        found["waits"] += 1
        return work(tensor, *given, **how)

    return waited


def bytes_read() -> int:
    """Of all reading calls of this process; 0 where the system does not count them."""
    try:
        return int(READ.read_text().split()[1])
    except OSError:
        return 0


def made_shot(folder: Path) -> Job:
    """The frames of one window and one more, each an EXR, and their clean plate."""
    image, clean, alpha = made_pair(64, 96)
    subject = image - (1 - alpha) * clean
    behind = Plate(write(folder / "clean.exr", clean), Role.CLEAN)
    frames = []
    for number in range(1, NEIGHBOURS + 3):
        there, mask = (x.roll(WALK * number, -1) for x in (subject, alpha))
        plate = write(folder / f"plate.{number}.exr", there + (1 - mask) * clean)
        frames.append(Frame(number, (Plate(plate, Role.IMAGE), behind)))
    return Job(tuple(frames), SETTINGS)


def write(path: Path, image: torch.Tensor) -> str:
    pixels = np.ascontiguousarray(image[0].permute(1, 2, 0).numpy())
    spec = oiio.ImageSpec(pixels.shape[1], pixels.shape[0], 3, "half")
    file = oiio.ImageOutput.create(str(path))
    assert file is not None and file.open(str(path), spec)
    assert file.write_image(pixels) and file.close()
    return str(path)


def matte(job: Job, number: int, look_cache: LookCache | None = None) -> None:
    """One frame from file to file; alone without a cache, else with its window."""
    wanted = job.frames[number - 1]
    output = Path(wanted.plates[0].path).with_name(f"matte.{number}.exr")
    window = window_of(wanted, job, SETTINGS) if look_cache is not None else ()
    finish(matte_frame(wanted, SETTINGS, output, window=window, look_cache=look_cache))


def alone(job: Job) -> Counter[str]:
    """The work of the first frame without its neighbours."""
    with counted() as found:
        matte(job, 1)
    return found


def later(job: Job) -> Counter[str]:
    """The work of the second frame after the first, with neighbours."""
    cache = LookCache()
    matte(job, 1, cache)
    with counted() as found:
        matte(job, 2, cache)
    return found


def warm(job: Job) -> None:
    """Import and read what a process does once; a mode of torch's imports its compiler."""
    with counted():
        matte(job, 1)


def measured() -> dict[str, dict[str, int]]:
    with tempfile.TemporaryDirectory() as folder:
        job = made_shot(Path(folder))
        warm(job)
        return {"a frame alone": alone(job), "a later frame of a shot": later(job)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, required=True)
    output = parser.parse_args().output
    written = {
        "command": "python benchmarks/work.py -o benchmarks/results/work.json",
        "torch": torch.__version__,
        "work": measured(),
    }
    output.write_text(json.dumps(written, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(written["work"], indent=1))


if __name__ == "__main__":
    main()
