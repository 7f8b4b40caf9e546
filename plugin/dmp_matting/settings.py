"""The settings of a solve: one flat frozen dataclass, each field written once.

A field's metadata (label, range, help, equation) makes the command line's flags,
Nuke's knobs, Blender's properties and the check in :meth:`Settings.checked`.
Standard library only, Python 3.9.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, fields
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple, Union

from .errors import SettingsError
from .keep import ALL, Keep
from .layer_names import LayerNames

Value = Union[bool, int, float, str]
PAPER = "paper"  # the group of settings that act with Settings.method paper alone
# What is done with a solved frame: which regions stay, and how the EXR is written.
AFTER_THE_SOLVE = ("keep", "compression", "dwa_level", "depth", "autocrop", "layer_names")
# What Nuke and Blender do not offer: their trees read the EXR's layers by name, and no zstd.
NOT_IN_HOSTS = ("layer_names",)
NOT_READ_BY_HOSTS = {"compression": ("zstd",)}
# Settings of older versions. Nothing depends on them any more: the method that they tuned is gone.
GONE = (
    "working_size", "core_margin", "learning_rate_end", "correction", "anchor", "opacity", "hold",
    "foreground_scale", "solid",
)  # fmt: skip


def knob(
    default: Value,
    label: str,
    help: str,
    *,
    low: Optional[float] = None,
    high: Optional[float] = None,
    choices: Tuple[str, ...] = (),
    equation: str = "",
    basic: bool = False,
    group: str = "",
) -> Any:
    """A settings field; ``basic`` ones are shown to artists first, the rest folded.

    ``group`` is PAPER for a setting of the paper's method, which hosts show last.
    """
    metadata = {
        "label": label,
        "help": help,
        "low": low,
        "high": high,
        "choices": choices,
        "equation": equation,
        "basic": basic,
        "group": group,
    }
    return field(default=default, metadata=metadata)


def paper_knob(default: Value, label: str, help: str, **more: Any) -> Any:
    """A field that acts with ``method`` paper alone, and says so."""
    return knob(default, label, f"{help} Preset paper only.", group=PAPER, **more)


@dataclass(frozen=True)
class Settings:
    """How to solve. The defaults are the paper's values (preset ``paper``).

    Those of the group PAPER act with ``method`` paper alone.
    """

    preset: str = knob("paper", "Preset", "The preset these settings started from.", basic=True)
    seed: int = knob(
        0,
        "Seed",
        "Start of the random numbers; the same seed gives the same matte.",
        low=0,
        high=2**31 - 1,
        basic=True,
    )
    device: str = knob("auto", "Device", "auto, cpu, cuda or cuda:N.", basic=True)
    threads: int = knob(0, "CPU threads", "Threads on the CPU; 0 takes all cores.", low=0, high=256)
    solve_size: int = knob(
        0,
        "Solve size",
        "Long side in pixels at which a large plate is solved, then upsampled; 0: its own.",
        low=0,
        high=16384,
        basic=True,
    )
    method: str = knob(
        "paper",
        "Method",
        "model: the model of the pair, as presets draft and final use it. paper: Algorithm 1.",
        choices=("model", "paper"),
    )
    recompositions: int = knob(
        0,
        "Recompositions",
        "Other backgrounds from which a network learns to correct alpha; 0: none. Not for preset "
        "paper.",
        low=0,
        high=4,
    )
    temporal: str = knob(
        "off",
        "Neighbouring frames",
        "How the frames of a shot help each other; paper is its video mode, for preset paper.",
        choices=("off", "neighbours", "paper"),
        basic=True,
    )
    keep: str = knob(
        ALL,
        "Keep",
        "Which regions of the matte stay: all, largest, 'at X,Y', 'box X0,Y0,X1,Y1'; pixels from "
        "the upper left corner. With keys: 'at X,Y@1001 X,Y@1050'.",
        basic=True,
    )

    # --- clean plate ---------------------------------------------------------------------------
    align: str = knob(
        "off",
        "Align the clean plate",
        "Move the clean plate to where the plate's camera stood; auto picks the simplest motion.",
        choices=("auto", "off", "translation", "homography", "flow"),
        basic=True,
    )
    illumination: str = knob(
        "off",
        "Match the light",
        "Fit the clean plate's exposure, colour and slow light to the plate's background.",
        choices=("auto", "off"),
        basic=True,
    )

    shadows: str = knob(
        "off",
        "Split off shadows",
        "Keep the subject's shadow on the background out of alpha; it comes as layer 'shadow'.",
        choices=("off", "auto"),
        basic=True,
    )
    clean_layer: bool = knob(
        False, "Clean plate layer", "Write the clean plate as fitted, too, as layer 'clean'."
    )

    # --- the EXR ---------------------------------------------------------------------------------
    compression: str = knob(
        "zip",
        "Compression",
        "Of the EXR. dwaa and dwab are lossy for the colours; alpha stays exact.",
        choices=("zip", "zips", "piz", "rle", "none", "dwaa", "dwab", "zstd"),
    )
    dwa_level: float = knob(
        45.0, "DWA level", "Of dwaa and dwab: higher is smaller and coarser.", low=0.0, high=1000.0
    )
    depth: str = knob(
        "half", "Depth", "Of the EXR's samples: 16 or 32 bit.", choices=("half", "float")
    )
    autocrop: bool = knob(
        False, "Crop to the subject", "Trim the EXR's data window to where there is something."
    )
    layer_names: str = knob(
        "",
        "Layer names",
        "Other names for the EXR's layers, such as 'alpha=matte foreground=fg'; of rgba, alpha, "
        "foreground, confidence, shadow, clean, unseen.",
    )

    # --- the paper: initial alpha --------------------------------------------------------------
    alpha_init: str = paper_knob(
        "proposed",
        "Initial alpha",
        "How the first trimap is made.",
        choices=("proposed", "simple"),
        equation="8",
    )
    background_tolerance: float = paper_knob(
        0.0,
        "Background tolerance",
        "Largest colour difference that still counts as background.",
        low=0.0,
        high=1.0,
        equation="6",
    )
    patch_size: int = paper_knob(
        5, "Patch size", "J, side of the compared patches in pixels.", low=3, high=31, equation="7"
    )
    similarity: float = paper_knob(
        0.9,
        "Similarity",
        "tau: patches more alike than this are not known foreground.",
        low=-1.0,
        high=1.0,
        equation="8",
    )

    # --- the paper: learning -------------------------------------------------------------------
    rounds: int = paper_knob(
        2, "Rounds", "How often the two stages run.", low=1, high=10, equation="Algorithm 1"
    )
    learning_rate: float = paper_knob(
        0.001, "Learning rate", "Of Adam, for both networks.", low=1e-6, high=1.0
    )
    fit_steps: int = paper_knob(
        10,
        "Fit steps",
        "Steps that fit the networks to the initial alpha.",
        low=0,
        high=100000,
        equation="9, 11",
    )
    joint_steps: int = paper_knob(
        5000,
        "Joint steps",
        "Steps of the joint stage.",
        low=0,
        high=1000000,
        equation="12",
    )
    projection: bool = paper_knob(
        True, "Projection", "Hold F at the plate where alpha is 1.", equation="13"
    )
    projection_steps: int = paper_knob(
        1000,
        "Projection steps",
        "Steps of the projection stage.",
        low=0,
        high=1000000,
        equation="13",
    )
    perturbation: bool = paper_knob(
        True, "Perturb the inputs", "Add a little noise to the networks' inputs at each step."
    )

    # --- the paper: refinement -----------------------------------------------------------------
    refinement: bool = paper_knob(
        True, "Bayesian refinement", "Bring alpha and F into step.", equation="18"
    )
    refine_passes: int = paper_knob(
        20, "Refinement passes", "N of eq. 18.", low=0, high=1000, equation="18"
    )
    variance_alpha: float = paper_knob(
        10.0, "Variance of alpha", "sigma^2_alpha.", low=0.0, high=1e6, equation="15"
    )
    variance_foreground: float = paper_knob(
        1.0, "Variance of F", "sigma^2_F.", low=0.0, high=1e6, equation="17"
    )
    variance_image: float = paper_knob(
        1.0, "Variance of the plate", "sigma^2_I.", low=1e-9, high=1e6, equation="16"
    )
    alpha_update: str = paper_knob(
        "proposed",
        "Alpha update",
        "How the second round's trimap is made.",
        choices=("proposed", "simple"),
        equation="19",
    )

    def checked(self) -> Settings:
        """These settings, or SettingsError naming the first that is out of range."""
        for spec in fields(self):
            _check(spec, getattr(self, spec.name))
        Keep.parse(self.keep)
        LayerNames.parse(self.layer_names)
        if self.temporal not in ("off", _FILM_OF[self.method]):
            raise SettingsError(
                f"Neighbouring frames cannot be '{self.temporal}' with method {self.method}; set "
                f"it to '{_FILM_OF[self.method]}' or 'off', or choose another preset."
            )
        return self

    def changed(self, **values: Value) -> Settings:
        """A checked copy with some fields replaced; unknown names raise SettingsError."""
        known = {spec.name for spec in fields(self)}
        for name in values:
            if name not in known:
                raise _unknown(name)
        return dataclasses.replace(self, **values).checked()  # type: ignore[arg-type]

    def solving(self) -> Settings:
        """The same with the defaults of what acts after the solve: equal for equal solves."""
        return self.with_output_of(Settings())

    def with_output_of(self, other: Settings) -> Settings:
        """The same with what ``other`` has of what acts after the solve."""
        values: Dict[str, Any] = {name: getattr(other, name) for name in AFTER_THE_SOLVE}
        return dataclasses.replace(self, **values)

    def to_json(self) -> Dict[str, Value]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settings:
        return cls().changed(**dict(data))


def host_fields() -> Tuple[dataclasses.Field[Any], ...]:
    """The settings that Nuke and Blender offer; ``host_choices`` has their choices."""
    return tuple(spec for spec in fields(Settings) if spec.name not in NOT_IN_HOSTS)


def host_choices(spec: dataclasses.Field[Any]) -> Tuple[str, ...]:
    """The choices of a setting whose result a host can read."""
    out = NOT_READ_BY_HOSTS.get(spec.name, ())
    return tuple(one for one in spec.metadata["choices"] if one not in out)


def still_valid(values: Mapping[str, Any]) -> Dict[str, Any]:
    """Those of ``values`` whose setting, and whose choice, exist.

    For what another version saved or sent. A number out of range stays, for ``checked`` to refuse.
    """
    known = {spec.name: spec.metadata["choices"] for spec in fields(Settings)}
    return {
        name: value
        for name, value in values.items()
        if name in known and (not known[name] or value in known[name])
    }


SWITCH = {  # what a person writes for on and off
    "true": True, "on": True, "yes": True, "1": True,
    "false": False, "off": False, "no": False, "0": False,
}  # fmt: skip


def parse_value(name: str, text: str) -> Value:
    """The value of setting ``name`` written as text, as a command line gives it."""
    for spec in fields(Settings):
        if spec.name != name:
            continue
        kind: Any = type(spec.default)
        try:
            if kind is bool:
                return SWITCH[text.lower()]
            return kind(text)  # type: ignore[no-any-return]
        except (KeyError, ValueError):
            wanted = {bool: "on or off", int: "a whole number", float: "a number"}[kind]
            raise SettingsError(f"Setting '{name}' wants {wanted}, not {_shown(text)}.") from None
    raise _unknown(name)


def parse_assignments(texts: Sequence[str]) -> Dict[str, Value]:
    """The settings written as FIELD=VALUE, as `--set` gives them."""
    found: Dict[str, Value] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise SettingsError(f"--set wants FIELD=VALUE, not '{text}'.")
        if name == "preset":
            raise SettingsError("A preset is chosen with --preset, not with --set.")
        found[name] = parse_value(name, value)
    return found


_FILM_OF = {"model": "neighbours", "paper": "paper"}  # Settings.temporal by Settings.method


def _unknown(name: str) -> SettingsError:
    if name in GONE:
        return SettingsError(
            f"Setting '{name}' is gone, because nothing depended on it any more; leave it out."
        )
    return SettingsError(f"There is no setting {_shown(name)}; `dmp presets` lists all of them.")


def _check(spec: dataclasses.Field[Any], value: Value) -> None:
    kind = type(spec.default)
    if type(value) is not kind and not (kind is float and type(value) is int):
        raise SettingsError(f"Setting '{spec.name}' wants {kind.__name__}, not {_shown(value)}.")
    choices = spec.metadata["choices"]
    if choices and value not in choices:
        raise SettingsError(
            f"Setting '{spec.name}' is one of {', '.join(choices)}, not {_shown(value)}."
        )
    low, high = spec.metadata["low"], spec.metadata["high"]
    if not isinstance(value, (int, float)) or low is None or high is None:
        return
    if not low <= value <= high:  # also refuses NaN
        raise SettingsError(
            f"Setting '{spec.name}' lies between {low:g} and {high:g}, not {_shown(value)}."
        )


def _shown(value: object) -> str:
    """A value from outside for a sentence: short, whatever it is."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits
        return "that"
    return text if len(text) <= 60 else f"{text[:57]}..."
