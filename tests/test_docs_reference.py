"""What docs/td/reference.md and docs/td/python.md name is what the command and the package have."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import dmp_matting.hosts
from dmp_matting import errors
from dmp_matting.cli.app import app

ROOT = Path(__file__).resolve().parent.parent
TD = ROOT / "docs" / "td"
REFERENCE = (TD / "reference.md").read_text(encoding="utf-8")

OPTION = re.compile(r"(?<![\w/-])(--[a-z][\w-]+)")
# Options of other programs: engine, benchmarks, training ground, openjd, dask, pip, the hosts.
FOREIGN = {
    "--list", "--before", "--samples", "--plates",
    "--help", "--grace", "--worker-idle", "--joint-steps", "--work", "--repeats", "--step",
    "--nthreads", "--resources", "--python-expr", "--python-exit-code", "--python", "--node",
    "--no-deps", "--require-hashes", "--disable-pip",
    "--again", "--save", "--render", "--smoke", "--parts", "--also", "--limit",
}  # fmt: skip


def commands(group: Any, before: str = "dmp") -> Iterator[tuple[str, Any]]:
    """Each command with its words. Newer typers have a click of their own, hence no types here."""
    for name, command in group.commands.items():
        if command.hidden:  # for a farm's sessions, not for people
            continue
        if hasattr(command, "commands"):
            yield from commands(command, f"{before} {name}")
        else:
            yield f"{before} {name}", command


COMMANDS = dict(commands(typer.main.get_command(app)))


def options(command: Any) -> set[str]:
    return {
        word
        for one in command.params
        for word in [*one.opts, *one.secondary_opts]
        if word.startswith("--") and not getattr(one, "hidden", False)
    }


def test_the_reference_names_every_command() -> None:
    missing = [
        name
        for name in COMMANDS
        if name not in REFERENCE and " ".join(name.split()[:2]) not in REFERENCE
    ]
    assert missing == []


def test_the_reference_names_every_option_of_matte() -> None:
    section = REFERENCE.split("## Options of `dmp matte`")[1].split("\n## ")[0]
    assert set(OPTION.findall(section)) == options(COMMANDS["dmp matte"])


def test_no_page_names_an_option_that_does_not_exist() -> None:
    known = FOREIGN.union(*map(options, COMMANDS.values()))
    unknown = [
        f"{page.relative_to(ROOT).as_posix()}: {option}"
        for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
        for option in OPTION.findall(page.read_text(encoding="utf-8"))
        if option not in known
    ]
    assert unknown == []


def test_the_reference_names_every_error_and_its_exit_code() -> None:
    section = REFERENCE.split("## Exit codes")[1].split("\n## ")[0]
    rows = {
        int(code): set(re.findall(r"`(\w+)`", names))
        for code, names in re.findall(r"^\| (\d+) \| (.*?) \|", section, re.MULTILINE)
    }
    found = {
        one
        for one in vars(errors).values()
        if isinstance(one, type) and issubclass(one, errors.DmpError) and one is not errors.DmpError
    }
    assert set().union(*rows.values()) == {one.__name__ for one in found}
    for one in found:
        assert one.__name__ in rows[one.exit_code]


def test_the_reference_names_every_variable() -> None:
    used = {
        name
        for folder in ("plugin", "engine", "nuke", "blender_addon")
        for file in (ROOT / folder).rglob("*.py")
        for name in re.findall(r"[\"$` ](DMP_[A-Z]+_?[A-Z]+)\b(?!_)", file.read_text("utf-8"))
        if not name.startswith(("DMP_OT", "DMP_PT", "DMP_PG", "DMP_AP"))
    }
    assert len(used) >= 5
    section = REFERENCE.split("## Environment variables")[1]
    assert used - set(re.findall(r"`(\w+)`", section)) == set()


def test_the_python_page_names_what_there_is() -> None:
    page = (TD / "python.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)[^`]*`", row)}
    assert {"resolve", "BackgroundJob", "ShotFrame"} <= named
    assert named - {*dmp_matting.__all__, *dmp_matting.hosts.__all__} == set()


@pytest.mark.parametrize("wrong", ["--no-such-option", "--in-process"])
def test_an_option_that_does_not_exist_would_be_found(wrong: str) -> None:
    assert OPTION.findall(f"use `{wrong}` here") == [wrong]
    assert wrong not in FOREIGN.union(*map(options, COMMANDS.values()))
