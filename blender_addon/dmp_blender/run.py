"""A job in a window: its steps on a timer, and all that shows how far it is.

Plain objects, which outlive an operator whose class was removed under it.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Optional

import bpy

from . import preview
from .core import dmp
from .session import Session, Status

TICK = 0.1  # seconds
REST = 1.0  # seconds after a job in which no button may act that the end of the job has moved


@contextmanager
def bugs_reported() -> Iterator[None]:
    """An exception that nobody foresaw becomes a DmpError; its traceback goes to the console."""
    try:
        yield
    except dmp.DmpError:
        raise
    except Exception as bug:
        sentence = f"{dmp.as_dmp_error(bug)} The system console has the details."
        raise dmp.DmpError(sentence) from None


def watched(steps: Iterator[Status]) -> Iterator[Status]:
    with bugs_reported():
        yield from steps


class Run:
    """A session in a window: its steps, its timer, and what it shows. There is at most one.

    Blender takes timers and modal operators along when it closes their window: the job then goes
    on in another one of the same Blender.
    """

    current: Optional[Run] = None

    def __init__(self, context: Any, session: Any) -> None:
        self.session = session
        self.steps = watched(session.steps())
        self.cancel_requested = False  # by Cancel
        self._timer: Optional[Any] = None  # None between two windows
        self._overlay = preview.Overlay()
        self.enter(context)
        Run.current = self

    def enter(self, context: Any) -> None:
        """Go on in the window of ``context``."""
        manager = context.window_manager
        self._timer = manager.event_timer_add(TICK, window=context.window)
        manager.progress_begin(0, 100)
        self._editors = preview.Editors(context.space_data)

    def leave(self) -> None:
        """Let go of the window and of its editors, which close."""
        if self._timer is None:
            return
        manager = bpy.context.window_manager
        manager.event_timer_remove(self._timer)
        manager.progress_end()
        self._timer = None
        self._editors.restore()

    @property
    def has_window(self) -> bool:
        return self._timer is not None

    def advance(self) -> bool:
        """One step; False when there is none left."""
        status: Optional[Status] = next(self.steps, None)
        if status is None:
            return False
        bpy.context.window_manager.progress_update(int(status.fraction * 100))
        _status_text(f"DMP {status.fraction:.0%}   {status.text}   Esc: cancel")
        Progress.show(status)
        self._editors.show()
        return True

    def end(self) -> None:
        """End the job, and take away everything that shows it."""
        Run.current = None
        self.steps.close()
        self.leave()
        _status_text(None)
        self._overlay.remove()
        Progress.show(None)
        preview.forget()


def is_between_windows() -> bool:
    """Whether the job's window was closed and no other one has it yet."""
    return Run.current is not None and not Run.current.has_window


def is_busy() -> bool:
    """Whether a job is under way, its first step included, which comes with the timer."""
    return Run.current is not None or Session.current is not None


def _status_text(text: Optional[str]) -> None:
    """In every workspace: the artist may change to another one while the job runs."""
    for workspace in bpy.data.workspaces:
        workspace.status_text_set(text)


class Progress:
    """How far the running job is, for the panel."""

    status: Optional[Status] = None
    _ended = -REST

    @classmethod
    def show(cls, status: Optional[Status]) -> None:
        if status == cls.status:
            return
        cls.status = status
        manager = bpy.context.window_manager
        manager.dmp_progress = 100.0 * status.fraction if status is not None else 0.0
        if status is None:
            cls._ended = time.monotonic()
        for window in manager.windows:
            for area in window.screen.areas:
                if area.type in ("NODE_EDITOR", "IMAGE_EDITOR"):
                    area.tag_redraw()

    @classmethod
    def is_at_rest(cls) -> bool:
        """Whether the panel's rows have been where they are for long enough to be clicked."""
        return cls.status is None and time.monotonic() - cls._ended >= REST


class States:
    """Which frames were solved, stale or missing after the last job or Reload, for the panel."""

    _sentences: Dict[str, str] = {}  # by the scene's name

    @classmethod
    def keep(cls, scene: Any, sentence: str) -> None:
        cls._sentences[scene.name] = sentence

    @classmethod
    def forget(cls) -> None:
        cls._sentences.clear()

    @classmethod
    def of(cls, scene: Any) -> str:
        return cls._sentences.get(scene.name, "")
