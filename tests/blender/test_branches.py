"""What a node's branches may be made of: painted stills, clips, masks; and a copied scene."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .conftest import SMALL, Blender, moving_square, read


@pytest.mark.parametrize("any_blender", ["4.5", "5.0", "3.4"], indirect=True)
def test_branches(any_blender: Blender, engine: Any, output: Path, tmp_path: Path) -> None:
    clean = moving_square(tmp_path)
    painted = clean.astype(np.float32)
    painted[8:24, 10:30] = (0.9, 0.1, 0.1)
    np.save(tmp_path / "painted.npy", painted)
    seen = any_blender.run(
        "branches", folder=tmp_path, output=output, size=[48, 32], settings=SMALL,
        painted=tmp_path / "painted.npy",
    )  # fmt: skip
    assert seen["menu"] == ["Matte" if any_blender.version == "3.4" else "Keying", True]

    # What is the same in all frames is one still, with one matte.
    for (path, name, still, files), wanted, made_of in zip(
        seen["still"], (painted, clean), ([], [str(tmp_path / "clean.exr")]), strict=True
    ):
        np.testing.assert_allclose(read(path), wanted, rtol=1e-6, atol=1e-7)
        assert still is True and files == made_of and "by 'DMP Matte' (" in name
    assert seen["ended"] == [["FINISHED"], ""]
    (matte,) = seen["mattes"]
    assert Path(matte).name == "DMP_Matte_matte.exr"
    assert seen["published"].endswith(".exr") and "#" not in seen["published"]

    *is_own, place = seen["copied"]
    assert is_own == [True, True, True]
    assert place != str(Path(matte).parent)

    for frame, ((path, name, still, files), _) in enumerate(seen["stabilised"], 1):
        file = tmp_path / f"plate.{frame:04d}.exr"
        np.testing.assert_allclose(read(path), read(file), rtol=1e-5, atol=1e-6)
        # The node and the one that stabilises show the same clip.
        assert still is False and set(files) == {str(file)} and f"frame {frame}" in name
    assert seen["tracked"][0][1] != seen["stabilised"][1][0][1]
    for path, *_ in seen["mask"]:
        mask = read(path)[..., 0]
        assert (mask[:, :22] > 0.99).all() and (mask[:, 26:] < 0.01).all()
    assert seen["changed"] == (
        "What is linked to 'DMP Matte' was changed while its plates were rendered; matte again."
    )
