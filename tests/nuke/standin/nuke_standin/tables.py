"""Which knobs and how many inputs every node class has, from Foundry's reference.

types-nuke does not know them, so these are what the stand-in takes on trust. Only classes that
the adapter or its tests use are here.
"""

from __future__ import annotations

from typing import Any

from . import knobs

EXR_KNOBS = [  # a Write has them once its file type is exr
    (knobs.Enumeration_Knob, "datatype", ["16 bit half", "32 bit float"]),
    (knobs.Enumeration_Knob, "compression",
     ["Zip (1 scanline)", "none", "Zip (16 scanlines)", "PIZ Wavelet (32 scanlines)", "RLE",
      "B44", "B44A", "DWAA", "DWAB"]),
    (knobs.Boolean_Knob, "autocrop", False),
    (knobs.Enumeration_Knob, "metadata",
     ["default metadata", "no metadata", "default metadata and exr/*",
      "all metadata except input/*", "all metadata"]),
]  # fmt: skip
BEYOND = ["hold", "loop", "bounce", "black"]
ERRORS = ["error", "black", "checkerboard", "nearest frame"]
SPACES = ["default (linear)", "linear", "sRGB"]  # of a Read of an EXR
LOCALIZED = ["fromAutoLocalizePath", "on", "onDemand", "off"]
COMMON = [
    (knobs.String_Knob, "name"),
    (knobs.String_Knob, "label"),
    (knobs.String_Knob, "help"),
    (knobs.ColorChip_Knob, "tile_color", 0),
    (knobs.Int_Knob, "xpos", 0),
    (knobs.Int_Knob, "ypos", 0),
    (knobs.Boolean_Knob, "selected", False),
    (knobs.Boolean_Knob, "hide_input", False),
    (knobs.Boolean_Knob, "disable", False),
]
KNOBS: dict[str, list[tuple[Any, ...]]] = {
    "Group": [],
    "Input": [(knobs.Int_Knob, "number", 0)],
    "Output": [],
    "Dot": [],
    "NoOp": [],
    "SideBySide": [],
    "RotoPaint": [],
    "Premult": [],
    "FrameRange": [
        (knobs.Int_Knob, "first_frame", 1),
        (knobs.Int_Knob, "last_frame", 100),
        (knobs.String_Knob, "time"),
    ],
    "Position": [(knobs.XY_Knob, "translate")],
    "Merge2": [(knobs.Enumeration_Knob, "operation", ["over", "copy", "under", "plus"])],
    "Expression": [(knobs.String_Knob, f"expr{n}") for n in range(4)],
    "Switch": [(knobs.Double_Knob, "which", 0.0)],
    "TimeOffset": [(knobs.Int_Knob, "time_offset", 0)],
    "Vectorfield": [(knobs.File_Knob, "vfield_file")],
    "Multiply": [(knobs.Double_Knob, "value", 1.0)],
    "Copy": [(knobs.Channel_Knob, f"{end}{n}", "none") for n in range(4) for end in ("from", "to")],
    "Reformat": [
        (knobs.Enumeration_Knob, "type", ["to format", "to box", "scale"]),
        (knobs.Int_Knob, "box_width", 200),
        (knobs.Int_Knob, "box_height", 200),
        (knobs.Boolean_Knob, "box_fixed", False),
        (knobs.Enumeration_Knob, "resize", ["width", "none", "height", "fit", "fill", "distort"]),
    ],
    "Read": [
        (knobs.File_Knob, "file"),
        (knobs.Int_Knob, "first", 1),
        (knobs.Int_Knob, "last", 1),
        (knobs.Enumeration_Knob, "frame_mode", ["expression", "start at", "offset"]),
        (knobs.EvalString_Knob, "frame"),
        (knobs.Int_Knob, "origfirst", 1),
        (knobs.Int_Knob, "origlast", 1),
        (knobs.Boolean_Knob, "origset", False),
        (knobs.Enumeration_Knob, "before", BEYOND),
        (knobs.Enumeration_Knob, "after", BEYOND),
        (knobs.Enumeration_Knob, "on_error", ERRORS),
        (knobs.Enumeration_Knob, "localizationPolicy", LOCALIZED),
        (knobs.Script_Knob, "reload"),
        (knobs.Boolean_Knob, "raw", False),
        (knobs.Boolean_Knob, "premultiplied", False),
        (knobs.Boolean_Knob, "auto_alpha", False),
        (knobs.Enumeration_Knob, "colorspace", SPACES),
        (knobs.Format_Knob, "format"),
    ],
    "Write": [
        (knobs.ChannelMask_Knob, "channels", "rgb"),
        (knobs.File_Knob, "file"),
        (knobs.Enumeration_Knob, "file_type", ["", "exr", "png", "tiff", "jpeg", "dpx"]),
        (knobs.Boolean_Knob, "raw", False),
        (knobs.Boolean_Knob, "premultiplied", False),
        (knobs.Boolean_Knob, "create_directories", False),
        (knobs.Boolean_Knob, "use_limit", False),
        (knobs.MultiView_Knob, "views"),
    ],
}
WITHOUT_DISABLE = ("Dot", "Input", "Output")
INPUTS = {"Switch": 16, "Copy": 2, "Merge2": 2, "Read": 0, "Input": 0}  # most; 1 otherwise
