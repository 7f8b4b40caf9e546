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

Value = Union[bool, int, float, str]


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
) -> Any:
    """A settings field; ``basic`` ones are shown to artists first, the rest folded."""
    metadata = {
        "label": label,
        "help": help,
        "low": low,
        "high": high,
        "choices": choices,
        "equation": equation,
        "basic": basic,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Settings:
    """How to solve. The defaults are the paper's values (preset ``paper``).

    Pixel sizes hold at a long side of 512 px and are scaled with the plate.
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
    working_size: int = knob(
        0,
        "Working size",
        "Long side in pixels for the networks; 0 is the solve size.",
        low=0,
        high=16384,
        basic=True,
    )

    temporal: str = knob(
        "off",
        "Neighbouring frames",
        "How the frames of a shot help each other; paper is its video mode, for preset paper.",
        choices=("off", "neighbours", "paper"),
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

    # --- initial alpha -------------------------------------------------------------------------
    alpha_init: str = knob(
        "proposed",
        "Initial alpha",
        "How the first trimap is made.",
        choices=("proposed", "simple", "tested"),
        equation="8",
    )
    background_tolerance: float = knob(
        0.0,
        "Background tolerance",
        "Largest colour difference that still counts as background.",
        low=0.0,
        high=1.0,
        equation="6",
    )
    patch_size: int = knob(
        5, "Patch size", "J, side of the compared patches in pixels.", low=3, high=31, equation="7"
    )
    similarity: float = knob(
        0.9,
        "Similarity",
        "tau: patches more alike than this are not known foreground.",
        low=-1.0,
        high=1.0,
        equation="8",
    )
    core_margin: float = knob(
        0.0, "Core margin", "Pixels by which the known foreground is shrunk.", low=0.0, high=200.0
    )

    # --- learning ------------------------------------------------------------------------------
    rounds: int = knob(
        2, "Rounds", "How often the two stages run.", low=1, high=10, equation="Algorithm 1"
    )
    learning_rate: float = knob(
        0.001, "Learning rate", "Of Adam, for both networks.", low=1e-6, high=1.0
    )
    learning_rate_end: float = knob(
        1.0,
        "Final learning rate",
        "Factor reached at the end of the joint stage, from 60 % on.",
        low=0.0,
        high=1.0,
    )
    fit_steps: int = knob(
        10,
        "Fit steps",
        "Steps that fit the networks to the initial alpha.",
        low=0,
        high=100000,
        equation="9, 11",
    )
    joint_steps: int = knob(
        5000,
        "Joint steps",
        "Steps of the joint stage.",
        low=0,
        high=1000000,
        equation="12",
        basic=True,
    )
    projection: bool = knob(
        True, "Projection", "Hold F at the plate where alpha is 1.", equation="13"
    )
    projection_steps: int = knob(
        1000,
        "Projection steps",
        "Steps of the projection stage.",
        low=0,
        high=1000000,
        equation="13",
    )
    perturbation: bool = knob(
        True, "Perturb the inputs", "Add a little noise to the networks' inputs at each step."
    )
    correction: bool = knob(
        False,
        "Correct a first estimate",
        "The networks correct a solved first estimate instead of drawing from nothing.",
        equation="3",
    )
    anchor: float = knob(
        0.0,
        "Anchor",
        "Weight that keeps corrections near the first estimate.",
        low=0.0,
        high=1000.0,
    )
    opacity: float = knob(
        0.0,
        "Opacity",
        "Weight of the belief that undecided pixels are opaque.",
        low=0.0,
        high=1000.0,
    )
    hold: float = knob(
        0.0,
        "Hold known regions",
        "Weight that keeps known background and foreground known.",
        low=0.0,
        high=1000.0,
    )
    foreground_scale: int = knob(
        1, "Foreground scale", "The foreground network works at 1/N of the size.", low=1, high=16
    )
    recompositions: int = knob(
        0,
        "Recompositions",
        "Other backgrounds from which a network learns to correct this pair's alpha; 0: none.",
        low=0,
        high=4,
    )

    # --- refinement ----------------------------------------------------------------------------
    refinement: bool = knob(
        True, "Bayesian refinement", "Bring alpha and F into step.", equation="18"
    )
    refine_passes: int = knob(
        20, "Refinement passes", "N of eq. 18.", low=0, high=1000, equation="18"
    )
    variance_alpha: float = knob(
        10.0, "Variance of alpha", "sigma^2_alpha.", low=0.0, high=1e6, equation="15"
    )
    variance_foreground: float = knob(
        1.0, "Variance of F", "sigma^2_F.", low=0.0, high=1e6, equation="17"
    )
    variance_image: float = knob(
        1.0, "Variance of the plate", "sigma^2_I.", low=1e-9, high=1e6, equation="16"
    )
    solid: float = knob(
        1.0,
        "Clip white",
        "Undecided alpha from here up becomes 1, with a soft knee below; 1 changes nothing.",
        low=0.5,
        high=1.0,
    )
    alpha_update: str = knob(
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
        return self

    def changed(self, **values: Value) -> Settings:
        """A checked copy with some fields replaced; unknown names raise SettingsError."""
        known = {spec.name for spec in fields(self)}
        for name in values:
            if name not in known:
                raise SettingsError(
                    f"There is no setting {_shown(name)}; `dmp presets` lists all of them."
                )
        return dataclasses.replace(self, **values).checked()  # type: ignore[arg-type]

    def to_json(self) -> Dict[str, Value]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settings:
        return cls().changed(**dict(data))


def parse_value(name: str, text: str) -> Value:
    """The value of setting ``name`` written as text, as a command line gives it."""
    for spec in fields(Settings):
        if spec.name != name:
            continue
        kind: Any = type(spec.default)
        try:
            if kind is bool:
                return {
                    "true": True,
                    "on": True,
                    "yes": True,
                    "1": True,
                    "false": False,
                    "off": False,
                    "no": False,
                    "0": False,
                }[text.lower()]
            return kind(text)  # type: ignore[no-any-return]
        except (KeyError, ValueError):
            wanted = {bool: "on or off", int: "a whole number", float: "a number"}[kind]
            raise SettingsError(f"Setting '{name}' wants {wanted}, not {_shown(text)}.") from None
    raise SettingsError(f"There is no setting {_shown(name)}; `dmp presets` lists all of them.")


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
