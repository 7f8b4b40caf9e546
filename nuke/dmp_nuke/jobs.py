"""One matte on its way in a GUI session: the engine on a thread, Nuke on its main thread.

Each tick (ticker.py) finds the node again, since it may have been renamed, deleted, or closed
with its script: then the job is cancelled and nothing else happens.
"""

from __future__ import annotations

import atexit
import secrets
import time
import traceback
from typing import Dict, List, Optional, Sequence, Set

import nuke

from dmp_matting.hosts import (
    BackgroundJob,
    CancelledError,
    DmpError,
    EngineStatus,
    InputError,
    Layers,
    Notice,
    Progress,
    engine_state,
)

from . import NAME, results, states, viewer
from .node import each_node, is_same
from .prepare import Part, Work
from .results import Severity
from .ticker import Ticker

MOST_WARNINGS = 3  # that a status line shows
REFRESH = 1.0  # seconds between two changes of what a viewer shows, and of the status line
QUERY_AFTER, QUERY_EVERY = 1.0, 2.0  # seconds without a frame, then the engine's queue is queried

RUNNING: Dict[str, Running] = {}  # by token, which the node's hidden knob `job` holds


def start(node: nuke.Group, frames: Sequence[int]) -> None:
    """Render the inputs and hand the job to the engine; returns while it is being solved.

    Raises DmpError with what keeps it from starting.
    """
    if running(node) is not None:
        raise InputError(f"{node.name()} is solving already; press Cancel first.")
    with results.without_undo():
        work = Work(node, frames)
        token = secrets.token_hex(8)
        node["job"].setValue(token)
        try:
            RUNNING[token] = Running(node, token, work)
        except BaseException:
            node["job"].setValue("")
            work.clean()
            raise


def hide_previews() -> None:
    """A render, or a save: it gets the mattes on disk, and no picture of a running job.

    A callback: it sets knobs and does nothing else. The picture comes back with the next refresh.
    """
    for job in list(RUNNING.values()):
        job.hide_preview()


@atexit.register
def _leave() -> None:
    """Nuke ends: the engine notices that by itself, the plates would stay behind."""
    for job in list(RUNNING.values()):
        job.forget()


def running(node: nuke.Group) -> Optional[Running]:
    """The job of a node, if it has one in this session."""
    found = RUNNING.get(str(node["job"].value()))
    return found if found is not None and found.belongs_to(node) else None


class Running:
    """A started job. Everything but ``_query_queue`` happens on Nuke's main thread."""

    def __init__(self, node: nuke.Group, token: str, work: Work) -> None:
        self._node: Optional[nuke.Group] = node
        self._token, self._work = token, work
        self._rendering = work.render(by_frame=True)
        self._left: List[Part] = []
        self._preview = work.folder / "preview.png"
        self._wants_preview = bool(node["live_preview"].value())
        self._finished: List[Layers] = []
        self._cancelled = False
        self._changed: Set[int] = set()  # frames that a viewer does not show as they are on disk
        self._previewed: Optional[int] = None  # the frame that has a picture while it is solved
        self._is_fresh = False  # a viewer does not show that picture as it is by now
        self._view = ""  # the view that is solved, where the script has several
        self._next_refresh = self._next_line = 0.0
        self._bar: Optional[nuke.ProgressTask] = nuke.ProgressTask(f"{NAME}: {node.name()}")
        self._waiting = ""  # written by the ticker: what the engine is busy with
        self._solving = False  # a frame of it is in the engine's worker
        self._queried = time.monotonic() - QUERY_EVERY + QUERY_AFTER
        self._task: Optional[BackgroundJob] = None  # until the inputs are rendered
        self._show_status("Rendering the inputs.", 0)
        if not work.to_render:
            self._render()
        self._ticker = Ticker(self._tick, self._fail, self._query_queue)

    def cancel(self) -> None:
        """End the job soon; frames that are done stay."""
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()

    def forget(self) -> None:
        """Stop the ticks and remove the plates; nothing of Nuke is touched."""
        self._ticker.stop()
        self._work.clean()

    def belongs_to(self, node: nuke.Group) -> bool:
        """False for a pasted copy, which has the token as well."""
        return is_same(self._find(), node)

    # --- on the ticker's own thread -------------------------------------------------------------

    def _query_queue(self) -> None:
        if not self._solving and time.monotonic() - self._queried > QUERY_EVERY:
            state, self._queried = engine_state(), time.monotonic()
            busy = state.status is EngineStatus.BUSY and len(state.jobs) > 1
            self._waiting = f"Waiting. {state.sentence}" if busy else ""

    # --- on Nuke's main thread --------------------------------------------------------------------

    def _tick(self) -> None:
        with results.without_undo():
            self._update()

    def _fail(self, sentence: str) -> None:
        self._end(sentence, Severity.ERROR)

    def _update(self) -> None:
        node = self._find()
        lost = node is None and not self._cancelled
        if lost or (self._bar is not None and self._bar.isCancelled() and not self._cancelled):
            self.cancel()
            self._show_status("Cancelling.")
        if self._task is None:
            self._render()
            return
        for event in self._task.poll():
            if node is not None and (isinstance(event, Layers) or not self._cancelled):
                self._show(node, event)
        if node is not None and self._waiting and not self._cancelled:
            self._show_status(self._waiting)
        if node is not None:
            self._refresh(node)
        if self._task.done:
            self._close(node)

    def _render(self) -> None:
        """One step of the inputs' rendering; after the last one the engine begins."""
        if self._cancelled:
            self._end(self._cancelled_line(), Severity.INFO)
            return
        try:
            done = next(self._rendering, None)
        except CancelledError as error:
            self._end(str(error), Severity.INFO)
            return
        if done is not None:
            line = f"Rendering the inputs: {done} of {self._work.to_render}."
            self._show_status(line, 100 * done // self._work.to_render)
            return
        self._left = list(self._work.parts)
        self._show_status("Starting the engine.", 0)
        self._task = self._next_task()

    def _cancelled_line(self) -> str:
        return f"Cancelled; {len(self._finished)} of {self._work.frames} frames are done."

    def _show(self, node: nuke.Group, event: object) -> None:
        if isinstance(event, Notice):
            self._show_status(str(event))
        elif isinstance(event, Layers):
            self._finished.append(event)
            self._solving = False  # a batch gives way between two frames
            if self._previewed == event.frame:
                self._previewed = None
                if nuke.frame() != event.frame or not viewer.shows(node):
                    results.show_preview(node, "")  # else with the next refresh
            self._changed.add(event.frame)
        elif isinstance(event, Progress):
            self._solving, self._waiting = True, ""
            if event.preview:
                self._previewed, self._is_fresh = event.frame, True
            done, all_frames = len(self._finished), self._work.frames
            number = f" ({done + 1} of {all_frames})" if all_frames > 1 else ""
            left = f", about {event.eta:.0f} s left" if event.eta is not None else ""
            share = (done + event.fraction) / all_frames
            self._show_status(
                f"Frame {event.frame}{number}: {event.stage.called}, {event.fraction:.0%}{left}.",
                int(100 * share),
            )

    def _refresh(self, node: nuke.Group) -> None:
        """Let a viewer show what has come since, where somebody looks at it.

        A reload makes Nuke compute everything below the node anew: hence at most one in a second.
        The picture is one view's: whoever looks at another one gets what is on disk.
        """
        frame, now = nuke.frame(), time.monotonic()
        if self._view and not viewer.looks_at(self._view):
            self.hide_preview()
        if now < self._next_refresh:
            return
        wanted = self._is_fresh and frame == self._previewed
        looks = wanted and viewer.shows(node, self._view)
        if wanted and self._view and not looks:  # both views side by side, say
            self.hide_preview()
        if looks:
            self._next_refresh = now + REFRESH
            self._is_fresh = False
            results.show_preview(node, self._preview.as_posix(), frame)
        elif frame in self._changed and viewer.shows(node):
            self._next_refresh = now + REFRESH
            self._changed.discard(frame)
            self.hide_preview()
            results.reload(node)

    def hide_preview(self) -> None:
        node, self._is_fresh = self._find(), self._previewed is not None
        if node is not None:
            with results.without_undo():
                results.show_preview(node, "")

    def _close(self, node: Optional[nuke.Group]) -> None:
        """The task has ended: the next view, or the end of it all."""
        assert self._task is not None
        try:
            self._task.result()
        except CancelledError:
            self._end(self._cancelled_line(), Severity.INFO)
            return
        if not self._left:
            self._end(*self._summary())
        elif self._cancelled:
            self._end(self._cancelled_line(), Severity.INFO)
        else:
            self._task = self._next_task()

    def _summary(self) -> tuple[str, Severity]:
        last = self._finished[-1]
        seconds = sum(one.seconds.get("total", 0.0) for one in self._finished)
        frames = f"{len(self._finished)} frames" if len(self._finished) > 1 else "1 frame"
        text = f"Done: {frames} in {seconds:.0f} s with {last.settings.preset} on {last.device}."
        warnings = [self._work.shared_views] if self._work.shared_views else []
        warnings += warnings_of(self._finished)
        if warnings:
            return " ".join([text, *warnings]), Severity.WARNING
        noted = [one for one in self._finished if one.notes]
        if noted:  # what was done to the plates, such as how the clean plate was moved
            text = f"{text} Frame {noted[0].frame}: {' '.join(noted[0].notes)}"
        return text, Severity.INFO

    def _end(self, sentence: str, severity: Severity) -> None:
        """The last thing that happens, however it ended. Must not fail."""
        node = self._find()
        failed = severity is Severity.ERROR and node is not None

        def report() -> None:
            RUNNING.pop(self._token, None)
            nuke.message(sentence)

        self._ticker.stop(report if failed else None)
        if self._task is not None and not self._task.wait(0):
            self._task.cancel()  # a bug of ours ended it
        self._bar = None  # takes the progress bar away
        try:
            if node is not None:
                with results.without_undo():
                    node["job"].setValue("")
                    results.show_preview(node, "")
                    results.show(node, self._work.files, self._work.views)
                    results.show_status(node, sentence, severity)
                    states.show(node)
        except (DmpError, ValueError, NameError):  # somebody took the node apart meanwhile
            traceback.print_exc()
        self._work.clean()
        if not failed:
            RUNNING.pop(self._token, None)

    def _find(self) -> Optional[nuke.Group]:
        """The node, wherever it is by now; None when it is gone."""
        try:
            if self._node is not None:
                self._node.name()
        except ValueError:  # deleted; an undo may have brought it back as another object
            self._node = None
        if self._node is None:
            same = (node for node in each_node() if node["job"].value() == self._token)
            self._node = next(same, None)
        return self._node

    def _next_task(self) -> BackgroundJob:
        part = self._left.pop(0)
        self._view = part.view if len(nuke.views()) > 1 else ""
        preview = str(self._preview) if self._wants_preview else None
        return BackgroundJob(
            part.job,
            part.outputs,
            preview=preview,
            files=part.files,
            states=part.states,
            ocio=part.ocio,
        )

    def _show_status(self, sentence: str, percent: Optional[int] = None) -> None:
        node, now = self._find(), time.monotonic()
        if node is not None and (percent is None or now >= self._next_line):
            self._next_line = now + REFRESH
            results.show_status(node, sentence)
        if self._bar is not None:
            self._bar.setMessage(sentence)
            if percent is not None:
                self._bar.setProgress(percent)


def warnings_of(finished: Sequence[Layers]) -> List[str]:
    """Each warning once, with the first frame that has it; of many the first few."""
    first: Dict[str, int] = {}
    for one in finished:
        for text in one.warnings:
            first.setdefault(text, one.frame)
    found = [f"Frame {frame}: {text}" for text, frame in first.items()]
    more = len(found) - MOST_WARNINGS
    if more <= 0:
        return found
    others = "1 other warning" if more == 1 else f"{more} other warnings"
    return [*found[:MOST_WARNINGS], f"And {others}."]
