"""A download over a line that breaks goes on where it was: a big file from an index of the test's.

The pip that Python brings begins a cut file again, so a current one is fetched first.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from dmp_matting.client.install import installation, machine, payload, pythons, wheels
from dmp_matting.client.install.installation import InstallRequest, plan_installation
from dmp_matting.client.requirements import TORCH
from dmp_matting.errors import EngineError

from ....conftest import Home
from ....packages import (
    LARGE,
    TORCH_WHEEL,
    Index,
    assert_resumed,
    bring_pip,
    index,
    installed_wheel,
    make_torch_big,
    release,
    wheel,
)

__all__ = ["index", "release"]  # fixtures

UV = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))


@pytest.fixture
def old_pip(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python whose own pip is of 2023."""
    bring_pip(monkeypatch, old=True)


@pytest.fixture
def big_torch(old_pip: None, release: Path, tmp_path: Path) -> int:
    """Bytes of a torch as large as a test likes it, in the index beside a current pip."""
    return make_torch_big(release, tmp_path / "packages")


def install(release: Path) -> list[str]:
    """An installation to its end; its sentences."""
    plan = plan_installation(InstallRequest(base=sys.executable, release=release))
    steps: list[installation.Step] = []
    installation.Installation(plan).run(steps.append)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    return [step.sentence for step in steps]


@pytest.mark.parametrize("tool", ["pip", "uv"])
@pytest.mark.parametrize("trouble", ["breaks", "resets"])
def test_a_file_that_is_cut_goes_on_where_it_was(
    trouble: str, tool: str, big_torch: int, index: Index, release: Path, home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """uv would begin it again four times; it makes the environment and fetches pip."""
    if tool == "uv":
        if UV is None:
            pytest.skip("no uv here (it comes with the extra dev)")
        monkeypatch.setattr(pythons, "find_uv", lambda: UV)
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    index.trouble = trouble
    sentences = install(release)
    assert_resumed(index, big_torch)
    broken = {one for one in sentences if one.startswith("The connection broke; torch goes on at")}
    assert len(broken) == len(index.sent[TORCH_WHEEL]) - 1
    assert "Downloading torch, 21.0 MB" in sentences


def test_wheels_for_other_machines_too(
    big_torch: int, index: Index, release: Path, tmp_path: Path, home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    found = payload.find(release)
    monkeypatch.setattr(payload, "find", lambda *named: found)
    index.trouble = "breaks"
    wheels.download(
        tmp_path / "wheels", "cu130" if machine.index_build() != "cpu" else "cpu", sys.executable,
        tmp_path / "scratch", lambda step: None,
    )  # fmt: skip
    assert_resumed(index, big_torch)
    assert (tmp_path / "wheels" / TORCH_WHEEL).stat().st_size == big_torch


def test_a_download_that_breaks_off_is_no_reason_for_another_build(
    big_torch: int, index: Index, release: Path, tmp_path: Path, home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    found = payload.find(release)
    monkeypatch.setattr(payload, "find", lambda *named: found)
    monkeypatch.setattr(machine, "index_build", lambda: "cu130")
    monkeypatch.setenv("PIP_RESUME_RETRIES", "0")
    wheel(tmp_path / "packages", "torch", f"{TORCH}+cpu", {"torch.bin": os.urandom(2 * LARGE)})
    index.trouble = "breaks"
    with pytest.raises(EngineError, match="The download broke off; run `dmp package wheels` again"):
        wheels.download(
            tmp_path / "wheels", "cpu", sys.executable, tmp_path / "scratch", lambda step: None
        )
    assert TORCH_WHEEL not in index.sent


@pytest.mark.parametrize("rule", [False, True], ids=["none there", "a facility's rule"])
def test_an_index_without_such_a_pip_serves_the_one_that_is_there(
    rule: bool, old_pip: None, index: Index, release: Path, tmp_path: Path, home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if rule:
        installed_wheel(tmp_path / "packages", "pip")
        (tmp_path / "rule.txt").write_text("pip<24\n")
        monkeypatch.setenv("PIP_CONSTRAINT", str(tmp_path / "rule.txt"))
    install(release)
    assert not any(name.startswith("pip-") for name in index.served)
    assert any(name.startswith("torch-") for name in index.served)


def test_pip_itself_is_tried_again(
    old_pip: None, index: Index, release: Path, tmp_path: Path, home: Home
) -> None:
    made = installed_wheel(tmp_path / "packages", "pip")
    index.trouble = "cut"  # what resumes nothing fetches it
    with pytest.raises(EngineError, match=r"The download broke off; press \*Install Engine\*"):
        install(release)
    assert index.served == [made.name] * 3
    assert list((home.root / "data" / "engines").iterdir()) == []
