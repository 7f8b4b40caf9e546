"""Lock the packages of the private engine: `make lock`, with `uv` on PATH and a package index.

Writes constraints-cuda.txt and constraints-cpu.txt beside the installer, for Python 3.11 to 3.14 on
all systems, each package with the hashes of all its wheels. The second lacks torch and what only
its CUDA build needs: a CPU build comes from another index, with hashes of its own.
"""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "plugin" / "dmp_matting" / "client"
HEADER = "# Made by `make lock`. The packages of the private engine ({0}), with their hashes.\n"
EXTRAS = ("engine", "batch", "publish")  # hosts publish with the private engine as well
ONLY_CUDA = re.compile(r"(?:torch|triton|nvidia-[\w-]+|cuda-[\w-]+)==")


def main() -> None:
    needs = runpy.run_path(str(CLIENT / "requirements.py"))
    wanted = [*needs["CLI"], "pip", f"torch=={needs['TORCH']}"]
    for extra in EXTRAS:
        wanted += [one for one in needs["EXTRAS"][extra] if not one.startswith("torch")]
    done = subprocess.run(
        ["uv", "pip", "compile", "--universal", "--python-version", "3.11", "--generate-hashes",
         "--only-binary", ":all:", "--no-annotate", "--no-header", "--no-emit-index-url", "-"],
        input="\n".join(wanted), stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    entries = re.split(r"^(?=\S)", done.stdout, flags=re.MULTILINE)[1:]
    for name, chosen in (
        ("cuda", entries),
        ("cpu", [entry for entry in entries if not ONLY_CUDA.match(entry)]),
    ):
        about = "torch as the package index has it" if name == "cuda" else "all but torch"
        file = CLIENT / "install" / f"constraints-{name}.txt"
        file.write_text(HEADER.format(about) + "".join(chosen), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
