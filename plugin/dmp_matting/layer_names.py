"""Other names for the layers of a result, as a facility calls them. Standard library only.

    alpha=matte                     A becomes matte.A
    rgba=beauty foreground=fg       R, G, B, A become beauty.R ...; foreground.R becomes fg.R ...
    rgba=beauty alpha=matte         beauty.R, .G, .B and matte.A

The result's header has the text (ATTRIBUTE), and every reader of ours asks it: the measures, the
contact sheet, pictures and movies, a matte that is given as a garbage matte.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, Tuple

from .errors import SettingsError

ATTRIBUTE = "dmp:layer_names"
LAYERS: Dict[str, Tuple[str, ...]] = {  # by its name in the text, the channels
    "rgba": ("R", "G", "B", "A"),
    "alpha": ("A",),
    "foreground": ("foreground.R", "foreground.G", "foreground.B"),
    "confidence": ("confidence.A",),
    "shadow": ("shadow.R", "shadow.G", "shadow.B"),
    "clean": ("clean.R", "clean.G", "clean.B"),
    "unseen": ("unseen.A",),
}
_NAME = re.compile(r"[^\W\d][\w-]*(\.[^\W\d][\w-]*)*")
LONGEST = 100  # letters; OpenEXR's own limit for a channel is 255


@dataclass(frozen=True)
class LayerNames:
    """Which channel is called what."""

    channels: Tuple[Tuple[str, str], ...] = ()  # DMP's name and the other one

    @classmethod
    def parse(cls, text: str) -> LayerNames:
        """SettingsError for what names no layer, for what is no name, and for one name twice."""
        given: Dict[str, str] = {}
        for part in re.split(r"[\s,;]+", text.strip()) if text.strip() else ():
            layer, equals, name = part.partition("=")
            layer = layer.lower()
            if not equals or layer not in LAYERS:
                raise SettingsError(
                    f"'{part[:60]}' renames no layer; write LAYER=NAME, with one of the layers "
                    f"{', '.join(LAYERS)}."
                )
            if layer in given:
                raise SettingsError(f"The layer '{layer}' has two names; give it one.")
            if LAYERS[layer][-1].endswith("A") and len(LAYERS[layer]) == 1 and name.endswith(".A"):
                name = name[:-2]  # matte.A is meant, not matte.A.A
            if len(name) > LONGEST or not _NAME.fullmatch(name):
                raise SettingsError(
                    f"'{name[:60]}' is no name of a layer; take letters, digits, _ and -, such as "
                    f"{layer}=matte."
                )
            given[layer] = name
        renamed: Dict[str, str] = {}
        for layer in sorted(given, key=lambda one: -len(LAYERS[one])):  # alpha after rgba
            for channel in LAYERS[layer]:
                renamed[channel] = f"{given[layer]}.{channel.rpartition('.')[2]}"
        every = [renamed.get(channel, channel) for channel in CHANNELS]
        twice = next((name for name in every if every.count(name) > 1), None)
        if twice is not None:
            raise SettingsError(f"Two layers would have the channel {twice}; name them apart.")
        return cls(tuple(sorted(renamed.items())))

    def of(self, channel: str) -> str:
        """What the file calls DMP's ``channel``."""
        return dict(self.channels).get(channel, channel)


CHANNELS = tuple(dict.fromkeys(channel for layer in LAYERS.values() for channel in layer))
