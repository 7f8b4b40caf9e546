"""The script's colour spaces: their names for the node's pulldown, and the configuration.

Nuke reads ``$OCIO`` where it is set, else what the knobs of the project settings name. A plate of a
named space is converted by the engine with that same configuration, and its layers come back in the
plate's own space.
"""

from __future__ import annotations

import os
import re
from typing import List, Optional

import nuke

from dmp_matting.hosts import SettingsError, configuration_text, own_configuration

CONFIG_KNOB, CUSTOM_KNOB = "OCIO_config", "customOCIOConfigPath"
ROLE = "scene_linear"  # what is worked in, whatever it is called
CONFIGS = "OCIOConfigs/configs"  # below a folder of Nuke's plug-in path
# What the engine's built-in configuration knows, where the script's spaces are not to be had.
BUILT_IN = ("sRGB", "ACEScg", "ACEScct", "ACES2065-1", "Linear Rec.709 (sRGB)")
SPACE = re.compile(r"!<ColorSpace>\s*\{?\s*name:\s*(\"[^\"]*\"|'[^']*'|[^\n,}]+)")


def configuration() -> Optional[str]:
    """The file of the script's OCIO configuration; None where ``$OCIO`` or the engine's own counts.

    SettingsError for a custom configuration that is not there.
    """
    if own_configuration():
        return None
    named = _root_text(CONFIG_KNOB)
    if named == "custom":
        path = _root_text(CUSTOM_KNOB).replace("\\", "/")
        if path and not os.path.isfile(path):
            raise SettingsError(
                f"The script's OCIO configuration {path} does not exist; "
                "correct it in the project settings."
            )
        return path or None
    for folder in nuke.pluginPath() if named else ():
        for file in (f"{named}/config.ocio", f"{named}.ocio", f"{named}.ocioz"):
            path = f"{folder}/{CONFIGS}/{file}"
            if os.path.isfile(path):
                return path
    return None


def spaces() -> List[str]:
    """The names of the colour spaces of the script's configuration, in its order."""
    try:
        text = configuration_text(configuration() or own_configuration())
    except SettingsError:  # reported when it is wanted
        text = ""
    return [name.strip().strip("\"'") for name in SPACE.findall(text)] or list(BUILT_IN)


def is_working_space(space: str) -> bool:
    """Whether a Read of that space hands on an EXR's values as they are stored.

    ``linear`` is the name of a space in some configurations, where another one is worked in.
    """
    worked_in = _root_text("workingSpaceLUT") if _root_text("colorManagement") == "OCIO" else ""
    return space == ROLE or space == "linear" and worked_in in ("", "linear", f"{ROLE} (linear)")


def _root_text(name: str) -> str:
    """The value of a knob of the project settings; "" where this Nuke has no such knob."""
    knob = nuke.root().knob(name)
    if knob is None:
        return ""
    value = knob.evaluate() if isinstance(knob, nuke.File_Knob) else knob.value()
    return str(value or "").strip()
