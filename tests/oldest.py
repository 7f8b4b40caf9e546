"""The command line and the engine with the oldest packages that setup.py allows: `make oldest`.

They are installed into environments of their own, exactly those. The commands are run that need no
engine: a typer older than its click once printed the version and ended with 0, whatever was asked
for. Then tests of the engine, beside the torch of constraints.txt, since an older one is gigabytes.
"""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDS = ROOT / "plugin" / "dmp_matting" / "client" / "requirements.py"  # which setup.py reads

# Arguments, the exit code, and what the output has.
COMMANDS = [
    (["--version"], 0, "dmp "),
    (["--help"], 0, "matte"),
    (["presets", "--json"], 0, '"ok": true'),
    (["nonsense"], 2, "nonsense"),
    (["matte", "none.exr", "--clean", "none.exr", "-o", "o.exr", "--json"], 2, "PlateError"),
    (["matte", "p.####.exr", "--clean", "c.exr", "-o", "o.####.exr", "--seed", "x"], 2, "seed"),
    (["batch", "none.yaml"], 2, "none.yaml"),
    (["batch", "shots.yaml"], 2, "missing"),
    (["cache", "limit", "3"], 0, "3 GB"),
]
TESTS = ("engine/plates/io", "engine/pipeline/test_frame.py", "plugin/client/test_job_client.py")
FOR_TESTS = ("pytest>=8", "pytest-timeout>=2.3", "hypothesis>=6")
SHOTS = "[{name: '[v2]', image: i.exr, clean: c.exr, output: o.####.exr, frames: 1-3x2}]\n"


def oldest(bounds: list[str]) -> list[str]:
    """``name==version`` for each lower bound but torch's."""
    return [
        text.partition(";")[0].partition(",")[0].replace(">=", "==")
        for text in bounds
        if not text.startswith("torch")
    ]


def environment_with(folder: Path, *wanted: str) -> Path:
    """A new environment with these packages; its Python."""
    print(*wanted, flush=True)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    install = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([python, *install, "-c", ROOT / "constraints.txt", *wanted], check=True)
    return python


def main() -> int:
    """Install and run; 1 when a command or a test does not end as it should."""
    needs = runpy.run_path(str(NEEDS))
    wanted = oldest([*needs["CLI"], *needs["EXTRAS"]["batch"]])
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="dmp-oldest-") as place:
        folder = Path(place)
        python = environment_with(folder / "client", *wanted)
        (folder / "shots.yaml").write_text(SHOTS)
        environment = {
            **os.environ, "PYTHONPATH": str(ROOT / "plugin"), "NO_COLOR": "1", "COLUMNS": "200",
            "DMP_RUN_DIR": f"{place}/run", "DMP_CACHE_DIR": f"{place}/cache",
            "DMP_CONFIG": f"{place}/config.json",
        }  # fmt: skip
        for arguments, code, part in COMMANDS:
            done = subprocess.run(
                [python, "-m", "dmp_matting.cli", *arguments], cwd=place, env=environment,
                capture_output=True, text=True, timeout=60,
            )  # fmt: skip
            if done.returncode != code or part not in done.stdout + done.stderr:
                wrong = 1
                told = json.dumps((done.stdout + done.stderr)[-500:])
                print(f"dmp {' '.join(arguments)}: {done.returncode} in place of {code}: {told}")
        engine = ["torch", *oldest(needs["ENGINE"]), *FOR_TESTS]
        python = environment_with(folder / "engine", *wanted, *engine)
        tests = [ROOT / "tests" / name for name in TESTS]
        # It has no extras: their tests are skipped here, and may be.
        alone = {name: value for name, value in os.environ.items() if name != "CI"}
        ended = subprocess.run([python, "-m", "pytest", "-q", *tests], cwd=ROOT, env=alone)
        wrong = wrong or ended.returncode
    print("wrong" if wrong else "all commands and tests end as they should")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
