"""A preset is only what differs from the paper's values in :class:`Settings`."""

from __future__ import annotations

from typing import Dict, Mapping

from .errors import SettingsError
from .job import Settings, Value

PRESETS: Mapping[str, Mapping[str, Value]] = {
    "paper": {},
    "final": {},
    "draft": {},
}

DESCRIPTIONS: Mapping[str, str] = {
    "paper": "Algorithm 1 to the letter, at the plate's own size. Slow; for comparison.",
    "final": "The best matte; minutes on a CPU.",
    "draft": "Seconds to a minute; what a CPU gets by default.",
}


def preset(name: str) -> Settings:
    """The settings of preset ``name``; SettingsError for a name that is not in PRESETS."""
    if name not in PRESETS:
        raise SettingsError(f"There is no preset '{name}'; choose one of {', '.join(PRESETS)}.")
    values: Dict[str, Value] = dict(PRESETS[name])
    return Settings().changed(preset=name, **values)
