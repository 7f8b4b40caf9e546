"""The result cache: right keys, bounded size, a second request at once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import OpenImageIO as oiio
import pytest

from dmp_engine.server.file_digest import plate_digest
from dmp_engine.server.result_cache import ResultCache
from dmp_matting import Layers, Progress, Settings
from dmp_matting.client.background_job import BackgroundJob
from dmp_matting.client.connection import Connection
from dmp_matting.client.engine_process import Event
from dmp_matting.client.job_client import Matting
from dmp_matting.exr_header import read_exr_header
from dmp_matting.hosts import Role, recorded_plates

from ...conftest import QUICK, Home, Pair, children, engine_jobs, wait_until
from ...scenes import write_image


def layers(path: Path) -> Layers:
    return Layers(1, str(path), ("A",), 4, 3, "cpu", {"total": 2.0}, ("a warning",), Settings())


def same(found: Layers | None, exr: Path) -> bool:
    """Whether ``found`` are the layers that were put, with the size and digest of their EXR."""
    digest = hashlib.sha256(exr.read_bytes()).hexdigest()
    return found == dataclasses.replace(layers(exr), bytes=exr.stat().st_size, sha256=digest)


def size_of_an_entry(exr: Path, folder: Path) -> int:
    cache = ResultCache(folder / "another")
    cache.put("f" * 64, exr, layers(exr))
    return cache.usage().bytes


def test_least_recently_used_goes_first(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path / "results", limit=3500)
    exr = tmp_path / "o.exr"
    exr.write_bytes(bytes(100))
    cache.limit = 3 * size_of_an_entry(exr, tmp_path) + 50  # room for three
    keys = [letter * 64 for letter in "abcd"]
    for age, key in enumerate(keys[:3]):
        cache.put(key, exr, layers(exr))
        os.utime(cache.folder / key[:2] / key / "layers.json", (age, age))
    assert cache.usage().entries == 3
    assert same(cache.get(keys[0], tmp_path / "again.exr"), exr)  # the oldest is used again
    cache.put(keys[3], exr, layers(exr))
    held = {path.name for path in cache.folder.glob("*/*")}
    assert held == {keys[0], keys[2], keys[3]}
    assert cache.usage().bytes <= cache.limit
    assert cache.get(keys[1], tmp_path / "no.exr") is None and not (tmp_path / "no.exr").exists()
    assert cache.clear() == 3 and cache.usage().entries == 0


def test_damaged_entries_are_no_hit_and_go(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path / "results")
    exr = tmp_path / "o.exr"
    exr.write_bytes(bytes(100))
    for key, damage in (("a" * 64, "layers.json"), ("b" * 64, "layers.exr")):
        cache.put(key, exr, layers(exr))
        broken = cache.folder / key[:2] / key / damage
        broken.write_text("{") if damage == "layers.json" else broken.unlink()
        assert cache.get(key, tmp_path / "o2.exr") is None
        assert not broken.parent.exists()
    assert not (tmp_path / "o2.exr").exists()


def test_an_entry_that_a_killed_engine_began_is_none(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path / "results")
    exr, key = tmp_path / "o.exr", "a" * 64
    exr.write_bytes(bytes(100))
    begun = cache.folder / "aa" / f".{key}.0badcafe.1.0123abcd.part"
    begun.mkdir(parents=True)
    for name in ("layers.exr", "layers.json"):
        (begun / name).write_bytes(b"{}")
    os.utime(begun, (1, 1))
    assert cache.usage().entries == 0 and cache.get(key, tmp_path / "o2.exr") is None
    cache.put(key, exr, layers(exr))
    assert cache.usage().entries == 1 and os.listdir(cache.folder / "aa") == [key]


def test_a_cache_of_no_size_holds_nothing(tmp_path: Path) -> None:
    cache = ResultCache(tmp_path / "results", limit=0)
    exr = tmp_path / "o.exr"
    exr.write_bytes(bytes(100))
    cache.put("a" * 64, exr, layers(exr))
    assert cache.usage().entries == 0


# --- what counts as the same plate ---


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(1).random((40, 50, 3))


def test_time_stamps_of_hosts_do_not_count(tmp_path: Path, pixels: np.ndarray) -> None:
    first = write_image(
        tmp_path / "a.exr", pixels, attributes={"Date": "2026/01/01", "RenderTime": "00:01"}
    )
    second = write_image(
        tmp_path / "b.exr", pixels,
        attributes={
            "Date": "2026/02/02 12:34:56", "RenderTime": "00:02.37", "nuke/node_hash": "fffe",
        },
    )  # fmt: skip
    assert first.read_bytes() != second.read_bytes()
    assert plate_digest(first) == plate_digest(second)


def test_one_pixel_counts(tmp_path: Path, pixels: np.ndarray) -> None:
    first = plate_digest(write_image(tmp_path / "a.exr", pixels))
    pixels[39, 49, 2] += 0.01
    assert plate_digest(write_image(tmp_path / "b.exr", pixels)) != first


@pytest.mark.parametrize("attribute", ["chromaticitiesOf", "owner", "reelName", "TimecodeOf"])
def test_metadata_that_ends_up_in_the_result_counts(
    tmp_path: Path, pixels: np.ndarray, attribute: str
) -> None:
    first = write_image(tmp_path / "a.exr", pixels, attributes={attribute: "one"})
    second = write_image(tmp_path / "b.exr", pixels, attributes={attribute: "two"})
    assert plate_digest(first) != plate_digest(second)


def test_the_last_chunk_counts_and_so_does_what_is_cut_off(
    tmp_path: Path, pixels: np.ndarray
) -> None:
    path = write_image(tmp_path / "a.exr", pixels)
    whole = path.read_bytes()
    seen = {plate_digest(path)}
    for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1]), whole[:100], whole[:8], b""):
        path.write_bytes(damaged)
        seen.add(plate_digest(path))
    assert len(seen) == 6


def test_another_table_of_chunks_is_another_plate(tmp_path: Path) -> None:
    """The decoder finds the rows by the table: swapped, the same header and chunks are another."""
    random = np.random.default_rng(2)
    path = write_image(tmp_path / "a.exr", random.random((64, 8, 3), np.float32))
    with path.open("rb") as file:
        header = read_exr_header(file)
    assert header is not None and header.blocks() > 1
    data, table = path.read_bytes(), slice(header.size, header.size + 8 * header.blocks())
    seen = {plate_digest(path)}
    offsets = data[table]
    for changed in (offsets[8:16] + offsets[:8] + offsets[16:], bytes(len(offsets))):
        path.write_bytes(data[: table.start] + changed + data[table.stop :])
        seen.add(plate_digest(path))
    path.write_bytes(data[: table.stop - 4])  # cut in its table
    seen.add(plate_digest(path))
    assert len(seen) == 4


def test_every_header_byte_that_is_damaged_gives_a_digest(
    tmp_path: Path, pixels: np.ndarray
) -> None:
    """Garbage never raises: OpenImageIO will say later what is wrong."""
    path = write_image(tmp_path / "a.exr", pixels)
    whole = path.read_bytes()
    for at in range(0, 330):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        assert len(plate_digest(path)) == 64


# --- through the engine ---


def solved(events: list[Event]) -> tuple[Layers, bool]:
    """The Layers, and whether they had to be computed."""
    (found,) = [event for event in events if isinstance(event, Layers)]
    return found, found.seconds["total"] > 0


def test_a_second_request_is_not_solved(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    settings = QUICK.changed(joint_steps=20, seed=55)
    first, computed = solved(list(pair.matting(engine, tmp_path / "a.exr", settings).events()))
    assert computed
    second, computed = solved(list(pair.matting(engine, tmp_path / "b.exr", settings).events()))
    assert not computed and second.seconds == {"total": 0.0}
    assert (tmp_path / "a.exr").read_bytes() == (tmp_path / "b.exr").read_bytes()
    assert second.channels == first.channels and second.path == str(tmp_path / "b.exr")


def test_at_once_also_while_the_device_is_busy(
    engine: Connection, pair: Pair, tmp_path: Path
) -> None:
    settings = QUICK.changed(seed=56)
    list(pair.matting(engine, tmp_path / "a.exr", settings).events())
    busy = BackgroundJob(
        pair.job(joint_steps=1_000_000), {1: str(tmp_path / "c.exr")}, connect=lambda: engine
    )
    wait_until(lambda: any(isinstance(event, Progress) for event in busy.poll()), 60)
    list(pair.matting(engine, tmp_path / "b.exr", settings).events())
    assert [job["state"] for job in engine_jobs(engine)].count("running") == 1, "still busy"
    busy.cancel()
    assert busy.wait(10)


@pytest.mark.parametrize("change", [{"seed": 58}, {"solve_size": 320}, {"refine_passes": 2}])
def test_another_setting_is_another_result(
    engine: Connection, pair: Pair, tmp_path: Path, change: dict[str, float]
) -> None:
    base = QUICK.changed(seed=57)
    list(pair.matting(engine, tmp_path / "a.exr", base).events())
    _, computed = solved(
        list(pair.matting(engine, tmp_path / "b.exr", base.changed(**change)).events())
    )
    assert computed


def test_frame_numbers_do_not_change_pixels(engine: Connection, pair: Pair, tmp_path: Path) -> None:
    base = QUICK.changed(seed=59)
    list(pair.matting(engine, tmp_path / "a.exr", base).events())
    job = pair.job(base)
    job = type(job)((type(job.frames[0])(1234, job.frames[0].plates),), job.settings)
    matting = Matting(job, {1234: str(tmp_path / "b.exr")}, connect=lambda: engine)
    found, computed = solved(list(matting.events()))
    assert not computed and found.frame == 1234


def test_another_number_of_threads_is_another_result(
    engine: Connection, pair: Pair, tmp_path: Path
) -> None:
    base = QUICK.changed(seed=61)  # sums in another order differ in their last digits
    list(pair.matting(engine, tmp_path / "a.exr", base).events())
    again = pair.matting(engine, tmp_path / "b.exr", base.changed(threads=2))
    assert solved(list(again.events()))[1]


def test_the_cache_outlives_the_engine(home: Home, pair: Pair, tmp_path: Path) -> None:
    wire = home.start()
    list(pair.matting(wire, tmp_path / "a.exr").events())
    wire.request("POST", "/v1/shutdown", {"force": True})
    wait_until(lambda: not home.processes(), 8)
    _, computed = solved(list(pair.matting(home.start(), tmp_path / "b.exr").events()))
    assert not computed


def test_cache_over_the_wire(home: Home, pair: Pair, tmp_path: Path) -> None:
    wire = home.start("--cache-gb", "0.5")
    list(pair.matting(wire, tmp_path / "a.exr").events())
    usage = wire.request("GET", "/v1/cache")
    assert usage["entries"] == 1 and usage["limit"] == 1 << 29 and usage["bytes"] > 1000
    assert wire.request("DELETE", "/v1/cache") == {"removed": 1}
    assert list((home.cache / "results").glob("*/*")) == []
    assert children(wire.pid)  # the worker was no part of it


def test_two_colour_configurations_do_not_share_results(
    home: Home, pair: Pair, tmp_path: Path
) -> None:
    """A host with another $OCIO gets its own result, and a worker that reads with that."""
    home.start()
    code = (
        "import sys, json; sys.path.insert(0, sys.argv[1])\n"
        "from dmp_matting.job import Job\nfrom dmp_matting.client.job_client import Matting\n"
        "events = list(Matting(Job.from_json(json.loads(sys.argv[2])), {1: sys.argv[3]}).events())"
        "\nprint(events[-1].seconds['total'])"
    )
    plugin = str(Path(__file__).resolve().parents[3] / "plugin")
    job = json.dumps(pair.job().to_json())

    def seconds(ocio: str) -> float:
        environment = {**os.environ, "OCIO": ocio}
        if not ocio:
            del environment["OCIO"]
        done = subprocess.run(
            [sys.executable, "-c", code, plugin, job, str(tmp_path / "o.exr")],
            env=environment, capture_output=True, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return float(done.stdout)

    assert seconds("") > 0
    assert seconds("") == 0
    assert seconds("ocio://default") > 0
    assert seconds("ocio://default") == 0


def test_the_same_pixels_in_another_compression_are_not_solved_again(
    engine: Connection, pair: Pair, tmp_path: Path
) -> None:
    settings = QUICK.changed(seed=71)
    first, computed = solved(list(pair.matting(engine, tmp_path / "a.exr", settings).events()))
    assert computed
    for plate in (pair.image, pair.clean):
        before = plate.read_bytes()
        packed = oiio.ImageBuf(str(plate))
        pixels = packed.get_pixels("half")  # before the file is written anew
        again = oiio.ImageBuf(packed.spec())
        again.set_pixels(oiio.ROI.All, pixels)
        again.specmod().attribute("compression", "none")
        assert again.write(str(plate)), again.geterror()
        assert plate.read_bytes() != before
    for name in ("b.exr", "c.exr"):  # found by its pixels, then by its files
        second, computed = solved(list(pair.matting(engine, tmp_path / name, settings).events()))
        assert not computed and second.channels == first.channels
        before, after = (oiio.ImageBuf(str(tmp_path / one)) for one in ("a.exr", name))
        assert np.array_equal(before.get_pixels("half"), after.get_pixels("half"))
        recorded = [one.spec().get_string_attribute("dmp:inputs") for one in (before, after)]
        assert all(recorded) and recorded[0] != recorded[1], "the files are others"


def test_the_same_pixels_under_other_names_record_those_names(
    engine: Connection, pair: Pair, tmp_path: Path
) -> None:
    """Else a shot that was moved, or a copy of it, would count as unfinished for ever."""
    settings = QUICK.changed(seed=72)
    first, computed = solved(list(pair.matting(engine, tmp_path / "a.exr", settings).events()))
    assert computed
    pair.image = pair.image.rename(tmp_path / "a name that is much longer than it was.exr")
    second, computed = solved(list(pair.matting(engine, tmp_path / "b.exr", settings).events()))
    assert not computed and second.channels == first.channels
    assert recorded_plates(second.path) == {
        Role.IMAGE: str(pair.image), Role.CLEAN: str(pair.clean)
    }  # fmt: skip
    before, after = (oiio.ImageBuf(str(tmp_path / name)) for name in ("a.exr", "b.exr"))
    assert np.array_equal(before.get_pixels("half"), after.get_pixels("half"))


def test_links_go_with_the_entry_that_they_mean(tmp_path: Path) -> None:
    exr, again = tmp_path / "a.exr", tmp_path / "again.exr"
    exr.write_bytes(bytes(100))
    room = size_of_an_entry(exr, tmp_path) + 50  # for one
    cache = ResultCache(tmp_path / "results", limit=room)
    kept, link, other = "a" * 64, "b" * 64, "c" * 64
    cache.put(kept, exr, layers(exr))
    cache.link(link, kept)
    assert same(cache.get(link, again), exr) and again.stat().st_size == 100
    cache.link("d" * 64, "e" * 64)  # of an entry that does not exist
    assert len(list(cache.folder.rglob("*.link"))) == 1
    cache.put(other, exr, layers(exr))
    os.utime(cache.folder / "cc" / other / "layers.json", (9e9, 9e9))
    cache.trim()
    assert cache.get(link, again) is None and same(cache.get(other, again), exr)
    assert not list(cache.folder.rglob("*.link"))
