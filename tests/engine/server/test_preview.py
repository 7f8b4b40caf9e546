"""The live preview: soon there, refreshed, gone with its job."""

from __future__ import annotations

import time
from pathlib import Path

import OpenImageIO as oiio
import pytest

from dmp_matting import Progress, preset
from dmp_matting.client.connection import Connection, NotThere
from dmp_matting.client.job_client import Matting

from ...conftest import ENDLESS, Pair, engine_jobs


def test_something_to_look_at_within_five_seconds(engine: Connection, tmp_path: Path) -> None:
    """512x512, `draft`, on the CPU, on a warm engine."""
    warm = Pair(tmp_path, seed=40)
    list(warm.matting(engine, tmp_path / "warm.exr").events())
    pair = Pair(tmp_path, 512, 512, seed=41)
    shown = tmp_path / "now.png"
    start = time.monotonic()
    events = Matting(
        pair.job(preset("draft").changed(device="cpu")),
        {1: str(tmp_path / "o.exr")},
        preview=str(shown),
        connect=lambda: engine,
    ).events()
    for event in events:
        if isinstance(event, Progress) and event.preview:
            break
    assert time.monotonic() - start < 5
    picture = oiio.ImageBuf(str(shown))
    assert (picture.spec().width, picture.spec().height, picture.nchannels) == (512, 512, 4)
    alpha = picture.get_pixels("float")[..., 3]
    assert alpha[256, 256] > 0.5 > alpha[8, 8]
    events.close()


def test_it_is_refreshed_and_goes_with_its_job(
    engine: Connection, pair: Pair, tmp_path: Path
) -> None:
    shown = tmp_path / "now.png"
    matting = pair.matting(engine, tmp_path / "o.exr", ENDLESS, preview=str(shown))
    events = matting.events()
    seen: set[bytes] = set()
    for event in events:
        if isinstance(event, Progress) and event.preview:
            assert event.preview == str(shown)
            seen.add(shown.read_bytes())
        if len(seen) == 2:
            break
    job = next(job["id"] for job in engine_jobs(engine) if job["state"] == "running")
    assert engine.request("GET", f"/v1/jobs/{job}")["preview"].startswith(
        f"/v1/jobs/{job}/preview?n="
    )
    events.close()
    with pytest.raises(NotThere):
        while True:
            list(engine.blocks(f"/v1/jobs/{job}/preview"))


def test_without_a_wish_none_is_fetched(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir()) | {tmp_path / "o.exr"}
    for event in pair.matting(engine, tmp_path / "o.exr", changes={"seed": 9}).events():
        assert not isinstance(event, Progress) or event.preview is None
    assert set(tmp_path.iterdir()) == before
