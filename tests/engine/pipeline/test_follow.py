"""A subject is followed through a shot: it moves, shrinks, meets others, leaves and comes back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dmp_engine.pipeline.follow import BINS, Look, followed, look_at
from dmp_engine.plates.regions import regions
from dmp_matting.job import Frame, Plate, Role
from dmp_matting.keep import OUTSIDE, Keep
from dmp_matting.presets import preset

from ...scenes import blocks, disc_over, write_image

HEIGHT, WIDTH = 60, 120
Y, X = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
RED, GREEN = 0, 1
Disc = tuple[float, float, float, int]  # x, y, radius, colour


def look(number: int, *discs: Disc) -> Look:
    """What a frame with these discs looks like; a plate of twice the size, with overscan of 10."""
    alpha = np.zeros((HEIGHT, WIDTH), np.float32)
    colour = np.zeros((HEIGHT, WIDTH), int)
    for x, y, radius, shade in discs:
        one = np.clip((radius - np.hypot(X - x, Y - y)) / 2 + 0.5, 0, 1)
        colour[one > 0.3] = shade
        alpha = np.maximum(alpha, one)
    owners = np.where(alpha >= 0.3, regions(alpha)[0], 0) if discs else np.zeros_like(colour)
    colours = {}
    for one in np.unique(owners[owners > 0]):
        found = np.bincount(colour[owners == one], minlength=BINS**3).astype(np.float32)
        colours[int(one)] = found / found.sum()
    return Look(number, alpha, owners.astype(np.int32), colours, (2, 2), (-10, -10))


def path(looks: list[Look], text: str) -> list[Any]:
    """The first point of each frame in pixels of the look, or None where nothing is kept."""
    keep = followed(looks, Keep.parse(text))
    assert Keep.parse(keep.text()) == keep
    assert [frame for frame, _ in keep.keys] == [one.number for one in looks]
    return [
        None if numbers == OUTSIDE else ((numbers[0] + 10) / 2, (numbers[1] + 10) / 2)
        for _, numbers in keep.keys
    ]


def inside(places: list[Any], discs: list[Disc]) -> bool:
    return all(
        place is not None and np.hypot(place[0] - x, place[1] - y) <= radius
        for place, (x, y, radius, _) in zip(places, discs, strict=True)
    )


def test_a_point_of_the_first_frame_stays_on_its_subject() -> None:
    mine: list[Disc] = [(20 + 5 * n, 30, 12, RED) for n in range(10)]
    other: list[Disc] = [(100, 30, 14, GREEN)] * 10
    looks = [look(n, a, b) for n, (a, b) in enumerate(zip(mine, other, strict=True))]
    assert inside(path(looks, "at 30,50"), mine)  # of the plate: 2 * 20 - 10, 2 * 30 - 10
    assert inside(path(looks, "box 0,0,80,110"), mine)
    assert inside(path(looks, "at 120,50@9"), mine)  # where it is in the last frame
    assert inside(path(looks, "at 190,50"), other)


def test_the_largest_stays_the_same_when_another_grows() -> None:
    mine: list[Disc] = [(25, 30, 18 - n, RED) for n in range(8)]
    other: list[Disc] = [(90, 30, 9 + n, GREEN) for n in range(8)]
    looks = [look(n, a, b) for n, (a, b) in enumerate(zip(mine, other, strict=True))]
    assert inside(path(looks, "largest"), mine)


@pytest.mark.parametrize("radius", [9, 14])
def test_whoever_it_meets_is_not_followed_after(radius: int) -> None:
    """The subject, larger or smaller, passes in front of another one that stands."""
    mine: list[Disc] = [(12 + 6 * n, 30, radius, RED) for n in range(16)]
    other: list[Disc] = [(60, 30, 12, GREEN)] * 16
    looks = [look(n, b, a) for n, (a, b) in enumerate(zip(mine, other, strict=True))]
    places = path(looks, "at 14,50")
    assert inside(places[:4], mine[:4]) and inside(places[13:], mine[13:])
    assert None not in places


def test_it_leaves_and_comes_back() -> None:
    other: Disc = (60, 30, 8, GREEN)
    here: Disc = (20, 30, 12, RED)
    looks = [look(1, here, other), look(2, other), look(3), look(4, other), look(5, here, other)]
    places = path(looks, "at 30,50")
    assert places[1:4] == [None, None, None]
    assert inside([places[0], places[4]], [here, here])


def test_nothing_at_all() -> None:
    assert path([look(1), look(2)], "largest") == [None, None]
    assert path([look(1, (20, 30, 9, RED)), look(2)], "at 200,10") == [None, None]


def test_a_frame_is_looked_at_through_its_files(tmp_path: Path) -> None:
    wall = blocks(np.random.default_rng(4), 10, 20, 12)[:112, :240] * 0.5
    scene = disc_over(wall, (160, 40), 25, 4)
    plates = tuple(
        Plate(str(write_image(tmp_path / f"{role.value}.exr", pixels)), role)
        for role, pixels in ((Role.IMAGE, scene.plate), (Role.CLEAN, wall))
    )
    settings = preset("draft").changed(device="cpu", threads=1)
    found = look_at(Frame(7, plates), settings)
    (subject,) = found.keep_in(Keep.parse("at 160,40"))
    x, y = found.points({subject})[:2]
    assert np.hypot(x - 160, y - 40) < 6
    absent = look_at(Frame(8, (Plate("absent.exr", Role.IMAGE), plates[1])), settings)
    assert not absent.colours and absent.points(set()) == OUTSIDE
