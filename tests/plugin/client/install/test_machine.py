"""What differs between systems, tried for both; which torch, which tools; failures as sentences."""

from __future__ import annotations

import ctypes
import ntpath
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import SimpleNamespace
from typing import Any, cast

import pytest
import typer

from dmp_matting.cli.app import app
from dmp_matting.client.install import (
    failures,
    machine,
    pythons,
    tools,
    torch_build,
    ways_in,
)
from dmp_matting.client.install.pythons import BasePython
from dmp_matting.client.install.tools import Reading, Tools
from dmp_matting.errors import EngineError, InputError, OutputError

HOME = PureWindowsPath(r"C:\Users\Jo Doe\AppData\Local\dmp-matting\engines\0.1.0-1")


def test_an_environment_on_windows() -> None:
    assert machine.python_of(HOME, windows=True) == HOME / "Scripts" / "python.exe"
    path, text = machine.command_file(HOME, windows=True)
    assert path == HOME / "Scripts" / "dmp.cmd"
    assert text == '@"%~dp0..\\Scripts\\python.exe" -I -m dmp_matting.cli %*\r\n'
    stable, text = machine.stable_command_file(HOME.parents[1], HOME, windows=True)
    assert stable == HOME.parents[1] / "bin" / "dmp.cmd"
    assert text == (
        '@"%~dp0..\\engines\\0.1.0-1\\Scripts\\python.exe" -I -m dmp_matting.cli %*\r\n'
    )
    words = [str(machine.python_of(HOME, windows=True)), "-m", "pip", "install", "a b"]
    assert machine.quoted(words, windows=True) == (
        rf'"{HOME}\Scripts\python.exe" -m pip install "a b"'
    )
    assert all(ntpath.basename(one.replace("/", "\\")) in ("python.exe", "python3")
               for one in machine.python_places(windows=True))  # fmt: skip
    assert [one for one in machine.uv_places(windows=True) if not one.endswith("uv.exe")] == []


def test_an_environment_elsewhere() -> None:
    place = PurePosixPath("/home/jo doe/e")
    assert machine.python_of(place, windows=False) == place / "bin" / "python"
    assert machine.command_file(place, windows=False)[1].startswith("#!/bin/sh\n")
    assert machine.quoted(["/home/jo doe/uv", "x"], windows=False) == "'/home/jo doe/uv' x"


def test_processes_of_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert machine.tied(["pip", "a b"], windows=True) == ["pip", "a b"]
    assert machine.child_options(windows=True) == {
        "creationflags": 0x08000200, "stdin": subprocess.DEVNULL,
    }  # fmt: skip
    ran: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", lambda words, **_: ran.append(words))
    machine.end_tree(cast(Any, SimpleNamespace(pid=77)), windows=True)
    assert ran == [["taskkill", "/T", "/F", "/PID", "77"]]
    tmp_path.chmod(0o700)
    assert machine.closed_to_others(tmp_path / "a", windows=True) is None
    machine.open_to_all(tmp_path, windows=True)
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert machine.release_script(windows=True) == ".\\install.ps1"


def test_what_a_plain_index_has() -> None:
    assert machine.index_build(windows=False, macos=False) == "cu130"
    assert machine.index_build(windows=True, macos=False) == "cpu"
    assert machine.index_build(windows=False, macos=True) == "cpu"
    assert machine.why_no_cuda(macos=True) == "macOS has no CUDA"


def test_the_driver_is_asked_under_its_name_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def load(name: str) -> None:
        asked.append(name)
        raise OSError(2, "none here")

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert machine.driver_cuda(windows=True) is None and machine.driver_cuda(windows=False) is None
    assert asked == ["nvcuda.dll", "libcuda.so.1"]


@pytest.mark.parametrize(
    ("wanted", "driver", "of_index", "name", "plain"),
    [
        ("auto", None, "cu130", "cpu", False),  # Linux without a GPU
        ("auto", (13, 1), "cu130", "cu130", True),
        ("auto", (12, 4), "cu130", "cu126", False),
        ("auto", (11, 8), "cu130", "cpu", False),  # a driver older than any build
        ("auto", None, "cpu", "cpu", True),  # Windows
        ("auto", (13, 0), "cpu", "cu130", False),
        ("cpu", (13, 0), "cu130", "cpu", False),
        ("cu128", None, "cu130", "cu128", False),
    ],
)
def test_the_build_of_torch_by_the_driver(
    wanted: str, driver: tuple[int, int] | None, of_index: str, name: str, plain: bool
) -> None:
    build = torch_build.choose(wanted, driver, of_index)
    assert (build.name, build.plain) == (name, plain) and build.reason


@pytest.mark.parametrize("wrong", ["gpu", "cuda", "cu", "rocm6", "cu12.6", ""])
def test_a_build_that_does_not_exist(wrong: str) -> None:
    with pytest.raises(InputError, match="--torch is auto, cpu or such as cu126"):
        torch_build.choose(wrong)


def test_a_facilitys_index_of_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    build = torch_build.choose("cu126", None, "cu130")
    monkeypatch.setenv("DMP_TORCH_INDEX", "https://index.example/{build}/simple")
    assert torch_build.own_index(build) == "https://index.example/cu126/simple"
    monkeypatch.delenv("DMP_TORCH_INDEX")
    assert torch_build.own_index(build) == ""


PLACE, LOG = Path("/home/jo/engines"), Path("/home/jo/install.log")
PRINTED = {
    "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device":
        (OutputError, "The disk of /home/jo/engines is full"),
    "error: failed to create directory `/e`: Read-only file system (os error 30)":
        (OutputError, "/home/jo/engines is on a disk that cannot be written"),
    "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.":
        (EngineError, "A package arrived other than it was published"),
    "SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED] unable to get'":
        (EngineError, "The package index has a certificate that is not trusted here"),
    "ProxyError('Cannot connect to proxy.', OSError('Tunnel connection failed: 407'))":
        (EngineError, "The proxy refused the connection"),
    "ERROR: HTTP error 403 while getting https://index/torch.whl":
        (EngineError, "The package index refused access"),
    "urllib3.exceptions.ProtocolError: ('Connection broken: IncompleteRead(12 of 99)'":
        (EngineError, "The download broke off; press *Install Engine*"),
    "error: Failed to download `x`\n  cause: Failed to extract archive: x.whl\n  cause: truncated":
        (EngineError, "The download broke off"),
    "NewConnectionError: Failed to establish a new connection: [Errno 111] Connection refused":
        (EngineError, "The package index cannot be reached"),
    "error: Request failed\n  Caused by: dns error: failed to lookup address information":
        (EngineError, "The package index cannot be reached"),
    "ERROR: No matching distribution found for torch==2.13.0":
        (EngineError, "The package index has no package torch==2.13.0 for this Python"),
    "  × No solution found\n  ╰─▶ Because there is no version of torch==2.13.0+cpu and":
        (EngineError, "The package index has no package torch for this Python"),
    "PermissionError: [Errno 13] Permission denied: '/home/jo/engines'":
        (OutputError, "/home/jo/engines cannot be written"),
    "/usr/bin/python3.11: No module named venv":
        (EngineError, "The Python that was found cannot make environments"),
    "some line\nERROR: it went wrong in a new way.\n":
        (EngineError, "The installation failed: it went wrong in a new way; everything"),
    "": (EngineError, "The installation failed: no reason given; everything"),
}  # fmt: skip


@pytest.mark.parametrize("printed", PRINTED)
def test_what_pip_and_uv_print_becomes_one_sentence(printed: str) -> None:
    kind, start = PRINTED[printed]
    error = failures.from_output(printed, PLACE, None, LOG)
    assert type(error) is kind and str(error).startswith(start), error
    assert str(error).endswith(".") and "{" not in str(error) and "\n" not in str(error)


@pytest.mark.parametrize(
    ("output", "environment", "address"),
    [
        ("Looking in indexes: http://a.example/simple\n", {}, "http://a.example/simple"),
        ("", {"UV_DEFAULT_INDEX": "https://jo:secret@a.example/x"}, "https://****@a.example/x"),
        ("", {}, ""),
    ],
)
def test_the_index_is_named_without_its_password(
    output: str, environment: dict[str, str], address: str
) -> None:
    assert failures.index_address(output, environment) == address


def test_a_folder_of_wheels_is_named() -> None:
    printed = "ERROR: No matching distribution found for numpy==2.4.6"
    error = failures.from_output(printed, PLACE, Path("/usb/wheels"), LOG)
    assert str(error) == (
        "The folder /usb/wheels has no package numpy==2.4.6 for this Python and machine; make the "
        "folder with `dmp package wheels` and the same version of Python."
    )


@pytest.mark.parametrize("name", ["BUTTON", "BUTTON_WITH_FOLDER", "DMP", "RELEASE"])
def test_a_step_that_a_sentence_names_is_there_at_that_way_in(name: str) -> None:
    """No `dmp` before there is an engine, and no button in a shell."""
    way = getattr(ways_in, name)
    errors = [failures.from_output(one, PLACE, None, LOG, way=way) for one in PRINTED]
    text = " ".join(map(str, [*errors, failures.no_python([], way)]))
    has = {
        "`dmp setup --install`": name == "DMP", "`dmp setup --install --base ": name == "DMP",
        "`dmp setup --install --from FOLDER`": name == "DMP",
        "press *Install Engine*": name.startswith("BUTTON"),
        "its field *Folder of Wheels*": name == "BUTTON_WITH_FOLDER",
        "`sh install.sh --from FOLDER`": name in ("RELEASE", "BUTTON"),
        "`sh install.sh --base PYTHON`": name == "RELEASE",
    }  # fmt: skip
    assert {step: step in text for step in has} == has


def test_a_shared_folder_is_not_moved_by_a_users_variable() -> None:
    """DMP_DATA_DIR moves a user's own engine alone."""
    for printed in ("No space left on device", "Read-only file system", "Permission denied"):
        for way in (ways_in.RELEASE.into_shared, ways_in.DMP.into_shared):
            sentence = str(failures.from_output(printed, PLACE, None, LOG, way=way))
            assert "name with --into a folder" in sentence and "DMP_DATA_DIR" not in sentence
        assert "DMP_DATA_DIR" in str(failures.from_output(printed, PLACE, None, LOG))


def test_every_option_that_a_sentence_names_exists() -> None:
    setup = typer.main.get_command(app).commands["setup"]  # type: ignore[attr-defined]
    options = {word for one in setup.params for word in one.opts}
    text = "".join(Path(str(one.__file__)).read_text() for one in (failures, ways_in))
    assert set(re.findall(r"(?<![\w-])--[a-z]+", text)) <= options


def fake_python(pip: str = "/x/pip.whl", version: tuple[int, int, int] = (3, 11, 2)) -> BasePython:
    return BasePython("/usr/bin/python3.11", version, True, pip, pip.endswith(".whl"))


def test_uv_where_it_is_and_pip_where_it_is_led(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pythons, "find", lambda base, **_: fake_python())
    monkeypatch.setattr(pythons, "find_uv", lambda: "/x/uv")
    monkeypatch.setattr(pythons, "uv_is_configured", lambda: False)
    for pip_is_led, offline, used in [(False, False, "uv"), (True, False, "pip"),
                                      (False, True, "pip")]:  # fmt: skip
        monkeypatch.setattr(pythons, "pip_is_configured", lambda led=pip_is_led: led)
        assert tools.choose("", offline=offline).called == used
    monkeypatch.setattr(pythons, "find", lambda base, **_: fake_python(pip=""))
    monkeypatch.setattr(pythons, "pip_is_configured", lambda: True)
    assert tools.choose("", offline=False).called == "uv", "there is no pip"


def test_a_python_without_pip_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Debian and Ubuntu come; `No Python was found` would send an artist the wrong way."""
    pythons_here = {"/old": fake_python(version=(3, 9, 1)), "/new": fake_python(pip="")}
    monkeypatch.setattr(pythons, "_candidates", lambda: iter(pythons_here))
    monkeypatch.setattr(pythons, "look_at", pythons_here.get)
    for named in ("", "/new"):
        with pytest.raises(InputError, match=r"Python 3.11.2 at .* has no pip; install its pack"):
            pythons.find(named)
        assert pythons.find(named, uv="/x/uv") == pythons_here["/new"]
    del pythons_here["/new"]
    with pytest.raises(InputError, match=r"No Python 3.11 to 3.14 .*found: Python 3.9.1"):
        pythons.find()


def test_an_older_python_fetches_uv(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a host with Python 3.9 on a machine that has nothing else."""

    def none(base: str, **_: object) -> None:
        raise failures.no_python([])

    old = fake_python(version=(3, 9, 1))
    monkeypatch.setattr(pythons, "find", none)
    monkeypatch.setattr(pythons, "find_uv", lambda: "")
    monkeypatch.setattr(pythons, "any_with_pip", lambda: old)
    chosen = tools.choose("", offline=False)
    assert chosen == Tools(None, "", old) and not old.fits
    assert chosen.fetch("uv", Path("/t"))[:3] == [old.path, "/x/pip.whl/pip", "install"]
    with pytest.raises(InputError, match="No Python 3.11 to 3.14 was found"):
        tools.choose("", offline=True)


def test_the_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    side, wheels = Path("/e/side"), Path("/usb/wheels")
    python = str(machine.python_of(side))
    with_pip = Tools(fake_python(), "").install(side, ["x"], wheels)
    assert with_pip[:3] == [python, "/x/pip.whl/pip", "install"]
    assert with_pip[-4:] == ["--no-index", "--find-links", str(wheels), "x"]
    installed = Tools(fake_python("/lib/pip"), "").install(side, ["x"], None)
    assert installed[:5] == ["/usr/bin/python3.11", "-m", "pip", "--python", python]
    with_uv = Tools(None, "/x/uv")
    assert with_uv.make_environment(side)[-3:] == ["--python", "3.11", str(side)]
    assert with_uv.install(side, ["x"], None)[:5] == ["/x/uv", "pip", "install", "--python", python]
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.example/simple")
    monkeypatch.setenv("PIP_TARGET", "/elsewhere")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    made = tools.environment(Path("/scratch"), Path("/data"))
    assert made["UV_DEFAULT_INDEX"] == "https://index.example/simple"
    assert "PIP_TARGET" not in made and made["HTTPS_PROXY"] == "http://proxy.example:3128"
    assert made["TMPDIR"] == "/scratch"


def test_the_lines_of_pip_are_progress() -> None:
    reading = Reading(4)
    lines = [
        "Collecting numpy==2.4.6 (from -r /x/packages.txt (line 1))",
        "  Downloading numpy-2.4.6-cp311-cp311-manylinux.whl (16.9 MB)",
        "Processing /opt/wheels/torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl",
        "     ---- 16.9/16.9 MB",
        "Installing collected packages: numpy",
    ]
    assert [reading.sentence(line) for line in lines] == [
        "Getting numpy (1 of 4)", "Downloading numpy, 16.9 MB", "Getting torch (2 of 4)", "",
        "Unpacking the packages",
    ]  # fmt: skip
    assert reading.downloaded == 16_900_000 and reading.fraction == 1.0


def test_the_lines_of_a_pip_that_resumes_are_progress() -> None:
    reading = Reading(2)
    lines = [
        "Collecting small==1.0", "  Downloading small-1.0-py3-none-any.whl (10 kB)",
        "Progress 10000 of 10000", "Collecting torch==2.13.0",
        "  Downloading torch-2.13.0-py3-none-any.whl (20.0 MB)", "Progress 5000000 of 20000000",
        "  WARNING: Attempting to resume incomplete download (5.0 MB/20.0 MB, attempt 1)",
        "  Resuming download torch-2.13.0-py3-none-any.whl (5.0 MB/20.0 MB)",
        "Progress 20000000 of 20000000",
    ]  # fmt: skip
    found = [(reading.sentence(line), reading.fraction) for line in lines]
    assert found == [
        ("Getting small (1 of 2)", 0.0), ("", 0.0), ("", 0.0), ("Getting torch (2 of 2)", 0.5),
        ("Downloading torch, 20.0 MB", 0.5), ("Downloading torch, 20.0 MB", 0.625),
        ("The connection broke; torch goes on at 5.0 MB of 20.0 MB", 0.625), ("", 0.625),
        ("The connection broke; torch goes on at 5.0 MB of 20.0 MB", 1.0),
    ]  # fmt: skip
    assert reading.downloaded == 20_010_000


@pytest.mark.parametrize(
    ("version", "resumes"),
    [("23.2.1", False), ("26.1.2", False), ("26.2", True), ("27.0.dev1", True), ("", False)],
)
def test_which_pip_resumes(version: str, resumes: bool) -> None:
    base = replace(fake_python(), pip_version=version)
    assert Tools(base, "").resume is resumes and Tools(base, "/x/uv").resume is False
    assert Tools(None, "/x/uv", pip="/t/pip").resume and Tools(None, "", pip="/t/pip").resume
    quiet = Tools(base, "").install(Path("/e"), ["x"], None)
    assert ("raw" in quiet) is resumes and ("off" in quiet) is not resumes


@pytest.mark.parametrize(
    ("text", "led"),
    [
        ("", False),
        ('[[index]]\nurl = "https://index.example/simple"\n', True),
        ('index-url = "https://index.example/simple"\n', True),
        ("offline = true\n", False),
    ],
)
def test_a_file_leads_uv_too(
    text: str, led: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [one for one in os.environ if one.startswith("UV_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "uv").mkdir()
    (tmp_path / "uv" / "uv.toml").write_text(text)
    assert pythons.uv_is_configured() is led
    monkeypatch.setenv("UV_NO_CONFIG", "1")
    assert not pythons.uv_is_configured()


def test_the_lines_of_uv_are_progress() -> None:
    reading = Reading(4)
    lines = [
        "Resolved 4 packages in 3ms",
        "Downloading numpy (16.1MiB)",
        "Downloading torch (183.0MiB)",
        " Downloaded numpy",
    ]
    assert [reading.sentence(line) for line in lines] == [
        "", "Downloading numpy, 16.1 MB", "Downloading torch, 183.0 MB", "Downloaded numpy",
    ]  # fmt: skip
    assert reading.downloaded == 199_100_000 and reading.fraction == 0.25
    assert reading.sentence("Prepared 4 packages in 2.1s") == "Unpacking the packages"
    assert reading.fraction == 1.0
