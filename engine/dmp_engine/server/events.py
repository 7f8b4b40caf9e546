"""What a client learns of a job: a summary at any time, and a stream of what changes.

The stream is made of differences between what was sent to the client and what is
now, so a slow reader never makes the engine hold a backlog: it sees fewer
progress lines, but every finished frame and every state. A client that
reconnects gets the present and all finished frames.

    {"event": "state", "state": "queued", "position": 2}
    {"event": "progress", ...Progress, "preview": "/v1/jobs/<id>/preview?n=3"}
    {"event": "layers", ...Layers, "path": "/v1/jobs/<id>/frames/1001/layers"}
    {"event": "alive"}                                     when nothing else happens
    {"event": "state", "state": "failed", "error": "PlateError", "message": "..."}    the last
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from dmp_matting.job import JobState

if TYPE_CHECKING:
    from .dispatcher import Dispatcher, Live

INTERVAL = 0.05  # seconds between two rounds of lines


async def job_events(
    live: Live, dispatcher: Dispatcher, heartbeat: float
) -> AsyncIterator[dict[str, Any]]:
    """Events until the job has ended."""
    state, progress, preview = None, None, 0
    reported: set[int] = set()
    with live.watched() as changed:
        while True:
            changed.clear()
            silent = True
            now = _state(live, dispatcher)
            ended = live.record.ended  # a state after which nothing comes is sent last
            if now != state and not ended:
                state = now
                yield {"event": "state", **now}
                silent = False
            for number, layers in list(live.record.layers.items()):
                if number not in reported:
                    reported.add(number)
                    path = f"/v1/jobs/{live.record.id}/frames/{number}/layers"
                    yield {"event": "layers", **layers.to_json(), "path": path}
                    silent = False
            if live.progress is not None and live.progress is not progress:
                progress = live.progress
                fresh = live.previews > preview
                preview = live.previews
                yield {
                    "event": "progress",
                    **progress,
                    "preview": _preview(live) if fresh else None,
                }
                silent = False
            if ended:
                yield {"event": "state", **now}
                return
            if silent:
                yield {"event": "alive"}
            await asyncio.sleep(INTERVAL)
            try:
                # Not wait_for: in Python 3.11 it swallows a cancellation that comes together with a
                # change, and the job of a client that is gone then runs on for nobody.
                async with asyncio.timeout(heartbeat):
                    await changed.wait()
            except TimeoutError:
                continue


def job_summary(live: Live, dispatcher: Dispatcher) -> dict[str, Any]:
    """The job as ``GET /v1/jobs/<id>`` returns it."""
    record = live.record
    return {
        "id": record.id,
        **_state(live, dispatcher),
        "attended": record.attended,
        "created": record.created,
        "name": record.job.frames[0].plates[0].path,
        "preset": live.settings.preset,
        "frames": [frame.number for frame in record.job.frames],
        "finished": sorted(record.layers),
        "progress": live.progress,
        "preview": _preview(live) if live.previews and not record.ended else None,
        "plates": [
            {"index": index, "path": plate.path, "received": bool(plate.digest)}
            for index, plate in enumerate(record.plates)
        ],
    }


def _state(live: Live, dispatcher: Dispatcher) -> dict[str, Any]:
    reported: dict[str, Any] = {"state": live.record.state.value}
    if live.record.state is JobState.QUEUED:
        reported["position"] = dispatcher.schedule.position(live.record.id)
    if live.notice:
        reported["notice"] = live.notice
    if live.record.failure is not None:
        reported.update(live.record.failure)
    return reported


def _preview(live: Live) -> str:
    return f"/v1/jobs/{live.record.id}/preview?n={live.previews}"
