"""Which of a plate's metadata go into the layers' header, and which would lie there.

Kept: windows, pixel aspect, timecode, frame rate, camera, lens, date, owner,
chromaticities, a studio's own attributes. Dropped: how the plate's file was
packed, which channels, parts and views it had, what colours its file stored,
its rotation flag, previews, and hashes over channels that are not written.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import OpenImageIO as oiio

from dmp_matting.errors import SettingsError
from dmp_matting.layer_names import ATTRIBUTE, LayerNames

CHANNELS = ("R", "G", "B", "A", "foreground.R", "foreground.G", "foreground.B")  # always there

# Lower case. A PNG may carry a text called like an EXR header field, so those are here as well.
DROPPED = (
    "compression", "compressionquality", "compressionlevel", "dwacompressionlevel", "channels",
    "chunkcount", "datawindow", "displaywindow", "lineorder", "planarconfig", "tiles", "type",
    "name", "version", "view", "multiview", "orientation", "rotation", "software",
    "textureformat", "wrapmodes", "envmap", "averagecolor", "constantcolor", "fovcot",
    "preview", "maxsamplesperpixel", "deepimagestate", "cicp", "iccprofile", "exif:colorspace",
    "exif:pixelxdimension", "exif:pixelydimension", "exif:orientation",
    "acesimagecontainerflag", "colorspace", "gamma",
)  # fmt: skip
DROPPED_PREFIXES = (
    "oiio:", "openexr:", "png:", "jpeg:", "tiff:", "tiff_", "dpx:", "cineon:", "targa:", "bmp:",
    "webp:", "hdr:", "iccprofile:", "thumbnail_", "cryptomatte/", "exr/", "gif:", "jxl:", "heif:",
)  # fmt: skip


def layers_spec(
    plate: oiio.ImageSpec, channels: tuple[str, ...], attributes: Mapping[str, str]
) -> oiio.ImageSpec:
    """The header of the layers of ``plate``; ``attributes`` are recorded as strings."""
    # Copied whole and thinned out: a value read into Python need not survive (Latin-1 text).
    spec = oiio.ImageSpec(plate)
    for name in _names(plate):
        low = name.lower()
        if low in DROPPED or low.startswith(DROPPED_PREFIXES):
            spec.erase_attribute(re.escape(name))
    spec.nchannels = len(channels)
    spec.channelnames = channels
    spec.channelformats = ()
    spec.format = "half"
    spec.alpha_channel = channels.index("A") if "A" in channels else -1
    spec.z_channel = -1
    spec.tile_width = spec.tile_height = spec.tile_depth = 0
    spec.attribute("compression", "zip")
    for name, text in attributes.items():
        spec.attribute(name, text)
    return spec


def stored_names(spec: oiio.ImageSpec, channels: Sequence[str]) -> tuple[str, ...]:
    """What a result calls DMP's ``channels``: a facility may have names of its own for its layers.

    As they are for any other file.
    """
    text = spec.get_string_attribute(ATTRIBUTE)
    try:
        names = LayerNames.parse(text)
    except SettingsError:  # of another version
        return tuple(channels)
    return tuple(map(names.of, channels))


def _names(spec: oiio.ImageSpec) -> list[str]:
    names = []
    for item in spec.extra_attribs:
        try:
            names.append(item.name)
        except (UnicodeDecodeError, RuntimeError):  # not UTF-8, hence none of the dropped
            continue
    return names


def place(spec: oiio.ImageSpec, like: oiio.ImageSpec) -> None:
    """Give ``spec`` the data and display windows of ``like``."""
    for side in ("x", "y", "width", "height"):
        setattr(spec, side, getattr(like, side))
        setattr(spec, f"full_{side}", getattr(like, f"full_{side}"))
