"""Whatever a file or a flag holds: a result, or one sentence. Never a traceback, never for ever.

hypothesis makes the texts, bounded, from the grammar of each parser and from plain noise; the cases
by hand are those that once went wrong.
"""

from __future__ import annotations

import ast
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dmp_matting import DmpError, InputError, Settings
from dmp_matting.cli.options import parse_frames, parse_settings
from dmp_matting.cli.shot_lists import read_shots
from dmp_matting.client import launcher
from dmp_matting.client.file_states import FileStates
from dmp_matting.client.install import records
from dmp_matting.exr_header import copy_with_texts, read_exr_header
from dmp_matting.farm import openjd
from dmp_matting.job import Frame, Plate, Role
from dmp_matting.paths import config_file, read_config
from dmp_matting.settings import parse_assignments
from dmp_matting.shots.sequences import FilePattern
from dmp_matting.shots.up_to_date import FrameStatus, frame_status, recorded_plates

from ...conftest import Home
from ...house_imports import sources

hypothesis = pytest.importorskip("hypothesis", reason="comes with schemathesis")
st = hypothesis.strategies

SECONDS = 5.0
LONG = "9" * 5000
NESTED = "[" * 20_000
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
    for old, new in ("ab", "bc", "cd", "de", "ef", "fg", "gh", "hi")
)
ROW = {"name": "s", "image": "i.exr", "clean": "c.exr", "output": "o.exr"}

bounded = hypothesis.settings(
    max_examples=60, deadline=None, derandomize=True, database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)  # fmt: skip
numbers = st.one_of(
    st.integers(),
    st.integers(10**18, 10**30),
    st.floats(),
    st.sampled_from([1e308, -0.0, 10**4000]),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=30)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=12), inner, max_size=4)
    ),
    max_leaves=12,
)
keys = st.sampled_from([*ROW, "frames", "set", "seed", "preset", "core", "layer", "threads", "x"])
rows = st.dictionaries(keys, values, max_size=8).map(lambda row: {**ROW, **row})


def sound(work: Callable[[], Any]) -> None:
    """``work`` succeeds, or raises one printable sentence, and does not take long."""
    begun = time.process_time()
    try:
        work()
    except DmpError as error:
        assert str(error) and len(str(error)) < 3000
    assert time.process_time() - begun < SECONDS


def read(tmp_path: Path, name: str, content: str) -> None:
    file = tmp_path / name
    file.write_bytes(content.encode("utf-8", "surrogatepass"))
    sound(lambda: read_shots(file, {}))


# --- lists of shots ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["s.json", "s.yaml", "s.csv"])
@pytest.mark.parametrize(
    "content",
    [
        "", "null", "[]", "{}", "[[]]", "0", LONG, f"[{LONG}]", NESTED, "{" * 5000, LAUGHS,
        LAUGHS + "shots: *i", "&a [*a]", "shots: &a [*a]", "? {a: b}\n: c", "2001-13-45",
        "!!python/object/apply:os.system [true]", "1: 2", "- !!binary ' '", "\ufeff[]", "\0",
        json.dumps([{**ROW, "frames": f"1-{LONG}"}]),
        json.dumps([{**ROW, "frames": "1-9999999999"}]),
        json.dumps([{**ROW, "name": {"a": 1}}]), json.dumps([{**ROW, "clean": [["c"]]}]),
        json.dumps([{**ROW, "seed": 1e400}]), json.dumps([{**ROW, "output": "o.%099999999d.exr"}]),
        json.dumps([{**ROW, "set": {"rounds": LONG}}]), "a,b\n" + "x" * 200_000,
        'name,image\n"unclosed', "name\n\0\n", "shots: [{<<: [&b {a: 1}, *b, *b]}]",
    ],
)  # fmt: skip
def test_lists_that_once_went_wrong(tmp_path: Path, name: str, content: str) -> None:
    read(tmp_path, name, content)


@bounded
@hypothesis.given(data=st.lists(rows, max_size=3))
def test_rows_of_anything(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    yaml = pytest.importorskip("yaml")
    folder = tmp_path_factory.mktemp("rows")
    try:
        written = json.dumps(data), yaml.safe_dump(data)
    except ValueError:  # a number too long for these writers
        return
    for name, content in zip(("s.json", "s.yaml"), written, strict=True):
        read(folder, name, content)


@bounded
@hypothesis.given(text=st.text(max_size=200))
def test_files_of_noise(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.mktemp("noise")
    for name in ("s.json", "s.yaml", "s.csv"):
        read(folder, name, text)


@pytest.mark.parametrize(
    "content",
    [NESTED, '{"OTIO_SCHEMA": "Timeline.1"}', '{"OTIO_SCHEMA": "Timeline.1", "tracks": 3}', "{}",
     "", '{"a":' * 30_000, '{"OTIO_SCHEMA": "Clip.99", "name": [1e999]}'],
)  # fmt: skip
def test_a_timeline_that_would_end_the_process_that_reads_it(tmp_path: Path, content: str) -> None:
    pytest.importorskip("opentimelineio")
    (tmp_path / "s.otio").write_text(content)
    with pytest.raises(InputError, match="s.otio"):
        read_shots(tmp_path / "s.otio", {})


@pytest.mark.parametrize(
    ("name", "content"),
    [("s.json", '[{"name": "s", "image": "a", "image": "b", "clean": "c", "output": "o"}]'),
     ("s.yaml", "- name: s\n  image: a\n  image: b\n  clean: c\n  output: o\n"),
     ("s.yaml", "image: a\nimage: b\nshots: [{name: s, clean: c, output: o}]"),
     ("s.csv", "name,image, image ,clean,output\ns,a,b,c,o\n")],
)  # fmt: skip
def test_a_value_that_stands_twice_is_not_chosen_in_silence(
    tmp_path: Path, name: str, content: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match="'image' twice"):
        read_shots(tmp_path / name, {})


@pytest.mark.parametrize("key", ["name", "image", "output"])
def test_half_a_character_is_no_text(tmp_path: Path, key: str) -> None:
    row = {**ROW, "output": "{shot}.exr", key: "\ud800"}
    (tmp_path / "s.json").write_text(json.dumps([row]))
    with pytest.raises(InputError, match="no text or number"):
        read_shots(tmp_path / "s.json", {})


def test_a_timeline_that_is_not_there_or_never_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="does not exist"):
        read_shots(tmp_path / "none.otio", {})
    (tmp_path / "s.otio").write_text("{}")
    module = "dmp_matting.cli.shot_lists"
    monkeypatch.setattr(f"{module}.TIMELINE_SECONDS", 0.5)
    sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(f"{module}.python_command", lambda *_, **__: sleeping)
    with pytest.raises(InputError, match="longer than 0.5 s"):
        read_shots(tmp_path / "s.otio", {})


def test_something_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "zero.json").symlink_to("/dev/zero")
    with (tmp_path / "large.json").open("wb") as file:
        file.truncate(1 << 40)
    for name in ("folder", "zero", "large"):
        with pytest.raises(InputError, match=name):
            read_shots(tmp_path / f"{name}.json", {})


# --- flags ---------------------------------------------------------------------------------------

frames = st.text(alphabet="0123456789-,x:y @#", max_size=40)


@bounded
@hypothesis.given(text=st.one_of(frames, st.text(max_size=20)))
@hypothesis.example("1-99999999999")
@hypothesis.example(LONG)
@hypothesis.example("1-" + LONG)
@hypothesis.example("1-10x0")
@hypothesis.example("-0--0")
def test_ranges_of_frames(text: str) -> None:
    sound(lambda: parse_frames(text))
    sound(lambda: FilePattern.parse(f"plate.%{text}d.exr"))
    sound(lambda: FilePattern.parse(f"plate.{text}.exr"))


@bounded
@hypothesis.given(data=st.dictionaries(st.sampled_from(list(Settings().to_json())), values))
@hypothesis.example({"rounds": 10**4000})
@hypothesis.example({"learning_rate": 10**4000})
@hypothesis.example({"learning_rate": float("nan")})
def test_settings(data: dict[str, Any]) -> None:
    sound(lambda: Settings.from_json(data))
    sound(lambda: parse_assignments([f"{name}={str(value)[:50]}" for name, value in data.items()
                                     if not isinstance(value, int)]))  # fmt: skip


@pytest.mark.parametrize("text", [NESTED, LONG, "[]", '{"preset": []}', f'{{"seed": {LONG}}}', ""])
def test_a_farms_settings(text: str) -> None:
    sound(lambda: parse_settings(text))


# --- files of ours that something else has written -----------------------------------------------


@pytest.mark.parametrize(
    "content",
    [NESTED, LONG, "[]", "\0", '{"cache_gb": "many"}', '{"cache_gb": NaN}', '{"cache_gb": 1e999}'],
)
def test_the_configuration(home: Home, monkeypatch: pytest.MonkeyPatch, content: str) -> None:
    config_file().write_text(content)

    def never(*_: object) -> None:
        raise AssertionError("an engine was started with that")

    monkeypatch.setattr(launcher, "Starting", never)
    sound(read_config)
    with pytest.raises(InputError, match="config.json"):
        launcher.start_engine()


def exr(settings: bytes, window: bytes = bytes(16)) -> bytes:
    def attribute(name: bytes, kind: bytes, value: bytes) -> bytes:
        return name + b"\0" + kind + b"\0" + len(value).to_bytes(4, "little") + value

    return (
        b"\x76\x2f\x31\x01\2\0\0\0" + attribute(b"dataWindow", b"box2i", window)
        + attribute(b"compression", b"compression", b"\3")
        + attribute(b"dmp:settings", b"string", settings) + b"\0" + b"\1" * 64
    )  # fmt: skip


def status(output: Path) -> FrameStatus:
    frame = Frame(1, (Plate("i.exr", Role.IMAGE), Plate("c.exr", Role.CLEAN)))
    return frame_status(str(output), frame, [Settings()], lambda one: (), FileStates())


@pytest.mark.parametrize("settings", [NESTED.encode(), LONG.encode(), b"[]", b"3", b"\xff", b""])
@pytest.mark.parametrize("window", [bytes(16), bytes(12) + b"\xff\xff\xff\x7f", b"\xff" * 16])
def test_an_old_output_of_anything(tmp_path: Path, settings: bytes, window: bytes) -> None:
    place = tmp_path / "m.exr"
    place.write_bytes(exr(settings, window))
    assert status(place) is FrameStatus.STALE and recorded_plates(str(place)) == {}


@bounded
@hypothesis.given(at=st.integers(0, 150), damage=st.binary(min_size=1, max_size=8))
def test_an_old_output_that_is_damaged(
    tmp_path_factory: pytest.TempPathFactory, at: int, damage: bytes
) -> None:
    place = tmp_path_factory.getbasetemp() / "damaged.exr"
    whole = exr(b"{}")
    place.write_bytes(whole[:at] + damage + whole[at + len(damage) :])
    assert status(place) is FrameStatus.STALE
    with place.open("rb") as file, (place.with_suffix(".copy")).open("wb") as copy:
        read_exr_header(file)
        try:
            copy_with_texts(file, copy, {"dmp:image": "x"})
        except ValueError:
            pass


@pytest.mark.parametrize("content", [NESTED, "[]", '{"torch": 3}', LONG])
def test_the_record_of_an_engine(tmp_path: Path, content: str) -> None:
    (tmp_path / records.RECORD).write_text(content)
    assert records.record_of(str(tmp_path / "bin" / "python")) is None


@pytest.mark.parametrize("name", ["version", "digest", "disk", "seconds"])
def test_the_record_of_an_engine_with_a_value_of_another_kind(tmp_path: Path, name: str) -> None:
    record = {"version": "0.1.0", "digest": "d", "torch": "2", "base": "b", "downloaded": 1,
              "disk": 1, "seconds": 1}  # fmt: skip
    for values in (record, {**record, name: []}):
        (tmp_path / records.RECORD).write_text(json.dumps(values))
        found = records.record_of(str(tmp_path / "bin" / "python"))
        assert (found is None) == (values is not record)


def test_a_farms_session_removes_no_folder_that_it_has_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "victim").mkdir()
    (tmp_path / "dmp-run-folder").write_text(str(tmp_path / "victim"))
    monkeypatch.setattr(openjd, "stop_engine", lambda **_: None)
    monkeypatch.setattr(openjd.os, "environ", dict(os.environ))
    openjd.leave_session(tmp_path)
    assert (tmp_path / "victim").exists()


OWN_PIPES = {"background_publish.py", "subprocess_main.py"}  # from one process of ours to another


def test_whoever_parses_json_minds_its_depth() -> None:
    """The parser raises RecursionError beside ValueError; each caller handles it."""
    tree = Path(__file__).parents[3]
    calls, unaware = 0, []
    for file in sources(tree, "plugin", "nuke", "blender_addon"):
        if file.name in OWN_PIPES:
            continue
        parsed = ast.parse(file.read_text("utf-8"))
        handled = {
            id(node)
            for block in ast.walk(parsed)
            if isinstance(block, ast.Try)
            and any(
                one.type and "RecursionError" in ast.unparse(one.type) for one in block.handlers
            )
            for statement in block.body
            for node in ast.walk(statement)
        }
        for node in ast.walk(parsed):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("json.load", "json.loads"):
                calls += 1
                if id(node) not in handled:
                    unaware.append(f"{file.relative_to(tree)}:{node.lineno}")
    assert calls > 15 and unaware == []
