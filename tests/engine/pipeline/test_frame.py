"""One frame from files to one EXR: HDR, odd and tiny sizes, hints, previews, interruptions.

Long because one small file and its solved frame serve all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
import torch
from numpy.typing import NDArray

from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.solve.frame import solve
from dmp_engine.pipeline import frame as frame_pipeline
from dmp_engine.pipeline.frame import matte_frame
from dmp_engine.plates.io.user_mattes import constraint_of
from dmp_matting import Layers, Progress, Settings
from dmp_matting.errors import DeviceError, MismatchError
from dmp_matting.generators import finish
from dmp_matting.job import Frame, Plate, Role, Stage
from dmp_matting.presets import preset

from ...scenes import write_image

Array = NDArray[np.float32]
QUICK = preset("draft").changed(device="cpu", joint_steps=4)
PAPER = Settings(device="cpu", fit_steps=2, joint_steps=4, projection_steps=2)


def write(path: Path, pixels: Any, at: tuple[int, int] = (0, 0), window: Any = None) -> Path:
    """(H, W, C) to a file; float EXR, or 8 bit for others."""
    kind = "float" if path.suffix == ".exr" else "uint8"
    return write_image(path, pixels, kind, at=at, window=window)


def array(image: torch.Tensor) -> Array:
    """(1, C, H, W) to (H, W, C)."""
    return image[0].permute(1, 2, 0).numpy()


@dataclass(frozen=True)
class Result:
    premultiplied: Array  # (H, W, 3)
    alpha: Array  # (H, W)
    foreground: Array  # (H, W, 3), straight
    spec: oiio.ImageSpec
    layers: Layers
    progress: list[Progress]

    def over(self, clean: Array) -> Array:
        return self.premultiplied + (1 - self.alpha[..., None]) * clean


@dataclass(frozen=True)
class Studio:
    """A folder with plates in it, and what is made of them."""

    folder: Path

    def frame(self, image: Any, clean: Any, space: str = "auto", **mattes: Any) -> Frame:
        """Plates as arrays or paths; mattes by their roles' names as arrays (H, W)."""
        plates = []
        for role, content in ((Role.IMAGE, image), (Role.CLEAN, clean)):
            path = content
            if not isinstance(content, Path):
                path = write(self.folder / f"{role.value}.exr", content)
            plates.append(Plate(str(path), role, space))
        for name, matte in mattes.items():
            path = write(self.folder / f"{name}.exr", matte[..., None])
            plates.append(Plate(str(path), Role(name), "raw"))
        return Frame(1, tuple(plates))

    def run(self, frame: Frame, settings: Settings = QUICK, **how: Any) -> Result:
        output = self.folder / "layers.exr"
        progress: list[Progress] = []
        layers = finish(matte_frame(frame, settings, output, **how), progress.append)
        file = oiio.ImageBuf(str(output))
        spec = file.spec()
        pixels = np.asarray(file.get_pixels("float"), np.float32)
        place = {name: pixels[..., number] for number, name in enumerate(spec.channelnames)}
        rgb, straight = (
            np.stack([place[prefix + c] for c in "RGB"], axis=2) for prefix in ("", "foreground.")
        )
        return Result(rgb, place["A"], straight, spec, layers, progress)

    def loose(self) -> set[str]:
        return {path.name for path in self.folder.iterdir()}


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(tmp_path)


@pytest.fixture(autouse=True)
def no_studio_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)


@pytest.fixture
def small(studio: Studio, tiny: Any) -> Frame:
    """64 x 48 of the lemur, values as stored."""
    return studio.frame(array(tiny.image), array(tiny.clean), "raw")


# --- HDR ---------------------------------------------------------------------------------------


NOISE = 0.04  # encoded difference of plate and clean plate that may be noise


def off(result: Result, image: Array, clean: Array) -> Array:
    """Relative error of the layers over the clean plate, the worst channel's; (H, W)."""
    wrong = np.abs(result.over(clean) - image) / np.maximum(np.abs(image), 0.1)
    return wrong.max(2)


def apart(image: Array, clean: Array) -> NDArray[np.bool_]:
    """Where the plates differ by more than noise; (H, W)."""
    encode = Encoding(True, 0.0, 1.0).encode
    seen, behind = (encode(torch.from_numpy(x)).numpy() for x in (image, clean))
    return np.sqrt(np.square(seen - behind).mean(2)) > NOISE


def test_hdr_round_trip_with_values_of_60(studio: Studio, furball: Callable[[int], Any]) -> None:
    truth = furball(1003)
    alpha, foreground, clean = (
        array(x).copy() for x in (truth.alpha, truth.foreground, truth.clean)
    )
    bright = foreground > 5
    foreground[bright] *= 60 / foreground.max()
    clean[20:26, 30:40] = 60.0  # a lamp in the room, beside the creature
    image = alpha * foreground + (1 - alpha) * clean
    assert image[(alpha[..., 0] == 1)].max() > 40
    result = studio.run(studio.frame(image, clean))
    wrong = off(result, image, clean)
    # P = a F + a (I - (1 - a) B - a F): an error of a is not hidden where a is small
    assert (wrong > 0.01)[apart(image, clean)].mean() < 0.03
    assert np.quantile(wrong[result.alpha > 0.1], 0.99) < 0.03
    assert (wrong > 0.01).mean() < 0.03
    hot = image > 5
    assert hot.sum() > 100 and wrong[hot.any(2)].max() < 0.01
    core = (result.alpha == 1)[..., None] & hot
    np.testing.assert_allclose(result.foreground[core], image[core], rtol=1e-3)
    assert result.foreground.max() > 40
    dim = image.max(2) < 0.5  # above, light that no alpha carries is in it too
    detail = result.premultiplied - result.alpha[..., None] * result.foreground
    assert np.abs(detail)[dim].mean() < 1e-3


def test_a_flare_over_lamps_comes_back(studio: Studio, furball: Callable[[int], Any]) -> None:
    """Light without an alpha of its own, down to a small share of a highlight of 40."""
    truth = furball(1003)
    clean = array(truth.clean).copy()
    y, x = np.mgrid[: clean.shape[0], : clean.shape[1]].astype(np.float32)
    for row, column in ((30, 40), (45, 120), (40, 230), (150, 290)):
        clean += 40 * np.exp(-(np.hypot(x - column, y - row)[..., None] ** 2) / 40)
    flare = 12 * np.exp(-np.hypot(x - 150, y - 40) / 10)[..., None] * np.array([1, 0.8, 0.5])
    image = array(truth.alpha) * array(truth.foreground) + (1 - array(truth.alpha)) * clean
    image = (image + flare).astype(np.float32)
    result = studio.run(studio.frame(image, clean))
    wrong = np.abs(result.over(clean) - image) / np.maximum(image, 1e-6)
    bright = image > 1
    assert bright.sum() > 10_000
    assert wrong[bright].max() < 0.01
    faint = (result.alpha < 0.05) & bright.any(2)
    assert result.premultiplied[faint].max() > 0.05  # light where alpha is next to nothing


def test_a_garbage_matte_stops_the_glow_too(studio: Studio, furball: Callable[[int], Any]) -> None:
    truth = furball(1003).cut(80, 90, 96, 128)
    image, clean = array(truth.image) + 3.0, array(truth.clean)
    garbage = np.zeros(image.shape[:2], np.float32)
    garbage[:, 40:] = 1
    result = studio.run(studio.frame(image, clean, garbage=garbage))
    assert (result.alpha[:, :40] == 0).all() and (result.premultiplied[:, :40] == 0).all()


def test_negative_values_come_through(studio: Studio, furball: Callable[[int], Any]) -> None:
    """Noise and wide gamuts go below zero in light; nothing clips them."""
    truth = furball(1003).cut(80, 90, 96, 128)
    image, clean = array(truth.image) - 0.05, array(truth.clean) - 0.05
    result = studio.run(studio.frame(image, clean))
    assert (image < 0).any()
    wrong = off(result, image, clean)
    assert (wrong > 0.01)[apart(image, clean)].mean() < 0.015
    assert np.quantile(wrong[result.alpha > 0.1], 0.99) < 0.02


# --- sizes -------------------------------------------------------------------------------------


def test_an_odd_size(studio: Studio, lemur: Any) -> None:
    image, clean, truth = (
        array(torch.nn.functional.interpolate(x, (333, 517), mode="bilinear"))
        for x in (lemur.image, lemur.clean, lemur.alpha)
    )
    result = studio.run(studio.frame(image, clean, "raw"), QUICK)
    assert (result.layers.width, result.layers.height) == (517, 333)
    assert np.abs(result.alpha - truth[..., 0]).mean() < 0.015


@pytest.mark.parametrize("settings", [QUICK, PAPER], ids=["draft", "paper"])
@pytest.mark.parametrize("size", [(1, 1), (5, 7), (2, 40), (16, 3)])
def test_a_tiny_plate(
    studio: Studio, lemur: Any, size: tuple[int, int], settings: Settings
) -> None:
    cut = lemur.cut(100, 150, *size)
    result = studio.run(studio.frame(array(cut.image), array(cut.clean), "raw"), settings)
    assert result.alpha.shape == size
    assert result.alpha.min() >= 0 and result.alpha.max() <= 1
    assert np.isfinite(result.foreground).all()


@pytest.mark.parametrize("direction", ["vertical", "slanted"])
def test_a_foreground_one_pixel_wide(studio: Studio, lemur: Any, direction: str) -> None:
    """A red wire across the beach."""
    clean = array(lemur.clean)[40:168, 150:310]
    truth = np.zeros(clean.shape[:2], np.float32)
    rows = np.arange(10, 118)
    truth[rows, 80 if direction == "vertical" else 30 + (0.7 * rows).astype(int)] = 1
    image = np.where(truth[..., None] == 1, np.float32([0.8, 0.1, 0.1]), clean)
    result = studio.run(studio.frame(image, clean, "raw"))
    assert result.alpha[truth == 1].mean() > 0.9
    assert result.alpha[truth == 0].sum() < 0.15 * truth.sum()


def test_a_data_window_away_from_the_display_window(studio: Studio, tiny: Any) -> None:
    window = (0, 0, 100, 80)
    image = write(studio.folder / "i.exr", array(tiny.image), (20, -5), window)
    around = np.full((80, 100, 3), 0.5, np.float32)
    around[0:43, 20:84] = array(tiny.clean)[5:]
    clean = write(studio.folder / "c.exr", around, (0, 0), window)
    result = studio.run(studio.frame(image, clean, "raw"))
    spec = result.spec
    assert (spec.x, spec.y, spec.width, spec.height) == (20, -5, 64, 48)
    assert (spec.full_x, spec.full_y, spec.full_width, spec.full_height) == window
    here = studio.run(studio.frame(array(tiny.image), array(tiny.clean), "raw"))
    assert np.abs(result.alpha - here.alpha)[12:].mean() < 0.02  # beyond the black rows' reach


# --- pairs that are no pair --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["draft", "final"])
def test_an_image_equal_to_its_clean_plate(studio: Studio, lemur: Any, name: str) -> None:
    clean = array(lemur.clean)[:100, :120]
    settings = preset(name).changed(device="cpu", joint_steps=2)
    result = studio.run(studio.frame(clean, clean, "raw"), settings)
    assert (result.alpha == 0).all() and (result.premultiplied == 0).all()
    (warning,) = result.layers.warnings
    assert "same picture" in warning
    assert result.spec["dmp:warnings"] == warning


@pytest.mark.parametrize("name", ["draft", "final"])
def test_a_clean_plate_with_nothing_in_common(studio: Studio, lemur: Any, name: str) -> None:
    image, other = array(lemur.image), array(lemur.clean)[::-1, ::-1]
    settings = preset(name).changed(device="cpu", joint_steps=2)
    result = studio.run(studio.frame(image, other, "raw"), settings)
    assert (result.alpha == 1).all()
    np.testing.assert_allclose(result.foreground, image, atol=1e-3)
    (warning,) = result.layers.warnings
    assert "target background" in warning


def test_a_good_pair_is_not_warned_about(studio: Studio, small: Frame) -> None:
    result = studio.run(small)
    assert result.layers.warnings == ()


def test_clean_plates_of_another_size_are_refused(studio: Studio, lemur: Any) -> None:
    frame = studio.frame(array(lemur.image), array(lemur.clean)[:-1], "raw")
    with pytest.raises(MismatchError):
        studio.run(frame)
    assert "layers.exr" not in studio.loose()


# --- hints -------------------------------------------------------------------------------------


def artists_mattes(size: tuple[int, int]) -> dict[str, Any]:
    """All four, with soft edges, contradicting each other; for subjects in the middle."""
    mattes = {name: np.zeros(size, np.float32) for name in ("core", "holdout")}
    mattes["garbage"], mattes["trimap"] = np.ones(size, np.float32), np.full(size, 0.5, np.float32)
    high, wide = size
    mattes["garbage"][high * 5 // 6 - 2 :] = 0.7
    mattes["garbage"][high * 5 // 6 :] = 0.3
    mattes["core"][2:9, 3:11] = 1
    mattes["core"][-4:] = 1  # garbage wins
    mattes["holdout"][high * 5 // 12 : high * 13 // 24, wide * 7 // 16 : wide * 19 // 32] = 0.6
    mattes["trimap"][:10, -8:] = 1
    mattes["trimap"][:10, :10] = 0  # core wins
    return mattes


@pytest.mark.parametrize("settings", [QUICK, PAPER], ids=["draft", "paper"])
def test_mattes_are_kept_to_the_bit(studio: Studio, tiny: Any, settings: Settings) -> None:
    mattes = artists_mattes((48, 64))
    frame = studio.frame(array(tiny.image), array(tiny.clean), "raw", **mattes)
    result = studio.run(frame, settings)
    constraint = constraint_of({Role(name): matte for name, matte in mattes.items()})
    assert constraint is not None
    out, inside = constraint == 0, constraint == 1
    assert out[20:26, 28:38].all() and inside[2:9, 3:11].all() and not (out | inside)[10:18].any()
    assert (result.alpha[out] == 0).all() and (result.premultiplied[out] == 0).all()
    assert (result.alpha[inside] == 1).all()
    np.testing.assert_allclose(result.premultiplied[inside], array(tiny.image)[inside], atol=1e-3)


def test_mattes_are_kept_above_the_solve_size_and_with_neighbours(
    studio: Studio, furball: Callable[[int], Any]
) -> None:
    """Upsampled, and as frames of a shot: 160 x 120 solved at 96 px."""
    image, clean = (array(x)[::2, ::2] for x in (furball(1003).image, furball(1003).clean))
    mattes = artists_mattes(image.shape[:2])
    constraint = constraint_of({Role(name): matte for name, matte in mattes.items()})
    assert constraint is not None
    settings = QUICK.changed(solve_size=96)
    frame = studio.frame(image, clean, **mattes)
    for window in ((), [Frame(n, frame.plates) for n in range(1, 4)]):
        result = studio.run(frame, settings.changed(temporal="neighbours"), window=window)
        assert (result.alpha[constraint == 0] == 0).all() and (
            result.alpha[constraint == 1] == 1
        ).all()
        assert (result.premultiplied[constraint == 0] == 0).all()
        free = result.alpha[(constraint != 0) & (constraint != 1)]
        assert free.min() < 0.1 and free.max() > 0.9


# --- the record --------------------------------------------------------------------------------


def test_the_layers_show_what_was_done(studio: Studio, small: Frame) -> None:
    result = studio.run(small)
    layers = result.layers
    assert layers.path == str(studio.folder / "layers.exr") and layers.device == "cpu"
    assert layers.channels == result.spec.channelnames
    assert layers.settings == QUICK
    spent = sum(seconds for stage, seconds in layers.seconds.items() if stage != "total")
    assert spent == pytest.approx(layers.seconds["total"], abs=0.05)
    assert {"read", "initialise", "refine", "write"} <= set(layers.seconds)
    assert '"joint_steps": 4' in result.spec["dmp:settings"]
    assert result.spec["dmp:image"] == small.plates[0].path


def test_progress_never_falls_and_ends_at_one(studio: Studio, small: Frame) -> None:
    progress = studio.run(small, PAPER).progress
    fractions = [each.fraction for each in progress]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    assert progress[0].stage is Stage.READ and progress[-1].stage is Stage.WRITE
    assert progress[-1].eta == 0.0
    assert any(each.eta is not None and each.eta > 0 for each in progress)


def test_the_same_job_gives_the_same_file(studio: Studio, small: Frame) -> None:
    first = studio.run(small)
    again = studio.run(small)
    for name in ("premultiplied", "alpha", "foreground"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    other = studio.run(small, QUICK.changed(seed=7))
    assert not np.array_equal(first.alpha, other.alpha)


# --- previews ----------------------------------------------------------------------------------


def test_previews_are_pictures_at_every_time(
    studio: Studio, small: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_pipeline, "PREVIEW_EVERY", 0.0)
    path = studio.folder / "preview.png"
    seen = 0
    for progress in matte_frame(small, QUICK, studio.folder / "layers.exr", preview=path):
        if progress.preview is None:
            continue
        assert progress.preview == str(path)
        picture = oiio.ImageBuf(str(path))
        pixels = picture.get_pixels("float")
        assert not picture.has_error and pixels.shape == (48, 64, 4)
        assert pixels[..., 3].std() > 0.1  # there is a matte in it
        seen += 1
    assert seen >= 4
    assert studio.loose() == {"image.exr", "clean.exr", "layers.exr", "preview.png"}


def test_previews_of_large_plates_are_small(
    studio: Studio, lemur: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frame_pipeline, "PREVIEW_SIDE", 100)
    path = studio.folder / "preview.png"
    frame = studio.frame(array(lemur.image), array(lemur.clean), "raw")
    matting = matte_frame(frame, QUICK, studio.folder / "layers.exr", preview=path)
    next(progress for progress in matting if progress.preview)
    matting.close()
    spec = oiio.ImageBuf(str(path)).spec()
    assert (spec.width, spec.height) == (100, 65)


# --- interruptions -----------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [QUICK, PAPER], ids=["draft", "paper"])
def test_closing_at_any_time_leaves_nothing(
    studio: Studio, small: Frame, settings: Settings
) -> None:
    output = studio.folder / "layers.exr"
    before = studio.loose()
    length = len(studio.run(small, settings).progress)
    output.unlink()
    for stop in range(1, length):  # at the last word the layers are written
        matting = matte_frame(small, settings, output)
        for _ in range(stop):
            next(matting)
        matting.close()
        assert studio.loose() == before
        if settings is PAPER and stop == 14:
            break  # every stage of the first round has been met


def test_a_result_is_replaced_only_by_a_whole_one(studio: Studio, small: Frame) -> None:
    output = studio.folder / "layers.exr"
    studio.run(small)
    old = output.read_bytes()
    matting = matte_frame(small, QUICK.changed(seed=3), output)
    while next(matting).stage is not Stage.WRITE:
        assert output.read_bytes() == old
    matting.close()
    assert output.read_bytes() == old


@pytest.mark.parametrize("stop", [1, 3, 5, 7])
def test_an_interrupted_frame_goes_on_to_the_same_pixels(
    studio: Studio, small: Frame, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = PAPER
    monkeypatch.setattr("dmp_engine.pipeline.checkpoint.EVERY", 0.0)
    whole = studio.run(small, settings)
    checkpoint = studio.folder / "state"
    output = studio.folder / "layers.exr"
    output.unlink()
    matting = matte_frame(small, settings, output, checkpoint=checkpoint)
    learnt = 0
    while learnt < stop:
        learnt += next(matting).loss is not None
    matting.close()
    assert checkpoint.exists() and not output.exists()
    rest = studio.run(small, settings, checkpoint=checkpoint)
    steps = [each for each in rest.progress if each.loss is not None]
    total = [each for each in whole.progress if each.loss is not None]
    assert len(steps) == len(total) - stop  # nothing is done twice
    for name in ("premultiplied", "alpha", "foreground"):
        assert np.array_equal(getattr(whole, name), getattr(rest, name))
    assert studio.loose() == {"image.exr", "clean.exr", "layers.exr"}


@pytest.mark.parametrize(
    "content", [b"", b"not a checkpoint", None], ids=["empty", "torn", "other"]
)
def test_a_useless_checkpoint_is_passed_over(
    studio: Studio, small: Frame, content: bytes | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dmp_engine.pipeline.checkpoint.EVERY", 0.0)
    checkpoint = studio.folder / "state"
    whole = studio.run(small)
    if content is None:  # of other settings
        other = PAPER.changed(seed=9)
        matting = matte_frame(small, other, studio.folder / "x.exr", checkpoint=checkpoint)
        while next(matting).loss is None:
            pass
        matting.close()
    else:
        checkpoint.write_bytes(content)
    result = studio.run(small, checkpoint=checkpoint)
    assert np.array_equal(whole.alpha, result.alpha)
    assert not checkpoint.exists()


# --- memory ------------------------------------------------------------------------------------


@pytest.fixture
def large(studio: Studio, lemur: Any) -> Frame:
    """340 x 220: it may still be solved smaller."""
    return studio.frame(array(lemur.image), array(lemur.clean), "raw")


def test_a_device_with_little_memory_solves_smaller(
    studio: Studio, large: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dmp_engine.pipeline.frame.free_memory", lambda where: 300 << 20)
    layers = finish(matte_frame(large, QUICK, studio.folder / "layers.exr"))
    assert layers.settings.solve_size == 256 < layers.width
    assert layers.notes[-1] == "Memory is short: solved at 256 px, then upsampled."
    header = oiio.ImageBuf(str(studio.folder / "layers.exr")).spec()
    assert header["dmp:solve_size"] == "256"
    # A shot that goes on asks for the same again: the frame is finished.
    assert json.loads(header["dmp:settings"]) == QUICK.to_json()


@pytest.mark.parametrize(
    "short",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    ],
)
def test_memory_that_runs_out_is_no_failed_job(
    studio: Studio, large: Frame, monkeypatch: pytest.MonkeyPatch, short: Exception
) -> None:
    sizes = []

    def greedy(image: Any, clean: Any, settings: Settings, **how: Any) -> Any:
        sizes.append(settings.solve_size)
        if len(sizes) == 1:
            raise short
        return (yield from solve(image, clean, settings, **how))

    monkeypatch.setattr("dmp_engine.pipeline.pair.solve", greedy)
    layers = finish(matte_frame(large, QUICK, studio.folder / "layers.exr"))
    assert sizes[0] == 960 and sizes[1] == layers.settings.solve_size < layers.width
    assert "Memory is short" in layers.notes[-1]


def test_no_memory_at_all_is_a_sentence(
    studio: Studio, large: Frame, monkeypatch: pytest.MonkeyPatch
) -> None:

    def hopeless(*plates: Any, **how: Any) -> Any:
        raise MemoryError
        yield

    monkeypatch.setattr("dmp_engine.pipeline.pair.solve", hopeless)
    with pytest.raises(DeviceError, match="Memory ran out on .*close other programs"):
        finish(matte_frame(large, QUICK, studio.folder / "layers.exr"))
    assert not (studio.folder / "layers.exr").exists()
