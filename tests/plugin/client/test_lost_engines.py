"""Engines that keep ending, as in a storm of kills: the client goes on while anything does."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dmp_matting import EngineError, Layers
from dmp_matting.client.connection import Connection, EngineGone
from dmp_matting.client.job_client import Matting

from ...conftest import Pair


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
