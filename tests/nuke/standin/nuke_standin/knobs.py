"""Knob classes: typed values, flags, expressions, and how each stands in a .nk file.

Long because Nuke's knobs are many, and each is a few lines.
"""

from __future__ import annotations

import re
from typing import Any

from .guard import Guarded
from .session import refuse, session
from .tcl import quoted, substituted, words

STARTLINE = 0x00001000
INVISIBLE = 0x00000400
DISABLED = 0x00000080
NO_ANIMATION = 0x00000100
NO_MULTIVIEW = 0x40000000
DO_NOT_WRITE = 0x00000200
READ_ONLY = 0x10000000
TABBEGINGROUP, TABENDGROUP, TABBEGINCLOSEDGROUP = 1, -1, 2


class Knob(Guarded):
    _code = 0  # of addUserKnob
    _default: Any = ""

    def __init__(self, name: str = "", label: str = "", *more: Any) -> None:
        if not re.fullmatch(r"\w*", name):
            refuse(f"'{name}' is no name for a knob", ValueError)
        self._name, self._label, self._tooltip = name, label, ""
        self._node: Any = None
        self._flags, self._visible, self._enabled = 0, True, True
        self._startline: bool | None = None  # False once it was taken away
        self._expression = ""
        self._value: Any = self._default
        self._built(*more)
        self._initial = self._value

    def _built(self, *more: Any) -> None:
        if more:
            self._value = more[0]

    def _accepted(self, value: Any) -> Any:
        return value

    def Class(self) -> str:
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def label(self) -> str:
        return self._label

    def node(self) -> Any:
        return self._node

    def tooltip(self) -> str:
        return self._tooltip

    def setTooltip(self, tooltip: str) -> None:
        self._tooltip = tooltip

    def setLabel(self, label: str) -> None:
        self._label = label

    def setFlag(self, flag: int) -> None:
        self._flags |= flag

    def clearFlag(self, flag: int) -> None:
        self._flags &= ~flag
        if flag & STARTLINE:
            self._startline = False

    def getFlag(self, flag: int) -> bool:
        return bool(self._flags & flag)

    def setVisible(self, visible: bool) -> None:
        self._visible = visible

    def visible(self) -> bool:
        return self._visible

    def setEnabled(self, enabled: bool) -> None:
        self._enabled = enabled

    def enabled(self) -> bool:
        return self._enabled

    def hasExpression(self, index: int = -1) -> bool:
        return bool(self._expression)

    def setExpression(self, expression: str, index: int = 0, view: Any = None) -> bool:
        self._attached()
        self._expression = expression
        return True

    def setValue(self, val: Any, chan: int = 0) -> bool:
        self._attached()
        if session.executing and not session.in_callback:
            refuse(f"{self._name} was set while Nuke renders: the picture may change half-way")
        value, before = self._accepted(val), self._value
        session.changes += 1
        if value != before or self._expression:
            session.remember(lambda: self._back(before))
            self._value, self._expression = value, ""
            if self._node is not None and self._node._loaded and session.gui:
                session.fire("knobChanged", self._node, self)
        return True

    def value(self, *context: Any) -> Any:
        self._attached()
        return self._node._evaluated(self._expression) if self._expression else self._value

    def getValue(self, *context: Any) -> Any:
        return self.value()

    def fromScript(self, script: str) -> None:
        inside = re.fullmatch(r"\{(\{.*\})\}", script, re.DOTALL)
        self._expression = words(inside[1])[0] if inside else ""
        if not inside:
            self._value = self._read(script)

    def toScript(self, quote: bool = True, context: Any = None) -> str:
        if self._expression:
            return "{{" + quoted(self._expression) + "}}"
        return quoted(self._text())

    def _read(self, text: str) -> Any:
        """The value that a .nk file holds as the word ``text``."""
        return text

    def _text(self) -> str:
        return str(self._value)

    def _back(self, value: Any) -> None:
        self._value = value

    def _attached(self) -> None:
        if self._node is not None:
            self._node._attached()

    def _user_definition(self) -> str:
        """What follows addUserKnob."""
        parts = [str(self._code), self._name or '""']
        if self._label != self._name:
            parts += ["l", quoted(self._label) if self._label else '""']
        if self._tooltip:
            parts += ["t", quoted(self._tooltip)]
        if not self._visible:
            parts.append("+HIDDEN")
        if self._flags & STARTLINE:
            parts.append("+STARTLINE")
        elif self._startline is False:
            parts.append("-STARTLINE")
        if self._flags & DISABLED:
            parts.append("+DISABLED")
        return "{" + " ".join(parts + self._user_more()) + "}"

    def _user_more(self) -> list[str]:
        return []


class Array_Knob(Knob):
    _default: Any = 0.0
    _range: tuple[float, float] | None = None
    _keys = False

    def setRange(self, low: float, high: float) -> None:
        self._range = (low, high)

    def isAnimated(self, channel: int = -1) -> bool:
        return self._keys

    def setAnimated(self, channel: int = -1) -> bool:
        """Give it a keyframe, which its flag may forbid."""
        self._keys = not self.getFlag(NO_ANIMATION)
        return self._keys

    def arraySize(self) -> int:
        return 1

    def getValueAt(self, frame: float, index: int = 0, view: Any = None) -> Any:
        self._attached()
        if self._expression:
            return self._node._evaluated(self._expression, int(frame))
        return self.getValue()

    def defaultValue(self) -> Any:
        return self._initial

    def setDefaultValue(self, values: Any) -> None:
        if not isinstance(values, (list, tuple)):
            refuse("setDefaultValue wants a sequence", TypeError)
        self._value = self._initial = self._accepted(values[0])

    def _user_more(self) -> list[str]:
        return [f"R {self._range[0]:g} {self._range[1]:g}"] if self._range else []


class Double_Knob(Array_Knob):
    _code = 7

    def _accepted(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            refuse(f"{self._name} wants a number, not {value!r}", TypeError)
        return float(value)

    def _read(self, text: str) -> float:
        return float(text)

    def _text(self) -> str:
        return f"{self._value:.9g}"


class Int_Knob(Array_Knob):
    _code = 3
    _default = 0

    def _accepted(self, value: Any) -> int:
        if not isinstance(value, int):
            refuse(f"{self._name} wants a whole number, not {value!r}", TypeError)
        return int(value)

    def _read(self, text: str) -> int:
        return int(text, 0)

    def _user_more(self) -> list[str]:
        return []


class Unsigned_Knob(Array_Knob):
    _default = 0

    def _accepted(self, value: Any) -> int:
        if not isinstance(value, int) or not 0 <= value < 1 << 32:
            refuse(f"{self._name} wants an unsigned number, not {value!r}", TypeError)
        return int(value)

    def _read(self, text: str) -> int:
        return int(text, 0)

    def _text(self) -> str:
        return f"{self._value:#010x}" if self._name == "tile_color" else str(self._value)


ColorChip_Knob = type("ColorChip_Knob", (Unsigned_Knob,), {})


class _Numbers(Array_Knob):
    """Several numbers, each of which is a value, an expression or a curve with keyframes.

    A curve is a dict of values by frame; between two of them this one goes in a straight line,
    where Nuke's own goes as the artist has set it.
    """

    def arraySize(self) -> int:
        return len(self._default)

    def getValueAt(self, frame: float, index: int = 0, view: Any = None) -> float:
        self._attached()
        part = self._value[index]
        if isinstance(part, str):
            return float(self._node._evaluated(part, int(frame)))
        if isinstance(part, dict):
            return _on_curve(part, frame)
        return float(part)

    def getValue(self, index: int = -1) -> Any:
        now = session.root["frame"].value()
        found = [self.getValueAt(now, one) for one in range(self.arraySize())]
        return found if index < 0 else found[index]

    def value(self, *context: Any) -> Any:
        return self.getValue(*context)

    def setValue(self, val: Any, chan: int = -1) -> bool:
        parts = list(val) if isinstance(val, (list, tuple)) else [val]
        start = max(chan, 0)
        if start + len(parts) > self.arraySize() or not all(map(_is_number, parts)):
            refuse(f"{self._name} wants {self.arraySize()} numbers, not {val!r}", TypeError)
        parts = [float(part) for part in parts]
        return super().setValue((*self._value[:start], *parts, *self._value[start + len(parts) :]))

    def setValueAt(self, val: float, time: float, index: int = 0) -> bool:
        """Set a keyframe, where the knob is animated; its value, where it is not."""
        if not isinstance(self._value[index], dict):
            return self.setValue(val, index)
        return self._part({**self._value[index], int(time): float(val)}, index)

    def setAnimated(self, channel: int = -1) -> bool:
        if self.getFlag(NO_ANIMATION):
            return False
        for index in range(self.arraySize()) if channel < 0 else [channel]:
            if not isinstance(self._value[index], dict):
                now = int(session.root["frame"].value())
                self._part({now: self.getValueAt(now, index)}, index)
        return True

    def clearAnimated(self, channel: int = -1) -> bool:
        for index, value in enumerate(self.getValue()):
            if channel in (-1, index):
                self._part(value, index)
        return True

    def setExpression(self, expression: str, index: int = -1, view: Any = None) -> bool:
        for one in range(self.arraySize()) if index < 0 else [index]:
            self._part(expression, one)
        return True

    def isAnimated(self, channel: int = -1) -> bool:
        return any(isinstance(part, dict) for part in self._parts(channel))

    def hasExpression(self, index: int = -1) -> bool:
        return any(isinstance(part, str) for part in self._parts(index))

    def fromScript(self, script: str) -> None:
        self._value = self._read(script)

    def toScript(self, quote: bool = True, context: Any = None) -> str:
        found = " ".join(_part_text(part) for part in self._value)
        return "{" + found + "}" if quote else found

    def _parts(self, index: int) -> tuple[Any, ...]:
        return tuple(self._value) if index < 0 else (self._value[index],)

    def _part(self, part: Any, index: int) -> bool:
        return super().setValue((*self._value[:index], part, *self._value[index + 1 :]))

    def _read(self, text: str) -> Any:
        parts = words(text)
        if len(parts) == 1 and text.startswith("{"):  # as toScript gives it
            parts = words(parts[0])
        found = tuple(map(_part_of, parts))
        if len(found) != self.arraySize():
            refuse(f"{self._name} wants {self.arraySize()} numbers, not {text}", ValueError)
        return found

    def _user_more(self) -> list[str]:
        return []


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _on_curve(keys: dict[int, float], frame: float) -> float:
    before = max((one for one in keys if one <= frame), default=min(keys))
    after = min((one for one in keys if one >= frame), default=max(keys))
    if before == after:
        return keys[before]
    part = min(max((frame - before) / (after - before), 0.0), 1.0)
    return keys[before] + part * (keys[after] - keys[before])


def _part_text(part: Any) -> str:
    if isinstance(part, dict):
        return (
            "{curve " + " ".join(f"x{at} {value:.9g}" for at, value in sorted(part.items())) + "}"
        )
    return "{" + part + "}" if isinstance(part, str) else f"{part:.9g}"


def _part_of(text: str) -> Any:
    """``12``; ``curve x1001 12 13 x1010 40``, where a key without a frame is at the next one."""
    first, *more = text.split() or [""]
    if first != "curve":
        return text if re.search(r"[a-z]", text) else float(text)
    keys: dict[int, float] = {}
    frame = 1
    for word in more:
        if word.startswith("x"):
            frame = int(word[1:])
        else:
            keys[frame] = float(word)
            frame += 1
    return keys


class XY_Knob(_Numbers):
    """A point that is dragged in the viewer."""

    _code = 12
    _default = (0.0, 0.0)


class BBox_Knob(_Numbers):
    """A box that is dragged in the viewer: x, y, r, t."""

    _code = 15
    _default = (0.0, 0.0, 0.0, 0.0)


class Boolean_Knob(Array_Knob):
    _code = 6
    _default = False

    def _accepted(self, value: Any) -> bool:
        if not isinstance(value, (bool, int)):
            refuse(f"{self._name} wants True or False, not {value!r}", TypeError)
        return bool(value)

    def _read(self, text: str) -> bool:
        return text in ("true", "1")

    def _text(self) -> str:
        return "true" if self._value else "false"

    def _user_more(self) -> list[str]:
        return []


class Enumeration_Knob(Unsigned_Knob):
    _code = 4

    def _built(self, *more: Any) -> None:
        self._values = [str(value) for value in more[0]] if more else []
        self._value = self._values[0] if self._values else ""

    def values(self) -> list[str]:
        return list(self._values)

    def value(self, *context: Any) -> Any:
        found = super().value()
        return found if isinstance(found, str) else self._values[int(found)]

    def setValues(self, values: Any) -> None:
        self._values = [str(value) for value in values]

    def _accepted(self, value: Any) -> str:
        if isinstance(value, int) and 0 <= value < len(self._values):
            return self._values[value]
        if value not in self._values:
            refuse(f"{self._name} has no item {value!r}", ValueError)
        return str(value)

    def getValue(self, *context: Any) -> float:
        return float(self._values.index(self.value()))

    def _read(self, text: str) -> str:
        return self._accepted(text)

    def _text(self) -> str:
        return str(self._value)

    def _user_more(self) -> list[str]:
        return ["M {" + " ".join(quoted(value) for value in self._values) + "}"]


class String_Knob(Knob):
    _code = 1

    def _accepted(self, value: Any) -> str:
        if not isinstance(value, str):
            refuse(f"{self._name} wants text, not {value!r}", TypeError)
        return value

    def getText(self, oc: Any = None) -> str:
        return str(self._value)

    def setText(self, text: str) -> None:
        self.setValue(text)


class EvalString_Knob(String_Knob):
    def evaluate(self, time: Any = None) -> str:
        self._attached()
        return substituted(self._value, self._node._knob_text)


class File_Knob(EvalString_Knob):
    _code = 2

    def _accepted(self, value: Any) -> str:
        if "\\" in super()._accepted(value):
            refuse(f"{value!r} has a backslash, which Tcl eats; write forward slashes", ValueError)
        return str(value)


class Text_Knob(Knob):
    _code = 26

    def _user_more(self) -> list[str]:
        return ["T " + quoted(self._value)] if self._value else []


class Tab_Knob(Knob):
    _code = 20

    def _built(self, *more: Any) -> None:
        self._value = more[0] if more else 0

    def _user_more(self) -> list[str]:
        return [f"n {self._value}"] if self._value else []


class Script_Knob(String_Knob):
    def command(self) -> str:
        return str(self._value)

    def setCommand(self, cmd: str) -> None:
        self.setValue(cmd)

    def execute(self) -> None:
        """Press the button."""
        self._attached()
        if self._name == "reload" and self._node.Class() == "Read":
            session.reloads.append(self._node.fullName())
            return  # the stand-in reads from disk every time
        namespace = {"nuke": __import__("nuke"), "__name__": "__main__"}
        before, session.context = session.context, self._node
        before_knob, session.knob = session.knob, self
        try:
            exec(compile(self._value, f"<{self._name}>", "exec"), namespace)
        finally:
            session.context, session.knob = before, before_knob


class PyScript_Knob(Script_Knob):
    _code = 22

    def _user_more(self) -> list[str]:
        return ["T " + quoted(self._value)] if self._value else []


class Channel_Knob(Knob):
    def _accepted(self, value: Any) -> str:
        for name in words(value):
            layer, _, channel = name.partition(".")
            if name == "all" or name == "none":
                continue
            if layer not in session.layers or (channel and channel not in session.layers[layer]):
                refuse(f"there is no channel or layer '{name}'", ValueError)
        return str(value)


ChannelMask_Knob = type("ChannelMask_Knob", (Channel_Knob,), {})
Format_Knob = type("Format_Knob", (String_Knob,), {})
MultiView_Knob = type("MultiView_Knob", (String_Knob,), {})
EditableEnumeration_Knob = type("EditableEnumeration_Knob", (Enumeration_Knob,), {})

BY_CODE = {
    kind._code: kind
    for kind in (String_Knob, File_Knob, Int_Knob, Enumeration_Knob, Boolean_Knob, Double_Knob,
                 XY_Knob, BBox_Knob, Tab_Knob, PyScript_Knob, Text_Knob)
}  # fmt: skip
