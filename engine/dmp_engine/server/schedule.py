"""Who is next: single frames that somebody waits for go before batches, else first come.

A pure data structure; the dispatcher owns one. A batch that gives way between
two frames comes back at its old place.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum


class Urgency(IntEnum):
    """The lower the sooner."""

    INTERACTIVE = 0  # one frame, attended
    BATCH = 1


@dataclass(order=True)
class Ticket:
    urgency: Urgency
    number: int
    job: str = field(compare=False)


class Schedule:
    """Tickets of waiting jobs, in order."""

    def __init__(self) -> None:
        self._waiting: list[Ticket] = []
        self._issued = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def ticket(self, job: str, urgency: Urgency) -> Ticket:
        """A new ticket behind all others of its urgency; not yet in the queue."""
        self._issued += 1
        return Ticket(urgency, self._issued, job)

    def add(self, ticket: Ticket) -> None:
        self._waiting.append(ticket)
        self._waiting.sort()

    def remove(self, job: str) -> None:
        """Take a job out; one that is not in the queue is no error."""
        self._waiting = [ticket for ticket in self._waiting if ticket.job != job]

    def position(self, job: str) -> int | None:
        """How many jobs are before this one: 0 for the next; None when it does not wait."""
        return next((n for n, ticket in enumerate(self._waiting) if ticket.job == job), None)

    def jobs(self) -> list[str]:
        return [ticket.job for ticket in self._waiting]

    def take(self, suits: Callable[[str], bool]) -> Ticket | None:
        """Remove and return the first ticket whose job suits (a free device)."""
        for ticket in self._waiting:
            if suits(ticket.job):
                self._waiting.remove(ticket)
                return ticket
        return None

    def overtakes(self, running: Ticket, suits: Callable[[str], bool]) -> bool:
        """True when a more urgent job waits that suits the device which ``running`` holds."""
        return any(t.urgency < running.urgency and suits(t.job) for t in self._waiting)
