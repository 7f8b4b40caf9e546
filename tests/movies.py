"""Movies of given pictures, written with PyAV, for the tests that read them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FULL = 2  # FFmpeg's number of the full range


def write_movie(
    path: Path,
    pictures: Sequence[NDArray[Any]],
    codec: str = "prores_ks",
    pixels: str = "yuv444p10le",
    *,
    matrix: int = 1,
    whole: bool = False,
    transfer: int = 2,
    primaries: int = 2,
    timecode: str = "",
    rotation: int = 0,
    times: Sequence[int] = (),
) -> Path:
    """``pictures`` (H, W, 3) in [0, 1] as a movie of 24 pictures a second; its path.

    ``matrix``, ``transfer`` and ``primaries`` are the numbers of ISO/IEC 23091-2 that it states;
    ``times`` are the places of the pictures in twenty-fourths of a second.
    """
    import av

    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        stream.codec_context.colorspace = matrix
        stream.codec_context.color_range = FULL if whole else 1
        stream.codec_context.color_trc = transfer
        stream.codec_context.color_primaries = primaries
        if codec == "libx264":
            stream.options = {"crf": "0"}
        if timecode:
            stream.metadata["timecode"] = timecode
        if rotation:
            stream.set_display_rotation(rotation)
        for number, picture in enumerate(pictures):
            codes = np.ascontiguousarray((picture * 65535).round().astype(np.uint16))
            frame = av.VideoFrame.from_ndarray(codes, "rgb48le").reformat(
                format=pixels, dst_colorspace=matrix, dst_color_range=FULL if whole else 1
            )
            frame.pts = times[number] if times else number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
