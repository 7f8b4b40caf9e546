"""A clean plate of a shot's own frames: what it gets right, and what it leaves as unseen."""

from __future__ import annotations

import numpy as np
import pytest

from dmp_engine.plates.clean_plate.from_shot import Background, Stack, aligned, background_of
from dmp_engine.plates.clean_plate.local_contrast import encoded

from ....scenes import blocks, disc_over, waves

HEIGHT, WIDTH, RADIUS = 80, 128, 18
RANDOM = np.random.default_rng(3)
WALL = waves(*np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), seed=4)
SKIN = blocks(RANDOM, 12, 12, 4)[: 2 * RADIUS, : 2 * RADIUS]


def frame_of(x: float, y: float = 40, grain: float = 0.004, skin: bool = True) -> np.ndarray:
    """The wall with a disc at (x, y), textured like a coat of squares that moves with it."""
    colour = np.full((HEIGHT, WIDTH, 3), (0.8, 0.2, 0.1))
    left, top = round(x) - RADIUS, round(y) - RADIUS
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    inside = ((columns - left) >= 0) & ((columns - left) < 2 * RADIUS)
    inside &= ((rows - top) >= 0) & ((rows - top) < 2 * RADIUS)
    if skin:
        colour[inside] = SKIN[(rows - top)[inside], (columns - left)[inside]]
    alpha = disc_over(WALL, (x, y), RADIUS, 4).alpha[..., None]
    plate = alpha * colour + (1 - alpha) * WALL
    return np.asarray(plate + RANDOM.normal(0, grain, plate.shape), np.float32)


def found_in(frames: list[np.ndarray]) -> Background:
    with Stack(HEIGHT, WIDTH) as stack:
        for frame in frames:
            stack.add(frame, np.ones((HEIGHT, WIDTH), bool))
        return background_of(stack.frames(), linear=True)


def errors(found: Background) -> np.ndarray:
    """Encoded errors where the background is said to be seen."""
    apart = np.abs(encoded(found.pixels, True) - encoded(WALL, True)).max(axis=2)
    return np.asarray(apart[~found.unseen])


def covered(x: float, y: float = 40) -> np.ndarray:
    return np.asarray(disc_over(WALL, (x, y), RADIUS - 4, 1).alpha > 0.5)


def test_a_subject_that_walks_through_leaves_nothing() -> None:
    found = found_in([frame_of(x) for x in np.linspace(-20, 148, 12)])
    assert found.unseen.mean() < 0.01
    assert errors(found).mean() < 0.006 and np.quantile(errors(found), 0.999) < 0.05


def test_a_subject_that_sways_in_one_place_is_a_hole() -> None:
    found = found_in([frame_of(64 + 5 * np.sin(t)) for t in range(12)])
    assert found.unseen[covered(64)].all()  # its still inside, too
    assert found.unseen.mean() < 0.3 and errors(found).max() < 0.1


@pytest.mark.parametrize("leaves", [True, False])
def test_where_a_subject_stays_for_most_of_the_shot(leaves: bool) -> None:
    """It is never taken for the background, whether it comes to stay or leaves at last."""
    places = [60.0] * 8 + [90.0, 120.0, 150.0, 150.0]
    found = found_in([frame_of(x) for x in (places if leaves else places[::-1])])
    assert np.quantile(errors(found), 0.999) < 0.05
    assert found.unseen.mean() < 0.15


def test_frames_that_differ_in_nothing() -> None:
    found = found_in([frame_of(60, grain=0.0)] * 5)
    assert found.moving == 0


def test_a_camera_that_moves_and_light_that_changes() -> None:
    """Frames are brought to one of them; the subject does not pull."""
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    reference = frame_of(30, grain=0)
    wall = waves(x + 3.4, y - 1.7, seed=4)
    other = disc_over(wall, (90, 40), RADIUS, 4).plate * 0.9
    found = aligned(reference, other.astype(np.float32), np.ones((HEIGHT, WIDTH), bool), True)
    assert found is not None and 3 < found.shift < 5
    seen = found.known & ~covered(30) & ~covered(90)
    seen[:, 60:120] = False
    apart = np.abs(encoded(found.pixels, True) - encoded(WALL, True)).max(axis=2)[seen]
    assert np.quantile(apart, 0.98) < 0.03


def test_another_place_is_left_out() -> None:
    x, y = np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT))
    assert aligned(WALL, waves(x, y, seed=9), np.ones((HEIGHT, WIDTH), bool), True) is None
