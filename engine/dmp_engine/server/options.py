"""The options of ``python -m dmp_engine serve``; importing this loads nothing else."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    """Times in seconds."""
    parser.add_argument("--run-folder", type=Path, default=None, help="socket, lock, run file")
    parser.add_argument("--cache-folder", type=Path, default=None, help="jobs, results")
    parser.add_argument("--tcp", action="store_true", help="127.0.0.1 instead of a Unix socket")
    parser.add_argument("--detach", action="store_true", help="go on without the caller")
    parser.add_argument("--idle", type=float, default=600.0, help="end when unused for so long")
    parser.add_argument("--worker-idle", type=float, default=300.0, help="free the device")
    parser.add_argument("--grace", type=float, default=5.0, help="for a client that went away")
    parser.add_argument("--cache-gb", type=float, default=10.0, help="of results; 0: none")
    parser.add_argument("--cpu-workers", type=int, default=1, help="that share the CPU's cores")
    parser.add_argument("--plate-mb", type=int, default=4096, help="largest plate")
