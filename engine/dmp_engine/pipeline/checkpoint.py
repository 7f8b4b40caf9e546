"""The state of an unfinished solve in a file, so that another process can go on with it."""

from __future__ import annotations

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
    """One solve's file. ``content`` tells the pixels it is of; ``path`` None keeps nothing.

    A state counts only for the same pixels, settings and engine; any other file
    at ``path`` is passed over and in time replaced.
    """

    def __init__(self, path: Path | None, settings: Settings, content: str) -> None:
        self.path = path
        told = json.dumps([settings.to_json(), engine_version(), content], sort_keys=True)
        self._mark = hashlib.sha256(told.encode()).hexdigest()
        self._begun = self._kept = time.monotonic()
        self.spent = 0.0  # seconds of the solves that were interrupted

    def state(self) -> dict[str, Any] | None:
        """What `solve` takes as ``start``, or None where nothing was kept."""
        if self.path is None or not self.path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception:  # torn by a crash while writing: the solve starts anew
            return None
        if state.get("mark") != self._mark:
            return None
        self.spent = float(state.get("spent", 0.0))
        return state

    def follow(self, step: Step) -> None:
        """Keep this step's state if it is time to; a full disk keeps none."""
        if self.path is None or step.state is None or time.monotonic() - self._kept < EVERY:
            return
        spent = self.spent + time.monotonic() - self._begun
        try:
            with atomic_write(self.path) as draft:
                torch.save({"mark": self._mark, "spent": spent, **step.state()}, draft)
        except (OSError, RuntimeError):  # torch raises RuntimeError for a full disk
            pass
        self._kept = time.monotonic()

    def forget(self) -> None:
        """The solve has ended."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)
