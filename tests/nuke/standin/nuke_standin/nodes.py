"""Node classes: their knobs, their inputs, and what they compute.

Long because Nuke's nodes are many, and each is a few lines.
"""

from __future__ import annotations

import glob
import os
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import knobs, pixels
from .guard import Guarded
from .pixels import Image
from .session import refuse, session, within_limit
from .tables import COMMON, EXR_KNOBS, INPUTS, KNOBS, WITHOUT_DISABLE
from .tcl import substituted, words


@dataclass(frozen=True)
class Format(Guarded):
    _window: tuple[int, int, int, int]
    _aspect: float = 1.0

    def width(self) -> int:
        return self._window[2]

    def height(self) -> int:
        return self._window[3]

    def x(self) -> int:
        return self._window[0]

    def y(self) -> int:
        return self._window[1]

    def pixelAspect(self) -> float:
        return self._aspect


@dataclass(frozen=True)
class FrameRange(Guarded):
    _first: int
    _last: int

    def first(self) -> int:
        return self._first

    def last(self) -> int:
        return self._last

    def frames(self) -> int:
        return self._last - self._first + 1


class Node(Guarded):
    def __init__(self, kind: str) -> None:
        if kind not in KNOBS and kind != "Root":
            refuse(f"{kind}: Unknown command", RuntimeError)
        self._kind, self._knobs, self._user = kind, {}, []
        self._inputs: list[Node | None] = []
        self._group: Group | None = None
        self._alive, self._loaded = True, False
        for cls, name, *more in COMMON + KNOBS.get(kind, []):
            if name == "disable" and kind in WITHOUT_DISABLE:
                continue
            self._own(cls(name, name, *more))

    def _own(self, knob: knobs.Knob) -> None:
        knob._node = self
        self._knobs[knob._name] = knob

    def _attached(self) -> None:
        if not self._alive:
            raise ValueError("A PythonObject is not attached to a node")

    # --- what types-nuke knows ----------------------------------------------------------------

    def Class(self) -> str:
        self._attached()
        return self._kind

    def name(self) -> str:
        self._attached()
        return str(self._knobs["name"]._value)

    def fullName(self) -> str:
        self._attached()
        outer = self._group
        inside = outer is not None and outer is not session.root
        return f"{outer.fullName()}.{self.name()}" if inside else self.name()

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:
        self._attached()
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            refuse(f"'{name}' is no name for a node", ValueError)
        taken = {node.name() for node in (self._group or session.root)._nodes if node is not self}
        stem = re.sub(r"\d+$", "", name)
        number = 1
        while name in taken and uncollide:
            name, number = f"{stem}{number}", number + 1
        self._knobs["name"].setValue(name)

    def dependent(self, mask: int = 0, forceEvaluate: bool = True) -> list[Node]:
        self._attached()
        return [
            one for one in (self._group or session.root)._nodes
            if any(one._up(index) is self for index in range(len(one._inputs)))
        ]  # fmt: skip

    def parent(self) -> Any:
        self._attached()
        return self._group

    def knob(self, p: str, follow_link: bool = True) -> Any:
        self._attached()
        self._exr()
        return self._knobs.get(p)

    def knobs(self) -> dict[str, Any]:
        self._attached()
        return dict(self._knobs)

    def __getitem__(self, name: str) -> Any:
        found = self.knob(name)
        if found is None:
            refuse(f"knob {name} does not exist", NameError)
        return found

    def addKnob(self, knob: knobs.Knob) -> None:
        self._attached()
        if knob._name in self._knobs and knob._name:
            refuse(f"a knob {knob._name} is there already", ValueError)
        self._own(knob)
        self._user.append(knob)

    def removeKnob(self, knob: knobs.Knob) -> None:
        self._user.remove(knob)
        del self._knobs[knob._name]

    def input(self, index: int) -> Any:
        self._attached()
        return self._inputs[index] if index < len(self._inputs) else None

    def inputs(self) -> int:
        self._attached()
        return len(self._inputs)

    def maxInputs(self) -> int:
        return INPUTS.get(self._kind, 1)

    def setInput(self, i: int, node: Any) -> bool:
        self._attached()
        if i >= self.maxInputs():
            return False  # as Nuke: no error
        if node is not None and self in node._all_above():
            return False  # a circle
        before = list(self._inputs)
        self._inputs += [None] * (i + 1 - len(self._inputs))
        self._inputs[i] = node
        while self._inputs and self._inputs[-1] is None:
            self._inputs.pop()
        session.changes += 1
        session.remember(lambda: setattr(self, "_inputs", before))
        return True

    def _all_above(self) -> set[Node]:
        """The node and everything above it in its group."""
        found: set[Node] = set()
        left: list[Node] = [self]
        while left:
            one = left.pop()
            if one not in found:
                found.add(one)
                left += [above for above in one._inputs if above is not None]
        return found

    def setXYpos(self, x: int, y: int) -> None:
        self._knobs["xpos"].setValue(x)
        self._knobs["ypos"].setValue(y)

    def xpos(self) -> int:
        return int(self._knobs["xpos"]._value)

    def ypos(self) -> int:
        return int(self._knobs["ypos"]._value)

    def setSelected(self, selected: bool) -> None:
        self._knobs["selected"]._value = selected

    def isSelected(self) -> bool:
        return bool(self._knobs["selected"]._value)

    def showControlPanel(self, forceFloat: bool = False) -> None:
        session.panels.append(self.name())

    def format(self) -> Format:
        image = self._image(session.root["frame"].value(), session.views[0])
        return Format(image.format, image.aspect)

    def width(self) -> int:
        return self.format().width()

    def height(self) -> int:
        return self.format().height()

    def channels(self) -> list[str]:
        return list(self._image(session.root["frame"].value(), session.views[0]).channels)

    def frameRange(self) -> FrameRange:
        above = self._up(0)
        return above.frameRange() if above else session.root.frameRange()

    def error(self) -> bool:
        return False

    # --- behind it ----------------------------------------------------------------------------

    def _up(self, index: int) -> Node | None:
        return self._inputs[index] if index < len(self._inputs) else None

    def _image(self, frame: int, view: str) -> Image:
        """What this node gives. RuntimeError in Nuke's words when it cannot."""
        above = self._up(0)
        if above is None:
            return pixels.black((0, 0, *session.root._size))
        image = above._image(frame, view)
        if "disable" in self._knobs and self._knobs["disable"]._value:
            return image
        return self._computed(image, frame, view)

    def _computed(self, image: Image, frame: int, view: str) -> Image:
        value = {name: knob.value() for name, knob in self._knobs.items()}
        if self._kind == "Multiply":
            return replace(
                image,
                channels={n: p * np.float32(value["value"]) for n, p in image.channels.items()},
            )
        if self._kind == "Premult":
            alpha = image.channels.get("rgba.alpha")
            changed = {
                f"rgba.{leaf}": image.channels[f"rgba.{leaf}"] * alpha
                for leaf in ("red", "green", "blue")
                if alpha is not None and f"rgba.{leaf}" in image.channels
            }
            return replace(image, channels={**image.channels, **changed})
        if self._kind == "Reformat":
            if (value["type"], value["resize"], value["box_fixed"]) != ("to box", "distort", True):
                refuse(f"the stand-in's Reformat only distorts to a box, not {value['type']}")
            return pixels.resized(image, int(value["box_width"]), int(value["box_height"]))
        if self._kind == "Position":
            x, y = (int(part) for part in value["translate"])
            left, bottom, width, height = image.window
            # Nuke counts from below, an EXR's window from above.
            return replace(image, window=(left + x, bottom - y, width, height))
        if self._kind == "Expression":
            return replace(image, channels={**image.channels, **self._expressed(image)})
        if self._kind == "Merge2":
            return self._merged(image, frame, view)
        if self._kind == "Copy":
            other = self._up(1)
            source = other._image(frame, view) if other else image
            channels = dict(image.channels)
            for n in range(4):
                if value[f"from{n}"] != "none" and value[f"to{n}"] != "none":
                    zero = np.zeros((image.window[3], image.window[2]), np.float32)
                    plane = source.channels.get(value[f"from{n}"])
                    channels[value[f"to{n}"]] = (
                        zero if plane is None else pixels.over_window(plane, source, image)
                    )
            return replace(image, channels=channels)
        return image

    def _expressed(self, image: Image) -> dict[str, np.ndarray]:
        left, top, width, height = image.window
        rows, columns = np.mgrid[0:height, 0:width]
        names = {
            "x": columns + left, "y": image.format[3] - 1 - (rows + top), "floor": np.floor,
            "abs": np.abs,
            **{leaf[0]: image.channels[f"rgba.{leaf}"] for leaf in pixels.SHORT},
        }  # fmt: skip
        found = {}
        for n, leaf in enumerate(pixels.SHORT):
            text = self._knobs[f"expr{n}"].value()
            if text:
                plane = eval(text, {"__builtins__": {}}, names)
                found[f"rgba.{leaf}"] = np.broadcast_to(plane, (height, width)).astype(np.float32)
        return found

    def _merged(self, below: Image, frame: int, view: str) -> Image:
        above = self._up(1)
        if above is None:
            return below
        if self._knobs["operation"].value() != "over":
            refuse("the stand-in's Merge2 knows over alone")
        image = above._image(frame, view)
        alpha = pixels.over_window(image.channels["rgba.alpha"], image, below)
        channels = dict(below.channels)
        for leaf in pixels.SHORT:
            name = f"rgba.{leaf}"
            plane = pixels.over_window(image.channels[name], image, below)
            channels[name] = plane + (1 - alpha) * below.channels.get(name, np.zeros_like(alpha))
        return replace(below, channels=channels)

    def _knob_text(self, path: str, as_number: bool = False) -> str:
        """A knob's value by its path, as seen from inside this node's group."""
        *nodes, knob = path.split(".")
        if nodes[-1:] == ["bbox"]:
            box = self._bbox(nodes[:-1])
            return str(box["xywhrt".index(knob)])
        node: Any = self
        for name in nodes:
            if name == "parent":
                node = node._group
            elif name == "root":
                node = session.root
            elif name == "this":
                node = self
            else:
                inside = node if isinstance(node, Group) and node is not self else self._group
                node = inside.node(name)
            if node is None:
                raise RuntimeError(f"{path}: nothing is named '{name}'")
        if knob in ("width", "height"):
            return str(getattr(node, knob)())
        if as_number and isinstance(node[knob], knobs.Enumeration_Knob):
            return str(int(node[knob].getValue()))
        found = node[knob].value()
        if isinstance(node[knob], knobs.File_Knob):
            found = substituted(found, node._knob_text)
        return str(int(found)) if isinstance(found, bool) else str(found)

    def _bbox(self, path: list[str]) -> tuple[int, ...]:
        """x, y, w, h, r, t of a node's data window, counted from the format's lower left."""
        (name,) = path
        image = self._group.node(name)._image(session.root["frame"].value(), session.views[0])
        left, top, width, height = image.window
        y = image.format[3] - top - height
        return left, y, width, height, left + width, y + height

    def _evaluated(self, expression: str, frame: int | None = None) -> float:
        now = str(frame or session.root["frame"]._value)
        text = substituted(
            expression, lambda path: now if path == "frame" else self._knob_text(path)
        )
        text = re.sub(r"[A-Za-z_]\w*(\.\w+)+", lambda m: self._knob_text(m[0], True), text)
        text = re.sub(r"\bframe\b", str(frame or session.root["frame"]._value), text)
        test = re.fullmatch(r"(.+?)\?(.+?):(.+)", text)
        text = f"({test[2]}) if ({test[1]}) else ({test[3]})" if test else text
        return eval(text.replace("&&", " and ").replace("||", " or "), {"__builtins__": {}})

    def _exr(self) -> None:
        kind = self._knobs.get("file_type")
        if self._kind == "Write" and kind._value == "exr" and "datatype" not in self._knobs:
            for cls, name, *more in EXR_KNOBS:
                self._own(cls(name, name, *more))


class Read(Node):
    def _pattern(self) -> str:
        """A relative path lies below the project directory."""
        project = session.root["project_directory"].evaluate() or ""
        return os.path.join(project, filtered(self._knobs["file"].evaluate()))

    def _path(self, frame: int, view: str) -> str:
        return named(self._pattern(), frame, view)

    def _image(self, frame: int, view: str) -> Image:
        value = {name: knob.value() for name, knob in self._knobs.items()}
        if not self._knobs["file"].evaluate():
            raise RuntimeError(f"{self.name()}: no filename specified")
        frame = self._shifted(frame)
        held = min(max(frame, value["first"]), value["last"])  # before and after: hold
        if (frame < held and value["before"] == "black") or (
            frame > held and value["after"] == "black"
        ):
            return pixels.black(self._any())
        path = self._path(held, view)
        try:
            image = pixels.read(path, value["raw"], value["colorspace"] == "sRGB", view)
        except RuntimeError as error:
            if value["on_error"] == "black":
                return pixels.black(self._any())
            raise RuntimeError(f"{self.name()}: Error reading {error}") from None
        if session.executing and session.root["proxy"].value():
            return image.scaled(session.root["proxy_scale"].value())
        return image

    def _shifted(self, frame: int) -> int:
        """The number of the file at a frame, by the frame mode."""
        text, mode = self._knobs["frame"].value().strip(), self._knobs["frame_mode"].value()
        if not text:
            return frame
        if mode == "offset":
            return frame + int(text)
        if mode == "start at":
            return frame - int(text) + int(self._knobs["first"].value())
        return int(self._evaluated(text, frame))

    def _any(self) -> tuple[int, int, int, int]:
        """The format of the first file of the sequence that is there."""
        found = self._files()
        return pixels.size(found[0])[0] if found else (0, 0, *session.root._size)

    def _files(self) -> list[str]:
        pattern = re.sub(r"%0?\d*d", "*", self._pattern()).replace("%V", "*")
        return sorted(glob.glob(pattern))

    def format(self) -> Format:
        found = self._files()
        return Format(*pixels.size(found[0])) if found else Format((0, 0, *session.root._size))

    def frameRange(self) -> FrameRange:
        return FrameRange(self._knobs["first"]._value, self._knobs["last"]._value)


class SetRange(Node):
    """FrameRange: another range for the nodes below it, the same pictures."""

    def frameRange(self) -> FrameRange:
        ends = (self._knobs[name] for name in ("first_frame", "last_frame"))
        return FrameRange(*(int(end.value()) for end in ends))


class TimeOffset(Node):
    def _image(self, frame: int, view: str) -> Image:
        return super()._image(frame - int(self._knobs["time_offset"].value()), view)


class Input(Node):
    def _image(self, frame: int, view: str) -> Image:
        above = self._group._up(self._knobs["number"]._value)
        return above._image(frame, view) if above else pixels.black((0, 0, *session.root._size))

    def format(self) -> Format:
        above = self._group._up(self._knobs["number"]._value)
        return above.format() if above else Format((0, 0, *session.root._size))


class Switch(Node):
    def _image(self, frame: int, view: str) -> Image:
        which = self._knobs["which"]
        expression = which._expression
        chosen = self._up(int(self._evaluated(expression, frame) if expression else which._value))
        if chosen is None:
            raise RuntimeError(f"{self.name()}: the chosen input is not connected")
        return chosen._image(frame, view)


class Write(Node):
    def _written(self, frame: int, view: str) -> None:
        value = {name: knob.value() for name, knob in self._knobs.items()}
        above = self._up(0)
        if above is None:
            raise RuntimeError(f"{self.name()}: no input")
        image = above._image(frame, view)
        path = named(self._knobs["file"].evaluate(), frame, view)
        if value["create_directories"]:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        if not path.endswith(".exr"):
            raise RuntimeError("the stand-in writes exr only")
        names: list[str] = []
        for word in words(value["channels"]):
            if word == "all":
                names += list(image.channels)
            elif "." in word:
                names.append(word)
            else:
                layer = "rgba" if word in ("rgb", "alpha") else word
                names += [f"{layer}.{leaf}" for leaf in session.layers[word]]
        metadata = value.get("metadata", "") == "all metadata"
        half = value.get("datatype", "16 bit half") == "16 bit half"
        pixels.write(path, image, dict.fromkeys(names), half, metadata)


class Group(Node):
    def __init__(self, kind: str = "Group") -> None:
        super().__init__(kind)
        self._nodes: list[Node] = []

    def begin(self) -> Group:
        self._attached()
        session.groups.append(self)
        return self

    def end(self) -> None:
        if not session.groups or session.groups[-1] is not self:
            refuse(f"end() of {self.name()} without its begin()")
        session.groups.pop()

    def __enter__(self) -> Group:
        return self.begin()

    def __exit__(self, *what: Any) -> None:
        self.end()

    def node(self, s: str) -> Any:
        self._attached()
        first, _, rest = s.partition(".")
        found = next((node for node in self._nodes if node.name() == first), None)
        return found.node(rest) if rest and isinstance(found, Group) else found

    def nodes(self) -> list[Node]:
        self._attached()
        return within_limit(list(self._nodes))

    def maxInputs(self) -> int:
        return sum(node._kind == "Input" for node in self._nodes)

    def frameRange(self) -> FrameRange:
        output = next((node for node in self._nodes if node._kind == "Output"), None)
        return super().frameRange() if output is None else output.frameRange()

    def _image(self, frame: int, view: str) -> Image:
        output = next((node for node in self._nodes if node._kind == "Output"), None)
        if self._knobs["disable"]._value or output is None:
            return super()._image(frame, view)
        return output._image(frame, view)


class Root(Group):
    def __init__(self) -> None:
        super().__init__("Root")
        self._loaded = True
        self._size = (640, 480)
        self._own(knobs.Boolean_Knob("proxy", "proxy"))
        self._own(knobs.Double_Knob("proxy_scale", "proxy_scale", 0.5))
        self._own(knobs.Int_Knob("first_frame", "first_frame", 1))
        self._own(knobs.Int_Knob("last_frame", "last_frame", 100))
        self._own(knobs.Int_Knob("frame", "frame", 1))
        self._own(knobs.Unsigned_Knob("modified", "modified", 0))
        self._own(knobs.File_Knob("project_directory", "project_directory"))
        self._own(knobs.Enumeration_Knob("colorManagement", "colorManagement", ["Nuke", "OCIO"]))
        self._own(knobs.Enumeration_Knob("OCIO_config", "OCIO_config", ["nuke-default", "custom"]))
        self._own(knobs.File_Knob("customOCIOConfigPath", "customOCIOConfigPath"))
        spaces = ["linear", "scene_linear", "ACES - ACEScg"]
        self._own(knobs.Enumeration_Knob("workingSpaceLUT", "workingSpaceLUT", spaces))

    def name(self) -> str:
        return str(self._knobs["name"]._value)

    def firstFrame(self) -> int:
        return int(self._knobs["first_frame"]._value)

    def lastFrame(self) -> int:
        return int(self._knobs["last_frame"]._value)

    def frameRange(self) -> FrameRange:
        return FrameRange(self.firstFrame(), self.lastFrame())


SPECIAL = {
    "Group": Group, "Read": Read, "Write": Write, "Input": Input, "Switch": Switch,
    "FrameRange": SetRange, "TimeOffset": TimeOffset,
}  # fmt: skip


def made(kind: str) -> Node:
    """A new node of a class, in no group yet."""
    special = SPECIAL.get(kind)
    if special is Group:
        return Group()
    return special(kind) if special else Node(kind)


def named(pattern: str, frame: int, view: str) -> str:
    """%04d, #### and %V put in, and what the facility's filters make of it."""
    path = pattern.replace("%V", view).replace("%v", view[:1])
    path = re.sub(r"#+", lambda m: f"{frame:0{len(m[0])}d}", path)
    return filtered(re.sub(r"%(0?\d*)d", lambda m: f"%{m[1]}d" % frame, path))


def filtered(path: str) -> str:
    """A path as the facility's filters make it, such as a drive's letter for a mount."""
    for one in session.filters:
        path = one(path) or path
    return path
