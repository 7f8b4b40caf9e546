"""DMP background matting: the face that hosts and scripts see. Standard library only."""

from .client.background_job import BackgroundJob
from .client.engine_process import Notice
from .client.engine_setup import choose_engine
from .client.engine_status import EngineState, EngineStatus, engine_state
from .client.job_client import Matting, engine_jobs, matte
from .client.launcher import ensure_engine, find_engine, log_file, start_engine, stop_engine
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
    as_dmp_error,
)
from .job import Frame, Job, JobState, Layers, Plate, Progress, Role, Stage
from .paths import cache_folder, read_config, write_config
from .presets import DESCRIPTIONS, PRESETS, Resolved, preset, resolve
from .publish.background_publish import (
    BackgroundPublish,
    PublishFailure,
    PublishReport,
    PublishStatus,
)
from .publish.host_window import open_publish_window
from .publish.request import PublishRequest
from .settings import Settings
from .shots.events import (
    Missing,
    ShotEnd,
    ShotFailure,
    ShotFrame,
    ShotProgress,
    ShotReport,
    ShotStart,
)
from .shots.run import run_shots
from .shots.shot import Shot
from .version import __version__ as __version__

__all__ = [
    "BackgroundJob",
    "BackgroundPublish",
    "CancelledError",
    "ColourSpaceError",
    "DESCRIPTIONS",
    "DeviceError",
    "DmpError",
    "EngineError",
    "EngineMissingError",
    "EngineState",
    "EngineStatus",
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
    "Resolved",
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
    "as_dmp_error",
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
    "resolve",
    "run_shots",
    "start_engine",
    "stop_engine",
    "write_config",
]
