"""What a host publishes, as JSON: the same for a pyblish window inside the host and for a
publish in a Python of its own. Standard library only, Python 3.9.

A host registers a function that collects its open scene as a PublishRequest; pyblish's
collector (plugins/collect_host.py) calls it each time.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass, field, replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

from ..presets import resolve
from ..shots.shot import Shot

ACCEPT = "Accept as it is"  # labels of pyblish actions, by which a request names them
LEAVE_OUT = "Leave out missing frames"
SOLVE_AGAIN = "Solve again with preset final"
NOWHERE = "No folder to publish to; choose one, or save the scene: then it is 'publish' beside it."


@dataclass(frozen=True)
class PublishRequest:
    """Shots of a host's scene, and where their versions go.

    shots     each becomes ``to/NAME/v001``; a name that no folder can have is made one
    to        folder; the first check reports an empty one
    version   0: the next one that is free
    trouble   sentences about what could not be collected; they end the publish before any work
    accept    checks of the result to overrule, by class name
    repairs   what may be repaired by itself: the label of an action by the check that offers it
    source    where the shots come from (host, scene, node ...), for the manifest
    """

    shots: Tuple[Shot, ...]
    to: str = ""
    version: int = 0
    trouble: Tuple[str, ...] = ()
    accept: Tuple[str, ...] = ()
    repairs: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "shots", tuple(map(_with_a_name, self.shots)))

    def repaired(self, check: str, shot: str, label: str) -> PublishRequest:
        """The same request with the repair ``label`` that ``check`` offered for ``shot``."""
        if label == ACCEPT:
            return replace(self, accept=(*self.accept, check))
        if label == SOLVE_AGAIN:
            return replace(
                self, shots=tuple(at_best(one) if one.name == shot else one for one in self.shots)
            )
        return replace(self, repairs={**self.repairs, check: label})

    def to_json(self) -> Dict[str, Any]:
        values = {one.name: getattr(self, one.name) for one in dataclasses.fields(self)}
        for name in ("trouble", "accept"):
            values[name] = list(values[name])
        for name in ("repairs", "source"):
            values[name] = dict(values[name])
        return {**values, "shots": [shot.to_json() for shot in self.shots]}

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> PublishRequest:
        """InputError (SettingsError) for settings that do not exist."""
        names = ("to", "version", "repairs", "source")
        plain = {name: fields[name] for name in names if name in fields}
        return cls(
            tuple(Shot.from_json(one) for one in fields["shots"]),
            trouble=tuple(fields.get("trouble", ())),
            accept=tuple(fields.get("accept", ())),
            **plain,
        )


def folder_name(text: str) -> str:
    """A shot's name as the name of a folder on any system."""
    return re.sub(r"[^\w.-]+", "_", text).strip("._") or "shot"


def _with_a_name(shot: Shot) -> Shot:
    name = folder_name(shot.name)
    output = shot.output.replace(shot.name, name) if shot.name else f"{name}.####.exr"
    return replace(shot, name=name, output=output)


def at_best(shot: Shot) -> Shot:
    """The shot solved with preset final, wherever it is solved."""
    final = resolve("final", {"device": shot.settings.device})
    return replace(shot, **final._asdict())


_collectors: List[Callable[[], PublishRequest]] = []  # of this process's host: one or none


def set_host(collect: Optional[Callable[[], PublishRequest]]) -> None:
    """Register what pyblish's collector calls in this process; None removes it."""
    _collectors[:] = [collect] if collect is not None else []


def collect_from_host() -> Optional[PublishRequest]:
    """What the host's scene holds now; None where there is no host. Raises what the host raises."""
    return _collectors[0]() if _collectors else None
