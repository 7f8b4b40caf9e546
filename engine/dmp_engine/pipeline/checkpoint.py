"""The state of an unfinished solve in a file, so that another process can resume it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from pathlib import Path
from typing import Any

import torch

from dmp_matting.atomic_write import atomic_write
from dmp_matting.settings import Settings

from ..dmp.steps import Step
from ..version import engine_version

EVERY = 5.0  # seconds between two


class Checkpoint:
    """One solve's file. ``content`` is the digest of its pixels; ``path`` None writes nothing.

    A state is used only for the same pixels, settings and engine; any other file
    at ``path`` is ignored and later replaced.
    """

    def __init__(self, path: Path | None, settings: Settings, content: str) -> None:
        self.path = path
        key = json.dumps([settings.to_json(), engine_version(), content], sort_keys=True)
        self._mark = hashlib.sha256(key.encode()).hexdigest()
        self._begun = self._written = time.monotonic()
        self.spent = 0.0  # seconds of the solves that were interrupted

    def state(self) -> dict[str, Any] | None:
        """The state for ``start`` of `solve`, or None where there is none."""
        if self.path is None or not self.path.exists():
            return None
        try:
            state: Any = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception:  # torn by a crash while writing: the solve starts from the beginning
            return None
        if not isinstance(state, dict) or state.get("mark") != self._mark:
            return None
        self.spent = float(state["spent"])
        return state

    def follow(self, step: Step) -> None:
        """Write this step's state if EVERY seconds have passed; on a full disk write none."""
        if self.path is None or step.state is None or time.monotonic() - self._written < EVERY:
            return
        spent = self.spent + time.monotonic() - self._begun
        try:
            with atomic_write(self.path) as temporary:
                torch.save({"mark": self._mark, "spent": spent, **step.state()}, temporary)
        except (OSError, RuntimeError):  # torch raises RuntimeError for a full disk
            pass
        self._written = time.monotonic()

    def forget(self) -> None:
        """The solve has ended: remove the file."""
        if self.path is not None:
            with contextlib.suppress(OSError):  # a disk gone read-only; the frame is finished
                self.path.unlink(missing_ok=True)
