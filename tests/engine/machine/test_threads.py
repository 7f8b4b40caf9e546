"""The engine's threads sleep while they wait, so that a busy machine slows them in proportion."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ASK = "import dmp_engine, os; print(os.environ['OMP_WAIT_POLICY'])"


@pytest.mark.parametrize(("set_to", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_the_wait_policy_is_passive_unless_the_user_sets_another(
    set_to: str | None, expected: str
) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    environment["PYTHONPATH"] = os.pathsep.join(str(ROOT / x) for x in ("plugin", "engine"))
    if set_to:
        environment["OMP_WAIT_POLICY"] = set_to
    printed = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True
    )
    assert printed.stdout.strip() == expected
