"""Which files' tests go first when several processes share the tests: the slowest.

Each process takes whole files in this order, so that at the end none waits for the other's long
file. A file that is not here takes less than `LONG` seconds; a wrong figure costs time only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

LONG = 10  # seconds

# Seconds of each file, summed over its tests, as one run of the whole suite on two cores measured
# them on 27 November 2026 (2011 tests). `make pytest DURATIONS=0` prints every test's seconds.
SECONDS: dict[str, int] = {
    "plugin/client/install/test_installation.py": 50,
    "plugin/client/install/test_resume.py": 40,
    "plugin/client/install/test_builds_of_torch.py": 20,
    "plugin/client/install/test_shared.py": 15,
    "plugin/cli/test_package.py": 30,
    "plugin/cli/test_doctor.py": 25,
    "blender/test_installer.py": 80,
    "nuke/test_engine_install.py": 15,
    "nuke/test_bad_days.py": 106,
    "engine/server/test_queue.py": 99,
    "pipeline/test_matte_sequence.py": 92,
    "plugin/cli/test_matte.py": 90,
    "pipeline/test_docs.py": 86,
    "test_gpu_benchmark.py": 80,
    "engine/server/test_deaths.py": 83,
    "pipeline/test_cluster.py": 79,
    "blender/test_window.py": 77,
    "pipeline/test_many_frames.py": 69,
    "plugin/cli/test_engine.py": 68,
    "engine/pipeline/test_memory_budget.py": 67,
    "plugin/panel/test_panel_window.py": 67,
    "pipeline/test_publish.py": 65,
    "engine/server/test_cache.py": 62,
    "engine/server/test_lifecycle.py": 60,
    "pipeline/test_batch.py": 57,
    "pipeline/test_farm.py": 56,
    "plugin/cli/test_interruption.py": 49,
    "blender/test_publish.py": 49,
    "engine/evaluation/test_eval.py": 48,
    "pipeline/test_write_clean.py": 48,
    "engine/dmp/solve/test_frame.py": 47,
    "engine/pipeline/test_frame.py": 38,
    "pipeline/test_clean_stills.py": 38,
    "pipeline/test_mattes.py": 38,
    "engine/pipeline/test_work.py": 25,
    "nuke/test_matte.py": 34,
    "engine/pipeline/test_stage_cache.py": 34,
    "plugin/panel/test_panel.py": 31,
    "pipeline/test_pyblish_windows.py": 30,
    "plugin/client/test_job_client.py": 29,
    "engine/pipeline/test_shot_frame.py": 29,
    "engine/plates/clean_plate/test_pair_checks.py": 28,
    "plugin/client/test_engine_status.py": 27,
    "nuke/test_publish.py": 27,
    "blender/test_trouble.py": 26,
    "engine/test_version.py": 26,
    "engine/server/test_fuzz.py": 26,
    "pipeline/test_publish_task.py": 24,
    "blender/test_sequence.py": 24,
    "engine/plates/clean_plate/test_fit.py": 22,
    "engine/plates/clean_plate/test_shadow.py": 21,
    "nuke/test_script.py": 20,
    "blender/test_still.py": 19,
    "engine/server/test_security.py": 19,
    "engine/plates/clean_plate/test_jpeg.py": 18,
    "nuke/test_states.py": 18,
    "engine/dmp/temporal/test_neighbours.py": 17,
    "engine/dmp/solve/test_pair_solution.py": 17,
    "engine/test_main.py": 16,
    "engine/machine/test_bench.py": 16,
    "engine/dmp/model/test_clean_plate_error.py": 15,
    "engine/dmp/paper/test_cuda_graphs.py": 14,
    "engine/dmp/test_quality.py": 14,
    "engine/server/test_page.py": 12,
    "engine/dmp/solve/test_crop.py": 12,
    "pipeline/test_devices.py": 11,
}


def slowest_first(tests: Path) -> Callable[[Path], int]:
    """A key that sorts test files below ``tests``; stable for those that are not in the table."""
    return lambda file: -SECONDS.get(file.relative_to(tests).as_posix(), 0)
