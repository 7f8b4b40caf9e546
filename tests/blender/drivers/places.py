"""Where mattes go: an unsaved .blend, its first save, others beside it, copies, other plates."""

import importlib
import json
import os
import shutil
import subprocess

import bpy
from host import (
    MODULE,
    addon,
    answer,
    arguments,
    compositor,
    configure,
    group_node,
    load,
    outcome,
)

given = arguments()
folder, seen = given["folder"], {}


def path(*names):
    return os.path.join(folder, *names)


def picture(scene):
    """The scene's group and the image of its EXRs."""
    group = group_node(scene).node_tree
    return group, next(n for n in group.nodes if n.type == "IMAGE").image


def shown(scene):
    """The EXRs that the scene's group shows, by Blender's own reading of its image."""
    node = next(n for n in group_node(scene).node_tree.nodes if n.type == "IMAGE")
    image = node.image
    found = os.path.normpath(bpy.path.abspath(image.filepath, library=image.library))
    return found, node.frame_start, node.frame_duration, os.path.exists(found)


def datablocks_in_trees():
    """Custom properties that point at a datablock: Blender 3.4 loses users of these."""
    return [
        (one.name, name)
        for one in bpy.data.node_groups
        for name, value in one.items()
        if isinstance(value, bpy.types.ID)
    ]


def state(scene):
    tree = compositor(scene)
    links = [one for one in tree.links if one.from_node.bl_idname == "CompositorNodeGroup"]
    ours = [one for one in bpy.data.node_groups if one.name.startswith("DMP plate")]
    whole = all(one.is_valid for one in group_node(scene).node_tree.links)
    return {"shown": shown(scene), "links": len(links), "groups": len(ours), "whole": whole}


def save(*names):
    os.makedirs(os.path.dirname(path(*names)), exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=path(*names))
    return bpy.context.scene


def content(file):
    with open(file, "rb") as opened:
        return hash(opened.read())


with addon(given["python"]) as scene:
    results = importlib.import_module(f"{MODULE}.results")
    scene.frame_start, scene.frame_end = 1, 3
    plate, clean = load(path("plate.0001.exr"), sequence=True), load(path("clean.exr"))
    configure(scene, plate, clean, **given["settings"])
    seen["unsaved"] = outcome(bpy.ops.dmp.matte_range)
    shown_by = [given["python"], "-m", "dmp_matting.cli", "cache", "show", "--json"]
    listed = subprocess.run(shown_by, capture_output=True, text=True).stdout
    seen["in the cache"] = json.loads(listed)["unsaved_blends"]
    node = group_node(scene)
    tree = compositor(scene)
    blur = tree.nodes.new("CompositorNodeBlur")
    tree.links.new(node.outputs["Alpha"], blur.inputs[0])  # the artist's own
    seen["before saving"] = state(scene)

    scene.name = "Renamed"
    scene = save("work", "sh010_comp.blend")
    seen["saved"], seen["path"] = state(scene), picture(scene)[1].filepath
    group, image = picture(scene)  # as an earlier version kept whose group it is
    group["dmp_plate"] = image.pop("dmp_plate")
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
    scene = bpy.context.scene
    seen["opened"] = state(scene)
    seen["in trees"] = datablocks_in_trees()
    scene.name = "Scene"
    first = shown(scene)[0]
    kept = content(first)
    seen["written"] = os.stat(first).st_mtime_ns
    seen["range again"] = outcome(bpy.ops.dmp.matte_range)  # all three are there: nothing to solve
    seen["states"] = importlib.import_module(f"{MODULE}.run").States.of(scene)
    seen["written again"] = os.stat(first).st_mtime_ns
    scene.dmp.seed = 5

    # Another .blend beside it: its own files, and frames that are not solved anew come along.
    scene = save("work", "sh020_comp.blend")
    scene.frame_set(2)
    seen["other .blend"] = outcome(bpy.ops.dmp.matte_frame)
    seen["of another .blend"] = state(scene)
    seen["first kept"] = content(first) == kept

    # Saved elsewhere: the mattes are found.
    scene = save("elsewhere", "deep", "sh020_comp.blend")
    seen["refresh elsewhere"] = results.refresh(scene)

    # A clip of the image's name, a copy of the scene, and another output folder.
    scene = save("work", "sh020_comp.blend")
    image_exr = shown(scene)[0]
    clip = bpy.data.movieclips.load(path("plate.0001.exr"))
    clip.name = plate_name = scene.dmp.plate.image.name
    scene.dmp.plate.kind, scene.dmp.plate.clip = "CLIP", clip
    seen["clip"] = outcome(bpy.ops.dmp.matte_frame)
    located = [results.location(one) for one in results.all_groups()]
    seen["folders"] = sorted(os.path.basename(one.folder) for one in located)
    scene.dmp.plate.kind = "IMAGE"
    for one in list(compositor(scene).nodes):
        if one.bl_idname == "CompositorNodeGroup" and one.node_tree.name.endswith("_clip"):
            compositor(scene).nodes.remove(one)

    kept = content(image_exr)
    bpy.ops.scene.new(type="FULL_COPY")
    copy = bpy.context.scene
    seen["copied"] = outcome(bpy.ops.dmp.matte_frame)
    seen["of the copy"], seen["of the original"] = state(copy), state(scene)
    bpy.data.scenes.remove(copy)

    scene.dmp.output = path("chosen")
    seen["new folder"] = outcome(bpy.ops.dmp.matte_range)
    seen["in the new folder"] = state(scene)
    seen["old folder kept"] = content(image_exr) == kept

    # The datablock shows another plate: the next version; and over it only when that is wanted.
    for number in (1, 2, 3):
        shutil.copy(path(f"plate.{number:04d}.exr"), path(f"retake.{number:04d}.exr"))
        with open(path(f"retake.{number:04d}.exr"), "ab") as file:
            file.write(b"other content")
    scene.dmp.plate.image.filepath = path("retake.0001.exr")
    version_1 = shown(scene)[0]
    kept = content(version_1)
    seen["another plate"] = outcome(bpy.ops.dmp.matte_range)
    seen["version 2"] = state(scene)
    seen["version 1 kept"] = content(version_1) == kept
    scene.dmp.version = 1
    seen["version 1"] = outcome(bpy.ops.dmp.matte_range)
    seen["still kept"] = content(version_1) == kept
    seen["overwritten"] = outcome(lambda: bpy.ops.dmp.matte_range(overwrite=True))
    seen["is overwritten"] = content(version_1) != kept
    seen["at the end"] = state(scene)
    os.remove(path("retake.0002.exr"))
    scene.dmp.solve, scene.dmp.version = "ALL", 3
    seen["missing"] = outcome(bpy.ops.dmp.matte_range)
    seen["skipped"] = outcome(lambda: bpy.ops.dmp.matte_range(skip_missing=True))
    seen["version 3"] = state(scene)
    seen["in trees"] += datablocks_in_trees()
    scene = save("work", "library.blend")

    # In another .blend, appended and linked.
    for kind in ("append", "link"):
        bpy.ops.wm.read_homefile(use_empty=True)
        bpy.ops.wm.save_as_mainfile(filepath=path(f"{kind}.blend"))
        group = os.path.join(path("work", "library.blend"), "NodeTree", "")
        getattr(bpy.ops.wm, kind)(
            filepath=group + "DMP plate", directory=group, filename="DMP plate"
        )
        there = next(one for one in bpy.data.node_groups if one.name == "DMP plate")
        found = results.location(there)
        seen[kind] = [found.folder, found.frames()]
    seen["preview"] = [one.name for one in bpy.data.images if one.name.startswith("DMP Preview")]
answer(**seen)
