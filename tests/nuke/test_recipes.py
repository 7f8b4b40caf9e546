"""The recipes of the pages for facilities, run as far as that goes without those systems; and the
page of the tests names tests that are there."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from nuke_standin.session import Session

from dmp_nuke import terminal

TD = Path(__file__).parents[2] / "docs" / "td"
FOLDER = "/shows/tools/dmp_for_nuke"


def blocks(page: str, heading: str) -> list[str]:
    """The code below a heading, up to the next one."""
    text = (TD / page).read_text("utf-8")
    _, _, below = text.partition(f"\n{heading}\n")
    assert below, f"{page} has no {heading}"
    section = re.split(r"^#{2,3} ", below, maxsplit=1, flags=re.M)[0]
    return re.findall(r"^```\w*\n(.*?)^```", section, re.M | re.S)


def module(name: str, **values: Any) -> ModuleType:
    made = ModuleType(name)
    made.__dict__.update(values)
    return made


def test_rez() -> None:
    found: dict[str, list[str]] = {}

    class Variable:
        def __init__(self, name: str) -> None:
            self.prepend = self.append = found.setdefault(name, []).append

    class Environment:
        def __getattr__(self, name: str) -> Variable:
            return Variable(name)

        def __setattr__(self, name: str, value: str) -> None:
            found[name] = [value]

    (package,) = blocks("deployment.md", "### rez")
    names: dict[str, Any] = {"env": Environment()}
    exec(package, names)
    assert (names["name"], names["requires"]) == ("dmp_matte_nuke", ["nuke-14+"])
    names["commands"]()
    assert found["NUKE_PATH"] == ["{root}/dmp_for_nuke"] and "DMP_ENGINE_PYTHON" in found


def test_ayon(monkeypatch: pytest.MonkeyPatch) -> None:
    types = SimpleNamespace(local="local", farm_render="farm_render")
    stub = module("ayon_applications", LaunchTypes=types, PreLaunchHook=object)
    monkeypatch.setitem(sys.modules, "ayon_applications", stub)
    (hook,) = blocks("deployment.md", "### AYON")
    names: dict[str, Any] = {}
    exec(hook, names)
    made = names["AddDmpMatte"]()
    assert "nuke" in made.app_groups and types.local in made.launch_types
    for before, after in (("", FOLDER), ("/other", f"{FOLDER}:/other")):
        made.launch_context = SimpleNamespace(env={"NUKE_PATH": before})
        made.execute()
        assert made.launch_context.env["NUKE_PATH"] == after


def test_toolkit(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[str, str]] = []
    util = SimpleNamespace(append_path_to_env_var=lambda *what: calls.append(what))
    monkeypatch.setitem(sys.modules, "sgtk", module("sgtk", Hook=object, util=util))
    monkeypatch.setenv("DMP_ENGINE_PYTHON", "")
    (hook,) = blocks("deployment.md", "### Flow Production Tracking (Toolkit)")
    names: dict[str, Any] = {}
    exec(hook, names)
    names["BeforeAppLaunch"]().execute("", "", "", "tk-maya")
    assert calls == []
    names["BeforeAppLaunch"]().execute("", "", "", "tk-nuke")
    assert calls == [("NUKE_PATH", FOLDER)]


def test_windows() -> None:
    """``setx NUKE_PATH ...;%NUKE_PATH%`` stores a literal text, or the system's value as well."""
    text = (TD / "deployment.md").read_text("utf-8")
    assert not re.search(r"^\s*setx ", text, re.M)
    unix, windows = blocks("deployment.md", "## Nuke")
    assert unix.startswith(f"export NUKE_PATH={FOLDER}:$NUKE_PATH")
    assert '"NUKE_PATH", "User"' in windows and "//server/tools" in windows


def batches(lines: list[str]) -> list[list[str]]:
    """The arguments of dmp_batch.py in command lines, as Nuke leaves them: no range at the end."""
    found = []
    for line in lines:
        words = shlex.split(line, comments=True)
        if "-arguments" in words:
            words = shlex.split(words[words.index("-arguments") + 1])
        at = [index for index, word in enumerate(words) if word.endswith("/dmp_batch.py")]
        if at:
            assert words[at[0] - 1] == "-t"
            assert not re.fullmatch(r"-?\d+(-\d+)?(x\d+)?", words[-1]), f"Nuke takes {words[-1]}"
            found.append(words[at[0] + 1 :])
    return found


def test_the_lines_of_the_farms_page_are_understood(session: Session) -> None:
    parse = terminal._parser().parse_args
    plates, solve, render = (
        parse(one) for block in blocks("farm.md", "## Nuke") for one in batches(block.splitlines())
    )
    assert plates.plates == "/jobs/sh010" and solve.save and render.render == "Write1"
    assert terminal._range(solve.frames) == terminal._range(render.frames)
    deadline, cue = blocks("farm.md", "### Deadline 10 and OpenCue with Nuke")
    (one,) = batches(deadline.replace("\\\n", " ").splitlines())
    assert parse(one).plates == "/jobs/sh010" and parse(one).script == "/shots/sh010.nk"
    assert f"batch {plates.plates}/shots.json" in deadline


def test_opencue(monkeypatch: pytest.MonkeyPatch) -> None:
    layers: list[Any] = []

    class Shell:
        def __init__(self, name: str, range: str, command: list[str]) -> None:
            self.command, self.after = command, []

        def depend_all(self, other: Any) -> None:
            self.after.append(other)

    outline = SimpleNamespace(add_layer=layers.append)
    launched: list[Any] = []
    cuerun = SimpleNamespace(launch=launched.append)
    parts = {
        "outline": module("outline", Outline=lambda *what, **more: outline, cuerun=cuerun),
        "outline.modules": module("outline.modules"),
        "outline.modules.shell": module("outline.modules.shell", Shell=Shell),
    }
    for name, part in parts.items():
        monkeypatch.setitem(sys.modules, name, part)
    _, cue = blocks("farm.md", "### Deadline 10 and OpenCue with Nuke")
    exec(cue, {})
    plates, mattes = layers
    assert launched == [outline] and mattes.after == [plates]
    (one,) = batches([shlex.join(plates.command)])
    assert terminal._parser().parse_args(one).plates == "/jobs/sh010"
    assert mattes.command == ["dmp", "batch", "/jobs/sh010/shots.json"]


def test_the_page_of_the_tests_names_tests() -> None:
    here = Path(__file__).parent
    page = (TD.parent / "engineering" / "testing_nuke.md").read_text("utf-8")
    rows = re.findall(r"^\| [^|]+ \| `(test_\w+\.py)`: ([^|]+) \|", page, re.M)
    assert len(rows) > 20
    for file, names in rows:
        source = (here / file).read_text("utf-8")
        for name in re.findall(r"`(\w+)`", names):
            assert f"\ndef test_{name}(" in source, f"{file} has no test_{name}"
