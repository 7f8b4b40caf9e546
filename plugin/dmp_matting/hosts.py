"""What our hosts use (Nuke, Blender): everything they need of this package, in one place.

Scripts use ``dmp_matting`` itself. Here are the pieces that an event loop needs: jobs and publishes
on threads, the engine's status, and the types that a job is made of. Standard library only.
"""

from .atomic_write import atomic_write
from .client.background_job import BackgroundJob
from .client.background_task import BackgroundTask
from .client.engine_process import Notice
from .client.engine_python import engine_command
from .client.engine_setup import choose_engine, try_engine
from .client.engine_status import EngineStatus, engine_state
from .client.file_states import FileStates
from .client.install.installation import (
    BackgroundInstallation,
    InstallRequest,
    plan_installation,
)
from .client.install.ways_in import BUTTON_WITH_FOLDER
from .client.launcher import ensure_engine, log_file, start_engine, stop_engine
from .client.temporary_folders import new_temporary_folder, sweep_temporary_folders
from .client.watcher import Watcher
from .errors import (
    CancelledError,
    DmpError,
    EngineError,
    InputError,
    MismatchError,
    OutputError,
    PlateError,
    SettingsError,
    as_dmp_error,
)
from .exr_header import may_hold_views, read_exr_header
from .farm.openjd import named_settings, write_bundle
from .frame_window import REACH, frames_needed, window_numbers
from .generators import finish, mapped
from .job import Frame, Job, Layers, Plate, Progress, Role, is_unseen_map
from .keep import Keep
from .ocio import configuration_text, host_configuration, own_configuration
from .paths import cache_folder, unsaved_blends
from .presets import AUTO, DESCRIPTIONS, PRESETS, Resolved, resolve
from .publish.background_publish import BackgroundPublish
from .publish.host_window import has_publish_window, open_publish_window
from .publish.request import PublishRequest
from .settings import Settings, host_choices, host_fields, still_valid
from .shots.build_clean_plate import (
    CleanPlateStep,
    building_clean_plate,
    new_clean_plate,
)
from .shots.clean_plates import CleanPlateReport, frames_to_look_at, has_unseen_map
from .shots.follow import unfollowed
from .shots.plate_record import read_plate_record, write_plate_record
from .shots.shot import CHUNK, Shot
from .shots.up_to_date import (
    FrameStatus,
    frame_status,
    holds_same,
    made_from,
    overwrites,
    recorded_plates,
)

__all__ = [
    "AUTO",
    "BUTTON_WITH_FOLDER",
    "BackgroundInstallation",
    "BackgroundJob",
    "BackgroundPublish",
    "BackgroundTask",
    "CHUNK",
    "CancelledError",
    "CleanPlateReport",
    "CleanPlateStep",
    "DESCRIPTIONS",
    "DmpError",
    "EngineError",
    "EngineStatus",
    "FileStates",
    "Frame",
    "FrameStatus",
    "InputError",
    "InstallRequest",
    "Job",
    "Keep",
    "Layers",
    "MismatchError",
    "Notice",
    "OutputError",
    "PRESETS",
    "Plate",
    "PlateError",
    "Progress",
    "PublishRequest",
    "REACH",
    "Resolved",
    "Role",
    "Settings",
    "SettingsError",
    "Shot",
    "Watcher",
    "as_dmp_error",
    "atomic_write",
    "building_clean_plate",
    "cache_folder",
    "choose_engine",
    "configuration_text",
    "engine_command",
    "engine_state",
    "ensure_engine",
    "finish",
    "frame_status",
    "frames_needed",
    "frames_to_look_at",
    "has_publish_window",
    "has_unseen_map",
    "holds_same",
    "host_choices",
    "host_configuration",
    "host_fields",
    "is_unseen_map",
    "log_file",
    "made_from",
    "mapped",
    "may_hold_views",
    "named_settings",
    "new_clean_plate",
    "new_temporary_folder",
    "open_publish_window",
    "overwrites",
    "own_configuration",
    "plan_installation",
    "read_exr_header",
    "read_plate_record",
    "recorded_plates",
    "resolve",
    "start_engine",
    "still_valid",
    "stop_engine",
    "sweep_temporary_folders",
    "try_engine",
    "unfollowed",
    "unsaved_blends",
    "window_numbers",
    "write_bundle",
    "write_plate_record",
]
