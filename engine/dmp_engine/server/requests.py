"""A new job as it comes over the wire, checked field by field; nothing is coerced.

400 is for a body that is not of the described form, 422 (SettingsError, InputError)
for one that is, but makes no job.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dmp_matting.errors import InputError
from dmp_matting.job import Frame, Job, Plate, Role
from dmp_matting.settings import Settings

from .errors import Refusal

FRAMES_LIMIT = 50_000
TEXT_LIMIT = 4096  # characters of a path or a name


@dataclass(frozen=True)
class NewJob:
    """The body of ``POST /v1/jobs``."""

    job: Job
    attended: bool
    ocio: str


def parse_new_job(data: dict[str, Any]) -> NewJob:
    """Raises Refusal 400, or SettingsError and InputError for what makes no job."""
    _only(data, "job", "attended", "ocio")
    job = _typed(data, "job", dict)
    _only(job, "frames", "settings", "settings_on_cpu", "context")
    entries = _typed(job, "frames", list)
    if not 1 <= len(entries) <= FRAMES_LIMIT:
        raise _malformed(f"'frames' holds 1 to {FRAMES_LIMIT} frames")
    context = _typed(job, "context", list, [])
    if len(context) > FRAMES_LIMIT:
        raise _malformed(f"'context' holds {FRAMES_LIMIT} frames at most")
    on_cpu = job.get("settings_on_cpu")
    wanted = NewJob(
        Job(
            tuple(map(_frame, entries)),
            _settings(_typed(job, "settings", dict)),
            None if on_cpu is None else _settings(_typed(job, "settings_on_cpu", dict)),
            tuple(map(_frame, context)),
        ),
        _typed(data, "attended", bool, True),
        _text(data, "ocio", ""),
    )
    numbers = [frame.number for frame in (*wanted.job.frames, *wanted.job.context)]
    if len(set(numbers)) != len(numbers):
        raise InputError("A frame number is named twice in the job.")
    return wanted


def _frame(entry: Any) -> Frame:
    if not isinstance(entry, dict):
        raise _malformed("a frame is an object")
    _only(entry, "number", "plates")
    number = entry.get("number")
    if isinstance(number, float) and number.is_integer():
        number = int(number)  # JSON has one kind of number: 1001.0 is whole
    if type(number) is not int:
        raise _malformed("'number' wants a whole number")
    if not -(2**31) <= number < 2**31:
        raise _malformed("'number' is out of range")
    entries = _typed(entry, "plates", list)
    if len(entries) > len(Role):
        raise _malformed(f"'plates' holds {len(Role)} plates at most")
    plates = tuple(map(_plate, entries))
    roles = [plate.role for plate in plates]
    if len(set(roles)) != len(roles):
        raise InputError(f"Frame {number} has two plates of one role.")
    for role in (Role.IMAGE, Role.CLEAN):
        if role not in roles:
            raise InputError(f"Frame {number} has no {role.value} plate.")
    return Frame(number, plates)


def _plate(entry: Any) -> Plate:
    if not isinstance(entry, dict):
        raise _malformed("a plate is an object")
    _only(entry, "path", "role", "colour_space", "layer", "state", "keeps_space")
    path = _text(entry, "path")
    if not path:
        raise _malformed("'path' is empty")
    try:
        role = Role(_typed(entry, "role", str))
    except ValueError:
        raise _malformed(f"'role' is one of {', '.join(role.value for role in Role)}") from None
    more = {name: _text(entry, name, "") for name in ("layer", "state")}
    kept = _typed(entry, "keeps_space", bool, False)
    return Plate(path, role, _text(entry, "colour_space", "auto"), keeps_space=kept, **more)


def _settings(data: dict[str, Any]) -> Settings:
    return Settings.from_json(data)


def _only(data: dict[str, Any], *names: str) -> None:
    for name in data:
        if name not in names:
            raise _malformed(f"there is no field {name[:40]!r}")


def _typed(data: dict[str, Any], name: str, kind: type, default: Any = None) -> Any:
    value = data.get(name, default) if default is not None else data.get(name)
    if type(value) is not kind:  # a bool is no int here
        raise _malformed(f"'{name}' wants {kind.__name__}")
    return value


def _text(data: dict[str, Any], name: str, default: str | None = None) -> str:
    value: str = _typed(data, name, str, default)
    if len(value) > TEXT_LIMIT or "\0" in value:
        raise _malformed(f"'{name}' is too long")
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        raise _malformed(f"'{name}' is not text") from None
    return value


def _malformed(what: str) -> Refusal:
    return Refusal(400, InputError(f"The job is not of the described form: {what}."))
