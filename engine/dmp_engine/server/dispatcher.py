"""Jobs on their way: uploaded, queued, running, ended. The one place that changes a job's state.

All in one event loop, so a step between two ``await`` needs no lock. What must
survive a kill is on disk (job_store.py) before any client receives it.

Every background task is started by ``_spawn``: whatever it raises is logged and ends its job.

Long because all changes of a job's state stand side by side: two files could interleave them.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import logging
import time
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from dmp_matting.errors import (
    CancelledError,
    DmpError,
    EngineError,
    OutputError,
    PlateError,
    from_wire,
)
from dmp_matting.frame_window import recorded_inputs, window_of
from dmp_matting.job import Frame, Job, JobState, Layers, Role
from dmp_matting.ocio import ocio_digest
from dmp_matting.settings import Settings

from ..machine.device import cpu_notice
from ..machine.errors import as_dmp_error
from ..version import engine_version
from .devices import suitable_devices
from .job_store import Record, Store
from .pool import Pool, Slot, Worker, WorkerDied
from .presence import Presence
from .result_cache import ResultCache
from .schedule import Schedule, Ticket, Urgency

DEATHS_LIMIT = 3  # workers that one frame may take along
READ_LIMIT = 120.0  # seconds for the plates of a frame, which lie on this machine's disk
KEEP_ENDED = 24 * 3600.0  # seconds that an ended job nobody fetched is kept
KEEP_CANCELLED = 60.0  # seconds; nobody fetches it any more
UPLOAD_SILENCE = 3600.0  # seconds without a byte of a job whose plates are still to come
RESTART_GRACE = 60.0  # seconds that clients get to find the restarted engine

log = logging.getLogger("dmp.jobs")


class Live:
    """A job in this server: its record on disk, and what only the present moment needs."""

    def __init__(self, record: Record, ticket: Ticket) -> None:
        self.record = record
        self.ticket = ticket
        self.presence = Presence()
        self.progress: dict[str, Any] | None = None  # Progress.to_json of the running frame
        self.warnings: list[str] = []  # about that frame's plates
        self.previews = 0  # how often the preview was refreshed
        self.cancelling = ""  # the sentence of the cancellation that is under way
        self.settings = record.job.settings  # for the device that the job gets
        self.notice = ""  # a sentence about that device
        self.slot: Slot | None = None
        self.ended_at = time.monotonic()
        self._watchers: set[asyncio.Event] = set()

    @contextlib.contextmanager
    def watched(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever something about the job changes."""
        changed = asyncio.Event()
        self._watchers.add(changed)
        try:
            yield changed
        finally:
            self._watchers.discard(changed)

    def changed(self) -> None:
        for watcher in self._watchers:
            watcher.set()


class Dispatcher:
    """Every job of this engine."""

    def __init__(self, store: Store, cache: ResultCache, pool: Pool) -> None:
        self.store = store
        self.cache = cache
        self.pool = pool
        self.jobs: dict[str, Live] = {}
        self.schedule = Schedule()
        self._tasks: set[asyncio.Task[None]] = set()
        self._admitting = asyncio.Lock()  # in the order of starting
        self._stopping = False

    # --- the life of a job ---------------------------------------------------------------------

    def stored(self, job: Job, *, attended: bool, ocio: str) -> Record:
        """A new job on disk, to :meth:`enter`. Blocks. OutputError when the disk is full."""
        try:
            return self.store.create(job, attended=attended, ocio=ocio)
        except OSError as reason:
            raise full_disk(reason) from None

    def enter(self, record: Record) -> Live:
        """Take a stored job up; it waits for its plates, unless it goes on."""
        single = record.attended and len(record.job.frames) == 1
        urgency = Urgency.INTERACTIVE if single else Urgency.BATCH
        live = Live(record, self.schedule.ticket(record.id, urgency))
        self.jobs[record.id] = live
        return live

    def resume(self) -> None:
        """Take up what an earlier engine left: its queue goes on, stale folders go."""
        for record in self.store.load():
            stale = record.ended and time.time() - record.created > KEEP_ENDED
            if stale or record.state is JobState.UPLOADING:
                self.store.remove(record)
                continue
            live = self.enter(record)
            live.presence.seen(RESTART_GRACE)
            if record.state is JobState.RUNNING:
                record.become(JobState.QUEUED)
            if not record.ended:
                log.info("job %s goes on, %d frames left", record.id, len(record.unfinished()))
                self._spawn(self._admit(live), live)

    def start(self, live: Live) -> None:
        """All plates are there: queue the job. A full disk ends it and raises OutputError."""
        live.record.become(JobState.QUEUED)
        try:
            self._save(live.record)
        except OutputError as full:
            self._end(live, full)
            raise
        live.changed()
        self._spawn(self._admit(live), live)

    def cancel(self, live: Live, why: str) -> None:
        """End a job that has not ended; a running frame ends at its next step."""
        if live.record.ended or live.cancelling:
            return
        live.cancelling = why
        if live.record.state is JobState.RUNNING and live.slot is not None:
            worker = live.slot.worker
            if worker is not None:
                self._spawn(_while_running(worker.cancel(), live), live)
        else:
            self._end(live, CancelledError(why))

    def forget(self, live: Live) -> None:
        """Remove an ended job and its folder."""
        self.store.remove(live.record)
        self.jobs.pop(live.record.id, None)

    def forget_old(self) -> None:
        """Remove what nobody asks for any more, also jobs that nobody will ever start."""
        now = time.monotonic()
        for live in list(self.jobs.values()):
            silent = live.presence.absent_for() > UPLOAD_SILENCE
            if live.record.state is JobState.UPLOADING and silent:
                self.cancel(live, "Its plates never came.")
            cancelled = live.record.state is JobState.CANCELLED
            keep = KEEP_CANCELLED if cancelled else KEEP_ENDED
            if live.record.ended and now - live.ended_at > keep:
                self.forget(live)

    @property
    def busy(self) -> bool:
        """True while a job is uploaded, waits or runs."""
        return any(not live.record.ended for live in list(self.jobs.values()))

    async def _admit(self, live: Live) -> None:
        """Find the job's device and settings, take what the cache has, queue the rest."""
        async with self._admitting:
            await self._admit_next(live)

    async def _admit_next(self, live: Live) -> None:
        record = live.record
        try:
            devices = await self.pool.devices()
            suitable = suitable_devices(record.job.settings, devices)
            live.settings = record.job.settings_for(suitable[0].name)
            if suitable[0].name == "cpu" and live.settings.device == "auto":
                threads = live.settings.threads or suitable[0].threads
                live.notice = cpu_notice(threads, suitable[0].why_no_gpu)
            for frame in record.unfinished():
                await self._from_cache(live, frame)
        except DmpError as error:
            if not record.ended:
                self._end(live, error)
            return
        if record.ended:
            return  # cancelled meanwhile
        if record.unfinished():
            self.schedule.add(live.ticket)
            self.pump()
        else:
            record.become(JobState.RUNNING)
            self._end(live, None)

    def pump(self) -> None:
        """Give every free device its next job, unless the engine ends."""
        if self._stopping:
            return
        for slot in self.pool.slots:
            if slot.job is not None:
                continue
            ticket = self.schedule.take(self._suits(slot))
            if ticket is None:
                continue
            slot.job = ticket.job
            live = self.jobs[ticket.job]
            self._spawn(self._run(live, slot), live)
        for job in self.schedule.jobs():
            self.jobs[job].changed()  # its position

    def _suits(self, slot: Slot) -> Callable[[str], bool]:
        devices = self.pool.known()

        def suits(job: str) -> bool:
            return slot.device in suitable_devices(self.jobs[job].settings, devices)

        return suits

    async def _run(self, live: Live, slot: Slot) -> None:
        """All frames that are left, or those before a more urgent job cuts in."""
        record = live.record
        live.slot = slot
        failure: DmpError | None = None
        try:
            if record.ended:
                return  # cancelled before this task had its first turn
            record.become(JobState.RUNNING)
            self._save(record)
            live.changed()
            for frame in record.unfinished():
                _raise_if_cancelled(live)
                if self.schedule.overtakes(live.ticket, self._suits(slot)):
                    record.become(JobState.QUEUED)
                    self._save(record)
                    self.schedule.add(live.ticket)
                    return
                if not await self._from_cache(live, frame):
                    await self._solve(live, slot, frame)
        except asyncio.CancelledError:
            if live.cancelling:
                failure = CancelledError(live.cancelling)
            elif record.state is JobState.RUNNING:  # the engine ends; the next one goes on with it
                record.become(JobState.QUEUED)
            raise
        except Exception as error:
            failure = _failure(record, error)
        finally:
            live.slot = None
            slot.rest()
            # One that failed as it gave way is QUEUED, and in no queue.
            if record.state is JobState.RUNNING or (failure is not None and not record.ended):
                self._end(live, failure)
            self.pump()

    async def _solve(self, live: Live, slot: Slot, frame: Frame) -> None:
        """One frame on a worker, again from its checkpoint when the worker dies.

        One that the kernel ended for want of memory is followed by one that solves smaller; so is
        the second that anything ended by signal 9, the first of which may have had other reasons.
        """
        record = live.record
        kills = shrink = 0
        while True:
            _raise_if_cancelled(live)
            worker = await slot.ready(record.ocio)
            _raise_if_cancelled(live)
            stored = self.store.stored_frame(record, frame)
            window = window_of(frame, record.job, live.settings)
            names = {
                ours.path: theirs.path
                for ours, theirs in zip(stored.plates, frame.plates, strict=True)
            }
            request = {
                "frame": dataclasses.asdict(stored),
                "window": [
                    dataclasses.asdict(self.store.stored_frame(record, other)) for other in window
                ],
                "names": names,
                "settings": dataclasses.replace(live.settings, device=slot.device.name).to_json(),
                "output": str(self.store.layers(record, frame.number)),
                "preview": str(self.store.preview(record)),
                "checkpoint": str(self.store.checkpoint(record, frame.number)),
                "shrink": shrink,
            }
            try:
                await self._follow(live, frame, worker, request)
                return
            except WorkerDied as death:
                record.crashes += 1
                kills += death.killed
                shrink += death.for_memory or (death.killed and kills > 1)
                log.warning("job %s, frame %d: worker died, %s", record.id, frame.number, death)
                if record.crashes >= DEATHS_LIMIT:
                    if death.lost is not None:
                        raise death.lost from None
                    raise EngineError(
                        f"The engine's worker died {record.crashes} times on frame "
                        f"{frame.number} ({death}), perhaps for want of memory: try a smaller "
                        "solve size; see `dmp engine log`."
                    ) from None
                self._save(record)

    async def _follow(
        self, live: Live, frame: Frame, worker: Worker, request: dict[str, Any]
    ) -> None:
        """One frame on ``worker`` to its end; it is not solved when the cache has its pixels."""
        key, have, failure = "", False, None
        reading: float | None = asyncio.get_running_loop().time() + READ_LIMIT
        async with contextlib.aclosing(worker.frame(**request)) as events:
            while True:
                try:
                    async with asyncio.timeout_at(reading):
                        event = await anext(events)
                except StopAsyncIteration:
                    return
                except TimeoutError:  # a decoder cannot be interrupted: its worker is killed
                    raise PlateError(
                        f"The plates of frame {frame.number} could not be read within "
                        f"{READ_LIMIT:.0f} s; copy or render them again."
                    ) from None
                if event["event"] == "content":
                    reading = None
                    key = self._content_key(live, frame, event["digest"])
                    try:
                        have = await self._from_cache(live, frame, key)
                    except DmpError as full:  # the worker waits for an answer all the same
                        failure = full
                    worker.go(not have and failure is None)
                elif event["event"] == "cancelled" and failure is not None:
                    raise failure
                elif not (event["event"] == "cancelled" and have):
                    await self._handle(live, frame, event, key)

    async def _handle(self, live: Live, frame: Frame, event: dict[str, Any], key: str) -> None:
        """Take in one event of the worker that solves ``frame``. Raises the error that it reports.

        ``key`` is what the cache keeps the result under.
        """
        kind = event.pop("event")
        record = live.record
        if kind == "progress":
            if event["preview"] is not None:
                live.previews += 1
            if live.progress is None or live.progress["frame"] != frame.number:
                live.warnings = []
            warnings = [self.store.with_client_names(record, x) for x in event["warnings"]]
            live.warnings.extend(text for text in warnings if text not in live.warnings)
            live.progress = {**event, "preview": None, "warnings": list(live.warnings)}
            live.changed()
        elif kind == "layers":
            layers = Layers.from_json(event)
            warnings = [self.store.with_client_names(record, text) for text in layers.warnings]
            whole = dataclasses.replace(layers.settings, device=live.settings.device)
            if whole == live.settings:  # else memory was short, and the frame is solved with less
                exr = self.store.layers(record, frame.number)
                await asyncio.to_thread(self.cache.put, key, exr, layers)
                self.cache.link(self._key(live, frame), key)
            self._finish(live, dataclasses.replace(layers, warnings=tuple(warnings)))
        elif kind == "cancelled":
            raise CancelledError(live.cancelling)
        else:
            message = self.store.with_client_names(record, event["message"])
            raise from_wire({"error": event["error"], "message": message})

    async def _from_cache(self, live: Live, frame: Frame, content: str = "") -> bool:
        """Take a finished frame from the cache. False when it has to be computed.

        Found by the plates' files or, once they were read, by the key of their ``content``.
        """
        target = self.store.layers(live.record, frame.number)
        key = self._key(live, frame)
        names = {f"dmp:{plate.role.value}": plate.path for plate in frame.plates}
        image = frame.plate(Role.IMAGE)
        names["dmp:layer"] = image.layer if image is not None else ""
        window = window_of(frame, live.record.job, live.settings)
        names["dmp:inputs"] = recorded_inputs(frame, window)
        try:
            found = await asyncio.to_thread(self.cache.get, content or key, target, names)
        except OSError as reason:
            raise full_disk(reason) from None
        if found is None:
            return False
        if content:
            self.cache.link(key, content)
        if frame.number not in live.record.layers and not live.record.ended:
            at_once = {"total": 0.0}
            self._finish(live, dataclasses.replace(found, frame=frame.number, seconds=at_once))
        return True

    def _finish(self, live: Live, layers: Layers) -> None:
        live.record.layers[layers.frame] = layers
        live.record.crashes = 0
        self._save(live.record)
        live.changed()

    def _key(self, live: Live, frame: Frame) -> str:
        """The key of one frame by its files: Job.key, and the colour configuration."""
        record = live.record
        one = self._as_solved(live, frame, (dataclasses.replace(frame, number=0),))
        content = record.content(frame, *one.context)
        return hashlib.sha256(
            (one.key(content, engine_version()) + ocio_digest(record.ocio)).encode()
        ).hexdigest()

    def _as_solved(self, live: Live, frame: Frame, frames: tuple[Frame, ...]) -> Job:
        """The job with what ``frame`` is solved with on its device, in place of all else."""
        return dataclasses.replace(
            live.record.job,
            frames=frames,
            context=self._window(live, frame),
            settings=self._settings_that_count(live),
            settings_on_cpu=None,
        )

    def _window(self, live: Live, frame: Frame) -> tuple[Frame, ...]:
        """The frame's neighbours, numbered by their distance to it."""
        return tuple(
            dataclasses.replace(other, number=other.number - frame.number)
            for other in window_of(frame, live.record.job, live.settings)
        )

    def _content_key(self, live: Live, frame: Frame, digest: str) -> str:
        """The key of one frame by what a worker read from its plates.

        Its neighbours count by their files, which nobody has read yet.
        """
        one = self._as_solved(live, frame, ())
        content = live.record.content(*one.context)
        parts = one.key(content, engine_version()) + ocio_digest(live.record.ocio) + digest
        image = frame.plate(Role.IMAGE)
        if image is not None and image.keeps_space:  # the same pixels, another space of the layers
            parts += f"in {image.colour_space}"
        return hashlib.sha256(parts.encode()).hexdigest()

    def _settings_that_count(self, live: Live) -> Settings:
        """The job's settings with the kind of device and its number of threads."""
        device = suitable_devices(live.settings, self.pool.known())[0]
        return dataclasses.replace(
            live.settings,
            device=device.name.partition(":")[0],
            threads=live.settings.threads or device.threads,
        )

    def _end(self, live: Live, failure: DmpError | None) -> None:
        record = live.record
        self.schedule.remove(record.id)
        if isinstance(failure, CancelledError):
            record.become(JobState.CANCELLED)
        else:
            record.become(JobState.FAILED if failure else JobState.DONE)
        record.failure = failure.to_wire() if failure else None
        live.progress = None
        live.ended_at = time.monotonic()
        try:
            if record.state is JobState.CANCELLED:
                self.store.remove(record)
            else:
                self.store.drop_inputs(record)
                self.store.save(record)
        except Exception as reason:  # a full disk; the client receives the end all the same
            log.warning("job %s: its folder could not be tidied: %r", record.id, reason)
        log.info("job %s %s %s", record.id, record.state.value, failure or "")
        live.changed()

    def _save(self, record: Record) -> None:
        try:
            self.store.save(record)
        except OSError as reason:
            raise full_disk(reason) from None

    def _spawn(self, work: Coroutine[Any, Any, None], live: Live) -> None:
        """Run ``work`` on the job ``live`` beside the others.

        The one rule for background tasks: none dies unseen, and no job is left without an end.
        """

        async def guarded() -> None:
            try:
                await work
            except Exception as error:
                failure = _failure(live.record, error)
                if not live.record.ended:
                    self._end(live, failure)

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """Cancel what somebody waited for, keep batches for the next engine, end the workers."""
        self._stopping = True
        for live in list(self.jobs.values()):
            if live.record.attended or live.record.state is JobState.UPLOADING:
                self.cancel(live, "The engine was stopped.")
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.pool.stop()


def _failure(record: Record, error: Exception) -> DmpError:
    """Why a job ended, as the artist reads it; a bug is logged with the job that met it."""
    failure = as_dmp_error(error)
    if failure is not error:
        log.error("job %s: %s", record.id, failure)
    return failure


def _raise_if_cancelled(live: Live) -> None:
    if live.cancelling:
        raise CancelledError(live.cancelling)


async def _while_running(work: Coroutine[Any, Any, None], live: Live) -> None:
    task = asyncio.ensure_future(work)
    try:
        with live.watched() as changed:
            while live.slot is not None and not task.done():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await changed.wait()
                changed.clear()
    finally:
        ended = not task.cancel()  # whatever happened here, it never reaches the next job's frame
    if ended:
        task.result()  # what it raised is not lost


def full_disk(reason: OSError) -> OutputError:
    """An OSError of the job folders, as a sentence for an artist."""
    return OutputError(
        f"The engine cannot write to its cache folder ({reason.strerror}); "
        "free some disk space, for instance with `dmp cache clear`."
    )
