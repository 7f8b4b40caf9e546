"""Generators that yield signs of progress and return a result: how to run one, how to change one.

Everything that takes long here is such a generator: closing it ends the work.
"""

from __future__ import annotations

from typing import Callable, Generator, Optional, TypeVar

Y = TypeVar("Y")
Z = TypeVar("Z")
R = TypeVar("R")


def finish(
    working: Generator[Y, None, R],
    each: Optional[Callable[[Y], object]] = None,
    advance: Callable[[Generator[Y, None, R]], Y] = next,
) -> R:
    """Run a generator to its end and return its value; ``each`` is called with what it yields.

    ``advance`` takes the place of ``next``, where something has to happen around each step. Where
    one of the two raises, the generator is closed.
    """
    try:
        while True:
            try:
                value = advance(working)
            except StopIteration as done:
                result: R = done.value
                return result
            if each is not None:
                each(value)
    finally:
        working.close()


def mapped(working: Generator[Y, None, R], change: Callable[[Y], Z]) -> Generator[Z, None, R]:
    """The same work: yields ``change`` of what ``working`` yields, and returns its value.

    Closing it closes ``working``.
    """
    try:
        while True:
            try:
                value = next(working)
            except StopIteration as done:
                result: R = done.value
                return result
            yield change(value)
    finally:
        working.close()
