"""Open one image file with OpenImageIO; every trouble becomes one sentence.

Rules: nothing here knows colour spaces or mattes. What OpenImageIO reports is
mapped to :class:`PlateError` at this border only. A file that decodes with any
warning is refused: half a picture would make a plausible, wrong matte.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from dmp_matting.atomic_write import SEQUENCE, is_sequence, not_utf8
from dmp_matting.errors import PlateError
from dmp_matting.exr_header import ExrHeader, read_exr_header

from .channels import Part, Pick
from .compression import is_known
from .limits import check_file, check_memory, check_spec
from .orientation import TRANSPOSED, orientation_of, upright, upright_spec

Pixels = npt.NDArray[np.float32]

MAGIC = (b"\x76\x2f\x31\x01", b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"SDPX", b"XPDS",
         b"#?RADIANCE", b"RIFF")  # fmt: skip
WHITE_IS_ZERO = 0  # of TIFF 6.0's PhotometricInterpretation
MOVIES = (".mov", ".mp4", ".m4v", ".mkv", ".avi", ".mxf", ".webm", ".mts", ".r3d", ".braw")
MOVIE_ATOMS = (b"ftyp", b"moov", b"mdat", b"wide")  # of QuickTime and its kin
DAMAGED = "'{}' is truncated or damaged; copy or render it again."


class ReportsErrors(Protocol):
    """OpenImageIO itself, or one of its files."""

    def geterror(self) -> str: ...


@dataclass(frozen=True, eq=False)
class Decoded:
    """Some channels of one part, as stored."""

    pixels: Pixels  # (H, W, C) over the data window, upright; integers normalised to [0, 1]
    spec: oiio.ImageSpec  # the part's whole header
    format: str  # OpenImageIO's name: openexr, png, jpeg, tiff, dpx, ...
    floats: bool  # stored as half or float


class ImageFile:
    """An open image file; use as a context manager.

    Raises PlateError when the path does not name a readable image file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _check_path(path)
        check_file(path)
        config = oiio.ImageSpec()
        config.attribute("oiio:UnassociatedAlpha", 1)  # colours as stored, never premultiplied
        opened = oiio.ImageInput.open(str(path), config)
        if opened is None:
            pending_error(oiio)
            raise PlateError(_unreadable(path))
        self._input = opened
        self.format = opened.format_name()

    def __enter__(self) -> ImageFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._input.close()

    def parts(self) -> list[Part]:
        """All parts of an EXR with their headers, in file order; the first page of any other."""
        found: list[Part] = []
        while self._input.seek_subimage(len(found), 0):
            spec = self._input.spec()
            check_spec(self.path, spec)
            name = spec.get_string_attribute("oiio:subimagename")
            found.append(Part(len(found), name, upright_spec(spec), orientation_of(spec)))
            if self.format != "openexr":  # a WebP cannot be read after looking for a second page
                break
        pending_error(self._input)  # seeking past the last part leaves a message
        if not found:
            raise PlateError(DAMAGED.format(self.path))
        return found

    def read(self, pick: Pick) -> Decoded:
        """The picked channels in the picked order; PlateError when the file is damaged."""
        spec = pick.part.spec
        if spec.deep:
            raise PlateError(f"'{self.path}' is a deep image; flatten it to an ordinary EXR.")
        if self.format == "dpx" and pick.part.flag in TRANSPOSED:
            # OpenImageIO 3.2 swaps the sides in the header but not the pixels.
            raise PlateError(f"'{self.path}' is a DPX stored on its side; save it upright.")
        low, high = min(pick.indices), max(pick.indices) + 1
        check_memory(self.path, spec, high - low)
        try:
            pixels = self._input.read_image(pick.part.index, 0, low, high, "float")
        except MemoryError:
            raise PlateError(
                f"'{self.path}' claims to be {spec.width} x {spec.height} pixels, more than "
                "this machine's memory holds; check the file or scale it down."
            ) from None
        # A truncated JPEG decodes, with a pending error.
        if pending_error(self._input) or pixels is None:
            raise PlateError(_unreadable(self.path))
        size = (spec.height, spec.width)
        size = size[::-1] if pick.part.flag in TRANSPOSED else size
        pixels = upright(pixels.reshape(*size, high - low), pick.part.flag)
        pixels = _as_meant(pixels, spec)
        order = [index - low for index in pick.indices]
        kinds = {_kind(spec, index) for index in pick.indices}
        if kinds & {"uint", "uint32"}:
            raise PlateError(
                f"'{self.path}' holds whole numbers (identifiers), not colours; "
                "choose a file with half or float channels."
            )
        return Decoded(
            np.ascontiguousarray(pixels[..., order], dtype=np.float32),
            spec,
            self.format,
            bool(kinds & {"half", "float", "double"}),
        )


def _as_meant(pixels: Pixels, spec: oiio.ImageSpec) -> Pixels:
    """``pixels`` without what OpenImageIO leaves to its caller.

    A Radiance HDR states what its light was multiplied by; in a TIFF the least value may be white.
    """
    exposure = spec.get_float_attribute("hdr:exposure", 1.0)
    if exposure > 0 and exposure != 1:
        return pixels / np.float32(exposure)
    if spec.get_int_attribute("tiff:PhotometricInterpretation", -1) == WHITE_IS_ZERO:
        return 1 - pixels
    return pixels


def _kind(spec: oiio.ImageSpec, index: int) -> str:
    formats = spec.channelformats
    return str(formats[index] if formats else spec.format)


def pending_error(source: ReportsErrors) -> str:
    """OpenImageIO's last message there, which is then forgotten; empty if there is none."""
    try:
        return " ".join(source.geterror().split())
    except UnicodeDecodeError:  # it quotes bytes of a damaged header
        return "damaged"


def _check_path(path: Path) -> None:
    shown = not_utf8(path)
    if shown:
        raise PlateError(f"'{shown}' has letters that are not UTF-8; rename the file or folder.")
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode):
            path.open("rb").close()
    except (FileNotFoundError, NotADirectoryError):
        raise PlateError(_missing(path)) from None
    except PermissionError:
        raise PlateError(f"'{path}' may not be read; ask for permission to read it.") from None
    except (OSError, ValueError) as error:  # a name too long, a loop of links, a zero byte
        reason = getattr(error, "strerror", None) or error
        raise PlateError(f"'{path}' cannot be opened ({reason}); check the path.") from None
    if stat.S_ISDIR(found.st_mode):
        raise PlateError(f"'{path}' is a folder; name one image file in it.")
    if not stat.S_ISREG(found.st_mode):
        raise PlateError(f"'{path}' is a device or a pipe; name an image file.")
    if found.st_size == 0:
        raise PlateError(f"'{path}' is empty (0 bytes); copy or render it again.")


def _missing(path: Path) -> str:
    if not is_sequence(path):
        return f"'{path}' does not exist; check the path."
    frames = re.compile(_frame_pattern(path.name))
    try:
        beside = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        beside = []
    example = min((name for name in beside if frames.fullmatch(name)), default="")
    such = f", such as '{example}'" if example else ""
    return f"'{path}' is a sequence pattern, not a file; name one frame{such}."


def _frame_pattern(name: str) -> str:
    pieces, end = [], 0
    for match in SEQUENCE.finditer(name):
        pieces += [re.escape(name[end : match.start()]), r"-?\d+"]
        end = match.end()
    return "".join([*pieces, re.escape(name[end:])])


def _unreadable(path: Path) -> str:
    """Why OpenImageIO does not decode the file, as far as its first bytes show it."""
    with path.open("rb") as file:
        start = file.read(16)
        file.seek(0)
        header = read_exr_header(file)
    if header is not None:
        if any(b"\1\0\0\0" * 2 != sampling for sampling in _samplings(header)):
            return f"'{path}' stores luminance and chroma; write R, G, B in full size instead."
        compression = header.get("compression") or b"\0"
        if not is_known(compression[0]):
            return (
                f"'{path}' has a compression that this engine does not know (number "
                f"{compression[0]}); write it with zip or dwaa."
            )
    if start[4:8] in MOVIE_ATOMS or path.suffix.lower() in MOVIES:
        return (
            f"'{path}' is a movie; make frames of it (ffmpeg -i {path.name} plate.%04d.png) and "
            "matte plate.%04d.png."
        )
    if start.startswith(MAGIC) or not start.strip(b"\0"):
        return DAMAGED.format(path)
    return f"'{path}' is not an image that DMP reads; give an EXR, PNG, JPEG, TIFF or DPX file."


def _samplings(header: ExrHeader) -> Iterator[bytes]:
    """The x and y sampling of each channel, as stored."""
    channels, at = header.get("channels") or b"", 0
    while 0 <= at < len(channels) - 1:
        end = channels.find(b"\0", at)  # name, type, linear, reserved, x and y sampling
        if end < 0:
            return
        yield channels[end + 9 : end + 17]
        at = end + 17
