"""A job on a thread, for a host's event loop: it polls, and never waits.

    task = BackgroundJob(job, outputs)
    ... on each tick of a timer:
    for event in task.poll(): show(event)
    if task.done: task.result()      # the Layers, or raises what went wrong

Standard library only, Python 3.9. Nothing here touches the host: its timer calls
``poll`` on its own main thread. The first task also holds a stream to the engine, by which
the engine knows that this host lives: it ends, and frees the GPU, soon after the last host has.
"""

from __future__ import annotations

import threading
from typing import Callable, List, Mapping, Optional, Tuple

from ..errors import DmpError
from ..job import Job, Layers
from .background_task import BackgroundTask
from .connection import Connection
from .engine_process import Event
from .file_states import FileStates
from .job_client import Matting
from .launcher import ensure_engine


class BackgroundJob(BackgroundTask[Event, Tuple[Layers, ...]]):
    """One job on its way; starts at once. Arguments as :class:`.job_client.Matting`.

    ``poll`` returns Notices, Progress and Layers; ``result`` the Layers in the order in which
    they were finished.
    """

    def __init__(
        self,
        job: Job,
        outputs: Mapping[int, str],
        *,
        preview: Optional[str] = None,
        files: Optional[Mapping[str, str]] = None,
        states: Optional[FileStates] = None,
        ocio: Optional[str] = None,
        connect: Callable[[], Connection] = ensure_engine,
    ) -> None:
        def attend_and_connect() -> Connection:
            connection = connect()
            attend(connection)
            return connection

        self._matting = Matting(
            job,
            outputs,
            preview=preview,
            files=files,
            states=states,
            ocio=ocio,
            connect=attend_and_connect,
        )
        super().__init__(self._solve, "dmp-task")

    @property
    def job_id(self) -> str:
        """The engine's name for the job, as its list of jobs has it; "" until it has one."""
        return self._matting.job_id

    def cancel(self) -> None:
        """End the job; returns at once."""
        threading.Thread(target=self._matting.cancel, name="dmp-cancel", daemon=True).start()

    def _solve(self, report: Callable[[Event], None]) -> Tuple[Layers, ...]:
        layers: List[Layers] = []
        for event in self._matting.events():
            if isinstance(event, Layers):
                layers.append(event)
            report(event)
        return tuple(layers)


_attending: Optional[threading.Thread] = None
_attending_lock = threading.Lock()


def attend(connection: Connection) -> None:
    """Hold one stream to the engine for as long as this process lives."""
    global _attending

    def hold() -> None:
        try:
            for _ in connection.lines("/v1/attend"):
                pass
        except DmpError:
            pass  # the engine ended; the next task starts and attends another

    with _attending_lock:
        if _attending is None or not _attending.is_alive():
            _attending = threading.Thread(target=hold, name="dmp-attend", daemon=True)
            _attending.start()
