"""Ticks on Nuke's main thread while something runs in the background.

A thread queues a tick on Nuke's main thread, waits until it has run, and queues the next; it
calls nothing else of Nuke. While Nuke is busy no second tick is queued, and while it renders a
tick does nothing: a knob that changes would change what is being rendered. A question or a message
is no tick: it keeps Nuke's main thread, so it comes when the ticks have stopped.
"""

from __future__ import annotations

import threading
import time
from typing import Callable, Optional

import nuke

from dmp_matting.hosts import as_dmp_error

INTERVAL = 0.2  # seconds between two ticks


class Ticker:
    """Calls ``tick`` on the main thread until ``stop``; the first time after an interval.

    tick      raises nothing but what ``failed`` can report
    failed    takes the sentence of what ``tick`` raised, on the main thread
    between   runs on the ticker's own thread before each tick: it must not touch Nuke
    """

    def __init__(
        self,
        tick: Callable[[], None],
        failed: Callable[[str], None],
        between: Optional[Callable[[], None]] = None,
    ) -> None:
        self._tick, self._failed, self._between = tick, failed, between
        self._stopped = threading.Event()
        self._afterwards: Optional[Callable[[], None]] = None
        threading.Thread(target=self._run, name="dmp-ticker", daemon=True).start()

    def stop(self, afterwards: Optional[Callable[[], None]] = None) -> None:
        """No tick follows the one that runs now.

        ``afterwards`` runs on the main thread as soon as nothing renders: what may ask the artist.
        """
        self._afterwards = afterwards
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL):
            if self._between is not None:
                self._between()
            ticked = threading.Event()
            nuke.executeInMainThread(self._on_main_thread, (ticked,))
            while not ticked.wait(1.0) and not self._stopped.is_set():
                pass  # Nuke is busy; a second request would only pile up
        while self._afterwards is not None:
            ended = threading.Event()
            nuke.executeInMainThread(self._after_ticks, (ended,))
            ended.wait()
            time.sleep(INTERVAL)

    def _on_main_thread(self, ticked: threading.Event) -> None:
        """What is raised here would only be printed by Nuke: it becomes a sentence."""
        try:
            if not nuke.executing():
                self._tick()
        except Exception as error:
            self._failed(str(as_dmp_error(error)))
        finally:
            ticked.set()

    def _after_ticks(self, ended: threading.Event) -> None:
        call = self._afterwards
        try:
            if call is not None and not nuke.executing():
                self._afterwards = None
                call()
        finally:
            ended.set()
