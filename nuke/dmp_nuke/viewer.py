"""Whether somebody looks at a node: only then is a running job's picture worth a refresh."""

from __future__ import annotations

import re
from typing import Optional

import nuke

from .node import upstream

# Nodes that show a view where another one is asked for, by a part of their class.
VIEWS = re.compile("view|sidebyside|anaglyph|stereo|converge", re.IGNORECASE)


def shows(node: nuke.Group, view: str = "") -> bool:
    """True where the active viewer shows the node, or something that is made from it.

    ``view``: only where it shows this one, and no other of the script beside it; "" for any.
    """
    source = _source() if not view or looks_at(view) else None
    if source is None:
        return False
    own = f"{node.fullName()}."  # it may lie in a group that is looked at from outside
    if not _is_above(own, source):
        return False
    return not view or not any(
        VIEWS.search(one.Class()) and _is_above(own, one) for one in upstream(source)
    )


def looks_at(view: str) -> bool:
    """True where the active viewer shows this view of whatever it shows."""
    window = nuke.activeViewer() if nuke.GUI else None
    return window is not None and window.view() == view


def _source() -> Optional[nuke.Node]:
    window = nuke.activeViewer() if nuke.GUI else None
    index = None if window is None else window.activeInput()
    return None if window is None or index is None else window.node().input(index)


def _is_above(own: str, source: nuke.Node) -> bool:
    return any(own.startswith(f"{one.fullName()}.") for one in upstream(source))
