"""A result that the disk or the way has damaged is never delivered: it is solved anew."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dmp_engine.server.result_cache import ResultCache
from dmp_matting.client.connection import Connection
from dmp_matting.client.job_client import Matting

from ...conftest import QUICK, Home, Pair
from .test_cache import layers, same, solved


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _zeroed(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def _one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _missing(path: Path) -> None:
    path.unlink()


DAMAGES = [_cut, _empty, _zeroed, _one_bit, _missing]


@pytest.mark.parametrize("name", ["layers.exr", "layers.json"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_dropped_and_can_be_put_again(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    cache, key = ResultCache(tmp_path / "results"), "a" * 64
    for _ in range(2):
        exr, target = tmp_path / "o.exr", tmp_path / "target.exr"
        exr.unlink(missing_ok=True)  # the entry is a link of it
        exr.write_bytes(bytes(range(1, 201)))
        cache.put(key, exr, layers(exr))
        assert same(cache.get(key, target), exr)
        target.unlink()
        damage(cache.folder / "aa" / key / name)
        assert cache.get(key, target) is None and not target.exists()
        assert not (cache.folder / "aa" / key).exists()


@pytest.mark.parametrize("content", ["", "../../..", "\0" * 64, "A" * 64, "b" * 63])
def test_a_damaged_link_leads_nowhere_and_takes_nothing_along(tmp_path: Path, content: str) -> None:
    cache, exr = ResultCache(tmp_path / "results"), tmp_path / "o.exr"
    exr.write_bytes(bytes(100))
    cache.put("a" * 64, exr, layers(exr))
    cache.link("b" * 64, "a" * 64)
    (link,) = cache.folder.glob("bb/*.link")
    link.write_text(content)
    assert cache.get("b" * 64, tmp_path / "o2.exr") is None and not link.exists()
    assert cache.usage().entries == 1 and exr.exists()


def test_an_entry_is_on_the_disk_when_it_is_put(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a power cut there is either all of it or nothing."""
    synced = []
    sync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda file: synced.append(os.fstat(file).st_ino) or sync(file)
    )
    cache, exr = ResultCache(tmp_path / "results"), tmp_path / "o.exr"
    exr.write_bytes(bytes(100))
    cache.put("a" * 64, exr, layers(exr))
    entry = cache.folder / "aa" / ("a" * 64)
    assert synced == [(entry / name).stat().st_ino for name in ("layers.exr", "layers.json")]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_result_is_solved_anew_and_never_delivered(
    engine: Connection,
    pair: Pair,
    tmp_path: Path,
    shared_home: Home,
    damage: Callable[[Path], None],
) -> None:
    settings = QUICK.changed(seed=500 + DAMAGES.index(damage))
    engine.request("DELETE", "/v1/cache")
    list(pair.matting(engine, tmp_path / "a.exr", settings).events())
    (entry,) = (shared_home.cache / "results").glob("*/*/layers.exr")
    damage(entry)
    _, computed = solved(list(pair.matting(engine, tmp_path / "b.exr", settings).events()))
    assert computed
    assert (tmp_path / "a.exr").read_bytes() == (tmp_path / "b.exr").read_bytes()


def test_a_result_damaged_on_its_way_is_fetched_from_a_fresh_job(
    engine: Connection, pair: Pair, tmp_path: Path
) -> None:
    class Damaging:
        def __init__(self) -> None:
            self.request, self.lines, self.times = engine.request, engine.lines, 0

        def blocks(self, path: str) -> Iterator[bytes]:
            for block in engine.blocks(path):
                self.times += 1
                yield block[:-1] + bytes([block[-1] ^ 1]) if self.times == 1 else block

    line: Any = Damaging()
    output = tmp_path / "a.exr"
    matting = Matting(pair.job(seed=510), {1: str(output)}, connect=lambda: line)
    found, _ = solved(list(matting.events()))
    assert line.times == 2
    assert hashlib.sha256(output.read_bytes()).hexdigest() == found.sha256
    assert output.stat().st_size == found.bytes
