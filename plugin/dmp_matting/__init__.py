"""DMP background matting: a plate and its clean plate in, alpha and foreground out.

    import dmp_matting

    layers = dmp_matting.matte("plate.exr", "clean.exr", "matte.exr")

matte        one plate
run_shots    sequences and many shots: each a Shot, with events on the way and a ShotReport at
             the end; run it again after an interruption, and it resumes
presets      PRESETS, preset, resolve: the Settings behind a preset's name
errors       every failure is a DmpError with a sentence for an artist, see ``errors.py``

Standard library only, Python 3.9. The engine (torch) runs in a process of its own, which is started
when it is needed; ``stop_engine`` ends it at once. Nuke, Blender and Qt hosts use ``hosts.py``.
"""

from .client.launcher import start_engine, stop_engine
from .errors import (
    CancelledError,
    ColourSpaceError,
    DeviceError,
    DmpError,
    EngineError,
    EngineMissingError,
    InputError,
    MismatchError,
    OutputError,
    PlateError,
    SettingsError,
)
from .job import Layers, Progress
from .presets import PRESETS, Resolved, preset, resolve
from .settings import Settings
from .shots.events import (
    Missing,
    ShotEnd,
    ShotFailure,
    ShotFrame,
    ShotNotice,
    ShotProgress,
    ShotReport,
    ShotStart,
)
from .shots.matte import matte
from .shots.run import run_shots
from .shots.shot import Shot
from .version import __version__ as __version__

__all__ = [
    "CancelledError",
    "ColourSpaceError",
    "DeviceError",
    "DmpError",
    "EngineError",
    "EngineMissingError",
    "InputError",
    "Layers",
    "MismatchError",
    "Missing",
    "OutputError",
    "PRESETS",
    "PlateError",
    "Progress",
    "Resolved",
    "Settings",
    "SettingsError",
    "Shot",
    "ShotEnd",
    "ShotFailure",
    "ShotFrame",
    "ShotNotice",
    "ShotProgress",
    "ShotReport",
    "ShotStart",
    "matte",
    "preset",
    "resolve",
    "run_shots",
    "start_engine",
    "stop_engine",
]
