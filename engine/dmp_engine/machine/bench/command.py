"""`python -m dmp_engine bench`: parsed options in, a JSON line a size and the report out."""

from __future__ import annotations

import argparse
import json
import platform

import torch

from dmp_matting.errors import DmpError, SettingsError
from dmp_matting.settings import Settings

from ...version import engine_version
from .. import device
from .measure import measure


def run(chosen: argparse.Namespace) -> int:
    """Time this machine; returns the exit code."""
    try:
        where = device.resolve(chosen.device)
        sizes = _sizes(chosen.sizes)
        if min(sizes) < 64 or chosen.repeats < 1:
            raise SettingsError("Sizes begin at 64 pixels, repeats at 1.")
        presets = {}
        for text in chosen.dmp:
            name, _, settings = text.partition("=")
            presets[name] = Settings.from_json(json.loads(settings))
        if chosen.threads:
            torch.set_num_threads(chosen.threads)
        rows = []
        for row in measure(sizes, presets, where, chosen.threads, chosen.repeats):
            rows.append(row)
            print(json.dumps({"event": "row", **row}), flush=True)
        label = torch.cuda.get_device_name(where) if where != "cpu" else "CPU"
        report = {
            "device": label,
            "threads": torch.get_num_threads() if where == "cpu" else 0,
            "machine": f"{platform.system()} {platform.machine()}",
            "torch": torch.__version__,
            "engine": engine_version(),
            "rows": rows,
        }
        print(json.dumps({"event": "report", "ok": True, **report}), flush=True)
    except DmpError as error:
        print(json.dumps({"event": "error", **error.to_wire()}))
        return error.exit_code
    return 0


def _sizes(text: str) -> list[int]:
    try:
        return [int(each) for each in text.split(",")]
    except ValueError:
        raise SettingsError(f"--sizes wants whole numbers with commas, not '{text}'.") from None
