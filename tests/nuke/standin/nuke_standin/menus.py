"""Menus and the plug-in path, as far as init.py and menu.py use them."""

from __future__ import annotations

import sys
from typing import Any

from .guard import Guarded, on_main
from .session import refuse, session


class Menu(Guarded):
    def __init__(self, name: str = "") -> None:
        self._name, self._items = name, {}

    def addMenu(self, name: str, icon: str = "", **more: Any) -> Any:
        return self._items.setdefault(name, Menu(name))

    def addCommand(
        self, name: str, command: Any = None, shortcut: str = "", icon: str = "", **more: Any
    ) -> Any:
        first, _, rest = name.partition("/")
        if rest:
            return self.addMenu(first).addCommand(rest, command, shortcut, icon, **more)
        self._items[name] = (command, icon)
        return None

    def findItem(self, name: str) -> Any:
        return self._items.get(name)

    def menu(self, name: str) -> Any:
        return self._items.get(name)

    def name(self) -> str:
        return self._name


@on_main
def menu(name: str) -> Menu:
    if not session.gui:
        refuse("there are no menus in terminal mode")
    return session.menus.setdefault(name, Menu(name))


@on_main
def pluginPath() -> list[str]:
    return list(session.path)


@on_main
def pluginAddPath(args: Any, addToSysPath: bool = True) -> None:
    for folder in [args] if isinstance(args, str) else args:
        session.path.insert(0, folder)
        if addToSysPath and folder not in sys.path:
            sys.path.insert(0, folder)
