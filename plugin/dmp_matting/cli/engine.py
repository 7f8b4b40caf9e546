"""The commands about the engine itself: `dmp engine`, `dmp cache`."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import webbrowser
from collections import deque
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional

import typer
from rich.table import Table

from ..client.launcher import (
    MOST_GIGABYTES,
    engine_silence,
    ensure_engine,
    find_engine,
    log_file,
    stop_engine,
)
from ..errors import EngineError, InputError
from ..paths import unsaved_blends, write_config
from .output import Json, out, print_result

engine_app = typer.Typer(help="The engine that solves: start, status, stop, log.")
cache_app = typer.Typer(help="Finished frames that are kept, so that asking twice costs nothing.")


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the command `dmp`."""
    app.add_typer(engine_app, name="engine", no_args_is_help=True)
    app.add_typer(cache_app, name="cache", no_args_is_help=True)


# --- dmp engine ---


@engine_app.command()
def start(
    tcp: Annotated[
        bool, typer.Option("--tcp", help="Listen on 127.0.0.1 instead of a Unix socket.")
    ] = False,
    idle: Annotated[
        Optional[float], typer.Option("--idle", help="End after so many seconds without work.")
    ] = None,
    cpu_workers: Annotated[
        int, typer.Option("--cpu-workers", min=1, help="Frames at once on the CPU, sharing it.")
    ] = 1,
) -> None:
    """Start the engine, if it does not run yet."""
    more = ["--cpu-workers", str(cpu_workers)] if cpu_workers > 1 else []
    before = find_engine()
    connection = ensure_engine(tcp=tcp, idle=idle, more=more)
    known = "is running already" if before and before.pid == connection.pid else "has started"
    out.print(f"The engine {known} (process {connection.pid}, version {connection.version}).")


@engine_app.command()
def status(
    as_json: Json = False,
    open_page: Annotated[
        bool, typer.Option("--open", help="Show it in the browser, starting the engine if needed.")
    ] = False,
) -> None:
    """Show the engine's devices, memory and jobs."""
    connection = ensure_engine() if open_page else find_engine()
    if open_page:
        assert connection is not None
        url = connection.request("POST", "/v1/page")["url"]
        opened = False if as_json else webbrowser.open(url)
        print_result(as_json, {"ok": True, "url": url},
             "The status page is open in your browser." if opened
             else f"Open this address within a minute; it works once: {url}")  # fmt: skip
        return
    if connection is None:
        silence = engine_silence()
        if silence:
            raise EngineError(silence)
        print_result(as_json, {"ok": True, "running": False}, "The engine is not running.")
        return
    found = connection.request("GET", "/v1/status")
    if as_json:
        print_result(True, {"ok": True, "running": True, **found})
        return
    out.print(f"The engine {found['version']} is running (process {found['pid']}, "
              f"up {_time(found['uptime'])}).")  # fmt: skip
    for device in found["devices"]:
        held = device["held"].get("device") or device["held"].get("process", 0)
        out.print(f"{device['name']}: {device['label']}, {device['state']}, "
                  f"{_size(held)} held of {_size(device['memory'])}")  # fmt: skip
    _print_jobs(found["jobs"])


@engine_app.command()
def stop(
    force: Annotated[
        bool,
        typer.Option("--force", help="Even when it has work: jobs of open programs are cancelled, "
                                     "others go on with the next engine."),
    ] = False,
) -> None:  # fmt: skip
    """End the engine and free its devices."""
    stopped = stop_engine(force=force)
    out.print("The engine has ended." if stopped else "The engine was not running.")


@engine_app.command()
def log(
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many lines.")] = 50,
) -> None:
    """Print the end of the engine's log."""
    try:
        with log_file().open(encoding="utf-8", errors="replace") as file:
            last = deque(file, lines)
    except FileNotFoundError:
        out.print(f"There is no log yet; it will be {log_file()}.")
        return
    except OSError as reason:
        raise InputError(f"The log {log_file()} cannot be read ({reason.strerror}).") from None
    for line in last:
        out.print(line.rstrip("\n"))


# --- dmp cache ---


@cache_app.command("show")
def show_cache(as_json: Json = False) -> None:
    """Show how many finished frames are kept, where, and how large they may grow."""
    usage = ensure_engine().request("GET", "/v1/cache")
    sentence = (
        f"{usage['entries']} finished frames, {_size(usage['bytes'])} of {_size(usage['limit'])}, "
        f"in {usage['folder']}."
    )
    # The engine may be one that a Blender has started, with the cache folder of its preferences.
    folders = {unsaved_blends(), unsaved_blends(Path(usage["folder"]).parent)}
    kept = [_unsaved(folder) for folder in sorted(folders)]
    for one in kept:
        if one["files"]:
            sentence += (
                f"\n{one['files']} EXRs of Blender files that were never saved, "
                f"{_size(one['bytes'])}, in {one['folder']}; remove the folder when nothing there "
                "is needed."
            )
    print_result(as_json, {"ok": True, **usage, "unsaved_blends": kept}, sentence)


def _unsaved(folder: Path) -> Dict[str, Any]:
    found = [one.stat().st_size for one in folder.rglob("*.exr") if one.is_file()]
    return {"folder": str(folder), "files": len(found), "bytes": sum(found)}


@cache_app.command("clear")
def clear_cache() -> None:
    """Remove all finished frames that are kept; nothing that you wrote is touched."""
    removed = ensure_engine().request("DELETE", "/v1/cache")["removed"]
    out.print(f"Removed {removed} finished frames.")


@cache_app.command("limit")
def limit_cache(
    gigabytes: Annotated[
        float, typer.Argument(min=0, max=MOST_GIGABYTES, help="0 switches the cache off.")
    ],
) -> None:
    """Set how large the cache may grow; the engine takes it when it starts the next time."""
    if gigabytes != gigabytes:
        raise InputError("The cache's limit wants a number of gigabytes.")
    path = write_config({"cache_gb": gigabytes})
    out.print(f"The cache may hold {gigabytes:g} GB (written to {path}).")


# --- showing ---


def _print_jobs(jobs: List[Dict[str, Any]]) -> None:
    if not jobs:
        out.print("No jobs.")
        return
    table = Table("job", "state", "plate", "frames", "progress", box=None)
    for job in jobs[:50]:
        progress = job["progress"]
        note = f"{progress['fraction']:.0%} of frame {progress['frame']}" if progress else ""
        if job.get("position") is not None:
            note = f"{job['position']} before it"
        frames = f"{len(job['finished'])} of {len(job['frames'])}"
        name = Path(job["name"]).name
        table.add_row(job["id"], job["state"], name, frames, job.get("message", note))
    out.print(table)


def _size(count: int) -> str:
    for unit, name in ((1 << 30, "GB"), (1 << 20, "MB"), (1 << 10, "KB")):
        if count >= unit:
            return f"{count / unit:.1f} {name}"
    return f"{count} B"


def _time(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
