"""Which frames a frame is solved with, without a look at the whole shot for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import pytest

from dmp_matting.frame_window import frames_needed, window_numbers
from dmp_matting.settings import Settings

LONG = 100_000
NEIGHBOURS = Settings(temporal="neighbours")
PAPER = Settings(method="paper", temporal="paper")


class Counted(Sequence[int]):
    """The numbers 0 to LONG, of which each look is counted."""

    def __init__(self) -> None:
        self.looks = 0

    def __len__(self) -> int:
        return LONG

    @overload
    def __getitem__(self, at: int) -> int: ...
    @overload
    def __getitem__(self, at: slice) -> list[int]: ...
    def __getitem__(self, at: Any) -> Any:
        self.looks += 1
        return list(range(LONG))[at] if isinstance(at, slice) else at


@pytest.mark.parametrize("number", [0, LONG // 2, LONG - 1])
@pytest.mark.parametrize("settings", [NEIGHBOURS, PAPER])
def test_a_long_shot_costs_no_more_a_frame_than_a_short_one(
    number: int, settings: Settings
) -> None:
    numbers = Counted()
    window = window_numbers(number, numbers, settings)
    assert number in window and 8 <= len(window) <= 17
    assert numbers.looks < 100


def test_frames_needed_are_those_of_each_window() -> None:
    shot = [*range(1, 40), 60]
    assert frames_needed([10], shot, [NEIGHBOURS]) == tuple(range(2, 19))
    assert frames_needed([10], shot, [PAPER]) == tuple(range(9, 17))
    assert frames_needed([10], shot, [NEIGHBOURS, PAPER]) == tuple(range(2, 19))
    assert frames_needed([60], shot, [NEIGHBOURS]) == (60,)
    assert frames_needed([99], [], [NEIGHBOURS]) == (99,)
    assert window_numbers(60, shot, NEIGHBOURS) == ()
