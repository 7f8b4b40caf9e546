"""DMP background matting: the face that hosts and scripts see. Standard library only."""

__version__ = "0.1.0"

from .client import Matting, engine_jobs, matte
from .direct import Notice
from .enginechoice import choose_engine
from .enginestate import EngineMood, EngineState, engine_state
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
from .launcher import ensure_engine, find_engine, log_file, start_engine, stop_engine
from .places import cache_folder, read_config, write_config
from .presets import DESCRIPTIONS, PRESETS, preset
from .publishrequest import PublishRequest
from .publishtask import PublishFailure, PublishReport, PublishStatus, PublishTask
from .publishwindow import open_publish_window
from .shotevents import (
    Missing,
    ShotEnd,
    ShotFailure,
    ShotFrame,
    ShotProgress,
    ShotReport,
    ShotStart,
)
from .shotrun import run_shots
from .shots import Shot
from .task import Task

__all__ = [
    "CancelledError",
    "ColourSpaceError",
    "DESCRIPTIONS",
    "DeviceError",
    "DmpError",
    "EngineError",
    "EngineMissingError",
    "EngineMood",
    "EngineState",
    "Frame",
    "InputError",
    "Job",
    "JobState",
    "Layers",
    "Matting",
    "MismatchError",
    "Missing",
    "Notice",
    "OutputError",
    "PRESETS",
    "Plate",
    "PlateError",
    "Progress",
    "PublishFailure",
    "PublishReport",
    "PublishRequest",
    "PublishStatus",
    "PublishTask",
    "Role",
    "Settings",
    "SettingsError",
    "Shot",
    "ShotEnd",
    "ShotFailure",
    "ShotFrame",
    "ShotProgress",
    "ShotReport",
    "ShotStart",
    "Stage",
    "Task",
    "cache_folder",
    "choose_engine",
    "engine_jobs",
    "engine_state",
    "ensure_engine",
    "find_engine",
    "log_file",
    "matte",
    "open_publish_window",
    "preset",
    "read_config",
    "run_shots",
    "start_engine",
    "stop_engine",
    "write_config",
]
