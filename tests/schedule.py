"""Which files' tests go first when several processes share the tests: the slowest.

Each process takes whole files in this order, so that at the end none waits for the other's long
file. A file that is not here takes less than `LONG` seconds; a wrong figure costs time only.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

LONG = 10  # seconds

# Seconds of one core, file by file, rough: some of the engine's files were measured in November
# 2026; the others are counted, with 6 s for each engine that they start and 12 s for each run of
# four Blenders. `make pytest` prints the slowest tests at its end, to keep this true.
SECONDS: dict[str, int] = {
    "plugin/cli/test_engine.py": 120,
    "engine/server/test_lifecycle.py": 110,
    "blender/test_still.py": 60,
    "blender/test_trouble.py": 60,
    "engine/dmp/test_quality.py": 55,
    "engine/server/test_deaths.py": 55,
    "engine/pipeline/test_frame.py": 53,
    "blender/test_window.py": 50,
    "engine/server/test_security.py": 48,
    "blender/test_sequence.py": 42,
    "pipeline/test_cluster.py": 40,
    "pipeline/test_farm.py": 40,
    "pipeline/test_many_frames.py": 40,
    "pipeline/test_matte_sequence.py": 40,
    "plugin/cli/test_matte.py": 40,
    "pipeline/test_batch.py": 36,
    "plugin/client/test_engine_status.py": 36,
    "pipeline/test_publish.py": 30,
    "pipeline/test_pyblish_windows.py": 30,
    "blender/test_publish.py": 28,
    "blender/test_sources.py": 28,
    "nuke/test_bad_days.py": 26,
    "engine/pipeline/test_stage_cache.py": 25,
    "engine/server/test_queue.py": 24,
    "plugin/panel/test_panel.py": 24,
    "engine/server/test_cache.py": 20,
    "engine/evaluation/test_eval.py": 16,
    "engine/pipeline/test_shot_frame.py": 16,
    "pipeline/test_clean_stills.py": 16,
    "engine/server/test_fuzz.py": 14,
}


def slowest_first(tests: Path) -> Callable[[Path], int]:
    """A key that sorts test files below ``tests``; stable for those that are not in the table."""
    return lambda file: -SECONDS.get(file.relative_to(tests).as_posix(), 0)
