"""One plate's matte in one call, for scripts. Standard library only, Python 3.9."""

from __future__ import annotations

import os
from typing import Callable, Optional, Union

from ..errors import InputError
from ..job import Layers, Progress
from ..presets import AUTO, resolve
from ..settings import Value
from .events import ShotFailure, ShotFrame, ShotProgress
from .run import run_shots
from .sequences import is_pattern
from .shot import Shot

PathLike = Union[str, "os.PathLike[str]"]


def matte(
    plate: PathLike,
    clean: PathLike,
    output: PathLike,
    *,
    garbage: PathLike = "",
    core: PathLike = "",
    holdout: PathLike = "",
    trimap: PathLike = "",
    space: str = "auto",
    clean_space: str = "",
    layer: str = "",
    preset: str = AUTO,
    overwrite: bool = False,
    on_progress: Optional[Callable[[Progress], None]] = None,
    **settings: Value,
) -> Layers:
    """Make the matte of one plate; returns when its EXR has been written.

        layers = matte("plate.exr", "clean.exr", "matte.exr", preset="draft", seed=3)

    plate        the picture with the subject: EXR, PNG, JPEG, TIFF, DPX ...
    clean        the same view without the subject, of the plate's size in pixels
    output       the EXR to write. It holds R, G, B: the foreground times alpha, and A: alpha,
                 [0, 1]; foreground.R, .G, .B: the foreground, straight, in the plate's colours;
                 confidence.A, [0, 1]. Colours are scene-linear unless ``space`` is ``raw``. A
                 ``.png`` or ``.mov`` is made of the EXR, which then lies beside it, in NAME.mattes
    garbage      a matte outside of which alpha is 0
    core         a matte inside of which alpha is 1
    holdout      a matte inside of which alpha is 0
    trimap       black: alpha is 0, white: alpha is 1, in between DMP decides
    space        colour space of plate and clean plate: a name of the OCIO configuration, ``auto``
                 (scene-linear for EXR and float files, sRGB for 8-bit) or ``raw``
    clean_space  the clean plate's, where it is another
    layer        the layer that is matted, of a plate with several
    preset       ``auto`` (final on a GPU, draft on the CPU) or one of PRESETS
    overwrite    replace ``output`` also where DMP did not make it
    on_progress  called with each Progress while the plate is solved, a few times a second
    settings     fields of Settings that replace the preset's

    The engine is started when none runs. Raises InputError and its kin (PlateError, MismatchError,
    ColourSpaceError, SettingsError), OutputError, EngineError and its kin, CancelledError. A
    sequence is a :class:`Shot` for :func:`run_shots`.
    """
    for path in (os.fspath(plate), os.fspath(output)):
        if is_pattern(path):
            raise InputError(f"{path} is a sequence: make it a Shot, for run_shots.")
    chosen = resolve(preset, settings)
    shot = Shot(
        os.path.basename(os.fspath(plate)), os.fspath(plate), os.fspath(clean), os.fspath(output),
        garbage=os.fspath(garbage), core=os.fspath(core), holdout=os.fspath(holdout),
        trimap=os.fspath(trimap), space=space, clean_space=clean_space,
        layer=layer, frames=(1,),
        **chosen._asdict(),
    )  # fmt: skip
    found: Optional[Layers] = None
    for event in run_shots([shot], redo=True, overwrite=overwrite):
        if isinstance(event, ShotProgress) and on_progress is not None:
            on_progress(event.progress)
        elif isinstance(event, ShotFailure):
            raise event.error
        elif isinstance(event, ShotFrame):
            found = event.layers
    assert found is not None  # run_shots ends with the frame, its failure, or an error
    return found
