"""Which files' tests go first when several processes share the tests: the slowest.

Each process takes whole files in this order, so that at the end none waits for the other's long
file. A file that is not here takes less than `LONG` seconds; a wrong figure costs time only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

LONG = 10  # seconds

# Seconds of each file, summed over its tests, measured one file after another on two busy cores on
# 28 November 2026 (3500 tests); Debian's Blender and the windows of pyblish by earlier runs.
# `make pytest DURATIONS=0` prints every test's seconds.
SECONDS: dict[str, int] = {
    "blender/test_window.py": 400,
    "plugin/cli/test_matte.py": 86,
    "blender/test_installer.py": 80,
    "plugin/cli/test_engine.py": 72,
    "test_gpu_benchmark.py": 72,
    "nuke/test_matte.py": 69,
    "engine/server/test_deaths.py": 63,
    "pipeline/test_matte_sequence.py": 61,
    "plugin/client/install/test_installation.py": 55,
    "engine/pipeline/test_frame.py": 53,
    "nuke/test_clean_plate.py": 52,
    "nuke/test_publish.py": 52,
    "pipeline/test_farm.py": 51,
    "plugin/client/install/test_resume.py": 50,
    "blender/test_publish.py": 49,
    "engine/pipeline/test_memory_budget.py": 46,
    "pipeline/test_batch.py": 45,
    "pipeline/test_publish.py": 45,
    "engine/server/test_lifecycle.py": 44,
    "pipeline/test_cluster.py": 44,
    "engine/dmp/test_device_law.py": 43,
    "engine/server/test_chaos.py": 38,
    "pipeline/test_docs.py": 38,
    "engine/plates/clean_plate/test_pair_checks.py": 35,
    "plugin/cli/test_package.py": 35,
    "engine/plates/clean_plate/test_shadow.py": 33,
    "engine/server/test_queue.py": 32,
    "pipeline/test_many_frames.py": 32,
    "pipeline/test_movies.py": 32,
    "engine/dmp/paper/test_algorithm1.py": 31,
    "engine/pipeline/test_stage_cache.py": 30,
    "pipeline/test_auto_clean.py": 30,
    "pipeline/test_pyblish_windows.py": 30,
    "engine/dmp/test_quality.py": 29,
    "blender/test_node.py": 28,
    "pipeline/test_publish_task.py": 27,
    "plugin/cli/test_doctor.py": 27,
    "plugin/client/install/test_builds_of_torch.py": 27,
    "blender/test_trouble.py": 26,
    "engine/dmp/temporal/test_neighbours.py": 26,
    "engine/evaluation/test_eval.py": 26,
    "engine/pipeline/test_shot_frame.py": 25,
    "pipeline/test_clean_stills.py": 25,
    "blender/test_sequence.py": 24,
    "engine/dmp/solve/test_frame.py": 24,
    "pipeline/test_write_clean.py": 24,
    "plugin/client/install/test_ways_to_the_index.py": 24,
    "plugin/panel/test_panel.py": 24,
    "pipeline/test_keep_in_a_shot.py": 23,
    "pipeline/test_mattes.py": 23,
    "blender/test_clean_plate.py": 22,
    "engine/server/test_cache.py": 21,
    "nuke/test_real_nuke.py": 21,
    "engine/dmp/solve/test_crop.py": 20,
    "pipeline/test_deliveries.py": 20,
    "blender/test_still.py": 19,
    "engine/dmp/paper/test_cuda_graphs.py": 19,
    "engine/dmp/solve/test_pair_solution.py": 19,
    "engine/plates/clean_plate/test_jpeg.py": 19,
    "nuke/test_bad_days.py": 19,
    "nuke/test_states.py": 19,
    "plugin/cli/test_interruption.py": 19,
    "engine/plates/clean_plate/test_fit.py": 17,
    "nuke/test_views.py": 17,
    "plugin/panel/test_panel_window.py": 16,
    "engine/dmp/model/test_clean_plate_error.py": 15,
    "engine/dmp/paper/test_losses.py": 15,
    "plugin/cli/test_words.py": 15,
    "plugin/client/test_job_client.py": 15,
    "engine/machine/test_bench.py": 14,
    "engine/server/test_fuzz.py": 14,
    "nuke/test_script.py": 14,
    "plugin/client/test_who_answers.py": 14,
    "engine/pipeline/test_work.py": 13,
    "engine/server/test_ends.py": 13,
    "engine/server/test_security.py": 13,
    "nuke/test_files_and_farm.py": 13,
    "pipeline/test_devices.py": 13,
    "plugin/client/install/test_shared.py": 13,
    "nuke/test_above.py": 12,
    "plugin/client/install/test_uv.py": 12,
    "engine/server/test_start_and_stop.py": 11,
    "engine/plates/clean_plate/test_residual.py": 10,
    "plugin/client/test_engine_status.py": 10,
}


def slowest_first(tests: Path) -> Callable[[Path], int]:
    """A key that sorts test files below ``tests``; stable for those that are not in the table."""
    return lambda file: -SECONDS.get(file.relative_to(tests).as_posix(), 0)
