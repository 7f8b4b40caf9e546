"""`python -m dmp_engine bench`: parsed options in, a JSON line a size and the report out."""

from __future__ import annotations

import argparse
import json
import platform

from dmp_matting.errors import SettingsError
from dmp_matting.settings import Settings

from ...version import engine_version
from .. import device
from ..answer import Lines


def bench_lines(chosen: argparse.Namespace) -> Lines:
    """Time this machine."""
    sizes = _sizes(chosen.sizes)
    if min(sizes) < 64 or chosen.repeats < 1:
        raise SettingsError("Sizes begin at 64 pixels, repeats at 1.")
    import torch  # takes a second: only now, when the words are known to be sound

    from .measure import measure

    where = device.resolve(chosen.device)
    presets = {}
    for text in chosen.dmp:
        name, _, settings = text.partition("=")
        presets[name] = Settings.from_json(json.loads(settings))
    if chosen.threads:
        torch.set_num_threads(chosen.threads)
    rows = []
    for row in measure(sizes, presets, where, chosen.threads, chosen.repeats):
        rows.append(row)
        yield {"event": "row", **row}
    label = torch.cuda.get_device_name(where) if where != "cpu" else "CPU"
    report = {
        "device": label,
        "threads": torch.get_num_threads() if where == "cpu" else 0,
        "machine": f"{platform.system()} {platform.machine()}",
        "torch": torch.__version__,
        "engine": engine_version(),
        "rows": rows,
    }
    yield {"event": "report", "ok": True, **report}


def _sizes(text: str) -> list[int]:
    try:
        return [int(each) for each in text.split(",")]
    except ValueError:
        raise SettingsError(f"--sizes wants whole numbers with commas, not '{text}'.") from None
