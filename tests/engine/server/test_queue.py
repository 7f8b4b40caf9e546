"""The queue: places in it, who goes first, one cancelled out of fifty, two hosts at once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from dmp_engine.server.schedule import Schedule, Urgency
from dmp_matting import Layers
from dmp_matting.client.connection import Connection
from dmp_matting.client.job_client import Matting

from ...conftest import ENDLESS, QUICK, Home, Pair, children, engine_jobs, wait_until


def test_single_frames_go_before_batches_and_a_batch_keeps_its_place() -> None:
    schedule = Schedule()
    batch, second = (schedule.ticket(name, Urgency.BATCH) for name in ("batch", "second"))
    schedule.add(batch)
    schedule.add(second)
    frame = schedule.ticket("frame", Urgency.INTERACTIVE)
    schedule.add(frame)
    assert schedule.jobs() == ["frame", "batch", "second"]
    assert schedule.take(lambda job: job != "frame") == batch
    assert schedule.overtakes(batch, lambda job: True)
    assert not schedule.overtakes(batch, lambda job: job != "frame")
    schedule.add(batch)
    assert schedule.jobs() == ["frame", "batch", "second"]
    assert [schedule.position(name) for name in ("frame", "second", "gone")] == [0, 2, None]
    schedule.remove("frame")
    schedule.remove("gone")
    assert schedule.jobs() == ["batch", "second"]


def submit(wire: Connection, pair: Pair, attended: bool = False, **changes: Any) -> str:
    """A job nobody waits for; its id."""
    base = changes.pop("settings", QUICK)
    job = pair.job(base, frames=changes.pop("frames", 1), **changes)
    made = wire.request("POST", "/v1/jobs", {"job": job.to_json(), "attended": attended})
    for plate in made["plates"]:
        with open(plate["path"], "rb") as file:
            size = Path(plate["path"]).stat().st_size
            wire.request("PUT", f"/v1/jobs/{made['id']}/plates/{plate['index']}", file, size=size)
    wire.request("POST", f"/v1/jobs/{made['id']}/start")
    return str(made["id"])


def state(wire: Connection, job: str) -> dict[str, Any]:
    found: dict[str, Any] = wire.request("GET", f"/v1/jobs/{job}")
    return found


def test_fifty_jobs_and_one_cancelled_in_the_middle(home: Home, pair: Pair, tmp_path: Path) -> None:
    """Of fifty different pairs, so that each is solved and none comes from the cache."""
    wire = home.start()
    blocker = submit(wire, pair, settings=ENDLESS)
    pairs = [Pair(tmp_path, seed=100 + number) for number in range(50)]
    jobs = [submit(wire, each) for each in pairs]
    wait_until(lambda: state(wire, blocker)["state"] == "running", 30)
    wait_until(lambda: state(wire, jobs[-1]).get("position") == 49, 5)
    assert [state(wire, job)["position"] for job in jobs] == list(range(50))

    wire.request("POST", f"/v1/jobs/{jobs[25]}/cancel")
    assert state(wire, jobs[25])["state"] == "cancelled"
    assert state(wire, jobs[24])["position"] == 24
    assert state(wire, jobs[26])["position"] == 25
    wire.request("POST", f"/v1/jobs/{blocker}/cancel")

    wait_until(lambda: not any(state(wire, job)["state"] == "queued" for job in jobs), 120)
    wait_until(lambda: state(wire, jobs[-1])["state"] == "done", 10)
    assert {state(wire, job)["state"] for job in jobs if job != jobs[25]} == {"done"}
    assert state(wire, jobs[25])["finished"] == []
    assert wire.request("GET", "/v1/cache")["entries"] == 49
    assert jobs[25] not in home.jobs() and len(home.jobs()) == 49
    for job in (*jobs, blocker):
        wire.request("DELETE", f"/v1/jobs/{job}")
    assert home.jobs() == [] and engine_jobs(wire) == []


def test_a_single_frame_cuts_into_a_batch(
    engine: Connection, pair: Pair, tmp_path: Path, shared_home: Home
) -> None:
    batch = submit(engine, pair, frames=6, joint_steps=40, seed=900)
    wait_until(lambda: state(engine, batch)["state"] == "running", 30)
    events = pair.matting(engine, tmp_path / "o.exr", changes={"seed": 901}).events()
    assert any(isinstance(event, Layers) for event in events)
    summary = state(engine, batch)
    assert summary["state"] in ("queued", "running") and len(summary["finished"]) < 6
    wait_until(lambda: state(engine, batch)["state"] == "done", 60)
    assert state(engine, batch)["finished"] == [1, 2, 3, 4, 5, 6]
    engine.request("DELETE", f"/v1/jobs/{batch}")
    assert batch not in shared_home.jobs()


def test_two_hosts_at_once(engine: Connection, tmp_path: Path) -> None:
    """Both are served, each gets its own picture."""
    results: dict[int, list[Any]] = {}

    def host(number: int) -> None:
        folder = tmp_path / str(number)
        folder.mkdir()
        plates = Pair(folder, seed=number)
        outputs = {frame: str(folder / f"{frame}.exr") for frame in (1, 2)}
        job = plates.job(QUICK.changed(joint_steps=20), frames=2)
        results[number] = list(Matting(job, outputs, connect=lambda: engine).events())

    threads = [threading.Thread(target=host, args=(number,)) for number in (11, 12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    written = set()
    for number in (11, 12):
        layers = [event for event in results[number] if isinstance(event, Layers)]
        assert [each.frame for each in layers] == [1, 2]
        written.add(Path(layers[0].path).read_bytes())
    assert len(written) == 2


def test_a_queue_survives_the_end_of_its_engine(home: Home, pair: Pair) -> None:
    wire = home.start()
    running = submit(wire, pair, settings=QUICK, joint_steps=60)
    waiting = submit(wire, pair, seed=5)
    wait_until(lambda: state(wire, running)["state"] == "running", 30)
    wire.request("POST", "/v1/shutdown", {"force": True})
    wait_until(lambda: not home.processes(), 10)
    again = home.start()
    assert again.pid != wire.pid
    for job in (running, waiting):
        wait_until(lambda job=job: state(again, job)["state"] == "done", 60)  # type: ignore[misc]


def test_a_frame_is_cancelled_between_two_steps(home: Home, tmp_path: Path) -> None:
    """A large plate's first stage takes many seconds: nobody waits for it, nor for a new worker."""
    wire = home.start()
    large, small = Pair(tmp_path, 1600, 1200), Pair(tmp_path, seed=2)
    first = submit(wire, large, settings=QUICK.changed(method="model"))
    wait_until(lambda: (state(wire, first).get("progress") or {}).get("stage") == "initialise", 60)
    workers = children(wire.pid)
    wire.request("POST", f"/v1/jobs/{first}/cancel")
    second = submit(wire, small)
    wait_until(lambda: state(wire, second)["state"] == "done", 60)
    assert state(wire, first)["state"] == "cancelled"
    assert children(wire.pid) == workers and len(workers) == 1  # one that must be killed is another
