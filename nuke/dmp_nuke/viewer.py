"""Whether somebody looks at a node: only then is a running job's picture worth a refresh."""

from __future__ import annotations

import nuke

from .node import upstream


def shows(node: nuke.Group) -> bool:
    """True where the active viewer shows the node, or something that is made from it."""
    window = nuke.activeViewer() if nuke.GUI else None
    if window is None:
        return False
    index = window.activeInput()
    source = None if index is None else window.node().input(index)
    own = f"{node.fullName()}."  # it may lie in a group that is looked at from outside
    return source is not None and any(
        own.startswith(f"{one.fullName()}.") for one in upstream(source)
    )
