"""A shot at a glance: one contact sheet of several frames, and a movie of all of them.

Each row of the sheet, and each picture of the movie, is one frame: plate, alpha, the subject over
colours. A plate that is no longer at the path in the result's header leaves its tile empty.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dmp_matting.atomic_write import atomic_write
from dmp_matting.errors import DmpError, OutputError
from dmp_matting.job import Role

from ..plates.io import read_plate
from ..plates.io.colour_space import RAW
from .contact_sheet import (
    Pixels,
    Result,
    check_picture,
    coloured_squares,
    laid_out,
    read_result,
    resized,
    shown,
    write_picture,
)

ROWS = 6  # frames on a sheet
LONGEST = 400  # pixels of a tile's longer side
MOVIE_HEIGHT = 540  # pixels, or the frame's own if that is less
RATE = 24  # frames a second


def make_shot_sheet(results: Sequence[tuple[int, Path]], output: Path, title: str) -> list[int]:
    """Write the contact sheet of a shot; returns the frames that are on it, evenly chosen.

    ``results`` are frame numbers and the EXRs that ``dmp matte`` wrote. Raises PlateError and
    OutputError.
    """
    check_picture(output)
    chosen = [results[i] for i in _evenly(len(results), ROWS)]
    tiles: list[tuple[str, Pixels | None]] = []
    shape, aspect = (1, 1), 1.0
    for number, path in chosen:
        result = read_result(path)
        shape, aspect = result.alpha.shape, result.aspect
        plate, alpha, over = _row(result)
        tiles += [(f"{number}  plate", plate), ("alpha", alpha), ("over colours", over)]
    write_picture(laid_out(title, tiles, shape, aspect, 3, LONGEST), output)
    return [number for number, _ in chosen]


def make_movie(results: Sequence[tuple[int, Path]], output: Path, rate: float = RATE) -> None:
    """Write a movie through ffmpeg: plate, alpha and the subject over colours, side by side.

    Raises OutputError when there is no ffmpeg or it does not make the file.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise OutputError("A movie needs ffmpeg; install it or leave the movie out.")
    if not output.absolute().parent.is_dir():
        raise OutputError(f"The folder '{output.parent}' does not exist; make it first.")
    first = _side_by_side(read_result(results[0][1]))
    height, width = first.shape[:2]
    with (
        atomic_write(output.absolute(), keep_suffix=True) as temporary,
        tempfile.TemporaryFile() as error_output,
    ):
        command = [
            program, "-nostdin", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24",
            "-s", f"{width}x{height}", "-r", f"{rate:g}", "-i", "-", "-pix_fmt", "yuv420p",
            "-y", os.fspath(temporary),
        ]  # fmt: skip
        encoder = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=error_output
        )
        assert encoder.stdin is not None
        try:
            for _, path in results:
                picture = _side_by_side(read_result(path), (height, width))
                encoder.stdin.write(picture.tobytes())
        except BrokenPipeError:
            pass  # its error output is reported below
        finally:
            try:
                encoder.stdin.close()
            except BrokenPipeError:
                pass
            code = encoder.wait()
        if code:
            error_output.seek(0)
            lines = error_output.read().decode("utf-8", "replace").strip().splitlines()
            raise OutputError(f"ffmpeg could not make '{output}' ({lines[-1] if lines else code}).")


def _evenly(count: int, most: int) -> list[int]:
    """Up to ``most`` of ``count`` places, first and last among them."""
    if count <= most:
        return list(range(count))
    return [round(i * (count - 1) / (most - 1)) for i in range(most)]


def _row(result: Result) -> tuple[Pixels | None, Pixels, Pixels]:
    """Plate, alpha and the subject over colours, as displayed, (H, W, 3)."""
    raw = result.space == RAW
    alpha = result.alpha[..., None]
    try:
        plate = shown(read_plate(result.plate(Role.IMAGE)).rgb, raw)
    except DmpError:
        plate = None
    squares = coloured_squares(*result.alpha.shape)
    over = shown(result.premultiplied + (1 - alpha) * squares, raw)
    return plate, np.repeat(np.clip(alpha, 0, 1), 3, axis=2), over


def _side_by_side(result: Result, size: tuple[int, int] | None = None) -> npt.NDArray[np.uint8]:
    """The row as one picture, (h, w, 3), of ``size`` or of an even size for the codec."""
    plate, alpha, over = _row(result)
    joined = np.concatenate([alpha * 0 if plate is None else plate, alpha, over], axis=1)
    height, width = joined.shape[:2]
    if size is None:
        scale = min(1.0, MOVIE_HEIGHT / height)
        tall = max(2, round(height * scale) // 2 * 2)
        wide = max(2, round(width * result.aspect * scale) // 2 * 2)
        size = (tall, wide)
    picture: npt.NDArray[np.uint8] = np.round(np.clip(resized(joined, *size), 0, 1) * 255).astype(
        np.uint8
    )
    return picture
