"""Shots over a Dask cluster: for facilities without a farm manager.

    dask worker tcp://scheduler:8786 --nthreads 1 --resources "dmp=1"       on every machine
    dmp batch shots.yaml --cluster tcp://scheduler:8786                     anywhere

A chunk of frames is a Dask task that takes one ``dmp`` of a worker's resources: a worker with two
GPUs is started with ``dmp=2`` and gets two chunks at once. Each worker process keeps one engine of
its own, warm for all its chunks; it ends five seconds after its worker, however that died. Dask
gives the chunk of a lost worker to another one, which solves it from its first frame. Nothing here
schedules anything.

Plates and outputs are paths that all machines see. A chunk's frames are reported when it is done.
"""

from __future__ import annotations

import atexit
import dataclasses
import os
import shutil
import tempfile
import threading
from typing import Any, Callable, Deque, Dict, Generator, List, Sequence, Set, Tuple

import distributed

from ..client.background_job import attend
from ..client.launcher import ensure_engine, stop_engine
from ..errors import CancelledError, DmpError, EngineError, InputError, from_wire
from ..job import Layers
from ..shots.events import ShotEvent, ShotFailure, ShotFrame
from ..shots.executor import Chunk, Executor
from ..shots.run import run_shots
from ..shots.shot import Shot

RESOURCE = "dmp"
CONNECT_LIMIT = 10.0  # seconds


def on_cluster(address: str) -> Callable[[Deque[Chunk]], Executor]:
    """The ``executor`` of ``run_shots`` that solves on the cluster of that scheduler."""
    return lambda chunks: DaskExecutor(chunks, address)


class DaskExecutor(Executor):
    """Every chunk as a Dask task. InputError when no scheduler answers or no worker can solve."""

    def __init__(self, chunks: Deque[Chunk], address: str) -> None:
        super().__init__(chunks)
        try:
            self._client = distributed.Client(address, timeout=CONNECT_LIMIT)
        except (OSError, TimeoutError, ValueError) as reason:
            raise InputError(
                f"No Dask scheduler answers at {address} ({reason}); start one with "
                "`dask scheduler`."
            ) from None
        self._session = f"dmp-{os.getpid()}-{os.urandom(4).hex()}"
        self._futures: Dict[Any, Chunk] = {}
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        if not any(worker["resources"].get(RESOURCE) for worker in workers):
            self._client.close()
            raise InputError(
                f"The cluster at {address} has no worker for DMP; start them with "
                f'`dask worker {address} --resources "{RESOURCE}=1"`.'
            )

    def events(self) -> Generator[ShotEvent, None, None]:
        for shot, numbers in self.chunks:
            future = self._client.submit(
                solve_chunk, shot.to_json(), numbers, self._session,
                pure=False, resources={RESOURCE: 1},
            )  # fmt: skip
            self._futures[future] = (shot, numbers)
        for future in distributed.as_completed(list(self._futures)):
            shot, numbers = self._futures.pop(future)
            if future.status != "finished":
                lost = EngineError(f"The cluster gave up on these frames: {_reason(future)}.")
                yield ShotFailure(shot.name, numbers, lost)
                continue
            made, failures = future.result()
            for layers in made:
                yield ShotFrame(shot.name, Layers.from_json(layers))
            for frames, error in failures:
                yield ShotFailure(shot.name, tuple(frames), from_wire(error))

    def close(self) -> None:
        if self._futures:
            self._client.cancel(list(self._futures))
            self._client.run(end_session, self._session)
        self._client.close()


def _reason(future: Any) -> str:
    """Why Dask gave up, in a few words."""
    error = future.exception() if future.status == "error" else None
    if isinstance(error, distributed.KilledWorker):
        return "the workers that had them died, one after another"
    return str(error or future.status).splitlines()[0].rstrip(".")


# --- on a worker ---------------------------------------------------------------------------------

_ended: Set[str] = set()  # sessions whose client has gone
_homes: List[str] = []  # the folder of this process's engine
_home_lock = threading.Lock()

Made = Tuple[List[Dict[str, Any]], List[Tuple[Sequence[int], Dict[str, str]]]]


def solve_chunk(fields: Dict[str, Any], numbers: Sequence[int], session: str) -> Made:
    """Solve these frames of a shot with this worker's engine: layers and failures, JSON-ready.

    Raises EngineMissingError and EngineError, which fail the Dask task.
    """
    _make_home()
    whole = Shot.from_json(fields)
    around = (*whole.numbers(), *whole.around)
    shot = dataclasses.replace(whole, frames=tuple(numbers), around=around)
    attend(ensure_engine())
    made: List[Dict[str, Any]] = []
    failures: List[Tuple[Sequence[int], Dict[str, str]]] = []
    running = run_shots([shot], redo=True, overwrite=True, chunk=max(1, len(numbers)))
    try:
        for event in running:
            if session in _ended:
                raise CancelledError("The batch was stopped.")
            if isinstance(event, ShotFrame):
                made.append(event.layers.to_json())
            elif isinstance(event, ShotFailure):
                failures.append((event.frames, event.error.to_wire()))
    finally:
        running.close()
    return made, failures


def end_session(session: str) -> None:
    """The client has gone: chunks of it end at their next sign of life."""
    _ended.add(session)


def _make_home() -> None:
    """Give this process's engine folders of its own: several workers may share a machine."""
    with _home_lock:
        if _homes:
            return
        _homes.append(tempfile.mkdtemp(prefix="dmp-dask-"))
        os.environ["DMP_RUN_DIR"] = _homes[0]
        os.environ["DMP_CACHE_DIR"] = os.path.join(_homes[0], "cache")
        atexit.register(_leave)


def _leave() -> None:
    try:
        stop_engine(force=True)
    except DmpError:
        pass  # it ends by itself: nobody attends it any more
    shutil.rmtree(_homes[0], ignore_errors=True)
