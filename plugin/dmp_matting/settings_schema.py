"""Settings and presets as plain data, for tables, JSON and documentation. Standard library only."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Dict, List

from .presets import DESCRIPTIONS, PRESETS
from .settings import Settings


def describe_settings() -> List[Dict[str, Any]]:
    """Each setting's name, label, default, range, choices, help, equation and group, in order."""
    return [
        {
            "name": spec.name,
            "label": spec.metadata["label"],
            "default": spec.default,
            "low": spec.metadata["low"],
            "high": spec.metadata["high"],
            "choices": list(spec.metadata["choices"]),
            "help": spec.metadata["help"],
            "equation": spec.metadata["equation"],
            "basic": spec.metadata["basic"],
            "group": spec.metadata["group"],
        }
        for spec in fields(Settings)
    ]


def describe_presets() -> List[Dict[str, Any]]:
    """Each preset's name, description and what it changes of the defaults."""
    return [
        {"name": name, "description": DESCRIPTIONS[name], "changes": dict(changes)}
        for name, changes in PRESETS.items()
    ]


def range_text(setting: Dict[str, Any]) -> str:
    """The values that a setting takes, as ``simple, proposed``, ``on, off`` or ``0 to 10``."""
    if setting["choices"]:
        return ", ".join(setting["choices"])
    if isinstance(setting["default"], bool):
        return "on, off"
    if setting["low"] is None:
        return ""
    return f"{_short(setting['low'])} to {_short(setting['high'])}"


def value_text(value: Any) -> str:
    """A setting's value as ``--set`` reads it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return _short(value) if isinstance(value, (int, float)) else str(value)


def _short(number: float) -> str:
    return str(int(number)) if number == int(number) else f"{number:g}"
