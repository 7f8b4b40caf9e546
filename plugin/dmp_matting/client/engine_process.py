"""One job in one engine process: started for it, gone with it. Standard library only.

The other end is ``dmp_engine/processes/run_once.py``, where request and events are described. The
child's standard input stays open for as long as this process lives, so that the child notices even
a ``kill -9`` of its parent and ends.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from typing import IO, Any, Dict, Generator, Mapping, Optional, Sequence, Union

from ..errors import CancelledError, EngineError, EngineMissingError, from_wire, limit_hint
from ..job import Job, Layers, Progress
from .engine_python import child_environment, engine_command
from .file_states import FileStates
from .outputs import check_outputs

GRACE = 12.0  # seconds; the child's own is shorter, so it ends itself if it still can


class Notice(str):
    """A sentence from the engine that the artist should see, such as which device solves."""


Event = Union[Notice, Progress, Layers]


def run_directly(
    job: Job, outputs: Mapping[int, str], *, command: Optional[Sequence[str]] = None
) -> Generator[Event, None, None]:
    """Start an engine, yield its Notices and Progress, and the Layers of each frame.

    ``outputs`` names each frame's EXR; ``command`` is the engine's, if not the user's.
    Closing the generator ends the engine and waits for that.
    Raises what the engine raised, and EngineError or EngineMissingError of its own.
    """
    check_outputs(job, outputs)
    request: Dict[str, Any] = {
        "job": FileStates().of_job(job).to_json(),
        "outputs": {str(number): path for number, path in outputs.items()},
        "attended": True,
    }
    with tempfile.TemporaryFile() as stderr:
        child = start_engine("run", stderr=stderr, command=command)
        try:
            assert child.stdin is not None and child.stdout is not None
            try:
                child.stdin.write(json.dumps(request).encode() + b"\n")
                child.stdin.flush()
            except BrokenPipeError:
                pass  # it died at once; its error output or its exit code says why
            finished = 0
            for line in child.stdout:
                event = _event(line)
                if event is not None:
                    if isinstance(event, Progress):
                        yield from map(Notice, event.warnings)  # the engine sends them once
                    finished += isinstance(event, Layers)
                    yield event
            code = child.wait()
            if code or finished < len(job.frames):
                raise _died(code, stderr)
        finally:
            _end(child)


def query_engine(*arguments: str, command: Optional[Sequence[str]] = None) -> Dict[str, Any]:
    """Run a short command of the engine and return the JSON object that it prints.

    ``command`` starts another engine than this program's own (:func:`.engine_command`).
    """
    with tempfile.TemporaryFile() as stderr:
        child = start_engine(*arguments, stderr=stderr, command=command)
        try:
            output, _ = child.communicate()
        finally:
            _end(child)
        try:
            answer: Dict[str, Any] = json.loads(output)
        except (ValueError, RecursionError):
            raise _died(child.returncode, stderr) from None
    if "error" in answer:
        raise from_wire(answer)
    return answer


def engine_lines(*arguments: str) -> Generator[Dict[str, Any], None, None]:
    """Run a long command of the engine and yield each JSON object that it prints, as it comes.

    Closing the generator ends the engine. Raises what the engine raised, and EngineError.
    """
    return EngineCommand().lines(*arguments)


class EngineCommand:
    """A long command of the engine, which another thread may end.

    ``python``: the engine's, as the host's preferences name it. ``ocio``: the host's own colour
    configuration; None: that of ``$OCIO``.
    """

    def __init__(self, python: Optional[str] = None, ocio: Optional[str] = None) -> None:
        self._python, self._ocio = python, ocio
        self._child: Optional[subprocess.Popen[bytes]] = None
        self._lock = threading.Lock()  # around the child's start and its end on request
        self._cancelled = False

    def cancel(self) -> None:
        """End it, whatever thread runs it; returns at once."""
        with self._lock:
            self._cancelled = True
            if self._child is not None:
                self._child.terminate()

    def lines(self, *arguments: str) -> Generator[Dict[str, Any], None, None]:
        """Run the command once, as :func:`engine_lines`; CancelledError after :meth:`cancel`."""
        with tempfile.TemporaryFile() as stderr:
            with self._lock:
                self._check_wanted()
                command = engine_command(self._python)
                child = start_engine(*arguments, stderr=stderr, command=command, ocio=self._ocio)
                self._child = child
            try:
                assert child.stdout is not None
                for line in child.stdout:
                    try:
                        fields: Dict[str, Any] = json.loads(line)
                    except (ValueError, RecursionError):
                        continue  # printed by a library
                    if "error" in fields:
                        raise from_wire(fields)
                    yield fields
                code = child.wait()
                self._check_wanted()
                if code:
                    raise _died(code, stderr)
            finally:
                child.terminate()
                _end(child)

    def _check_wanted(self) -> None:
        if self._cancelled:
            raise CancelledError("Cancelled.")


def start_engine(
    *arguments: str,
    stderr: IO[bytes],
    command: Optional[Sequence[str]] = None,
    ocio: Optional[str] = None,
) -> subprocess.Popen[bytes]:
    """Start the engine with pipes on its input and output, its errors going to ``stderr``.

    ``ocio``: a colour configuration in place of that of ``$OCIO``.
    """
    command = command or engine_command()
    try:
        return subprocess.Popen(
            [*command, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env={**child_environment(), **({"OCIO": ocio} if ocio else {})},
        )
    except OSError as reason:
        raise EngineMissingError(
            f"The engine's Python at '{command[0]}' could not be started "
            f"({reason.strerror}{limit_hint(reason)})."
        ) from None


def _event(line: bytes) -> Optional[Event]:
    try:
        fields = json.loads(line)
        kind = fields.pop("event")
        if kind == "progress":
            return Progress.from_json(fields)
        if kind == "layers":
            return Layers.from_json(fields)
        if kind == "device":
            return Notice(fields["note"]) if fields["note"] else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        text = line.decode("utf-8", "replace").strip()[:200]
        raise EngineError(f"The engine sent a line that was not understood: {text}") from None
    if kind == "error":
        raise from_wire(fields)
    return None  # a newer engine may send more


def _died(code: int, stderr: IO[bytes]) -> EngineError:
    """The sentence for an engine that ended without a result or a reason."""
    if code == CancelledError.exit_code:
        return EngineError("The engine was stopped from outside; nothing was written.")
    if code in (-4, 0xC000001D):  # SIGILL, and Windows' name for it
        return EngineError(
            "The engine was ended by an instruction that this processor does not have (torch and "
            "numpy need SSE 4.2 at least, and AVX2 for speed); solve on a newer machine."
        )
    if code < 0:
        memory = ", perhaps for lack of memory" if code == -9 else ""
        return EngineError(
            f"The engine was killed (signal {-code}{memory}); start the job again, "
            "with a smaller solve size if that repeats."
        )
    last = last_line(stderr)
    why = f": {last}" if last else "."
    return EngineError(f"The engine ended without a result (exit code {code}){why}")


def last_line(stderr: IO[bytes]) -> str:
    """The last line of a child's error output; "" when there is none."""
    stderr.seek(0)
    lines = stderr.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else ""


def _end(child: subprocess.Popen[bytes]) -> None:
    """Close the child's input, which ends it, and wait; kill it when it does not end."""
    close_pipes(child)
    try:
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def close_pipes(child: subprocess.Popen[bytes]) -> None:
    """Close the child's input and output; never fails."""
    for pipe in (child.stdin, child.stdout):
        try:
            if pipe is not None:
                pipe.close()
        except OSError:
            pass  # what was still to be written has no reader any more
