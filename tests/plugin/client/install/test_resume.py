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
from ....packages import Index, bring_pip, index, installed_wheel, release, sha256, wheel

__all__ = ["index", "release"]  # fixtures

UV = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
TORCH_WHEEL = f"torch-{TORCH}-py3-none-any.whl"


@pytest.fixture
def old_pip(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python whose own pip is of 2023."""
    bring_pip(monkeypatch, old=True)


@pytest.fixture
def big_torch(old_pip: None, release: Path, tmp_path: Path) -> int:
    """Bytes of a torch as large as a test likes it, in the index beside a current pip."""
    installed_wheel(tmp_path / "packages", "pip")
    made = wheel(tmp_path / "packages", "torch", TORCH, {"torch.bin": os.urandom(20_000_000)})
    lock = release / payload.LOCKS[True]
    lines = [line for line in lock.read_text().splitlines() if not line.startswith("torch")]
    lock.write_text("\n".join([*lines, f"torch=={TORCH} --hash=sha256:{sha256(made)}"]) + "\n")
    return made.stat().st_size


def install(release: Path) -> list[str]:
    """An installation to its end; its sentences."""
    plan = plan_installation(InstallRequest(base=sys.executable, release=release))
    steps: list[installation.Step] = []
    installation.Installation(plan).run(steps.append)
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    return [step.sentence for step in steps]


def assert_resumed(index: Index, size: int) -> None:
    """Each request goes on where the one before broke; nearly nothing is sent twice."""
    sent = index.sent[TORCH_WHEEL]
    ends = [start + count for start, count in sent]
    assert len(sent) >= 3 and sent[0][0] == 0, sent
    assert all(0 < start <= end for (start, _), end in zip(sent[1:], ends, strict=False)), sent
    assert ends[-1] == size and sum(count for _, count in sent) < 1.3 * size, sent


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
    broken = [one for one in sentences if one.startswith("The connection broke; torch goes on at")]
    assert len(broken) == len(index.sent[TORCH_WHEEL]) - 1
    assert "Downloading torch, 20.0 MB" in sentences


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
    with pytest.raises(EngineError, match=r"The download broke off; press \*Install engine\*"):
        install(release)
    assert index.served == [made.name] * 3
    assert list((home.root / "data" / "engines").iterdir()) == []
