"""The installer on a terminal, for `dmp setup` and for a release's install script alike.

Standard library only: in a release folder there is nothing else yet.
"""

from __future__ import annotations

import json
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Dict, List

from ...errors import CancelledError, InputError
from ...operating_system import ending_signals
from ...paths import put_damaged_config_aside
from .installation import BackgroundInstallation, Installed, InstallRequest, Plan, plan_installation
from .removal import remove, to_remove
from .steps import Step

LOOKS = 0.2  # seconds between two


def install(request: InstallRequest, *, yes: bool, only_plan: bool) -> Dict[str, Any]:
    """Ask, install and show how far it is; what the command prints with ``--json``.

    Without ``yes`` it asks on the terminal, and installs nothing where there is none: InputError.
    Ctrl-C, SIGTERM and a closed terminal end it cleanly. Raises the DmpError that ended it.
    """
    plan = plan_installation(request)
    if only_plan:
        return {"ok": True, **_plan(plan), "sentence": plan.sentence}
    print(plan.sentence, file=sys.stderr)
    if not yes:
        _ask()
    done = _run(BackgroundInstallation(plan))
    python = done.python
    sentence = " ".join(
        [
            f"The engine is installed and has made its first matte on {done.device}: {python}"
            f" ({done.record.disk / 1e9:.1f} GB, {done.record.seconds:.0f} s). The command dmp is"
            f" {done.command}.",
            *done.notes,
        ]
    )
    return {
        "ok": True, "engine_python": python, "command": done.command, "device": done.device,
        "notes": list(done.notes), **asdict(done.record), "sentence": sentence,
    }  # fmt: skip


def _ask() -> None:
    """Return when the person at the terminal agrees. CancelledError, and InputError without one."""
    streams = (sys.stdin, sys.stderr)
    if not all(stream is not None and stream.isatty() for stream in streams):
        raise InputError(
            "Nothing was installed: there is no terminal to ask on; add --yes to agree beforehand."
        )
    print("Go on? [Y/n] ", end="", file=sys.stderr, flush=True)
    answer = ""
    with suppress(KeyboardInterrupt):
        answer = sys.stdin.readline()  # "" at its end (Ctrl-D), which agrees to nothing either
    if not answer:
        print(file=sys.stderr)  # the question's line has no end
    if answer.strip().lower() not in ("", "y", "yes") or not answer:
        raise CancelledError("Nothing was installed.")


def uninstall(*, cache: bool, force: bool, only_plan: bool = False) -> Dict[str, Any]:
    """Remove what was installed; what the command prints with ``--json``.

    ``only_plan``: nothing is removed, and ``removed`` is what would be.
    """
    if only_plan:
        planned = [str(path) for path in to_remove(cache=cache)]
        listed = ", ".join(planned) or "nothing"
        return {"ok": True, "removed": planned, "sentence": f"Would remove {listed}."}
    aside = "" if cache else put_damaged_config_aside()  # with the cache it is removed
    removed: List[str] = remove(cache=cache, force=force)
    listed = ", ".join(removed)
    sentence = f"Removed {listed}." if removed else "There was nothing to remove."
    sentence = f"{sentence} {aside}" if aside else sentence
    return {"ok": True, "removed": removed, "sentence": sentence}


def refuse_with_remove(request: InstallRequest) -> None:
    """InputError for what an installation alone takes: ``--remove`` takes the user's own engine."""
    if request.into is not None:
        raise InputError(
            "--remove is for your own engine; a shared one is its folder alone: delete "
            f"{request.into}."
        )
    if request.source is not None or request.base or request.torch != "auto":
        raise InputError(
            "--from, --torch and --base are for an installation; leave them out with --remove."
        )


def refuse_without_remove(*, cache: bool, force: bool) -> None:
    """InputError for options that are of ``--remove`` alone."""
    if cache or force:
        raise InputError("--cache and --force are for a removal; add --remove.")


def print_json(data: Dict[str, Any]) -> None:
    """One JSON object on standard output."""
    print(json.dumps(data), flush=True)


def _plan(plan: Plan) -> Dict[str, Any]:
    return {
        "version": plan.payload.version, "place": str(plan.place), "torch": plan.build.name,
        "reason": plan.build.reason, "base": plan.tools.base.called if plan.tools.base else "uv",
        "tool": plan.tools.called, "download": plan.download, "disk": plan.disk,
    }  # fmt: skip


def _run(task: BackgroundInstallation) -> Installed:
    """Wait for it, and cancel it on Ctrl-C, SIGTERM, or when its terminal is closed."""

    def stop(number: int, frame: object) -> None:
        task.cancel()

    numbers = [one for one in ending_signals() if signal.getsignal(one) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in numbers}  # of nohup: ignored
    on_terminal, shown = sys.stderr.isatty(), ""
    try:
        while not task.done:
            for step in task.poll():
                line = _line(step)
                if on_terminal:
                    print(f"\r{line:<78.78}", end="", file=sys.stderr, flush=True)
                elif step.sentence != shown:
                    print(line, file=sys.stderr, flush=True)
                shown = step.sentence
            task.wait(LOOKS)
        return task.result()
    finally:
        if on_terminal:
            print("\r" + " " * 78 + "\r", end="", file=sys.stderr, flush=True)
        for number, handler in before.items():
            signal.signal(number, handler)


def _line(step: Step) -> str:
    return f"{step.fraction:4.0%}  {step.sentence}"
