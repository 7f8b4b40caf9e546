"""Metadata that name the moment and the script in which a plate was written, not the plate.

Hosts render their inputs again for every job and stamp each file.
"""

from __future__ import annotations

VOLATILE = {
    # OpenImageIO, Nuke
    "capDate", "utcOffset", "DateTime", "Software", "ImageHistory", "Exif:ImageHistory",
    # Blender's stamps
    "Date", "Time", "RenderTime", "File", "Hostname", "Memory",
}  # fmt: skip
VOLATILE_PREFIXES = ("nuke/", "input/", "cycles.", "oiio:")


def is_volatile(name: str) -> bool:
    """Whether the attribute ``name`` of an EXR does not describe the picture."""
    return name in VOLATILE or name.startswith(VOLATILE_PREFIXES)
