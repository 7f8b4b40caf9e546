"""API calls on the main thread only, and only through objects that still exist."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

from .session import refuse, session


def on_main(call: Callable[..., Any]) -> Callable[..., Any]:
    """``call``, refused on any other thread. The real Nuke crashes, now or later."""

    @functools.wraps(call)
    def checked(*args: Any, **kwargs: Any) -> Any:
        if threading.get_ident() != session.thread:
            refuse(f"nuke.{call.__name__} was called off the main thread")
        return call(*args, **kwargs)

    return checked


class Guarded:
    """Every public method of a subclass runs on the main thread only."""

    def __init_subclass__(cls) -> None:
        for name, member in list(vars(cls).items()):
            public = not name.startswith("_") or name in ("__getitem__", "__enter__", "__exit__")
            if public and callable(member) and not isinstance(member, (type, staticmethod)):
                setattr(cls, name, on_main(member))
