"""The dockable Qt panel: this user's engine, its queue, the matte while it converges.

Qt through Qt.py only, so that PySide2 (Nuke up to 15) and PySide6 both do. Rules: widgets live on
Qt's main thread and never wait; whatever uses the engine or a disk runs on a thread and is
polled by a timer (client/watcher.py, background.py); every failure is one sentence.
"""

from __future__ import annotations

from .panel import DmpPanel

__all__ = ["DmpPanel"]
