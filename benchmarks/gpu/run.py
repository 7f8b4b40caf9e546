"""Runs the parts of parts.py one after another, each in a process of its own with a time limit.

    python benchmarks/gpu/run.py [--device cuda:0] [--smoke] [--parts NAME,...] [--minutes 9.5]
        [--also FILE.py] [--limit NAME=SECONDS]

$OUT/gpu.json is written anew after each part, so whatever ends the run, what was measured is
there. A part prints its rows as JSON lines as it finds them: one that fails or is stopped keeps
those. --also names a file with further parts, for what somebody wants to know on a lent machine.

This process uses the standard library only and never touches the GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LAST = 12  # lines of a part's error output that are kept
TOO_LITTLE = 5.0  # seconds; no part is begun with less

# In the order of what is missed most. Seconds at most, on a GPU; of --smoke, on two busy cores.
LIMITS: dict[str, tuple[float, float]] = {
    "machine": (40, 60),
    "doctor": (40, 60),
    "correctness": (120, 90),
    "frames": (100, 60),
    "memory": (60, 60),
    "faults": (60, 60),
    "cancel": (40, 60),
    "shot": (80, 60),
    "precision": (80, 60),
    "steps": (60, 60),
    "schedule": (80, 60),
    "sharing": (60, 60),
    "files": (80, 60),
    "product": (120, 90),
    "profile": (120, 60),
}


def main() -> None:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--device", default="cuda:0", help="cuda:N or cpu")
    options.add_argument("--smoke", action="store_true", help="smallest pictures and fewest steps")
    options.add_argument("--parts", default="", help="names with commas; all without it")
    options.add_argument("--minutes", type=float, default=9.5, help="of the whole run")
    options.add_argument("--also", type=Path, help="a file with further parts")
    options.add_argument("--limit", action="append", default=[], metavar="NAME=SECONDS")
    given = options.parse_args()
    out = Path(os.environ.get("OUT") or "gpu-results")
    out.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    also = names_in(given.also) if given.also else []
    names = given.parts.split(",") if given.parts else [*LIMITS, *also]
    limits = {name: both[given.smoke] for name, both in LIMITS.items()}
    limits.update({name: float(text) for name, text in (one.split("=") for one in given.limit)})
    report: dict[str, Any] = {
        "command": " ".join(["benchmarks/gpu/run.sh", *sys.argv[1:]]),
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "device": given.device,
        "smoke": given.smoke,
        "whole": False,
        "seconds": 0.0,
        "parts": {},
    }
    (out / "gpu.log").write_text("")
    for name in names:
        write(out, report)
        left = given.minutes * 60 - (time.monotonic() - begun)
        limit = limits.get(name, limits["machine"])
        found = part(name, min(limit, left), given, out / "gpu.log")
        report["parts"][name] = found
        report["seconds"] = round(time.monotonic() - begun, 1)
        print(
            f"{name:12} {found['status']:8} {found['seconds']:6.1f} s  {found['why']}", flush=True
        )
    report["whole"] = True
    write(out, report)
    print(f"wrote {out / 'gpu.json'}")


def names_in(path: Path) -> list[str]:
    """The names of the parts in a file, which only their own processes import."""
    return re.findall(r"^@part\ndef (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)


def part(name: str, limit: float, given: argparse.Namespace, log: Path) -> dict[str, Any]:
    """One part to its end: ``status`` ok, failed, timeout, absent or skipped; its rows; why."""
    found: dict[str, Any] = {"status": "skipped", "why": "", "seconds": 0.0, "rows": []}
    if limit < TOO_LITTLE:
        found["why"] = "no time was left"
        return found
    command = [sys.executable, str(HERE / "parts.py"), name, "--device", given.device]
    command += ["--smoke"] * given.smoke
    command += ["--also", str(given.also)] if given.also else []
    start = time.monotonic()
    with tempfile.TemporaryFile() as rows, tempfile.TemporaryFile() as errors:
        # A group of its own: what a part has started goes with it.
        child = subprocess.Popen(command, stdout=rows, stderr=errors, start_new_session=True)
        try:
            code: int | None = child.wait(limit)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        found["seconds"] = round(time.monotonic() - start, 1)
        rows.seek(0)
        errors.seek(0)
        found["rows"] = list(parsed(rows.read()))
        said = errors.read().decode("utf-8", "replace")
    with log.open("a", encoding="utf-8") as file:
        file.write(f"--- {name}\n{said}\n")
    last = [line for line in said.splitlines() if line.strip()][-LAST:]
    if found["rows"] and "absent" in found["rows"][-1]:
        found["status"], found["why"] = "absent", found["rows"].pop()["absent"]
    elif code is None:
        found["status"], found["why"] = "timeout", f"stopped after {limit:.0f} s"
    elif code:
        found["status"], found["why"] = "failed", last[-1] if last else f"exit code {code}"
        found["errors"] = last
    else:
        found["status"] = "ok"
    return found


def parsed(text: bytes) -> Any:
    """The rows; a last line that was cut off is left out."""
    for line in text.decode("utf-8", "replace").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def write(out: Path, report: dict[str, Any]) -> None:
    draft = out / "gpu.json.part"
    draft.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    os.replace(draft, out / "gpu.json")


if __name__ == "__main__":
    main()
