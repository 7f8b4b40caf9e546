"""*Build clean plate* in the hosts: of the plate's own frames, in versions, never over a file.

    FOLDER/NAME_clean_v001/NAME_clean.exr

    with new_clean_plate(folder, name) as version:         # removed again where nothing is written
        report = yield from building_clean_plate(plates, version.path(), image)

A host renders the frames that are no files, takes a step of the generator with each tick of its
own, and connects what was written. Standard library only, Python 3.9.
"""

from __future__ import annotations

import atexit
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, Callable, Dict, Generator, Iterator, NamedTuple, Optional, Sequence

from ..client.background_task import BackgroundTask
from ..client.engine_process import EngineCommand
from ..errors import OutputError
from ..job import Plate
from .clean_plates import CleanPlateReport, write_clean_plate

ALIGNING = 0.8  # share of the bar; after it all frames are looked at together
ENDING = 5.0  # seconds for an engine that was told to end


class CleanPlateStep(NamedTuple):
    """How far it is, [0, 1], and what is being done."""

    fraction: float
    sentence: str


class BackgroundCleanPlate(BackgroundTask[CleanPlateStep, CleanPlateReport]):
    """One clean plate on its way; starts at once. Arguments as :func:`building_clean_plate`."""

    def __init__(
        self,
        plates: Sequence[Plate],
        output: str,
        image: str,
        python: Optional[str] = None,
        ocio: Optional[str] = None,
    ) -> None:
        self._engine = EngineCommand(python, ocio)

        def work(report: Callable[[CleanPlateStep], None]) -> CleanPlateReport:
            def on_frame(line: Dict[str, Any]) -> None:
                done, count = int(line["aligned"]), int(line["of"])
                sentence = f"Aligned {done} of {count} frames"
                if done == count:
                    sentence = "Choosing the background"
                report(CleanPlateStep(ALIGNING * done / count, sentence))

            try:
                return write_clean_plate(plates, output, image, on_frame, self._engine)
            finally:
                atexit.unregister(self.cancel)

        atexit.register(self.cancel)  # or the engine would go on when the host has ended
        super().__init__(work, "dmp-clean-plate")

    def cancel(self) -> None:
        """End it; returns at once, and ``result`` raises CancelledError."""
        self._engine.cancel()


def building_clean_plate(
    plates: Sequence[Plate],
    output: str,
    image: str,
    python: Optional[str] = None,
    ocio: Optional[str] = None,
) -> Generator[CleanPlateStep, None, CleanPlateReport]:
    """Write the clean plate of ``plates``, frames of ``image``; yields how far it is, never waits.

    ``python`` and ``ocio``: the engine's Python and the colour configuration of the host, if it has
    its own. Closing the generator ends the engine. Raises PlateError, MismatchError, OutputError,
    EngineError and its kin.
    """
    task = BackgroundCleanPlate(plates, output, image, python, ocio)
    step = CleanPlateStep(0.0, "Reading the frames")
    try:
        while not task.done:
            step = ([step] + task.poll())[-1]
            yield step
        return task.result()
    finally:
        if not task.done:
            task.cancel()
            task.wait(ENDING)


@dataclass(frozen=True)
class Version:
    """The folder of one version of a clean plate, which is its maker's alone."""

    folder: str
    name: str

    def path(self, view: str = "") -> str:
        """The EXR; of one of several views, or of the pattern that stands for them."""
        middle = f".{view}" if view else ""
        return os.path.join(self.folder, f"{self.name}_clean{middle}.exr")


@contextmanager
def new_clean_plate(folder: str, name: str) -> Iterator[Version]:
    """The next version of the clean plate ``name`` in ``folder``; with its folder, which is new.

    With an exception everything that was made is removed again. OutputError where a folder cannot
    be made.
    """
    missing = _missing(folder)
    number, made = 1, ""
    try:
        os.makedirs(folder, exist_ok=True)
        while not made:
            place = os.path.join(folder, f"{name}_clean_v{number:03d}")
            try:
                os.mkdir(place)
                made = place
            except FileExistsError:
                number += 1
    except OSError as reason:
        _remove(missing)
        raise OutputError(
            f"The folder of the clean plate {folder} cannot be made ({reason.strerror})."
        ) from None
    try:
        yield Version(made, name)
    except BaseException:
        files: Sequence[str] = ()
        with suppress(OSError):  # somebody removed the folder; what ended the work is raised
            files = os.listdir(made)
        for file in files:
            with suppress(OSError):
                os.unlink(os.path.join(made, file))
        _remove([made, *missing])
        raise


def _missing(folder: str) -> Sequence[str]:
    """``folder`` and those above it that are not there, the innermost first."""
    found = []
    while folder and not os.path.exists(folder):
        found.append(folder)
        folder = os.path.dirname(folder)
    return found


def _remove(folders: Sequence[str]) -> None:
    """Those that are empty. Never fails."""
    for folder in folders:
        with suppress(OSError):
            os.rmdir(folder)
