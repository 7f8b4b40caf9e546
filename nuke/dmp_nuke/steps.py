"""A farm job, a publish or a clean plate, made in steps: Nuke is free between two of them.

    def working(): ...; yield "Rendering the inputs: 3 of 20.", 15; ...; return value

Each tick takes one step of such a generator. One of them runs at a time.
"""

from __future__ import annotations

from typing import Any, Callable, Generator, Generic, List, Optional, Tuple, TypeVar

import nuke

from dmp_matting.hosts import CancelledError, DmpError, EngineError, InputError

from .node import is_same
from .ticker import Ticker

R = TypeVar("R")
Step = Tuple[str, int]  # what happens, and per cent of it that are done
Working = Generator[Step, None, R]

CANCELLED = "Cancelled while the inputs were rendered."
RUNNING: List[Steps[Any]] = []  # one or none


def run(
    title: str,
    working: Working[R],
    ended: Callable[[R], None],
    failed: Callable[[DmpError], None],
    node: Optional[nuke.Group] = None,
    cancelled: str = CANCELLED,
) -> Optional[Steps[R]]:
    """Start it; one that has nothing to render ends at once, and None is returned.

    What its beginning raises is raised here. ``ended`` and ``failed`` are called on the main thread
    when nothing renders. ``node``: the one whose Cancel ends it; ``cancelled``: the sentence then.
    """
    if RUNNING:
        raise InputError(f"'{RUNNING[0].title}' is under way; wait, or cancel it.")
    started = Steps(title, working, ended, failed, node, cancelled)
    if not started.begin():
        return None
    RUNNING[:] = [started]
    return started


def of_node(node: nuke.Group) -> Optional[Steps[Any]]:
    """What runs for a node."""
    return next((one for one in RUNNING if one.belongs_to(node)), None)


class Steps(Generic[R]):
    """A started one. All of it happens on Nuke's main thread."""

    def __init__(
        self,
        title: str,
        working: Working[R],
        ended: Callable[[R], None],
        failed: Callable[[DmpError], None],
        node: Optional[nuke.Group],
        cancelled: str,
    ) -> None:
        self.title, self._ended, self._failed = title, ended, failed
        self._node, self._sentence = node, cancelled
        self._cancelled = False
        self._values: List[R] = []  # one, when the work has ended
        self._working = self._kept(working)
        self._bar: Optional[nuke.ProgressTask] = None  # while it runs
        self._ticker: Optional[Ticker] = None

    def begin(self) -> bool:
        """The first step; False where it is the end as well."""
        first = next(self._working, None)
        if first is None:
            self._ended(self._values[0])
            return False
        self._bar = nuke.ProgressTask(self.title)
        self._show(first)
        self._ticker = Ticker(self._tick, self._bug)
        return True

    def belongs_to(self, node: nuke.Group) -> bool:
        """Whether that node's Cancel ends it."""
        return is_same(self._node, node)

    def cancel(self) -> None:
        """End it with the next tick."""
        self._cancelled = True

    def _kept(self, working: Working[R]) -> Generator[Step, None, None]:
        self._values.append((yield from working))

    def _tick(self) -> None:
        assert self._bar is not None
        try:
            if self._bar.isCancelled() or self._cancelled:
                raise CancelledError(self._sentence)
            step = next(self._working, None)
        except DmpError as error:
            reason = error
            self._end(lambda: self._failed(reason))
            return
        if step is None:
            self._end(lambda: self._ended(self._values[0]))
        else:
            self._show(step)

    def _bug(self, sentence: str) -> None:
        self._end(lambda: self._failed(EngineError(sentence)))

    def _show(self, step: Step) -> None:
        assert self._bar is not None
        self._bar.setMessage(step[0])
        self._bar.setProgress(step[1])

    def _end(self, report: Callable[[], None]) -> None:
        def afterwards() -> None:
            RUNNING.clear()
            report()

        assert self._ticker is not None
        self._working.close()
        self._bar = None  # takes the progress bar away
        self._ticker.stop(afterwards)
