"""Frames of a shot in their windows: the same pixels whatever came before; the paper's way."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio
import pytest
import torch

from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.paper.losses import Problem, Trainer
from dmp_engine.dmp.temporal import neighbours
from dmp_engine.pipeline import shot_frame
from dmp_engine.pipeline.frame import matte_frame
from dmp_engine.pipeline.shot_frame import LIMIT, LookCache
from dmp_matting import Settings, Shot, preset
from dmp_matting.frame_window import GAP, window_of
from dmp_matting.job import NEIGHBOURS, Frame, Job, Plate, Role

from ...scenes import blocks, disc_over, write_image

DRAFT = preset("draft").changed(device="cpu", threads=1, joint_steps=2)
PAPER = Settings(
    device="cpu", threads=1, rounds=1, fit_steps=2, joint_steps=4, projection_steps=2,
    refine_passes=2, temporal="paper",
)  # fmt: skip


@pytest.fixture
def shot(tmp_path: Path) -> Job:
    """Five frames of a disc that walks over a texture, 64 x 48."""
    random = np.random.default_rng(3)
    clean = blocks(random, 24, 32, 2)
    behind = write_image(tmp_path / "clean.exr", clean)
    frames = []
    for index in range(5):
        scene = disc_over(clean, (20 + 3 * index, 24), 15, 5)
        plate = write_image(tmp_path / f"plate.{1001 + index}.exr", scene.plate)
        plates = (Plate(str(plate), Role.IMAGE), Plate(str(behind), Role.CLEAN))
        frames.append(Frame(1001 + index, plates))
    return Job(tuple(frames), DRAFT)


def solved(
    job: Job, number: int, settings: Settings, look_cache: LookCache | None = None
) -> np.ndarray:
    """The layers of one frame, as written."""
    frame = next(frame for frame in job.frames if frame.number == number)
    output = Path(frame.plates[0].path).with_name(f"matte.{number}.exr")
    window = window_of(frame, job, settings)
    for _ in matte_frame(frame, settings, output, window=window, look_cache=look_cache):
        pass
    read: np.ndarray = oiio.ImageBuf(str(output)).get_pixels("half")
    output.unlink()
    return read


def test_as_many_neighbours_are_sent_as_count() -> None:
    assert NEIGHBOURS == neighbours.PASSES * neighbours.REACH
    window = sum(2 * neighbours.REACH * n + 1 for n in range(neighbours.PASSES + 1))
    assert window <= LIMIT  # states of one window, or each frame would compute them again


def test_the_window_of_a_frame_ends_at_a_gap_and_at_the_shot() -> None:
    def numbers(at: int, *others: int, **changes: str) -> list[int]:
        frames = tuple(Frame(n, ()) for n in sorted({at, *others}))
        settings = DRAFT.changed(**changes)
        job = Job((Frame(at, ()),), settings, context=frames)
        return [frame.number for frame in window_of(Frame(at, ()), job, settings)]

    assert numbers(10, *range(1, 30)) == list(range(2, 19))
    assert numbers(20, *range(2, 60, 2)) == list(range(4, 37, 2))
    assert numbers(10, 9, 8, 8 - GAP - 1, 12) == [8, 9, 10, 12]
    assert numbers(10) == []
    assert numbers(10, 9, 11, temporal="off") == []
    assert numbers(10, *range(1, 30), method="paper", temporal="paper") == list(range(9, 17))


def test_pixels_do_not_depend_on_what_was_solved_before(shot: Job) -> None:
    look_cache = LookCache()
    in_order = [solved(shot, frame.number, DRAFT, look_cache) for frame in shot.frames]
    alone = [solved(shot, frame.number, DRAFT) for frame in reversed(shot.frames)]
    for one, other in zip(in_order, reversed(alone), strict=True):
        assert np.array_equal(one, other)


def test_neighbours_change_the_result_and_a_frame_alone_has_none(shot: Job) -> None:
    off = DRAFT.changed(temporal="off")
    alone = replace(shot, frames=shot.frames[2:3])
    assert np.array_equal(solved(alone, 1003, DRAFT), solved(alone, 1003, off))
    assert not np.array_equal(solved(shot, 1003, DRAFT), solved(shot, 1003, off))


def test_a_neighbour_that_cannot_be_read_is_left_out(shot: Job) -> None:
    without = replace(shot, frames=tuple(f for f in shot.frames if f.number != 1002))
    wanted = solved(without, 1003, DRAFT)
    Path(shot.frames[1].plates[0].path).write_bytes(b"no picture")
    assert np.array_equal(solved(shot, 1003, DRAFT), wanted)
    for frame in shot.frames:
        if frame.number != 1003:
            Path(frame.plates[0].path).write_bytes(b"no picture")
    assert np.isfinite(solved(shot, 1003, DRAFT).astype(np.float32)).all()


def test_a_neighbour_that_fails_in_the_solver_is_left_out(
    shot: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = replace(shot, frames=tuple(f for f in shot.frames if f.number != 1002))
    wanted = solved(without, 1003, DRAFT)
    true_look, calls = shot_frame.initial_state, []

    def look(*plates: Any, **how: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise RuntimeError("singular")
        return true_look(*plates, **how)

    monkeypatch.setattr(shot_frame, "initial_state", look)
    kept = LookCache()
    assert np.array_equal(solved(shot, 1003, DRAFT, kept), wanted)
    monkeypatch.undo()
    assert solved(shot, 1002, DRAFT, kept).any()  # its own job is not spoilt by that


def test_a_gpu_that_fails_at_a_neighbour_fails_the_frame(
    shot: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left out, the neighbour would be missed in a result that nothing marks."""

    def lost(*frame: Any) -> Any:
        raise torch.AcceleratorError("CUDA error: unspecified launch failure")

    monkeypatch.setattr(shot_frame, "read_plates", lost)
    with pytest.raises(torch.AcceleratorError):
        solved(shot, 1003, DRAFT)


def test_a_plate_that_changes_is_looked_at_again(shot: Job) -> None:
    look_cache = LookCache()
    before = solved(shot, 1003, DRAFT, look_cache)
    place = Path(shot.frames[1].plates[0].path)
    pixels = oiio.ImageBuf(str(place)).get_pixels("float")[..., :3]
    write_image(place, 1 - pixels)
    os.utime(place, (0, 0))
    assert not np.array_equal(solved(shot, 1003, DRAFT, look_cache), before)


def test_the_paper_has_one_network_for_all_frames() -> None:
    picture = torch.rand(3, 3, 32, 40, generator=torch.Generator().manual_seed(1))
    trimap = torch.full((3, 1, 32, 40), 0.5)
    problem = Problem(picture, picture.flip(2), trimap, Encoding(False, 0.0, 1.0))
    trainer = Trainer(problem, PAPER, torch.Generator().manual_seed(0))
    assert trainer.alpha_net.head.weight.shape[0] == 3
    assert trainer.foreground_net.head.weight.shape[0] == 9
    first = float(trainer.joint_step(0, 30))
    for step in range(1, 30):
        last = float(trainer.joint_step(step, 30))
    assert last < first
    alpha, foreground = trainer.predict()
    assert alpha.shape == (3, 1, 32, 40) and foreground.shape == (3, 3, 32, 40)


def test_the_papers_video_mode_solves_a_window_once_and_one_frame_as_ever(shot: Job) -> None:
    look_cache = LookCache()
    frames = [solved(shot, frame.number, PAPER, look_cache) for frame in shot.frames]
    assert look_cache.film is not None and look_cache.film[1].alpha.shape[0] == 5
    assert np.array_equal(solved(shot, 1004, PAPER), frames[3])  # solved anew
    alone = replace(shot, frames=shot.frames[2:3])
    assert np.array_equal(
        solved(alone, 1003, PAPER), solved(alone, 1003, PAPER.changed(temporal="off"))
    )


def test_a_shot_sends_the_same_neighbours_whatever_is_left_to_do(tmp_path: Path) -> None:
    for number in (*range(1001, 1031), 1034):
        (tmp_path / f"plate.{number}.exr").write_bytes(b"x" if number != 1007 else b"")
    (tmp_path / "clean.exr").write_bytes(b"x")
    whole = Shot(
        "s", str(tmp_path / "plate.####.exr"), str(tmp_path / "clean.exr"),
        str(tmp_path / "m.####.exr"), settings=DRAFT,
    )  # fmt: skip
    assert whole.context((1012,)) == tuple(n for n in range(1003, 1021) if n not in (1007, 1012))
    assert whole.context((1011, 1012, 1013)) == tuple(
        n for n in range(1002, 1022) if n not in (1007, 1011, 1012, 1013)
    )
    # Alone, in a chunk or in one job for all of the shot: a frame has the same window.
    there = [number for number in whole.numbers() if number != 1007]
    for number in there:
        chunk = tuple(there[max(0, there.index(number) - 2) :][:5])
        windows = {
            tuple(other.number for other in window_of(whole.frame(number), job, DRAFT))
            for job in map(whole.job, ((number,), chunk, tuple(there)))
        }
        assert len(windows) == 1, (number, windows)
    part = replace(whole, frames=(1012,), around=whole.numbers())
    assert part.context((1012,)) == whole.context((1012,))
    assert replace(whole, frames=(1012,)).context((1012,)) == ()
    film = replace(whole, settings=PAPER)
    assert film.context((1010, 1012)) == (1009, 1011, 1013, 1014, 1015, 1016)
    for size in (1, 3, 5, 8, 9, 20, 40):  # the blocks, whatever the chunk
        chunks = list(film.chunks(size))
        assert [number for chunk in chunks for number in chunk] == list(film.numbers())
        assert all(len(chunk) <= size for chunk in chunks)
        for chunk in chunks:
            job = film.job(chunk)
            for frame in job.frames:
                window = [other.number for other in window_of(frame, job, PAPER)]
                first = film.numbers().index(frame.number) // 8 * 8
                block = [n for n in film.numbers()[first : first + 8] if n != 1007]
                assert [n for n in window if n != 1007] == block, (size, frame.number)
    off = replace(whole, settings=DRAFT.changed(temporal="off"))
    assert off.context((1012,)) == ()
