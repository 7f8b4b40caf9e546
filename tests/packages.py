"""A package index that a test serves itself, and a release whose engine is a page of Python.

The wheels are real ones, small: what installs them is the real pip. The engine in them answers as
ours does, so that the mechanics of an installation are tested without torch.
"""

from __future__ import annotations

import atexit
import base64
import hashlib
import http.server
import importlib.metadata
import json
import os
import re
import shutil
import socket
import struct
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from dmp_matting.client.install import pythons
from dmp_matting.client.install.installation import (
    BackgroundInstallation,
    InstallRequest,
    Plan,
    plan_installation,
)
from dmp_matting.client.requirements import TORCH
from dmp_matting.errors import CancelledError
from dmp_matting.job import Layers

from .conftest import Home

# `doctor` and `run` of an engine; argument 1 of the format: the event of its layers.
ENGINE = """\
import json, sys
if sys.argv[1] == "doctor":
    checks = [dict(name="torch", status={status!r}, detail="as it is", fix="Do this.")]
    print(json.dumps(dict(ok=True, checks=checks)))
else:
    request = json.loads(sys.stdin.readline())
    for path in request["outputs"].values():
        open(path, "w").write("EXR")
        print(json.dumps(dict({layers!r}, path=path)), flush=True)
"""
LARGE = 10 * 2**20  # bytes of a file that "breaks" and "resets" cut
COMMAND = "import sys\nprint('dmp of', sys.prefix)\n"


def wheel(folder: Path, name: str, version: str, files: dict[str, str] | dict[str, bytes]) -> Path:
    """A wheel with these files."""
    info = f"{name}-{version}.dist-info"
    contents: dict[str, str | bytes] = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in contents.items():
        content = text.encode() if isinstance(text, str) else text
        digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=")
        rows.append(f"{path},sha256={digest.decode()},{len(content)}")
    contents[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,"]) + "\n"
    made = folder / f"{name}-{version}-py3-none-any.whl"
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(made, "w") as archive:
        for path, text in contents.items():
            entry = zipfile.ZipInfo(path)
            entry.external_attr = (0o100755 if ".data/scripts/" in path else 0o100644) << 16
            archive.writestr(entry, text)
    return made


def installed_wheel(folder: Path, name: str) -> Path:
    """A wheel of a pure package as it is installed in the Python that runs the tests."""
    found = importlib.metadata.distribution(name)
    files = {
        str(path): Path(str(path.locate())).read_bytes()
        for path in found.files or ()
        if path.parts[0] == name and "__pycache__" not in path.parts
    }
    return wheel(folder, name, found.version, files)


def engine_wheel(folder: Path, version: str, status: str = "ok") -> Path:
    """A wheel as DMP's own, whose engine answers at once."""
    layers = Layers(1, "", ("A",), 48, 32, "cpu", {"total": 0.1}).to_json()
    event = json.loads(json.dumps({"event": "layers", **layers}))
    return wheel(folder, "dmp_matting", version, {
        "dmp_matting/__init__.py": "", "dmp_matting/cli/__init__.py": "",
        "dmp_matting/cli/__main__.py": COMMAND, "dmp_engine/__init__.py": "",
        "dmp_engine/__main__.py": ENGINE.format(status=status, layers=event),
    })  # fmt: skip


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Index(http.server.ThreadingHTTPServer):
    """The simple index over a folder of wheels. ``trouble`` is what happens to a wheel's download.

    "cut": half of it arrives; "changed": other bytes; "slow": nothing more comes; or a status code.
    "breaks" and "resets": of a LARGE file each answer carries two fifths at most, and ends
    as where a server or the line is lost.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.folder = folder
        self.trouble: str | int = ""
        self.pause = 0.3  # seconds before the line resets
        self.served: list[str] = []
        self.sent: dict[str, list[tuple[int, int]]] = {}  # of each file: from where, how much
        self.stuck = threading.Event()
        self.going_on = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/simple"


class Answer(http.server.BaseHTTPRequestHandler):
    server: Index

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:  # uv asks so for a wheel's size
        self.do_GET()

    def do_GET(self) -> None:
        name = unquote(self.path).rstrip("/").rpartition("/")[2]
        if not name.endswith(".whl"):
            wheels = self.server.folder.glob(f"{name.replace('-', '_')}-*.whl")
            links = "".join(f'<a href="/files/{one.name}">{one.name}</a>\n' for one in wheels)
            self._send(200 if links else 404, links.encode(), "text/html")
            return
        content = (self.server.folder / name).read_bytes()
        trouble = self.server.trouble
        if isinstance(trouble, int):
            self._send(trouble, b"", "text/plain")
            return
        if trouble == "changed":
            content = content[:-1] + bytes([content[-1] ^ 1])
        self.server.served.append(name)
        if len(content) > LARGE:
            self._send_part(name, content, trouble)
            return
        self._send(200, content, "application/zip", cut=trouble in ("cut", "slow"))
        if trouble == "slow":
            self.server.stuck.set()
            self.server.going_on.wait(60)

    def _send_part(self, name: str, content: bytes, trouble: str) -> None:
        """From where the client wants it, and as much as the trouble lets through."""
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted[1]) if wanted else 0
        body = content[start:]
        if trouble in ("breaks", "resets"):
            body = body[: len(content) * 2 // 5]
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Type", "application/zip")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"one"')
        if wanted:
            end, size = len(content) - 1, len(content)
            self.send_header("Content-Range", f"bytes {start}-{end}/{size}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.server.sent.setdefault(name, []).append((start, len(body)))
        self.wfile.write(body)
        self.wfile.flush()
        if trouble == "resets" and len(body) < len(content) - start:
            time.sleep(self.server.pause)  # a reset throws away what the client has not read
            at_once = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)

    def _send(self, code: int, content: bytes, kind: str, cut: bool = False) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.wfile.flush()


@contextmanager
def served(folder: Path) -> Iterator[Index]:
    """An index over ``folder`` on a thread."""
    index = Index(folder)
    thread = threading.Thread(target=index.serve_forever, daemon=True)
    thread.start()
    yield index
    index.going_on.set()
    index.shutdown()
    index.server_close()


def make_release(folder: Path, packages: Path, version: str, status: str = "ok") -> Path:
    """A release folder with wheel and locks, and in ``packages`` what the locks name."""
    engine_wheel(folder, version, status)
    small = wheel(packages, "small", "1.0", {"small.py": "x = 1\n" * 2000})
    torch = wheel(packages, "torch", TORCH, {"torch.py": "x = 1\n" * 2000})
    lock = f"# locked\nsmall==1.0 \\\n    --hash=sha256:{sha256(small)}\n"
    (folder / "constraints-cpu.txt").write_text(lock)
    lock += f"torch=={TORCH} --hash=sha256:{sha256(torch)}\n"
    (folder / "constraints-cuda.txt").write_text(lock)
    return folder


TORCH_WHEEL = f"torch-{TORCH}-py3-none-any.whl"


def make_torch_big(release: Path, packages: Path) -> int:
    """Have a torch of megabytes in ``packages``, with a current pip; the bytes of its wheel."""
    installed_wheel(packages, "pip")
    made = wheel(packages, "torch", TORCH, {"torch.bin": os.urandom(2 * LARGE)})
    lock = release / "constraints-cuda.txt"
    lines = [line for line in lock.read_text().splitlines() if not line.startswith("torch")]
    lock.write_text("\n".join([*lines, f"torch=={TORCH} --hash=sha256:{sha256(made)}"]) + "\n")
    return made.stat().st_size


def assert_resumed(index: Index, size: int) -> None:
    """Each request goes on where the one before broke; nearly nothing is sent twice."""
    sent = index.sent[TORCH_WHEEL]
    ends = [start + count for start, count in sent]
    assert len(sent) >= 3 and sent[0][0] == 0, sent
    assert all(0 < start <= end for (start, _), end in zip(sent[1:], ends, strict=False)), sent
    assert ends[-1] == size and sum(count for _, count in sent) < 1.3 * size, sent


def pip_settings(url: str) -> dict[str, str | None]:
    """Variables that lead pip to this index alone, whatever the machine has; None: to be unset."""
    others = ["PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONSTRAINT", "PIP_CACHE_DIR"]
    others += [name for name in os.environ if name.startswith("UV_") or "proxy" in name.lower()]
    return {
        **dict.fromkeys(others), "PIP_INDEX_URL": url, "PIP_CONFIG_FILE": os.devnull,
        "PIP_RETRIES": "1", "PIP_DEFAULT_TIMEOUT": "30", "PIP_RESUME_RETRIES": "4",
        "DMP_TORCH_INDEX": None,
    }  # fmt: skip


@cache
def unpacked(wheel: str) -> str:
    """pip's wheel as a folder of the tests': Python keeps no bytecode of what lies in a wheel.

    It would compile all of pip in every process that runs it, for two seconds.
    """
    folder = _own_folder()
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@cache
def current_pip() -> str:
    """The pip of the Python that runs the tests, in a folder of its own."""
    folder = _own_folder()
    place = Path(str(importlib.metadata.distribution("pip").locate_file("pip")))
    shutil.copytree(place, Path(folder, "pip"))
    return folder


def _own_folder() -> str:
    folder = tempfile.mkdtemp(prefix="dmp-pip-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def bring_pip(monkeypatch: pytest.MonkeyPatch, *, old: bool = False) -> None:
    """Let every Python bring a pip in a folder, for what installs in the tests' own process.

    The current one, so that none is fetched; ``old``: its own, which test_resume.py has replaced.
    """

    def look(python: str) -> pythons.BasePython | None:
        found = look_at(python)
        if found is None or not found.pip_is_wheel:
            return found
        if old:
            return replace(found, pip=unpacked(found.pip))
        version = importlib.metadata.version("pip")
        return replace(found, pip=current_pip(), pip_version=version)

    monkeypatch.setattr(pythons, "look_at", look)


look_at = pythons.look_at


@pytest.fixture
def index(tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Index]:
    """The index, and a user whose pip knows no other; no engine is installed."""
    monkeypatch.delenv("DMP_ENGINE_PYTHON", raising=False)
    bring_pip(monkeypatch)
    with served(tmp_path / "packages") as index:
        for name, value in pip_settings(index.url).items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        yield index


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A release for that index."""
    return make_release(tmp_path / "release", tmp_path / "packages", "0.1.0")


@pytest.fixture
def plan(index: Index, release: Path) -> Plan:
    """An installation of it, on this Python."""
    return plan_installation(InstallRequest(base=sys.executable, release=release))


def cancel_while_stuck(index: Index, release: Path, home: Home) -> None:
    """Install ``release``, cancel in a download that hangs, and see the end of all processes."""
    index.trouble = "slow"
    task = BackgroundInstallation(
        plan_installation(InstallRequest(base=sys.executable, release=release))
    )
    assert index.stuck.wait(60)
    task.cancel()
    assert task.wait(20)
    with pytest.raises(CancelledError):
        task.result()
    assert home.processes() == []
