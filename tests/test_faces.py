"""The faces of the plug-in: the sorted lists of what scripts and our hosts may import."""

from __future__ import annotations

from types import ModuleType

import pytest

import dmp_matting.hosts

# For scripts, and for our hosts; nobody else's import of more is promised to go on working.
FACE = [
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
HOST_FACE = [
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
FACES = {dmp_matting: FACE, dmp_matting.hosts: HOST_FACE}


@pytest.mark.parametrize("module", FACES, ids=lambda module: module.__name__)
def test_each_face_is_its_sorted_list(module: ModuleType) -> None:
    listed = FACES[module]
    assert listed == sorted(listed)
    assert module.__all__ == listed
    for name in listed:
        assert getattr(module, name) is not None
    public = {name for name in vars(module) if not name.startswith("_")}
    assert {n for n in public if not isinstance(getattr(module, n), ModuleType)} == set(listed)
