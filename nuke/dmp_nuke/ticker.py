"""Ticks on Nuke's main thread while something runs in the background.

A thread queues a tick on Nuke's main thread, waits until it has run, and queues the next; it
calls nothing else of Nuke. While Nuke is busy no second tick is queued.
"""

from __future__ import annotations

import threading
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
        threading.Thread(target=self._run, name="dmp-ticker", daemon=True).start()

    def stop(self) -> None:
        """No tick follows the one that runs now."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(INTERVAL):
            if self._between is not None:
                self._between()
            ticked = threading.Event()
            nuke.executeInMainThread(self._on_main_thread, (ticked,))
            while not ticked.wait(1.0) and not self._stopped.is_set():
                pass  # Nuke is busy; a second request would only pile up

    def _on_main_thread(self, ticked: threading.Event) -> None:
        """What is raised here would only be printed by Nuke: it becomes a sentence."""
        try:
            self._tick()
        except Exception as error:
            self._failed(str(as_dmp_error(error)))
        finally:
            ticked.set()
