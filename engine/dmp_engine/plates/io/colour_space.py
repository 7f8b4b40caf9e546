"""Colour spaces: what a plate is stored in, and from there to scene-linear.

The working space is the ``scene_linear`` role of the configuration that $OCIO
names. Without $OCIO it is linear Rec. 709 of OpenImageIO's built-in
configuration, not that configuration's role (ACEScg): an EXR without a
chromaticities attribute is Rec. 709 by its specification, and plates and layers
of an artist without OCIO are just that.

``auto`` means, by file:

    half or float (EXR, TIFF, Radiance HDR, DPX)   scene-linear, values untouched
    8- and 16-bit PNG, JPEG, TIFF, TGA, ...        sRGB; linear where the file says so; a curve
                                                   that is none like sRGB's: ColourSpaceError
    8-bit DPX, and DPX that says it is video       sRGB
    DPX that says it is linear                     scene-linear
    DPX and Cineon in log, or 10 bit and more      never guessed: ColourSpaceError
    without a word about it

``raw`` leaves the values as stored (integers are [0, 1]).
"""

from __future__ import annotations

import difflib
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from dmp_matting.errors import ColourSpaceError

from .srgb import linear_to_srgb, srgb_to_linear

AUTO = "auto"
RAW = "raw"
LINEAR = "scene_linear"
NO_MATRIX = 1e-3  # of white; OpenColorIO evaluates curves to 2.4e-5
LEAST_ALPHA = 1e-3  # below it a premultiplied colour cannot be divided by its alpha
BUILT_IN = "ocio://default"
STUDIO = "ocio://studio-config-latest"  # with the log spaces of the cameras
BUILT_IN_WORKING = "Linear Rec.709 (sRGB)"
BUILT_IN_SRGB = "sRGB Encoded Rec.709 (sRGB)"

# What artists type for the working space and for sRGB, whatever the configuration calls them.
LINEAR_ALIASES = ("scene_linear", "scene-linear", "scenelinear", "linear", "lin")
SRGB_ALIASES = ("srgb", "srgb8", "srgb texture", "srgb - texture")
SRGB_NAMES = (
    BUILT_IN_SRGB,  # ACES 2 configurations
    "sRGB - Texture",  # ACES 1.3
    "Utility - sRGB - Texture",  # ACES 1.2 and older
    "srgb_texture",
    "srgb_tx",
    "sRGB",  # nuke-default, Blender
)
DECLARED_LINEAR = ("lin_rec709_scene", "lin_rec709", "linear", "scene_linear")
# What a PNG's cICP chunk states of its curve, by ISO/IEC 23091-2; those like sRGB's are left out.
CURVES = {9: "a log curve", 10: "a log curve", 16: "PQ", 18: "HLG"}
LIKE_SRGB = (2.0, 2.6)  # gamma


def auto_space(path: Path, spec: oiio.ImageSpec, file_format: str, floats: bool) -> str:
    """The space that ``auto`` means for a file: ``scene_linear`` or ``sRGB``.

    Raises ColourSpaceError for log files and DPX files that do not say what they are.
    """
    if floats:
        return LINEAR
    if file_format in ("dpx", "cineon"):
        return _film_space(path, spec, file_format)
    # Set from a PNG's gAMA chunk; every other declaration (ICC, Exif) is sRGB in practice.
    if spec.get_string_attribute("oiio:ColorSpace") in DECLARED_LINEAR:
        return LINEAR
    gamma = spec.get_float_attribute("oiio:Gamma", 0.0)
    stated = spec.getattribute("CICP")
    curve = CURVES.get(int(stated[1])) if stated is not None and len(stated) == 4 else None
    if curve is None and gamma > 0 and not LIKE_SRGB[0] <= gamma <= LIKE_SRGB[1]:
        curve = f"gamma {gamma:.3g}"
    if curve is not None:
        raise ColourSpaceError(
            f"'{path}' states that it is coded with {curve}, not sRGB; name its colour space, or "
            "write it as a scene-linear EXR."
        )
    return "sRGB"


def to_working(
    pixels: npt.NDArray[np.float32], space: str
) -> tuple[npt.NDArray[np.float32], str, tuple[float, ...]]:
    """``pixels`` (H, W, 3) from ``space`` to the working space.

    Returns the pixels, the name by which the configuration knows ``space``, and
    the working space's chromaticities (8 numbers; empty when the pixels were
    left untouched). Raises ColourSpaceError for an unknown space or a
    configuration that cannot be used.
    """
    if space.lower() == RAW:
        return pixels, RAW, ()
    if space.lower() in LINEAR_ALIASES:
        return pixels, LINEAR, ()
    address = _address()
    config = _config(address, _age(address))
    name = _find(config, space)
    working = _working(config, address)
    if name == working or config.isData(name):
        return pixels, name, ()
    chromaticities = tuple(config.get_chromaticities(working) or ())
    if name == BUILT_IN_SRGB and working == BUILT_IN_WORKING:
        return srgb_to_linear(pixels), name, chromaticities
    source = oiio.ImageBuf(np.ascontiguousarray(pixels))
    result = oiio.ImageBufAlgo.colorconvert(
        source, name, working, unpremult=False, colorconfig=address
    )
    if result.has_error:
        reason = " ".join(result.geterror().split())
        raise ColourSpaceError(f"'{name}' cannot be converted to '{working}' ({reason}).")
    converted = np.asarray(result.get_pixels("float"), dtype=np.float32)
    return converted.reshape(pixels.shape), name, chromaticities


def reading_of(space: str) -> tuple[float, npt.NDArray[np.float64] | None]:
    """How ``auto_space``'s answer is read: the linear value of 0.5, and the matrix that follows.

    The matrix takes linear Rec. 709 to the working space; None where the configuration's way there
    is no matrix, or one without an inverse.
    """
    if space == LINEAR:
        return 0.5, np.eye(3)
    probes = np.concatenate([np.eye(3), [[1, 1, 1], [0.5, 0.5, 0.5]]]).astype(np.float32)
    read = to_working(probes[None], space)[0][0].astype(np.float64)
    linear = srgb_to_linear(probes).astype(np.float64)
    matrix = read[:3].T  # what red, green and blue become
    is_matrix = np.abs(linear @ matrix.T - read).max() < NO_MATRIX
    invertible = abs(np.linalg.det(matrix)) > 1e-6
    return float(linear[-1, 0]), matrix if is_matrix and invertible else None


def from_working(pixels: npt.NDArray[np.float32], space: str) -> npt.NDArray[np.float32]:
    """The inverse of :func:`to_working`: ``pixels`` (H, W, 3) of the working space in ``space``."""
    if space.lower() == RAW or space.lower() in LINEAR_ALIASES:
        return pixels
    address = _address()
    config = _config(address, _age(address))
    name = _find(config, space)
    working = _working(config, address)
    if name == working or config.isData(name):
        return pixels
    source = oiio.ImageBuf(np.ascontiguousarray(pixels))
    result = oiio.ImageBufAlgo.colorconvert(
        source, working, name, unpremult=False, colorconfig=address
    )
    if result.has_error:
        reason = " ".join(result.geterror().split())
        raise ColourSpaceError(f"'{working}' cannot be converted to '{name}' ({reason}).")
    return np.asarray(result.get_pixels("float"), dtype=np.float32).reshape(pixels.shape)


def display_codes(
    pixels: npt.NDArray[np.float32], space: str
) -> tuple[npt.NDArray[np.float32], str, bool]:
    """``pixels`` (H, W, 3) of the working space as a picture of whole numbers stores them, [0, 1].

    ``space`` is the plate's, as a result records it. The codes are of that space where it has a
    curve, of sRGB where it is linear, and what is stored where it is ``raw``. Returned with the
    space in words, and whether it is sRGB. Raises as :func:`to_working` does.
    """
    if space.lower() == RAW:
        return np.clip(pixels, 0, 1), "values as stored", False
    name = "sRGB" if _is_proportional(space) else space
    address = _address()
    config = _config(address, _age(address))
    found, working = _find(config, name), _working(config, address)
    is_srgb = name.lower() in SRGB_ALIASES or found in SRGB_NAMES
    if found == BUILT_IN_SRGB and working == BUILT_IN_WORKING:
        codes = linear_to_srgb(pixels)
    else:
        codes = np.clip(from_working(pixels, name), 0, 1)
    return codes.astype(np.float32), "sRGB" if is_srgb else found, is_srgb


def _is_proportional(space: str) -> bool:
    """Whether the values of a space are light: twice of it is twice the value."""
    greys = np.repeat(np.array([[[0.0], [0.1], [0.2]]], np.float32), 3, axis=2)
    black, dark, grey = from_working(greys, space)[0].astype(np.float64)
    return bool(np.allclose(black, 0, atol=1e-6) and np.allclose(2 * dark, grey, rtol=1e-3))


def layers_in(
    space: str,
    alpha: npt.NDArray[np.float32],
    foreground: npt.NDArray[np.float32],
    premultiplied: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """The straight and the premultiplied foreground (H, W, 3) of the working space in ``space``.

    Colours are converted straight and then multiplied with alpha (H, W), since a curve and a
    product do not commute. Light without alpha is what it adds to the space's black. Raises as
    :func:`to_working` does.
    """
    straight = from_working(foreground, space)
    if straight is foreground:
        return foreground, premultiplied
    covered = alpha[..., None] > LEAST_ALPHA
    share = np.where(covered, alpha[..., None], np.float32(1))
    black = from_working(np.zeros((1, 1, 3), np.float32), space)
    carried = from_working((premultiplied / share).astype(np.float32), space)
    return straight, np.where(covered, carried * share, carried - black).astype(np.float32)


def _film_space(path: Path, spec: oiio.ImageSpec, file_format: str) -> str:
    transfer = spec.get_string_attribute("dpx:Transfer")
    if file_format == "cineon" or transfer in ("Logarithmic", "Printing density"):
        raise ColourSpaceError(
            f"'{path}' is log-encoded and DMP does not guess which log; "
            "name its colour space (for example ACEScct) or 'raw'."
        )
    if transfer == "Linear":
        return LINEAR
    stated = transfer not in ("", "Undefined", "User defined")
    if not stated and spec.get_int_attribute("oiio:BitsPerSample", 8) > 8:
        raise ColourSpaceError(
            f"'{path}' does not say whether it is log or video; "
            "name its colour space (for example sRGB or ACEScct) or 'raw'."
        )
    return "sRGB"


def _address() -> str:
    return os.environ.get("OCIO", "").strip() or BUILT_IN


def _age(address: str) -> int:
    """Changes when the configuration's file does, so that a long-lived engine sees it."""
    try:
        return os.stat(address).st_mtime_ns
    except OSError:
        return 0


@lru_cache(maxsize=4)
def _config(address: str, age: int) -> oiio.ColorConfig:
    if not address.startswith("ocio://") and not os.path.isfile(address):
        raise ColourSpaceError(
            f"The OCIO configuration '{address}' does not exist; correct or unset $OCIO."
        )
    config = oiio.ColorConfig(address)
    if config.geterror():
        raise ColourSpaceError(
            f"The OCIO configuration '{address}' cannot be read; repair it or unset $OCIO."
        )
    return config


def _working(config: oiio.ColorConfig, address: str) -> str:
    if not os.environ.get("OCIO", "").strip():
        return BUILT_IN_WORKING
    if LINEAR not in config.getRoles():  # OpenImageIO would make up a name for it
        raise ColourSpaceError(
            f"The OCIO configuration '{address}' has no scene_linear role; add it or use 'raw'."
        )
    return str(config.getColorSpaceNameByRole(LINEAR))


def _known(config: oiio.ColorConfig, name: str) -> str | None:
    if name.lower() in (role.lower() for role in config.getRoles()):
        return str(config.getColorSpaceNameByRole(name))
    index = config.getColorSpaceIndex(config.resolve(name))
    return str(config.getColorSpaceNameByIndex(index)) if index >= 0 else None


def _find(config: oiio.ColorConfig, space: str) -> str:
    for name in (space, *(SRGB_NAMES if space.lower() in SRGB_ALIASES else ())):
        found = _known(config, name)
        if found:
            return found
    names = [AUTO, RAW, LINEAR, "sRGB", *config.getColorSpaceNames()]
    if _is_in_studio(space):
        raise ColourSpaceError(
            f"The OCIO configuration has no colour space '{space}'; the one that is built in for "
            f"cameras has it: set OCIO={STUDIO}."
        )
    near = _near(space, names)
    if near:
        raise ColourSpaceError(f"There is no colour space '{space}'; did you mean {near}?")
    raise ColourSpaceError(
        f"There is no colour space '{space}'; use auto, raw, sRGB, scene_linear or one of "
        f"the {len(names) - 4} names of the OCIO configuration, such as '{names[-2]}'."
    )


def _is_in_studio(space: str) -> bool:
    try:
        config = oiio.ColorConfig(STUDIO)
    except RuntimeError:
        return False
    return not config.geterror() and _known(config, space) is not None


def _near(space: str, names: list[str]) -> str:
    wanted = space.lower()
    spelled = {name.lower(): name for name in names}
    found = [low for low in spelled if wanted and wanted in low]
    found += difflib.get_close_matches(wanted, spelled, n=3, cutoff=0.6)
    return " or ".join(f"'{spelled[low]}'" for low in list(dict.fromkeys(found))[:3])
