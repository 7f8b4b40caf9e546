"""EXR files through bpy, and the four pictures of an item from what was rendered."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import bpy
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]  # (H, W, C), scene-linear

PARTS = ("plate", "clean", "alpha", "foreground")
FAINTEST = 1.0 / 4096.0  # coverage below this counts as none: its colour is too uncertain


def read(path: Path) -> Floats:
    """(H, W, 4), the first row on top."""
    image = bpy.data.images.load(str(path))
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    return np.ascontiguousarray(pixels.reshape(height, width, 4)[::-1])


def write(path: Path, rgb: Floats) -> None:
    height, width = rgb.shape[:2]
    image = bpy.data.images.new(path.stem, width, height, float_buffer=True)
    opaque = np.ones((height, width, 1), np.float32)
    image.pixels.foreach_set(np.concatenate([rgb, opaque], axis=2)[::-1].ravel())
    scene = bpy.context.scene
    scene.render.image_settings.color_mode = "RGB"
    image.save_render(str(path), scene=scene)
    bpy.data.images.remove(image)


def write_item(folder: Path, rendered: Floats, clean: Floats) -> None:
    """Writes an item whole or not at all, from the subject alone (H, W, 4) and the clean plate."""
    alpha = np.clip(rendered[..., 3:], 0.0, 1.0)  # (H, W, 1)
    alpha[alpha < FAINTEST] = 0.0
    alpha[alpha > 1.0 - FAINTEST] = 1.0
    seen = alpha > 0.0
    premultiplied = np.where(seen, np.maximum(rendered[..., :3], 0.0), np.float32(0.0))
    pictures = {
        "plate": premultiplied + (np.float32(1.0) - alpha) * clean,
        "clean": clean,
        "alpha": np.repeat(alpha, 3, axis=2),
        "foreground": premultiplied / np.where(seen, alpha, np.float32(1.0)),
    }
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for part in PARTS:
            write(temporary / f"{part}.exr", pictures[part].astype(np.float32))
        shutil.rmtree(folder, ignore_errors=True)
        temporary.chmod(0o755)
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
