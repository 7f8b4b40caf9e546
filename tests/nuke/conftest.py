"""A Nuke session in the stand-in, plates with an exact truth, and a node that solves quickly."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE / "standin"), str(ROOT / "nuke")]  # before anything imports nuke

import nuke  # noqa: E402
from nuke_standin.session import Session, reset, run_until  # noqa: E402
from nuke_standin.session import session as now  # noqa: E402

from dmp_matting import Settings  # noqa: E402
from dmp_nuke import jobs, node, steps, watch  # noqa: E402

from ..scenes import blocks, disc_over, write_image  # noqa: E402

FURBALL = ROOT / "tests" / "plates" / "furball"


@pytest.fixture
def session() -> Iterator[Session]:
    """A GUI session. What the stand-in refused, and a test did not expect, fails the test."""
    watch._watch._end()  # the tick that the test before was waiting for went with its session
    started = reset()
    yield started
    for job in list(jobs.RUNNING.values()):
        job.cancel()
    run_until(lambda: not jobs.RUNNING)
    assert started.refusals == [], "the adapter did what Nuke refuses"
    assert started.printed == [], "an exception reached Nuke's main loop"
    assert started.groups == [] and not started.undo_off, "a begin without its end"
    assert not any(bar.open for bar in started.bars), "a progress bar was left behind"


def read_node(pattern: Path | str, first: int = 1, last: int = 1) -> Any:
    """A Read as an artist has it."""
    made = nuke.nodes.Read(file=Path(pattern).as_posix())
    for name, value in (("first", first), ("last", last)):
        made[name].setValue(value)
    return made


def graded(source: Any) -> Any:
    """``source`` below a node that changes no pixel: what is no plain file has to be rendered."""
    grade = nuke.nodes.Multiply(value=1.0)
    grade.setInput(0, source)
    return grade


def dmp_node(plate: Any, clean: Any, output: Path, preset: str = "draft", **settings: Any) -> Any:
    """A DMP node with its inputs and output; with preset ``paper`` as long as its joint_steps."""
    made = node.create()
    made.setInput(0, plate)
    made.setInput(1, clean)
    made["file"].setValue(output.as_posix())
    now.viewed = made
    return quick(made, preset, **settings)


def quick(made: Any, preset: str = "draft", **settings: Any) -> Any:
    """Settings that solve a tiny plate in a second."""
    values = {
        "rounds": 1, "fit_steps": 1, "joint_steps": 3, "projection_steps": 1, "refine_passes": 1,
        "threads": 1, **settings,
    }  # fmt: skip
    made["preset"].setValue(preset)
    made["custom"].setValue(True)
    made["device"].setValue("cpu")
    assert set(values) <= {one.name for one in fields(Settings)}
    for name, value in values.items():
        made[f"set_{name}"].setValue(value)
    return made


def press(made: Any, button: str, seconds: float = 120.0) -> str:
    """Press a button and let Nuke's event loop run until nothing runs; the status line."""
    made[button].execute()
    run_until(lambda: not jobs.RUNNING and not steps.RUNNING, seconds)
    return str(made["status"].value())


def pixels(path: Path | str) -> tuple[dict[str, np.ndarray], oiio.ImageSpec]:
    """A file's channels by name."""
    file = oiio.ImageInput.open(str(path))
    assert file is not None, f"{path} is not there"
    spec = file.spec()
    data = file.read_image(0, 0, 0, spec.nchannels, "float")
    return {name: data[..., at] for at, name in enumerate(spec.channelnames)}, spec


class Shot:
    """A soft disc that moves over a textured wall: EXRs with overscan, and the exact alpha."""

    def __init__(self, folder: Path, frames: range, size: tuple[int, int] = (96, 64)) -> None:
        self.folder, self.frames = folder, frames
        width, height = size
        random = np.random.default_rng(5)
        wall = blocks(random, height // 8, width // 8, 8)
        wall = 0.1 + 0.4 * wall
        self.alpha: dict[int, np.ndarray] = {}
        self.colour = np.array([0.9, 0.15, 0.05])
        for index, number in enumerate(frames):
            centre = width * (0.35 + 0.03 * index), height / 2
            scene = disc_over(wall, centre, height / 4, 4, self.colour)
            self.alpha[number] = scene.alpha
            self._write(f"plate.{number}.exr", scene.plate, number)
            self._write(f"clean.{number}.exr", wall, number)

    def _write(self, name: str, picture: np.ndarray, number: int) -> None:
        """The data window begins 8 pixels left of the format and 4 above: overscan."""
        height, width = picture.shape[:2]
        attributes = {
            "PixelAspectRatio": 2.0,
            "smpte:TimeCode": (oiio.TypeDesc("timecode"), (number, 0)),
        }
        window = (0, 0, width - 16, height - 8)
        write_image(self.folder / name, picture, at=(-8, -4), window=window, attributes=attributes)

    def reads(self) -> tuple[Any, Any]:
        """A Read of the plates, and one of the clean plates."""
        first, last = self.frames[0], self.frames[-1]
        return tuple(
            read_node(self.folder / f"{name}.%04d.exr", first, last) for name in ("plate", "clean")
        )


@pytest.fixture
def shot(session: Session, tmp_path: Path) -> Shot:
    """Three frames at 48x32, for whatever is not about quality."""
    return Shot(tmp_path, range(1001, 1004), (48, 32))
