"""Engines that keep ending, as in a storm of kills: the client goes on while anything does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from dmp_matting import EngineError, Layers
from dmp_matting.client import launcher
from dmp_matting.client.connection import Connection, EngineGone
from dmp_matting.client.engine_start import EngineDied, Starting
from dmp_matting.client.job_client import Matting

from ...conftest import Home, Pair


def test_engines_that_keep_ending_are_outlasted(
    engine: Connection, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many are lost in a row, as in a storm of kills, and then one stays."""
    monkeypatch.setattr("dmp_matting.client.job_client.LOST_PAUSE", 0.0)
    lost = iter(range(20))

    def connect() -> Connection:
        nobody = Connection(f"unix:{tmp_path}/none.sock", "token")
        return engine if next(lost, None) is None else nobody

    matting = Matting(pair.job(seed=21), {1: str(tmp_path / "o.exr")}, connect=connect)
    assert isinstance(list(matting.events())[-1], Layers)


def test_a_better_place_in_the_queue_is_progress(
    engine: Connection, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each engine finishes one job of others, then it is lost: ours is next some day."""
    monkeypatch.setattr("dmp_matting.client.job_client.LOST_PAUSE", 0.0)
    monkeypatch.setattr("dmp_matting.client.job_client.LOST_SECONDS", 0.0)
    places: Iterator[int] = iter(range(8, 0, -1))
    real = Connection.lines

    def lines(connection: Connection, path: str) -> Iterator[dict[str, Any]]:
        place = next(places, None)
        if place is None:
            yield from real(connection, path)
        else:
            yield {"event": "state", "state": "queued", "position": place}
            raise EngineGone("killed")

    monkeypatch.setattr(Connection, "lines", lines)
    matting = pair.matting(engine, tmp_path / "o.exr", changes={"seed": 22})
    assert isinstance(list(matting.events())[-1], Layers)
    places = itertools.repeat(3)
    with pytest.raises(EngineError, match="without getting any further"):
        list(pair.matting(engine, tmp_path / "p.exr").events())


def test_an_engine_that_ends_before_it_serves_is_one_more_that_was_lost(
    engine: Connection, pair: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It fails a job only where none was lost before: then nothing speaks for the next try."""
    monkeypatch.setattr("dmp_matting.client.job_client.LOST_PAUSE", 0.0)
    died = EngineDied("The engine could not start (exit code 0): killed.")
    gone: list[EngineError] = [EngineGone("killed"), *[died] * 20]

    def connect() -> Connection:
        if gone:
            raise gone.pop(0)
        return engine

    matting = Matting(pair.job(seed=23), {1: str(tmp_path / "o.exr")}, connect=connect)
    assert isinstance(list(matting.events())[-1], Layers)
    gone = [died]
    with pytest.raises(EngineDied):
        list(Matting(pair.job(seed=24), {1: str(tmp_path / "p.exr")}, connect=connect).events())


def test_of_many_clients_one_starts_the_engine(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launcher, "TURN_LIMIT", 120.0)
    starts: list[list[str]] = []

    class Counted(Starting):
        def __init__(self, command: list[str]) -> None:
            starts.append(command)
            super().__init__(command)

    monkeypatch.setattr(launcher, "Starting", Counted)
    monkeypatch.setattr(launcher, "AGAIN", 120.0)
    with ThreadPoolExecutor(8) as clients:
        found = list(clients.map(lambda _: launcher.ensure_engine(), range(8)))
    assert len({one.pid for one in found}) == 1
    assert len(starts) == 1
