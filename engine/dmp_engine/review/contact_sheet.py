"""The contact sheet of `dmp view`: what a compositor looks at before saying yes to a matte.

Six tiles: plate, clean plate, alpha; straight foreground, the subject over mid grey and over a
second plate. Scene-linear pixels are shown through the sRGB curve, clipped at 1; those of a job
solved ``raw`` as they are. Alpha is shown as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import OpenImageIO as oiio

from dmp_matting.atomic_write import atomic_write
from dmp_matting.errors import DmpError, OutputError, PlateError
from dmp_matting.job import Plate, Role

from ..plates.io import CHANNELS, read_plate
from ..plates.io.channels import Pick, pick_alpha
from ..plates.io.colour_space import RAW
from ..plates.io.header import stored_names
from ..plates.io.image_file import ImageFile
from ..plates.io.srgb import linear_to_srgb
from ..plates.io.write import uncropped

Pixels = npt.NDArray[np.float32]

TILE = 640  # longest side of a tile's picture in pixels
LEAST = 240  # small pictures are enlarged to this, or their labels would not fit
MARGIN = 12
LABEL = 28  # height of the line above each tile
FONT = 17
PAPER = 0.13  # of the sheet, as displayed
INK = (0.85, 0.85, 0.85)
GREY = 0.18  # scene-linear mid grey
GREY_RAW = 0.5
FORMATS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


@dataclass(frozen=True, eq=False)
class Result:
    """The layers of a finished frame and what its header holds about where they come from."""

    alpha: Pixels  # (H, W), [0, 1]
    premultiplied: Pixels  # (H, W, 3)
    foreground: Pixels  # (H, W, 3), straight
    aspect: float  # width of a pixel over its height
    image: str
    clean: str
    space: str
    clean_space: str = ""  # empty: of a version that did not record it
    layer: str = ""

    def plate(self, role: Role, path: str | Path | None = None) -> Plate:
        """A plate as it was read for this result; ``path`` where it lies elsewhere now."""
        space = (self.clean_space if role is Role.CLEAN else "") or self.space or "auto"
        recorded = self.clean if role is Role.CLEAN else self.image
        return Plate(str(path or recorded), role, space, self.layer)


def make_sheet(
    result: Path,
    output: Path,
    image: Path | None = None,
    clean: Path | None = None,
    over: Path | None = None,
) -> list[str]:
    """Write the contact sheet of ``result`` and return the labels of the tiles left empty.

    ``image`` and ``clean`` replace the paths in the result's header; a plate of the header that
    is no longer there leaves its tile empty, one named here must be readable. ``over`` is what
    stands behind the subject in the last tile, else coloured squares. Raises PlateError,
    ColourSpaceError and OutputError.
    """
    check_picture(output)
    layers = read_result(result)
    raw = layers.space == RAW
    empty: list[str] = []

    def plate(named: Path | None, role: Role, label: str) -> Pixels | None:
        try:
            read = read_plate(layers.plate(role, named))
        except DmpError:
            if named is not None:
                raise
            empty.append(label)
            return None
        return shown(read.rgb, raw)

    alpha = layers.alpha[..., None]
    straight = np.where(alpha > 0, layers.foreground, 0)
    grey = np.full_like(straight, GREY_RAW if raw else GREY)
    backdrop = _backdrop(over, layers)
    tiles = [
        ("plate", plate(image, Role.IMAGE, "plate")),
        ("clean plate", plate(clean, Role.CLEAN, "clean plate")),
        ("alpha", np.repeat(np.clip(alpha, 0, 1), 3, axis=2)),
        ("foreground", shown(straight, raw)),
        ("over grey", shown(layers.premultiplied + (1 - alpha) * grey, raw)),
        (
            f"over {over.name}" if over else "over colours",
            shown(layers.premultiplied + (1 - alpha) * backdrop, raw),
        ),
    ]
    height, width = layers.alpha.shape
    title = f"{result.name}   {width} x {height}"
    write_picture(laid_out(title, tiles, (height, width), layers.aspect), output)
    return empty


def read_result(path: Path) -> Result:
    """The layers that ``dmp matte`` wrote. Raises PlateError for any other file."""
    with ImageFile(path) as file:
        part = file.parts()[0]
        names, wanted = list(part.spec.channelnames), stored_names(part.spec, CHANNELS)
        missing = [name for name in wanted if name not in names]
        if missing:
            raise PlateError(
                f"'{path}' has no channel {missing[0]}; give an EXR that `dmp matte` wrote."
            )
        pixels = file.read(Pick(part, tuple(names.index(name) for name in wanted))).pixels
    pixels = uncropped(pixels, part.spec)
    attribute = part.spec.get_string_attribute
    aspect = part.spec.get_float_attribute("PixelAspectRatio", 1.0)
    return Result(
        pixels[..., 3],
        pixels[..., :3],
        pixels[..., 4:],
        aspect if aspect > 0 else 1.0,
        attribute("dmp:image"),
        attribute("dmp:clean"),
        attribute("dmp:space"),
        attribute("dmp:clean_space"),
        attribute("dmp:layer"),
    )


def read_alpha(path: Path) -> Pixels:
    """An alpha as stored, (H, W): the file's alpha channel, else its first. Raises PlateError."""
    with ImageFile(path) as file:
        parts = file.parts()
        found = file.read(pick_alpha(parts) or Pick(parts[0], (0,))).pixels[..., 0]
    return uncropped(found, parts[0].spec)


def _backdrop(over: Path | None, layers: Result) -> Pixels:
    """What stands behind the subject, (H, W, 3), scaled to cover the frame."""
    height, width = layers.alpha.shape
    if over is None:
        return coloured_squares(height, width)
    space = RAW if layers.space == RAW else "auto"
    rgb = read_plate(Plate(str(over), Role.CLEAN, space)).rgb
    scale = max(height / rgb.shape[0], width / rgb.shape[1])
    tall = max(height, round(rgb.shape[0] * scale))
    wide = max(width, round(rgb.shape[1] * scale))
    top, left = (tall - height) // 2, (wide - width) // 2
    return resized(rgb, tall, wide)[top : top + height, left : left + width]


def coloured_squares(height: int, width: int) -> Pixels:
    """Squares of strong colours, light and dark: what a wrong edge shows on, (H, W, 3)."""
    side = max(8, max(height, width) // 10)
    colours = np.array(
        [[0.9, 0.05, 0.1], [0.05, 0.7, 0.1], [0.05, 0.15, 0.9], [0.95, 0.8, 0.05], [0.02] * 3],
        np.float32,
    )
    y, x = np.mgrid[:height, :width] // side
    squares: Pixels = colours[(x + 2 * y) % len(colours)]
    return squares


def shown(rgb: Pixels, raw: bool) -> Pixels:
    """Pixels as a display wants them, clipped to [0, 1]."""
    return np.clip(rgb, 0, 1) if raw else linear_to_srgb(rgb).astype(np.float32)


def laid_out(
    title: str,
    tiles: list[tuple[str, Pixels | None]],
    shape: tuple[int, int],
    aspect: float,
    columns: int = 3,
    longest: int = TILE,
) -> oiio.ImageBuf:
    """The tiles in rows, each under its label; no side of a picture longer than ``longest``."""
    tall, wide = _fitted(shape[0], shape[1] * aspect, longest)
    step_x, step_y = wide + MARGIN, tall + LABEL + MARGIN
    rows = -(-len(tiles) // columns)
    size = (LABEL + MARGIN + rows * step_y, MARGIN + columns * step_x, 3)
    sheet = np.full(size, PAPER, np.float32)
    labels = [(MARGIN, 0, title)]
    for index, (label, picture) in enumerate(tiles):
        row, column = divmod(index, columns)
        left, top = MARGIN + column * step_x, LABEL + MARGIN + row * step_y
        here = sheet[top + LABEL : top + LABEL + tall, left : left + wide]
        if picture is None:
            label += " (not found)"
            here[:] = PAPER / 2
        else:
            # A plate from --image may have another shape: it keeps it, within its tile.
            scale = min(tall / picture.shape[0], wide / (picture.shape[1] * aspect))
            high = min(tall, max(1, round(picture.shape[0] * scale)))
            broad = min(wide, max(1, round(picture.shape[1] * aspect * scale)))
            y, x = (tall - high) // 2, (wide - broad) // 2
            here[y : y + high, x : x + broad] = resized(picture, high, broad)
        labels.append((left, top, label))
    buffer = oiio.ImageBuf(np.ascontiguousarray(sheet))
    for left, top, text in labels:
        oiio.ImageBufAlgo.render_text(buffer, left, top + LABEL - 8, text, FONT, "", INK)
    return buffer


def _fitted(height: float, width: float, limit: int) -> tuple[int, int]:
    """The size of a tile's picture."""
    longest = max(height, width)
    scale = min(1.0, limit / longest) if longest > LEAST else LEAST / longest
    return max(1, round(height * scale)), max(LEAST // 2, round(width * scale))


def resized(pixels: Pixels, height: int, width: int) -> Pixels:
    """``pixels`` (H, W, C) at another size, (height, width, C)."""
    if pixels.shape[:2] == (height, width):
        return pixels
    source = oiio.ImageBuf(np.ascontiguousarray(pixels, np.float32))
    roi = oiio.ROI(0, width, 0, height, 0, 1, 0, pixels.shape[2])
    scaled = oiio.ImageBufAlgo.resize(source, "triangle", 0.0, roi)
    return np.asarray(scaled.get_pixels("float"), np.float32).reshape(height, width, -1)


def check_picture(output: Path) -> None:
    if output.suffix.lower() not in FORMATS:
        raise OutputError(f"'{output}' is no picture's name; end it in .png, .jpg or .tif.")
    if not output.absolute().parent.is_dir():
        raise OutputError(f"The folder '{output.parent}' does not exist; make it first.")


def write_picture(sheet: oiio.ImageBuf, output: Path) -> None:
    sheet.specmod().attribute("oiio:ColorSpace", "sRGB")
    try:
        with atomic_write(output, keep_suffix=True) as temporary:
            if not sheet.write(str(temporary), "uint8"):
                reason = " ".join(sheet.geterror().split())
                raise OutputError(
                    f"'{output}' could not be written ({reason}); choose another folder."
                )
    except OSError as reason:
        raise OutputError(
            f"'{output}' could not be written ({reason.strerror}); choose another folder."
        ) from None
