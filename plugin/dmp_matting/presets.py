"""A preset is only what differs from the paper's values in :class:`Settings`.

``paper`` is Algorithm 1 to the letter. Where the authors' released code differs
from the text, the text is followed: 5,000 joint and 1,000 projection steps in
each of two rounds (the code: 2,000 and 4,000 joint steps, one projection at the
very end), exact equality in eq. 6 (the code: within 5 % of the range), Omega_F as
eq. 10 says (the code erodes it by 10 px and takes similar patches out of it), eq. 11
unweighted (the code: by depth), normal noise with the moments of the code's
uniform one. Where the text is silent the code is followed; docs/engineering/algorithm.md
lists both.
"""

from __future__ import annotations

from typing import Dict, Mapping, NamedTuple, Optional

from .errors import SettingsError
from .settings import Settings, Value

MODEL: Mapping[str, Value] = {
    "method": "model",
    "solve_size": 960,  # more pixels do not make the posterior of alpha better
    # A clean plate that is nudged, re-exposed or unevenly lit is fitted first.
    "align": "auto",
    "illumination": "auto",
    # Frames of a shot are solved with their neighbours; a frame alone is not changed by it.
    "temporal": "neighbours",
}

PRESETS: Mapping[str, Mapping[str, Value]] = {
    "paper": {},
    "final": {**MODEL, "recompositions": 2},
    "draft": {**MODEL},
}

DESCRIPTIONS: Mapping[str, str] = {
    "paper": "Algorithm 1 to the letter, at the plate's own size. Slow; for comparison.",
    "final": "The best matte: a network fitted to the pair corrects what draft finds.",
    "draft": "Seconds to a minute; what a CPU gets by default.",
}


AUTO = "auto"  # final on a GPU, draft on the CPU: only the engine knows its device


class Resolved(NamedTuple):
    """The settings of a solve, complete: what Job and Shot carry.

    ``settings_on_cpu`` replaces ``settings`` where the engine solves on the CPU; None where the
    device makes no difference.
    """

    settings: Settings
    settings_on_cpu: Optional[Settings] = None


def resolve(name: str = AUTO, changes: Optional[Mapping[str, Value]] = None) -> Resolved:
    """Preset ``name`` with ``changes`` to it, for every program that lets a person choose.

    ``auto`` is final on a GPU and draft on the CPU, with the same changes to both. Raises
    SettingsError for a preset or a setting that does not exist, or a value out of range.
    """
    values = dict(changes or {})
    if name != AUTO:
        return Resolved(preset(name).changed(**values))
    draft = preset("draft").changed(**values)
    if draft.device == "cpu":
        return Resolved(draft)
    return Resolved(preset("final").changed(**values), draft)


def preset(name: str) -> Settings:
    """The settings of preset ``name``; SettingsError for a name that is not in PRESETS."""
    if name not in PRESETS:
        raise SettingsError(f"There is no preset '{name}'; choose one of {', '.join(PRESETS)}.")
    values: Dict[str, Value] = dict(PRESETS[name])
    return Settings().changed(preset=name, **values)
