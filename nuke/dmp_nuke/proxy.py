"""Proxy mode off for a while: what counts pixels counts those of the full size."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Iterator

import nuke


@contextmanager
def full_size() -> Iterator[None]:
    """Proxy mode off, and back on afterwards."""
    proxy = nuke.root()["proxy"]
    was_on = bool(proxy.value())
    if was_on:
        proxy.setValue(False)
    try:
        yield
    finally:
        if was_on:
            proxy.setValue(True)
