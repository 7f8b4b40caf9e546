"""One job through the engine: plates up, progress as it happens, layers back.

    for progress in matte(job, {1001: "out.1001.exr"}): ...

Standard library only, Python 3.9. A plate is opaque bytes here. An engine that
dies on the way is started again and the job goes on where it was; only when that
fails three times in a row, and for a minute and a half, without any progress, also in the queue,
does the caller get an error.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Generator, Iterator, Mapping, Optional, Set, Tuple

from ..atomic_write import atomic_write
from ..errors import (
    CancelledError,
    DmpError,
    EngineError,
    EngineMissingError,
    InputError,
    PlateError,
    from_wire,
)
from ..job import Job, JobState, Layers, Progress, Role
from ..ocio import ocio_environment
from .connection import Connection, EngineGone, NotThere
from .engine_files import engine_is_suspended
from .engine_process import Event, Notice
from .file_states import FileStates, states_of_files
from .launcher import ensure_engine
from .outputs import check_outputs, unwritable

LOST_LIMIT = 3  # engines in a row that may be lost without a sign of progress, and
LOST_SECONDS = 90.0  # for how long: a slow machine takes a quarter of a minute to start one
LOST_PAUSE = 0.3  # seconds before the next one is looked for
ENDED = {state.value for state in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)}


def matte(
    job: Job,
    outputs: Mapping[int, str],
    *,
    preview: Optional[str] = None,
) -> Generator[Progress, None, Tuple[Layers, ...]]:
    """Yield the job's Progress; return the Layers of all its frames, in the job's order.

    The simple call; see :class:`Matting` for the arguments and errors.
    """
    found: Dict[int, Layers] = {}
    for event in Matting(job, outputs, preview=preview).events():
        if isinstance(event, Progress):
            yield event
        elif isinstance(event, Layers):
            found[event.frame] = event
    return tuple(found[frame.number] for frame in job.frames)


class _Damaged(EngineGone):
    """The engine sent other bytes than it had written: its disk, or the way, is damaged."""


class Matting:
    """One job on its way through the engine.

    job       what to solve; its plates are read from their paths and sent once each
    outputs   the EXR to write for every frame number
    preview   a PNG to refresh with the running frame's alpha; Progress.preview names it then
    files     where a plate lies whose path in the job is not its file but the name of what it was
              made from, such as a host's plate; the result's header records that name
    states    what those plates are made from; the header records their content
    ocio      the configuration that knows the plates' colour spaces; None: that of $OCIO
    connect   how to find an engine, or to start one
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
        self.job = job
        self.files = dict(files or {})
        self._states = states or states_of_files(self.files)
        self._ocio = ocio
        self.outputs = {number: Path(path) for number, path in outputs.items()}
        self.preview = Path(preview) if preview is not None else None
        self._connect = connect
        self._connection: Optional[Connection] = None
        self._id: Optional[str] = None  # of the job in the engine
        self._started = False  # the engine has answered the start of that job
        self._written: Dict[int, Layers] = {}
        self._lost = 0
        self._lost_since = 0.0  # when the first of those was lost
        self._nearest: Optional[int] = None  # the job's best place in a queue so far
        self._cancelled = False

    def events(self) -> Generator[Event, None, None]:
        """Notices, Progress, and the Layers of each frame when its EXR has been written.

        Closing the generator cancels the job. Raises what the engine raised (PlateError,
        MismatchError, ...), OutputError when an EXR cannot be written, CancelledError, and
        EngineError when no engine can be had.
        """
        check_outputs(self.job, self.outputs)
        self.job = self._states.of_job(self.job)
        try:
            while True:
                try:
                    self._connection = self._find_engine()
                    if self._id is not None and not self._started:
                        self._take_up(self._connection)
                    if self._id is None:
                        self._submit(self._connection)
                    yield from self._follow(self._connection)
                    return
                except NotThere:
                    self._id = None  # killed while the plates were sent: once more
                    self._lose(None)
                except _Damaged as damaged:  # a fresh job finds it out, and solves the frame anew
                    self._tidy()
                    self._id = None
                    self._lose(damaged)
                except EngineGone as gone:
                    self._lose(gone)
        finally:
            self._tidy()

    @property
    def job_id(self) -> str:
        """The engine's name for the job; "" until it has one. From any thread."""
        return self._id or ""

    def _find_engine(self) -> Connection:
        """An engine to talk to. EngineGone where one was lost and the next is not there yet.

        In a storm an engine may be ended before it serves, again and again: that is one more that
        was lost. A suspended one stays so.
        """
        try:
            return self._connect()
        except (EngineGone, EngineMissingError):
            raise
        except EngineError as error:
            if self._lost == 0 or engine_is_suspended():
                raise
            raise EngineGone(str(error).rstrip(".")) from None

    def cancel(self) -> None:
        """End the job, from any thread; ``events`` then raises CancelledError."""
        self._cancelled = True
        if self._connection is not None and self._id is not None:
            with suppress(DmpError):  # ended already, or the engine is gone: nothing to cancel
                self._connection.request("POST", f"/v1/jobs/{self._id}/cancel", timeout=5.0)

    def _lose(self, gone: Optional[EngineGone]) -> None:
        if self._lost == 0:
            self._lost_since = time.monotonic()
        self._lost += 1
        patience = 0.0 if isinstance(gone, _Damaged) else LOST_SECONDS
        if self._lost >= LOST_LIMIT and time.monotonic() - self._lost_since >= patience:
            raise EngineError(
                f"The engine was lost {self._lost} times without getting any further "
                f"({gone or 'it forgot the job'}); see `dmp engine log`."
            )
        if self._lost > 1:
            time.sleep(LOST_PAUSE)
        self._check_cancelled()

    def _check_cancelled(self) -> None:
        if self._cancelled:
            raise CancelledError("Cancelled on request.")

    @contextmanager
    def _unless_cancelled(self) -> Iterator[None]:
        """The engine refuses what comes after a cancellation; the caller gets CancelledError."""
        try:
            yield
        except InputError:
            self._check_cancelled()
            raise

    def _take_up(self, connection: Connection) -> None:
        """After a connection was lost before the start was answered: did the start arrive?

        If not, the job would stay ``uploading`` for ever: it is cancelled, to be submitted anew.
        """
        state = connection.request("GET", f"/v1/jobs/{self._id}")["state"]
        if state not in (JobState.UPLOADING.value, JobState.CANCELLED.value):
            self._started = True
            return
        self._tidy()
        self._id = None
        self._check_cancelled()

    def _submit(self, connection: Connection) -> None:
        """Create the job, send every plate, start."""
        request: Dict[str, Any] = {
            "job": self.job.to_json(),
            "attended": True,
            "ocio": ocio_environment(self._ocio),
        }
        sizes = self._sizes()
        summary = connection.request("POST", "/v1/jobs", request)
        self._id, self._started = summary["id"], False
        for plate in summary["plates"]:
            self._check_cancelled()
            path = plate["path"]
            where = f"/v1/jobs/{self._id}/plates/{plate['index']}"
            try:
                with open(self._file(path), "rb") as file, self._unless_cancelled():
                    connection.request("PUT", where, file, size=sizes[path])
            except OSError as reason:
                raise self._unreadable(path, reason) from None
        self._check_cancelled()
        with self._unless_cancelled():
            connection.request("POST", f"/v1/jobs/{self._id}/start")
        self._started = True

    def _sizes(self) -> Dict[str, int]:
        """Bytes of every plate: all of them are there before the first is sent."""
        sizes = {}
        for path in self._plates():
            try:
                with open(self._file(path), "rb") as file:
                    sizes[path] = os.fstat(file.fileno()).st_size
            except OSError as reason:
                raise self._unreadable(path, reason) from None
            if sizes[path] == 0:
                raise PlateError(f"The {self._plates()[path].called} {path} is empty.")
        return sizes

    def _plates(self) -> Dict[str, Role]:
        """Every file that is sent, and what it is."""
        frames = (*self.job.frames, *self.job.context)
        return {plate.path: plate.role for frame in frames for plate in frame.plates}

    def _file(self, path: str) -> str:
        """Where the plate lies that the job names ``path``."""
        return self.files.get(path, path)

    def _unreadable(self, path: str, reason: OSError) -> PlateError:
        named = f"The {self._plates()[path].called} {path}"
        if isinstance(reason, FileNotFoundError):
            return PlateError(f"{named} does not exist.")
        return PlateError(f"{named} cannot be read ({reason.strerror}).")

    def _follow(self, connection: Connection) -> Generator[Event, None, None]:
        """The events of a started job until it has ended."""
        noticed = False
        warned: Set[str] = set()
        for event in connection.lines(f"/v1/jobs/{self._id}/events"):
            kind = event.pop("event")
            if kind == "progress":
                self._lost = 0
                progress = self._progress(connection, event)
                for text in progress.warnings:
                    if text not in warned:
                        warned.add(text)
                        yield Notice(text)
                yield progress
            elif kind == "layers" and event["frame"] not in self._written:
                layers = Layers.from_json(event)
                target = self.outputs[layers.frame]
                self._fetch(connection, layers.path, target, layers.sha256)
                self._lost = 0
                self._written[layers.frame] = replace(layers, path=str(target))
                yield self._written[layers.frame]
            elif kind == "state":
                self._note_place(event.get("position"))
                if event["state"] == JobState.DONE.value:
                    return
                if event["state"] in ENDED:
                    raise from_wire(event)
                if event.get("notice") and not noticed:
                    noticed = True
                    yield Notice(event["notice"])
        raise EngineGone("The engine ended before the job did.")

    def _note_place(self, position: Optional[int]) -> None:
        """A better place in the queue is progress: engines that are lost finish other jobs."""
        if position is not None and (self._nearest is None or position < self._nearest):
            self._nearest, self._lost = position, 0

    def _progress(self, connection: Connection, event: Dict[str, Any]) -> Progress:
        source = event["preview"]
        shown: Optional[str] = None
        if source is not None and self.preview is not None:
            try:
                self._fetch(connection, source, self.preview)
                shown = str(self.preview)
            except NotThere:
                pass  # the frame was finished meanwhile
        return Progress.from_json({**event, "preview": shown})

    def _fetch(self, connection: Connection, source: str, target: Path, sha256: str = "") -> None:
        """Write what the engine has at ``source`` to ``target``, whole or not at all.

        With its ``sha256`` the file is checked, and on the disk itself before it is renamed.
        """
        digest = hashlib.sha256()
        try:
            with atomic_write(target) as temporary, open(temporary, "wb") as file:
                for block in connection.blocks(source):
                    file.write(block)
                    digest.update(block)
                if sha256:
                    if digest.hexdigest() != sha256:
                        raise _Damaged(f"The layers for {target} arrived damaged.")
                    file.flush()
                    os.fsync(file.fileno())
        except OSError as reason:
            raise unwritable(target, reason) from None

    def _tidy(self) -> None:
        """Leave nothing in the engine: end the job if it runs, then have it forgotten."""
        if self._connection is None or self._id is None:
            return
        try:
            self._connection.request("POST", f"/v1/jobs/{self._id}/cancel", timeout=5.0)
            self._connection.request("DELETE", f"/v1/jobs/{self._id}", timeout=5.0)
        except DmpError:
            pass  # a cancelled frame still ends; the engine tidies that itself
