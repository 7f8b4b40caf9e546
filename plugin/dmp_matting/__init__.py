"""DMP background matting: the face that hosts and scripts see. Standard library only."""

__version__ = "0.1.0"

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
    "preset",
]
