"""What the panel shows and a .blend keeps: ``scene.dmp``, made from the settings' own metadata.

A preset is stored by its name and the artist's changes beside it as JSON, so that a saved file
follows a preset that gets better and keeps exactly what was changed by hand.
"""

from __future__ import annotations

import json
from typing import Any, Dict

import bpy

from . import tiles
from .compat import compositor_of, path_options
from .core import dmp
from .datablocks import has_inputs
from .files import first_frame, numbered

# They belong to the machine and stand in the preferences, or are chosen apart; and a cropped EXR
# would not lie over its plate.
ELSEWHERE = ("preset", "device", "threads", "autocrop")
KNOBS = [spec for spec in dmp.host_fields() if spec.name not in ELSEWHERE]
PRESET_ITEMS = [(dmp.AUTO, "Auto", "final on a CUDA GPU, draft on the CPU")] + [
    (name, name.capitalize(), dmp.DESCRIPTIONS[name].rstrip("."))
    for name in ("draft", "final", "paper")
]
MATTES = [role for role in dmp.Role if role.is_matte]
KINDS = [
    ("IMAGE", "Image", "An image, sequence or movie"),
    ("CLIP", "Movie Clip", "A clip of the Clip Editor"),
]
PLATE_KINDS = [
    *KINDS,
    ("NODE", "Node", "What is linked to a node DMP Matte of the compositor (Add > Keying)"),
]
SOLVE = [
    ("STALE", "Missing and Stale", "Keep the frames that are as they would be solved now"),
    ("MISSING", "Missing Only", "Keep every frame that is there, even where plates have changed"),
    ("ALL", "All Frames", "Solve every frame again"),
]
SUBJECTS = [
    ("EVERYTHING", "Everything", "All that differs from the clean plate"),
    ("LARGEST", "Largest", "The region with the most alpha, of each frame by itself"),
    ("POINT", "At Point", "The region at a point that is picked on the plate"),
    ("BOX", "In Box", "The regions of which more than half lies in a box, else the one with most"),
    ("WRITTEN", "As Written", "A text, for several points: from the upper left corner"),
]
MATTE_KINDS = [*KINDS[:1], ("MASK", "Mask", "A mask that is drawn in Blender")]


LITTLE = ("a", "and", "as", "at", "by", "in", "of", "on", "the", "to", "with")


def title(label: str) -> str:
    """A label as Blender writes them: in Title Case."""
    words = label.split(" ")
    return " ".join(
        word if number and word in LITTLE else word[:1].upper() + word[1:]
        for number, word in enumerate(words)
    )


def preset_values(group: Any) -> Any:
    """The settings that the chosen preset alone would give."""
    return dmp.resolve(group.preset).settings


def overrides(group: Any) -> Dict[str, Any]:
    """The artist's changes, of settings and to choices that exist."""
    try:
        found = json.loads(group.changes or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):  # the blend file comes from somebody else
        return {}
    names = {spec.name for spec in KNOBS}
    return {name: value for name, value in dmp.still_valid(found).items() if name in names}


def settings_of(group: Any, device: str, threads: int, keep: str = "") -> Any:
    """The job's settings, as ``dmp_matting.Resolved``. SettingsError.

    ``keep``: the text of the place that is picked; "" where the artist has written it.
    """
    changes = {**overrides(group), "device": device, "threads": threads}
    return dmp.resolve(group.preset, {**changes, "keep": keep} if keep else changes)


def _value(group: Any, name: str) -> Any:
    found = overrides(group)
    return found[name] if name in found else getattr(preset_values(group), name)


def _store(group: Any, name: str, value: Any) -> None:
    found = overrides(group)
    found.pop(name, None)
    plain = getattr(preset_values(group), name)
    if value != plain:
        found[name] = value
    group.changes = json.dumps(found, sort_keys=True) if found else ""
    if name == "keep":  # whoever writes it means it
        group.keep_kind = ""


def _subject(group: Any) -> int:
    """The place of the menu's choice: a stored one, else what the text of Keep is."""
    text = str(_value(group, "keep")).strip().lower()
    of_text = {"": "EVERYTHING", "all": "EVERYTHING", "largest": "LARGEST"}.get(text, "WRITTEN")
    names = [name for name, _, _ in SUBJECTS]
    return names.index(group.keep_kind or of_text)


def _choose_subject(group: Any, index: int) -> None:
    name = SUBJECTS[index][0]
    if name in ("EVERYTHING", "LARGEST"):
        _store(group, "keep", {"EVERYTHING": "all", "LARGEST": "largest"}[name])
    else:
        group.keep_kind = name


def _knob(spec: Any) -> Any:
    """The Blender property of one setting; it stores nothing itself."""
    data, name = spec.metadata, spec.name
    arguments: Dict[str, Any] = {
        "name": title(data["label"]),
        "description": data["help"].rstrip("."),
    }
    arguments["options"] = set()  # not animated: a job has one value of each
    choices = list(dmp.host_choices(spec))
    if choices:
        arguments["items"] = [(one, one.capitalize(), "") for one in choices]
        return bpy.props.EnumProperty(
            get=lambda group: choices.index(_value(group, name)),
            set=lambda group, index: _store(group, name, choices[index]),
            **arguments,
        )
    arguments["get"] = lambda group: _value(group, name)
    if isinstance(spec.default, bool):
        arguments["set"] = lambda group, value: _store(group, name, bool(value))
        return bpy.props.BoolProperty(**arguments)
    if isinstance(spec.default, str):
        arguments["set"] = lambda group, value: _store(group, name, value.strip())
        return bpy.props.StringProperty(**arguments)
    arguments.update(min=data["low"], max=data["high"])
    if isinstance(spec.default, int):
        arguments["set"] = lambda group, value: _store(group, name, int(value))
        return bpy.props.IntProperty(**arguments)
    # Blender hands over float32; six digits are what an artist typed.
    arguments["set"] = lambda group, value: _store(group, name, float(f"{value:.6g}"))
    return bpy.props.FloatProperty(precision=4, **arguments)


def _sequence_chosen(source: Any, context: Any) -> None:
    """A new image: show its frames where a compositor node already does, else from the start."""
    image, scene = source.image, source.id_data
    if image is None:
        return
    if image.source == "TILED":
        frames = tiles.as_frames(image)
        if frames is not None:
            source.image = frames  # which comes here again
        return
    for node in nodes_with(scene, image):
        source.start, source.first = node.frame_start, node.frame_offset + 1
        return
    first = 1
    if image.source == "SEQUENCE":
        parts = numbered(bpy.path.abspath(image.filepath, library=image.library))
        first = first_frame(parts) if parts else 1
    inside = scene.frame_start <= first <= scene.frame_end
    source.first, source.start = first, first if inside else scene.frame_start


def nodes_with(scene: Any, image: Any) -> Any:
    """The compositor's Image nodes that show ``image``."""
    tree = compositor_of(scene)
    if tree is None:
        return []
    return [n for n in tree.nodes if n.bl_idname == "CompositorNodeImage" and n.image == image]


def _inside_annotations(**properties: Any) -> Dict[str, Any]:
    """Properties for a class body; written as annotations their texts would read as types."""
    return properties


def _source_properties(kinds: Any) -> Dict[str, Any]:
    return _inside_annotations(
        kind=bpy.props.EnumProperty(name="Kind", items=kinds),
        image=bpy.props.PointerProperty(
            name="Image", type=bpy.types.Image, update=_sequence_chosen
        ),
        clip=bpy.props.PointerProperty(name="Clip", type=bpy.types.MovieClip),
        mask=bpy.props.PointerProperty(name="Mask", type=bpy.types.Mask),
        start=bpy.props.IntProperty(
            name="Start Frame", default=1, description="Scene frame that shows the first file"
        ),
        first=bpy.props.IntProperty(
            name="First File",
            default=1,
            min=0,
            description="Number of the file, or frame of the movie, shown at the start frame",
        ),
    )


class DMP_PG_plate(bpy.types.PropertyGroup):
    """The plate: an image, a movie clip, or a node with inputs for both plates."""

    __annotations__ = dict(
        _source_properties(PLATE_KINDS),
        group=bpy.props.PointerProperty(
            name="Node",
            type=bpy.types.NodeTree,
            poll=lambda source, tree: has_inputs(tree),
            description="The node DMP Matte whose inputs are the plate and the clean plate",
        ),
    )


class DMP_PG_clean(bpy.types.PropertyGroup):
    """The clean plate: an image or a movie clip."""

    __annotations__ = _source_properties(KINDS)


class DMP_PG_matte(bpy.types.PropertyGroup):
    """A matte of the artist's: an image or a mask."""

    __annotations__ = _source_properties(MATTE_KINDS)


class DMP_PG_scene(bpy.types.PropertyGroup):
    """All of DMP in one scene."""

    __annotations__ = _inside_annotations(
        plate=bpy.props.PointerProperty(type=DMP_PG_plate),
        clean=bpy.props.PointerProperty(type=DMP_PG_clean),
        **{role.value: bpy.props.PointerProperty(type=DMP_PG_matte) for role in MATTES},
        layer=bpy.props.StringProperty(
            name="Layer",
            description="The layer to matte of an EXR with several, as the file names it; of the "
            "clean plate too, if it has one of that name; empty: the main one",
        ),
        subject=bpy.props.EnumProperty(
            name="Keep",
            items=SUBJECTS,
            options=set(),
            get=_subject,
            set=_choose_subject,
            description="Which regions of the matte stay; the rest becomes 0",
        ),
        keep_kind=bpy.props.StringProperty(options={"HIDDEN"}),
        keep_point=bpy.props.FloatVectorProperty(
            name="Point",
            size=2,
            precision=1,
            description="Pixels of the plate from its lower left corner, as the Image Editor shows "
            "them; may have keyframes",
        ),
        keep_box=bpy.props.FloatVectorProperty(
            name="Box",
            size=4,
            precision=1,
            description="Two corners, x and y: pixels of the plate from its lower left corner; may "
            "have keyframes",
        ),
        preset=bpy.props.EnumProperty(name="Preset", items=PRESET_ITEMS),
        changes=bpy.props.StringProperty(),
        output=bpy.props.StringProperty(
            name="Output Folder",
            subtype="DIR_PATH",
            description="Folder of the mattes, in which each .blend, scene and plate has its own; "
            "empty: 'dmp' beside the .blend",
            **path_options(),
        ),
        version=bpy.props.IntProperty(
            name="Version",
            default=0,
            min=0,
            max=999,
            description="Version to write; 0: the one that is shown, or the next one where another "
            "plate's mattes are",
        ),
        solve=bpy.props.EnumProperty(
            name="Solve",
            items=SOLVE,
            default="STALE",
            description="Which frames of the range Matte Range solves",
        ),
        publish_to=bpy.props.StringProperty(
            name="Publish To",
            subtype="DIR_PATH",
            description="Folder of all published shots; empty: 'publish' beside the .blend",
            **path_options(),
        ),
        publish_name=bpy.props.StringProperty(
            name="Shot", description="Name of the shot; empty: the .blend's, without its version"
        ),
        publish_version=bpy.props.IntProperty(
            name="Version", default=0, min=0, description="0: the next one that is free"
        ),
        **{spec.name: _knob(spec) for spec in KNOBS},
    )


CLASSES = (DMP_PG_plate, DMP_PG_clean, DMP_PG_matte, DMP_PG_scene)


def register() -> None:
    for one in CLASSES:
        bpy.utils.register_class(one)
    bpy.types.Scene.dmp = bpy.props.PointerProperty(type=DMP_PG_scene)


def unregister() -> None:
    del bpy.types.Scene.dmp
    for one in reversed(CLASSES):
        bpy.utils.unregister_class(one)
