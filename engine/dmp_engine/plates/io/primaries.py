"""Which primaries a file declares, and the clean plate's colours in those of the plate.

    chromaticities, colorInteropID   EXR: converted, by a matrix between linear colours
    cICP                             PNG: likewise
    ICC profile of matrix type       PNG, JPEG, TIFF: likewise, where its curve is the one by which
                                     the file was read, or errs from it as the other file's does
    any other two that differ        refused

The matrix is applied to the colours as they were read: those of an integer file are in the working
space, those of a linear one in the file's own (colour_space.py).

A file that declares nothing is taken to be as the other one: most programs write ACEScg without a
word about it. A declaration counts for the space ``auto`` alone; a name of the artist's wins.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from dmp_matting.errors import ColourSpaceError

Floats = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float64]

ALIKE = 0.004  # of a matrix of colours; what rounding in profiles makes is half of it
CURVES_ALIKE = 0.02  # of the linear value at half of the range
D50 = np.array([0.9642, 1.0, 0.8249])
BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
# Red, green, blue, white as x, y each, by what OpenEXR's and ASWF's ``colorInteropID`` names.
D65, ACES_WHITE = (0.3127, 0.3290), (0.32168, 0.33767)
INTEROP = {
    "lin_rec709_scene": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *D65),
    "lin_p3d65_scene": (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *D65),
    "lin_rec2020_scene": (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65),
    "lin_adobergb_scene": (0.64, 0.33, 0.21, 0.71, 0.15, 0.06, *D65),
    "lin_ap1_scene": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, *ACES_WHITE),
    "lin_ap0_scene": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077, *ACES_WHITE),
}

CODED = {1: "lin_rec709_scene", 9: "lin_rec2020_scene", 12: "lin_p3d65_scene"}  # of cICP

QUIET = np.errstate(all="ignore")  # what is not finite is looked for afterwards


@dataclass(frozen=True, eq=False)
class Primaries:
    """What a file declares."""

    name: str  # for the artist
    to_xyz: Matrix | None  # linear colours to XYZ under D50; None where no matrix does that
    half: float | None = None  # the linear value of 0.5 by a profile's curve; None: not declared
    profile: bytes = b""
    error: float = 0.0  # of that value, as the file was read

    def as_read(self, half: float, to_working: Matrix | None) -> Primaries:
        """The same for colours that were read with 0.5 as ``half``, and then by ``to_working``.

        That is a matrix from linear Rec. 709, None for what is no matrix.
        """
        to_xyz = None
        if self.to_xyz is not None and to_working is not None:
            to_xyz = self.to_xyz @ np.linalg.inv(to_working)
        error = 0.0 if self.half is None else half - self.half
        return replace(self, to_xyz=to_xyz, error=error)


def declared_primaries(spec: oiio.ImageSpec) -> Primaries | None:
    """The primaries of a file by its header; None where it declares none, or what is no primaries.

    An ICC profile is looked at for integer files only: a float file is linear, whatever it has.
    """
    profile = spec.getattribute("ICCProfile")
    if profile is not None and spec.format.basetype in (oiio.UINT8, oiio.UINT16):
        return _of_profile(np.asarray(profile, np.uint8).tobytes())
    values, coded = spec.getattribute("chromaticities"), spec.getattribute("CICP")
    known = spec.get_string_attribute("colorInteropID")
    if coded is not None and len(coded) == 4:
        known = CODED.get(int(coded[0]), "")
    if values is not None and len(values) == 8 and np.isfinite(values).all():
        name = next((name for name, one in INTEROP.items() if np.allclose(one, values, atol=2e-3)),
                    "its chromaticities")  # fmt: skip
    elif known in INTEROP:
        name, values = known, INTEROP[known]
    else:
        return None
    matrix = _of_chromaticities(np.asarray(values, float))
    return None if matrix is None else Primaries(name, matrix)


def in_primaries_of(
    rgb: Floats, own: Primaries | None, other: Primaries | None, path: str, other_path: str
) -> tuple[Floats, str]:
    """Linear ``rgb`` (H, W, 3) of a clean plate's ``own`` primaries in the plate's, and a note.

    The note is empty where nothing was done. Raises ColourSpaceError for two that cannot be
    brought together.
    """
    if own is None or other is None or own.profile and own.profile == other.profile:
        return rgb, ""
    if own.to_xyz is None or other.to_xyz is None or abs(own.error - other.error) > CURVES_ALIKE:
        raise ColourSpaceError(
            f"'{path}' has the colour profile {own.name} and '{other_path}' {other.name}; convert "
            "both to one, or name the colour space of each."
        )
    matrix = np.linalg.inv(other.to_xyz) @ own.to_xyz
    if np.abs(matrix - np.eye(3)).max() < ALIKE:
        return rgb, ""
    converted = np.ascontiguousarray((rgb @ matrix.T).astype(np.float32))
    return converted, f"The clean plate was converted from {own.name} to {other.name}."


@QUIET
def _of_chromaticities(values: npt.NDArray[np.float64]) -> Matrix | None:
    points = values.reshape(4, 2)
    if (np.abs(points[:, 1]) < 1e-6).any():
        return None
    xyz = np.stack([points[:, 0], points[:, 1], 1 - points.sum(axis=1)]) / points[:, 1]
    primaries, white = xyz[:, :3], xyz[:, 3]
    cones = BRADFORD @ white
    if not invertible(primaries) or (np.abs(cones) < 1e-6).any():
        return None
    adapted = np.linalg.inv(BRADFORD) @ np.diag(BRADFORD @ D50 / cones) @ BRADFORD
    matrix: Matrix = adapted @ (primaries * np.linalg.solve(primaries, white))
    return matrix if invertible(matrix) else None


def invertible(matrix: Matrix) -> bool:
    """Whether three primaries span all colours, and span them in numbers."""
    return bool(np.isfinite(matrix).all()) and abs(np.linalg.det(matrix)) > 1e-6


@QUIET
def _of_profile(data: bytes) -> Primaries:
    """A profile by its own tags (ICC.1:2022): colorants, curve, description."""
    try:
        tags = _tags(data)
        name = _description(tags.get(b"desc", b"")) or "of its own"
        if not all(one in tags for one in (b"rXYZ", b"gXYZ", b"bXYZ", b"gTRC")):
            return Primaries(name, None, profile=data)
        columns = [
            np.array(struct.unpack(">3i", tags[one][8:20])) / 65536
            for one in (b"rXYZ", b"gXYZ", b"bXYZ")
        ]
        half, matrix = _half(tags[b"gTRC"]), np.stack(columns, axis=1)
        usable = invertible(matrix) and np.isfinite(half)
        return Primaries(name, matrix if usable else None, half if usable else None, data)
    except (struct.error, IndexError, ValueError, TypeError, ArithmeticError):
        return Primaries("that cannot be read", None, profile=data)


def _tags(data: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack(">I", data[128:132])
    found = {}
    for at in range(132, 132 + 12 * min(count, 100), 12):
        name, start, size = struct.unpack(">4sII", data[at : at + 12])
        found[name] = data[start : start + size]
    return found


def _half(curve: bytes) -> float:
    """The linear value of 0.5."""
    if curve[:4] == b"para":
        (kind,) = struct.unpack(">H", curve[8:10])
        counts = (1, 3, 4, 5, 7)
        given = np.array(struct.unpack(f">{counts[kind]}i", curve[12 : 12 + 4 * counts[kind]]))
        g, a, b, *rest = (*(given / 65536), 1.0, 0.0)[: max(3, counts[kind])]
        e = rest[2] if kind == 4 else (rest[0] if kind == 2 else 0.0)
        return float((a * 0.5 + b) ** g + e)
    (count,) = struct.unpack(">I", curve[8:12])
    if count == 0:
        return 0.5
    if count == 1:
        return float(0.5 ** (struct.unpack(">H", curve[12:14])[0] / 256))
    table = np.array(struct.unpack(f">{count}H", curve[12 : 12 + 2 * count])) / 65535
    return float(np.interp(0.5, np.linspace(0, 1, count), table))


def _description(tag: bytes) -> str:
    if tag[:4] == b"desc":
        (count,) = struct.unpack(">I", tag[8:12])
        return tag[12 : 12 + count].split(b"\0")[0].decode("ascii")
    if tag[:4] == b"mluc":
        size, start = struct.unpack(">II", tag[20:28])
        return tag[start : start + size].decode("utf-16-be")
    return ""
