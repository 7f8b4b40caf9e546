"""DMP background matting: the face that hosts and scripts see. Standard library only."""

__version__ = "0.1.0"

from .client import Matting, matte
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
from .job import Frame, Job, JobState, Layers, Plate, Progress, Role, Settings, Stage
from .presets import DESCRIPTIONS, PRESETS, preset
from .task import Task

__all__ = [
    "CancelledError",
    "ColourSpaceError",
    "DESCRIPTIONS",
    "DeviceError",
    "DmpError",
    "EngineError",
    "EngineMissingError",
    "Frame",
    "InputError",
    "Job",
    "JobState",
    "Layers",
    "Matting",
    "MismatchError",
    "OutputError",
    "PRESETS",
    "Plate",
    "PlateError",
    "Progress",
    "Role",
    "Settings",
    "SettingsError",
    "Stage",
    "Task",
    "matte",
    "preset",
]
