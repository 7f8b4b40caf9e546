"""The private engine made by the real uv, from an index of the test's own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from dmp_matting.client.engine_python import engine_command
from dmp_matting.client.install import fetched, installation, machine, pythons
from dmp_matting.client.install.installation import (
    InstallRequest,
    plan_installation,
)
from dmp_matting.client.requirements import TORCH
from dmp_matting.errors import EngineError

from ....conftest import Home
from ....packages import Index, cancel_while_stuck, index, release, wheel

__all__ = ["index", "release"]  # fixtures

UV = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))


@pytest.fixture
def uv(index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    """A machine with uv, which is led to the index; pip is not."""
    if UV is None:
        pytest.skip("no uv here (it comes with the extra dev)")
    monkeypatch.setattr(pythons, "find_uv", lambda: UV)
    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.url)
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("HOME", str(tmp_path))
    return index


def install(release: Path, **request: Any) -> tuple[installation.Installed, list[str]]:
    """An installation to its end, on this Python; its sentences."""
    plan = plan_installation(InstallRequest(base=sys.executable, release=release, **request))
    assert plan.tools.called == "uv"
    sentences: list[str] = []
    done = installation.Installation(plan).run(lambda step: sentences.append(step.sentence))
    return done, sentences


def test_uv_makes_it(uv: Index, release: Path, home: Home) -> None:
    done, sentences = install(release)
    assert engine_command()[0] == done.python
    assert done.record.torch == TORCH and done.device == "cpu"
    assert "Unpacking the packages" in sentences
    assert not (home.root / "data" / "downloads").exists()


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        ("cut", "The download broke off"),
        ("other", "A package arrived other than it was published"),
        (403, "The package index {index} refused access"),
        ("unreachable", "The package index {index} cannot be reached"),
        ("not there", "The package index {index} has no package small; correct its address"),
    ],
)
def test_what_uv_prints_becomes_one_sentence(
    trouble: Any, sentence: str, uv: Index, release: Path, tmp_path: Path, home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if trouble == "unreachable":
        monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    elif trouble == "not there":
        next((tmp_path / "packages").glob("small-*")).unlink()
    elif trouble == "other":
        wheel(tmp_path / "packages", "small", "1.0", {"small.py": "x = 2\n"})
    else:
        uv.trouble = trouble
    with pytest.raises(EngineError) as raised:
        install(release)
    sentence = sentence.format(index=os.environ["UV_DEFAULT_INDEX"])
    assert str(raised.value).startswith(sentence), raised.value
    assert list((home.root / "data" / "engines").iterdir()) == [], "nothing is half installed"


def test_uv_is_cancelled_while_a_download_hangs(uv: Index, release: Path, home: Home) -> None:
    cancel_while_stuck(uv, release, home)
    assert list((home.root / "data" / "engines").iterdir()) == []


def test_a_build_that_only_another_index_has_is_no_promise(
    uv: Index, release: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = InstallRequest(torch="cpu", base=sys.executable, release=release)
    monkeypatch.setattr(machine, "index_build", lambda: "cu130")
    for led in (True, False):
        monkeypatch.setattr(pythons, "uv_is_configured", lambda led=led: led)
        sentence = plan_installation(request).sentence
        assert "350 MB" in sentence and "3.2 GB if torch for the CPU alone cannot be" in sentence
    monkeypatch.setenv("DMP_TORCH_INDEX", "https://index.example/{build}")
    assert "3.2 GB" not in plan_installation(request).sentence


@pytest.mark.parametrize("sound", [True, False])
def test_where_no_other_index_is_reached_the_usual_torch_is_the_locked_one(
    sound: bool, uv: Index, release: Path, tmp_path: Path, home: Home,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(machine, "index_build", lambda: "cu130")
    monkeypatch.setattr(fetched, "uv_is_configured", lambda: False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # the index of torch's builds
    if not sound:
        wheel(tmp_path / "packages", "torch", TORCH, {"torch.py": "x = 2\n"})
        with pytest.raises(EngineError, match="A package arrived other than it was published"):
            install(release, torch="cpu")
        return
    done, _ = install(release, torch="cpu")
    assert done.record.torch == TORCH
    assert done.notes == (
        "The build cpu of torch could not be had, so the usual one was taken.",
    )  # fmt: skip
