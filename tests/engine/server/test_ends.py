"""Whatever fails on a job's way, the job ends and the engine serves the next one.

The dispatcher and the pool are the real ones; the worker is a script that speaks the worker's
protocol without torch, and fails as the test orders it to.

Long because all of these ends share that one script.
"""

from __future__ import annotations

import asyncio
import errno
import random
import sys
import time
import types
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from dmp_engine.pipeline.checkpoint import Checkpoint
from dmp_engine.server import dispatcher as dispatcher_module
from dmp_engine.server import pool as pool_module
from dmp_engine.server.dispatcher import Dispatcher, Live
from dmp_engine.server.job_store import Record, Store
from dmp_engine.server.pool import Pool, Worker, WorkerDied
from dmp_engine.server.result_cache import ResultCache
from dmp_matting import EngineError, OutputError, Settings
from dmp_matting.job import Frame, Job, JobState, Plate, Role

# Orders for the worker: lines of a file, of which every worker takes the next at each turn.
WORKER = """
import json, os, signal, sys, time
ORDERS = {orders!r}
def order():
    with open(ORDERS) as file:
        lines = file.read().split()
    with open(ORDERS, "w") as file:
        file.write(" ".join(lines[1:]))
    return lines[0] if lines else "work"
def send(kind, **fields):
    sys.stdout.write(json.dumps(dict(fields, event=kind)) + chr(10))
    sys.stdout.flush()
def fail(now):
    if now == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if now == "exit":
        os._exit(1)
    if now == "nonsense":
        print("[]", flush=True)
        time.sleep(60)
    if now in ("lost", "busy"):
        send("lost" if now == "lost" else "error", ends=True, error="DeviceError",
             message="The GPU is " + now + ".")
        os._exit(4)
    if now == "strange":
        send("strange")
    if now == "hangs":
        time.sleep(60)
fail(order())
gpus = [dict(name="cuda:" + str(n), label="", memory=1) for n in range({gpus})]
send("hello", devices=gpus + [dict(name="cpu", label="CPU", memory=1, threads=1)])
for line in sys.stdin:
    command = json.loads(line)
    if command["do"] == "try":
        now = order()
        fail("exit" if now == "dies" else "work")
        send("tried", why="" if now == "work" else now)
    if command["do"] != "frame":
        continue
    with open(ORDERS + ".shrink", "a") as file:
        file.write(str(command.get("shrink")) + " ")
    fail(order())
    number = command["frame"]["number"]
    send("content", digest=str(number))
    answer = json.loads(sys.stdin.readline())
    if answer["do"] == "cancel" or not answer["on"]:
        send("cancelled")
        continue
    last = order()
    fail(last)
    if last == "smaller":
        command["settings"]["recompositions"] = 0
    with open(command["output"], "wb") as file:
        file.write(b"layers")
    send("layers", frame=number, path=command["output"], channels=["A"], width=1, height=1,
         device="cpu", seconds=dict(total=1.0), settings=command["settings"])
"""


class Engine:
    """A dispatcher in ``folder`` whose workers fail as ordered."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, gpus: int = 0) -> None:
        self._orders, self._folder = folder / "orders", folder
        self.order("")
        script = WORKER.format(orders=str(self._orders), gpus=gpus)
        monkeypatch.setattr(pool_module, "BOOT", script)
        monkeypatch.setattr(pool_module, "CANCEL_LIMIT", 0.2)
        self.pool = Pool()
        self.cache = ResultCache(folder / "results")
        self.dispatcher = Dispatcher(Store(folder / "jobs"), self.cache, self.pool)
        self._made = 0

    def order(self, words: str) -> None:
        """What the workers do at their next turns: at the start, at a frame, after its content."""
        self._orders.write_text(words)

    def upload(self, frames: int = 1) -> Live:
        """A job of its own pixels whose plates have arrived."""
        self._made += 1
        plates = Plate(f"image{self._made}.exr", Role.IMAGE), Plate("clean.exr", Role.CLEAN)
        numbers = range(1, frames + 1)
        settings = Settings(device="cpu", recompositions=4)
        job = Job(tuple(Frame(number, plates) for number in numbers), settings)
        live = self.dispatcher.enter(self.dispatcher.stored(job, attended=True, ocio=""))
        for number, plate in enumerate(live.record.plates):
            self.dispatcher.store.plate(live.record, number).write_bytes(b"plate")
            plate.digest = f"{self._made} {number}"
        return live

    def start(self, frames: int = 1) -> Live:
        live = self.upload(frames)
        self.dispatcher.start(live)
        return live

    async def end_of(self, live: Live, seconds: float = 10.0) -> JobState:
        """The state in which the job ends; fails when it does not end."""
        start = time.monotonic()
        while not live.record.ended:
            assert time.monotonic() - start < seconds, f"{live.record.state} for ever"
            await asyncio.sleep(0.01)
        return live.record.state


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    return Engine(tmp_path, monkeypatch)


def run(engine: Engine, test: Callable[[], Any]) -> None:
    async def whole() -> None:
        try:
            await test()
        finally:
            await engine.dispatcher.stop()

    asyncio.run(whole())


@pytest.mark.parametrize("failure", [RuntimeError("no"), OSError("no"), KeyError("no")])
def test_any_failure_while_a_job_is_admitted_ends_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failure: Exception
) -> None:
    monkeypatch.setenv("DMP_CACHE_DIR", str(tmp_path))

    async def fails(*of_the_pool: Any) -> None:
        raise failure

    async def test() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(Pool, "devices", fails)
            live = engine.start()
            assert await engine.end_of(live) is JobState.FAILED
            (log,) = tmp_path.glob("user-*/logs/engine-*.log")
            sentence = f"The engine hit a bug: {type(failure).__name__}: {failure}; see {log}"
            assert live.record.failure == {"error": "EngineError", "message": sentence}
            assert "in fails" in log.read_text()
        assert await engine.end_of(engine.start()) is JobState.DONE

    run(engine, test)


def test_a_worker_that_cannot_be_started_ends_the_job_with_the_reason(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The Python was replaced by an update; the limit of processes raises the same way."""

    async def test() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", str(tmp_path / "gone" / "python"))
            live = engine.start()
            assert await engine.end_of(live) is JobState.FAILED
            assert live.record.failure is not None
            assert "No such file or directory" in live.record.failure["message"]
        assert await engine.end_of(engine.start()) is JobState.DONE

    run(engine, test)


@pytest.mark.parametrize("content", ["[]", "3", "{}", '{"settings": []}', "[" * 5000])
def test_a_cache_entry_of_anything_else_is_solved_anew(engine: Engine, content: str) -> None:
    async def test() -> None:
        first = engine.start()
        assert await engine.end_of(first) is JobState.DONE
        for note in engine.cache.folder.glob("*/*/layers.json"):
            note.write_text(content)
        engine._made -= 1  # the same plates again
        again = engine.start()
        assert await engine.end_of(again) is JobState.DONE
        assert again.record.layers[1].seconds == {"total": 1.0}, "not solved"

    run(engine, test)


def test_a_worker_killed_while_it_loads_is_started_again(engine: Engine) -> None:
    async def test() -> None:
        engine.order("killed " * 4)
        assert await engine.end_of(engine.start()) is JobState.DONE
        engine.order("work killed killed killed")  # at its frame, then twice while it loads
        assert await engine.end_of(engine.start()) is JobState.DONE

    run(engine, test)


def test_a_worker_that_is_always_killed_while_it_loads_ends_the_job(engine: Engine) -> None:
    async def test() -> None:
        engine.order("killed " * 9)
        live = engine.start()
        assert await engine.end_of(live) is JobState.FAILED
        assert live.record.failure is not None
        assert "worker could not start" in live.record.failure["message"]
        engine.order("")
        assert await engine.end_of(engine.start()) is JobState.DONE

    run(engine, test)


def test_a_worker_that_sends_nonsense_is_replaced(engine: Engine) -> None:
    async def test() -> None:
        engine.order("work nonsense")
        assert await engine.end_of(engine.start()) is JobState.DONE

    run(engine, test)


@pytest.mark.parametrize(
    ("orders", "counted", "shrinks"),
    [
        ("work killed work", False, "0 0 "),  # by anybody: it goes on from its checkpoint
        ("work killed work killed work", False, "0 0 1 "),
        ("work killed work killed work", True, "0 1 2 "),  # for want of memory
        ("work exit work exit work", True, "0 0 0 "),  # it ended by itself
    ],
)
def test_after_a_worker_was_killed_for_memory_the_frame_is_solved_smaller(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, orders: str, counted: bool, shrinks: str
) -> None:
    kernel = iter(range(1000)) if counted else iter([0] * 1000)
    monkeypatch.setattr(pool_module, "memory_kills", lambda: next(kernel))

    async def test() -> None:
        engine.order(orders)
        assert await engine.end_of(engine.start()) is JobState.DONE
        assert Path(f"{engine._orders}.shrink").read_text() == shrinks

    run(engine, test)


@pytest.mark.parametrize(
    ("orders", "state", "words"),
    [
        ("work lost work", JobState.DONE, ""),  # a new worker solves the frame
        ("work lost work lost work", JobState.DONE, ""),
        ("work lost work lost work lost", JobState.FAILED, "The GPU is lost."),
        ("work busy", JobState.FAILED, "The GPU is busy."),  # tried again it would be no better
    ],
)
def test_a_worker_whose_gpu_fails_is_replaced(
    engine: Engine, orders: str, state: JobState, words: str
) -> None:
    async def test() -> None:
        engine.order(orders)
        live = engine.start()
        assert await engine.end_of(live) is state
        assert (live.record.failure or {"message": ""})["message"] == words
        assert await engine.end_of(engine.start()) is JobState.DONE

    run(engine, test)


@pytest.mark.parametrize(
    ("orders", "found", "why"),
    [
        ("work work", ["cuda:0", "cuda:1", "cpu"], ""),
        ("work busy work", ["cuda:1", "cpu"], ""),
        ("work busy full", ["cpu"], "busy"),
        ("work dies", ["cuda:1", "cpu"], "the GPU does not start"),  # the other is not tried
    ],
)
def test_gpus_that_take_no_work_are_left_out_until_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orders: str, found: list[str], why: str
) -> None:
    engine = Engine(tmp_path, monkeypatch, gpus=2)

    async def test() -> None:
        engine.order(orders)
        devices = await engine.pool.devices()
        assert [device.name for device in devices] == found
        assert devices[-1].why_no_gpu == why
        engine.pool.look_again()  # its worker may solve at any moment
        assert engine.pool.known() == devices
        await engine.pool.slots[0].stop()
        engine.pool.look_again()
        assert engine.pool.known() == ([] if why else devices)
        engine.order("work work")
        again = await engine.pool.devices()
        assert [device.name for device in again] == (["cuda:0", "cuda:1", "cpu"] if why else found)

    run(engine, test)


def test_no_event_of_a_broken_off_frame_reaches_the_next_one(engine: Engine) -> None:
    """What a worker sends after an event that nobody understands belongs to no other job."""

    async def test() -> None:
        engine.order("work strange")
        live = engine.start()
        assert await engine.end_of(live) is JobState.FAILED
        after = engine.start()
        assert await engine.end_of(after) is JobState.DONE
        worker = engine.pool.slots[0].worker
        assert worker is not None and worker._events.empty()

    run(engine, test)


def test_plates_that_cannot_be_read_in_time_end_the_job(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A decoder in an endless loop cannot be interrupted; the next job has a new worker."""
    monkeypatch.setattr(dispatcher_module, "READ_LIMIT", 0.5)

    async def test() -> None:
        engine.order("work hangs")
        live = engine.start()
        assert await engine.end_of(live) is JobState.FAILED
        assert live.record.failure is not None
        assert live.record.failure["error"] == "PlateError"
        assert "frame 1 could not be read within" in live.record.failure["message"]
        assert await engine.end_of(engine.start()) is JobState.DONE

    run(engine, test)


def test_a_frame_closed_early_takes_its_worker_along(engine: Engine) -> None:
    async def test() -> None:
        worker = await Worker.start("")
        frames = worker.frame(frame={"number": 1}, output="", settings={})
        await anext(frames)
        await frames.aclose()
        assert await asyncio.wait_for(worker.process.wait(), 5) == -9
        with pytest.raises(WorkerDied):
            async for _ in worker.frame(frame={}):
                pass

    run(engine, test)


def test_a_full_disk_at_the_start_ends_the_job_with_its_sentence(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*of_the_store: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def test() -> None:
        live = engine.upload()
        with monkeypatch.context() as patch:
            patch.setattr(Store, "save", full)
            with pytest.raises(OutputError, match="No space left"):
                engine.dispatcher.start(live)
            assert live.record.state is JobState.FAILED
            with pytest.raises(OutputError, match="No space left"):  # 507 over HTTP
                engine.upload()
        assert await engine.end_of(engine.start()) is JobState.DONE

    run(engine, test)


def test_a_full_disk_as_a_batch_gives_way_ends_it(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The more urgent job is there while the batch has frames left."""
    save = Store.save

    def full_for_queued(store: Store, record: Record) -> None:
        if record.state is JobState.QUEUED and record.layers:
            raise OSError(errno.ENOSPC, "No space left on device")
        save(store, record)

    async def test() -> None:
        monkeypatch.setattr(Store, "save", full_for_queued)
        batch = engine.start(frames=50)
        while not batch.record.layers:
            await asyncio.sleep(0.001)
        urgent = engine.start()
        assert await engine.end_of(urgent) is JobState.DONE
        assert await engine.end_of(batch) is JobState.FAILED
        assert batch.record.failure is not None
        assert "No space left" in batch.record.failure["message"]

    run(engine, test)


def test_a_frame_that_was_solved_with_less_for_want_of_memory_is_not_cached(
    engine: Engine,
) -> None:
    async def test() -> None:
        engine.order("work work smaller")
        assert await engine.end_of(engine.start()) is JobState.DONE
        assert engine.cache.usage().entries == 0
        engine._made -= 1  # the same plates again, and memory enough
        again = engine.start()
        assert await engine.end_of(again) is JobState.DONE
        assert again.record.layers[1].settings.recompositions > 0
        assert engine.cache.usage().entries == 1

    run(engine, test)


def test_a_batch_under_way_when_the_engine_ends_is_not_done(engine: Engine) -> None:
    async def test() -> None:
        engine.order("work nonsense")
        live = engine.start(frames=2)
        live.record.attended = False
        while live.record.state is not JobState.RUNNING:
            await asyncio.sleep(0.01)
        await engine.dispatcher.stop()
        assert live.record.state is JobState.QUEUED
        (again,) = Store(engine.dispatcher.store.root).load()
        assert not again.ended and len(again.unfinished()) == 2

    run(engine, test)


@pytest.mark.parametrize("seed", range(4))
def test_random_faults_end_every_job_and_leave_an_engine_that_works(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Faults of workers, disk and cache, and cancellations, at random moments."""
    chance = random.Random(seed)
    active = True

    def sometimes(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            if active and chance.random() < 0.15:
                raise chance.choice(
                    [OSError(errno.ENOSPC, "full"), RuntimeError("odd"), MemoryError()]
                )
            return original(*arguments, **more)

        return call

    for kind, name in (
        (Store, "save"), (Store, "drop_inputs"), (Store, "stored_frame"), (ResultCache, "get"),
        (ResultCache, "put"), (ResultCache, "link"), (Dispatcher, "_key"), (Dispatcher, "_handle"),
    ):  # fmt: skip
        monkeypatch.setattr(kind, name, sometimes(getattr(kind, name)))

    async def test() -> None:
        nonlocal active
        jobs = []
        for _ in range(12):
            words = chance.choices(["work", "killed", "exit", "strange"], [6, 2, 1, 1], k=6)
            engine.order(" ".join(words))
            try:
                jobs.append(engine.start(frames=chance.choice([1, 3])))
            except (OutputError, RuntimeError, MemoryError):
                continue
            await asyncio.sleep(chance.random() * 0.1)
            if chance.random() < 0.2:
                engine.dispatcher.cancel(jobs[-1], "Cancelled on request.")
        for live in jobs:
            await engine.end_of(live, 30)
        active = False
        engine.order("")
        assert await engine.end_of(engine.start()) is JobState.DONE

    run(engine, test)


def test_what_a_killed_worker_has_sent_is_no_answer_to_the_next_job(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the kill and the moment in which the system reports the death."""

    async def test() -> None:
        assert await engine.end_of(engine.start()) is JobState.DONE
        (worker,) = (slot.worker for slot in engine.pool.slots if slot.worker is not None)
        worker._events.put_nowait({"event": "cancelled"})  # the job before it was cancelled
        monkeypatch.setattr(worker.process, "kill", lambda: None)  # the system takes its time
        worker.kill()
        assert await engine.end_of(engine.start()) is JobState.DONE

    run(engine, test)


@types.coroutine
def faulty(work: Coroutine[Any, Any, Any], fails: Callable[[], bool]) -> Any:
    """``work``, into which an exception is thrown at those of its awaits where ``fails()``."""
    thrown: BaseException | None = None
    while True:
        try:
            waits_for = work.throw(thrown) if thrown is not None else work.send(None)
        except StopIteration as end:
            return end.value
        thrown = None
        if fails():
            thrown = RuntimeError("at an await")
            continue
        try:
            yield waits_for
        except BaseException as error:  # a cancellation
            thrown = error


@pytest.mark.parametrize("seed", range(8))
def test_a_fault_at_any_await_ends_the_job_and_leaves_an_engine_that_works(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = random.Random(seed)
    active = True
    spawn = Dispatcher._spawn

    def spawn_faulty(self: Dispatcher, work: Coroutine[Any, Any, None], live: Live) -> None:
        spawn(self, faulty(work, lambda: active and chance.random() < 0.08), live)

    monkeypatch.setattr(Dispatcher, "_spawn", spawn_faulty)

    async def test() -> None:
        nonlocal active
        jobs = []
        for number in range(10):
            engine.order(" ".join(chance.choices(["work", "killed", "exit"], [6, 1, 1], k=6)))
            jobs.append(engine.start(frames=chance.choice([1, 3])))
            await asyncio.sleep(chance.random() * 0.05)
            if number % 4 == 3:
                engine.dispatcher.cancel(jobs[-1], "Cancelled on request.")
        for live in jobs:
            await engine.end_of(live, 30)
        active = False
        engine.order("")
        assert await engine.end_of(engine.start()) is JobState.DONE

    run(engine, test)


@pytest.mark.parametrize("state", [[], 3, {"mark": "another"}, "text"])
def test_a_checkpoint_of_anything_else_is_none(tmp_path: Path, state: Any) -> None:
    import torch

    torch.save(state, tmp_path / "checkpoint")
    found = Checkpoint(tmp_path / "checkpoint", Settings(), "digest")
    assert found.state() is None
    found.path = tmp_path  # a folder in its place is no failure of the finished frame
    found.forget()


def test_the_reason_of_a_worker_that_reports_one_is_passed_on(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = 'print(\'{"event": "error", "error": "EngineMissingError", "message": "No torch."}\')'
    monkeypatch.setattr(pool_module, "BOOT", script)
    with pytest.raises(EngineError, match="No torch."):
        asyncio.run(Worker.start(""))
