"""One engine per user, from its first breath to its last.

Start: take the lock (the kernel frees it however we die), bind the socket, then
leave the host's process group, write the run file and serve. A second engine
finds the lock taken and ends at once; a run file without a lock is stale.

End: on request; when nothing happened for the idle time; when the last client
that was there died and nothing is left to do. The socket, the run file and the
workers go with us.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import socket
import time
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from dmp_matting import operating_system
from dmp_matting.atomic_write import atomic_write
from dmp_matting.errors import EngineError
from dmp_matting.file_lock import try_lock
from dmp_matting.job import PROTOCOL
from dmp_matting.paths import make_cache_folder, run_folder

from ..version import engine_version
from .app import Api
from .connections import limited_protocol, raise_file_limit
from .dispatcher import Dispatcher
from .job_folders import show_life, take_jobs_folder
from .job_store import Store
from .log import open_log, rotate
from .pool import Pool
from .result_cache import ResultCache

TICK = 0.25  # seconds
LOCK_TRIES, LOCK_INTERVAL = 5, 0.04  # seconds
TOUCH = 3600.0  # seconds between two touches of our files in /tmp, which cleaners go by

log = logging.getLogger("dmp.engine")


def serve(options: Namespace) -> int:
    """Serve until the end; the exit code. 0 also when another engine is there already."""
    open_log()
    raise_file_limit()
    os.umask(0o077)
    if options.run_folder is None:
        options.run_folder = run_folder()
    if options.cache_folder is None:
        options.cache_folder = make_cache_folder()
    options.cache_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = take_lock(options.run_folder / "engine.lock")
    if lock is None:
        log.info("another engine of this user is running; this one is not needed")
        _report({"ready": False})
        return 0
    with contextlib.closing(lock):
        listener, address = _listen(options)
        if options.detach and operating_system.fork():
            os._exit(0)  # the caller's child ends here; the engine goes on without a parent
        _write_pid(lock)
        return asyncio.run(_Engine(options, address, lock).run(listener))


def _write_pid(lock: Any) -> None:
    """Our process, from the second byte on: on Windows nobody can read the first, the locked one.

    Always of one length, so that a full disk that has held one holds the next.
    """
    try:
        lock.seek(0)
        lock.write(f" {os.getpid():<19}\n".encode())
    except OSError as reason:
        log.warning("the lock file does not hold our process number (%s)", reason.strerror)


def _report(word: dict[str, Any]) -> None:
    """Write to the program that started us (client/engine_start.py); then close its pipe."""
    with contextlib.suppress(OSError):  # it has gone
        os.write(1, json.dumps(word).encode() + b"\n")
    with contextlib.suppress(OSError):
        os.dup2(2, 1)


def take_lock(path: Path) -> Any:
    """The open lock file, or None when another engine holds it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(0o600)
    for _ in range(LOCK_TRIES):  # a client that looks whether it is held, holds it for a moment
        file = path.open("r+b", buffering=0)
        if try_lock(file):
            return file
        file.close()
        time.sleep(LOCK_INTERVAL)
    return None


def _listen(options: Namespace) -> tuple[socket.socket, str]:
    """A bound socket and its address for the run file.

    What a killed engine left goes first: the lock is ours.
    """
    for name in ("engine.json", "engine.sock"):
        (options.run_folder / name).unlink(missing_ok=True)
    if options.tcp or not operating_system.HAS_UNIX_SOCKETS:
        return _listen_tcp()
    path = options.run_folder / "engine.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    return listener, f"unix:{path}"


def _listen_tcp() -> tuple[socket.socket, str]:
    # Named as TCP, or asyncio would leave Nagle's algorithm on: 40 ms an answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    return listener, f"http://127.0.0.1:{listener.getsockname()[1]}"


class _Server(uvicorn.Server):
    """uvicorn without signal handlers: there are two of them, and the engine handles signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _http(app: ASGIApp) -> _Server:
    return _Server(
        uvicorn.Config(
            app, http=limited_protocol(), ws="none", lifespan="off", log_config=None,
            access_log=False, server_header=False, date_header=False, proxy_headers=False,
            timeout_keep_alive=5, timeout_graceful_shutdown=2, h11_max_incomplete_event_size=65536,
        )
    )  # fmt: skip


class _Engine:
    """What runs between start and end."""

    def __init__(self, options: Namespace, address: str, lock: Any) -> None:
        self.options = options
        self.lock = lock
        self.address = address
        self.token = secrets.token_urlsafe(32)
        cache = ResultCache(options.cache_folder / "results", int(options.cache_gb * 2**30))
        # The home folder may be shared by several machines, each with its own engine.
        self.jobs_folder, self.jobs_lock = take_jobs_folder(options.cache_folder, take_lock)
        self.pool = Pool(options.cpu_workers)
        self.dispatcher = Dispatcher(Store(self.jobs_folder), cache, self.pool)
        self.api = Api(self.dispatcher, options.plate_mb << 20)
        self.api.open_page = self._open_page
        self._page: tuple[_Server, asyncio.Task[None], str] | None = None
        self._touched = time.monotonic()
        self._failure = ""  # of the last housekeeping

    async def run(self, listener: socket.socket) -> int:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError):  # the loops of Windows have none
            for number in operating_system.ending_signals():
                loop.add_signal_handler(number, self.api.stop_asked.set)
        server = _http(self.api.app(self.token))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        self.dispatcher.resume()
        warm_up = asyncio.create_task(self._warm_up())
        try:
            while not server.started and not serving.done():
                await asyncio.sleep(0.01)
            self._write_run_file()
            log.info("engine %s at %s", engine_version(), self.address)
            _report({"ready": True})
            while not serving.done():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(TICK):
                        await self.api.stop_asked.wait()
                    log.info("stop requested")
                why = "requested" if self.api.stop_asked.is_set() else await self._kept()
                if why:
                    log.info("the engine ends: %s", why)
                    break
        except OSError as reason:
            sentence = f"The engine cannot write its run file ({reason}); free some space there."
            log.error("the engine ends: %s", sentence)
            _report(EngineError(sentence).to_wire())
            return 3
        finally:
            with contextlib.suppress(OSError):
                (self.options.run_folder / "engine.json").unlink(missing_ok=True)
            self.api.stop_asked.set()
            warm_up.cancel()
            await self.dispatcher.stop()
            server.should_exit = True
            if self._page is not None:
                self._page[0].should_exit = True
                await self._page[1]
            await serving
            self.jobs_lock.close()
            if self.address.startswith("unix:"):
                Path(self.address[5:]).unlink(missing_ok=True)
        return 0

    async def _warm_up(self) -> None:
        """Load torch while the first client is still sending its plates."""
        await asyncio.to_thread(self.dispatcher.cache.sweep)
        try:
            await self.pool.devices()
        except Exception as reason:  # the first job meets it again and reports it
            log.warning("the first worker did not start: %s", reason)

    async def _kept(self) -> str:
        """``_housekeeping``, whose failure ends nothing and is logged once."""
        try:
            why = await self._housekeeping()
            self._failure = ""
            return why
        except Exception as bug:
            if repr(bug) != self._failure:
                self._failure = repr(bug)
                log.exception("housekeeping")
            return ""

    async def _housekeeping(self) -> str:
        """Whatever is due; a reason when the engine should end."""
        options, api = self.options, self.api
        for live in list(self.dispatcher.jobs.values()):
            waited_for = live.record.attended and not live.record.ended
            if waited_for and live.presence.absent_for() > options.grace:
                self.dispatcher.cancel(live, "The program that submitted this job went away.")
                api.deserted = True
        rotate(options.cache_folder / "logs" / "engine.log")
        self.dispatcher.pump()  # should one ever have failed
        self.dispatcher.forget_old()
        for slot in self.pool.rest_after(options.worker_idle):
            log.info("%s: worker idle, ended", slot.device.name)
            await slot.stop()
        if time.monotonic() - self._touched > TOUCH:
            self._touched = time.monotonic()
            for name in ("engine.json", "engine.lock", "engine.sock"):
                with contextlib.suppress(OSError):
                    os.utime(options.run_folder / name)
            show_life(self.jobs_folder)
        if not (options.run_folder / "engine.json").exists():
            with contextlib.suppress(OSError):  # tried again at the next tick
                self._write_run_file()
                log.info("the run file was gone and is written again")
        if self.dispatcher.busy:
            api.used = time.monotonic()
            return ""
        self.pool.look_again()
        why = ""
        if not self._lock_is_ours():
            why = "its run folder was removed"
        elif time.monotonic() - api.used > options.idle:
            why = "idle"
        elif api.deserted and api.hosts.absent_for() > options.grace:
            why = "its last client went away"
        if why:
            api.stop_asked.set()  # from now on new jobs are sent to the next engine
        return why

    def _lock_is_ours(self) -> bool:
        """False when the lock file was removed: another engine may start beside this one."""
        try:
            return os.path.samestat(
                os.stat(self.options.run_folder / "engine.lock"), os.fstat(self.lock.fileno())
            )
        except OSError:
            return False

    async def _open_page(self) -> str:
        """The status page's own address: TCP, which a browser can reach."""
        if self._page is None:
            listener, address = _listen_tcp()
            server = _http(self.api.page_app())
            task = asyncio.create_task(server.serve(sockets=[listener]))
            while not server.started:
                await asyncio.sleep(0.01)
            self._page = server, task, address
        return self._page[2]

    def _write_run_file(self) -> None:
        content = {
            "address": self.address,
            "token": self.token,
            "protocol": PROTOCOL,
            "version": engine_version(),
            "pid": os.getpid(),
        }
        with (
            atomic_write(self.options.run_folder / "engine.json") as temporary,
            open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file,
        ):
            json.dump(content, file)
