"""What of a colour configuration counts: its file, its tables, the variables that it reads."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dmp_matting.ocio import ocio_digest, ocio_environment, worker_environment

CONFIG = """ocio_profile_version: 2
environment: {SHOT: sh010}
search_path: luts:%s
colorspaces:
  - !<ColorSpace>
    name: plate
    to_reference: !<FileTransform> {src: "${SHOT}.spi1d", interpolation: linear}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "cfg" / "luts").mkdir(parents=True)
    (tmp_path / "far").mkdir()
    (tmp_path / "cfg" / "luts" / "sh010.spi1d").write_text("1.0")
    (tmp_path / "far" / "look.cube").write_text("1.0")
    path = tmp_path / "cfg" / "config.ocio"
    path.write_text(CONFIG % (tmp_path / "far"))
    monkeypatch.setenv("OCIO", str(path))
    monkeypatch.setenv("SHOT", "sh010")
    return path


def test_a_client_sends_the_variables_that_its_configuration_reads(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ocio_environment() == f"{config}\nSHOT=sh010"
    monkeypatch.delenv("SHOT")
    assert ocio_environment() == f"{config}\nSHOT"
    monkeypatch.chdir(config.parent)
    monkeypatch.setenv("OCIO", "config.ocio")
    assert ocio_environment() == f"{config}\nSHOT"
    monkeypatch.setenv("OCIO", "ocio://default")
    assert ocio_environment() == "ocio://default"
    monkeypatch.setenv("OCIO", "gone.ocio")
    assert ocio_environment() == str(config.parent / "gone.ocio")
    monkeypatch.delenv("OCIO")
    assert ocio_environment() == ""


def test_a_worker_has_the_clients_variables_and_no_others(config: Path) -> None:
    own = {"PATH": "/bin", "SHOT": "sh030", "OCIO": "other"}
    client = ocio_environment()
    assert worker_environment(client, own) == {
        "PATH": "/bin", "SHOT": "sh010", "OCIO": str(config),
    }  # fmt: skip
    without = f"{config}\nSHOT"
    assert worker_environment(without, own) == {"PATH": "/bin", "OCIO": str(config)}
    assert worker_environment("", own) == {"PATH": "/bin", "SHOT": "sh030"}


def test_whatever_changes_a_colour_changes_the_digest(config: Path) -> None:
    def change(path: Path, text: str) -> None:
        """As an exporter that keeps size and date does it."""
        before = path.stat()
        path.write_text(text)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    client = ocio_environment()
    seen = [
        ocio_digest(client),
        ocio_digest(f"{config}\nSHOT=sh020"),
        ocio_digest(f"{config}\nSHOT"),
    ]
    assert ocio_digest(client) == seen[0]
    change(config.parent / "luts" / "sh010.spi1d", "0.5")
    seen.append(ocio_digest(client))
    change(config.parent.parent / "far" / "look.cube", "0.5")
    seen.append(ocio_digest(client))
    config.write_text(config.read_text() + "# edited\n")
    seen.append(ocio_digest(client))
    assert len(set(seen)) == len(seen)
    (config.parent / "notes.txt").write_text("nothing of colours")
    assert ocio_digest(client) == seen[-1]


def test_no_configuration_and_one_that_is_gone_have_a_digest_too() -> None:
    digests = {ocio_digest(text) for text in ("", "ocio://default", "/no/such/config.ocio")}
    assert len(digests) == 3
