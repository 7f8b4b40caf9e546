"""Makes tests/plates/furball: a moving furry subject whose alpha and foreground are exact.

    pip install bpy==4.5.15 OpenImageIO          (Python 3.11)
    python tests/plates/make_furball.py OUTPUT_FOLDER [--scale S] [--samples N] [--frames F ...]

The rules:
- the subject is rendered alone over nothing (premultiplied colour and coverage, with motion blur),
  lit by the set but never seen by the camera together with it; the set is rendered once, alone;
- both are rounded to half as they are stored, and only then is the plate composited from them,
  in float32, and rounded to half: I = P + (1 - a) B holds to the plate's own rounding;
- the subject casts no shadow on the set (it is in the air): the clean plate is true everywhere.
Frames 1001-1008, scene-linear (Rec. 709 primaries), half, ZIP (lossless). Fixed seed.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
from pathlib import Path

import bpy
import numpy as np
import OpenImageIO as oiio
from mathutils import Euler, Vector
from numpy.typing import NDArray

WIDTH, HEIGHT = 320, 240
FIRST_FRAME = 1001
SEED = 17
FAINTEST = 1.0 / 2048.0  # coverage below this is stored as none: half has too few bits to divide by

Triple = tuple[float, float, float]
Floats = NDArray[np.float32]  # (H, W, C), scene-linear


# --- materials -----------------------------------------------------------------------------------


def principled(name: str, colour: Triple, **inputs: float) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    for key, value in inputs.items():
        shader.inputs[key.replace("_", " ").title()].default_value = value
    return material


def fur(name: str, colour: Triple) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    nodes.clear()
    strand = nodes.new("ShaderNodeHairInfo")
    shades = nodes.new("ShaderNodeValToRGB")
    shades.color_ramp.elements[0].color = (*(0.35 * c for c in colour), 1.0)
    shades.color_ramp.elements[1].color = (*colour, 1.0)
    shader = nodes.new("ShaderNodeBsdfPrincipled")  # far less noise than the hair shader
    shader.inputs["Roughness"].default_value = 0.45
    output = nodes.new("ShaderNodeOutputMaterial")
    links.new(strand.outputs["Random"], shades.inputs["Fac"])
    links.new(shades.outputs["Color"], shader.inputs["Base Color"])
    links.new(shader.outputs[0], output.inputs["Surface"])
    return material


def tiled(
    name: str,
    first: Triple,
    second: Triple,
    gap: Triple,
    scale: float,
    width: float,
    height: float,
) -> bpy.types.Material:
    """Bricks or planks: two colours, a gap between them, and noise over all of it."""
    material = principled(name, first, roughness=0.7)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    where = nodes.new("ShaderNodeTexCoord")
    brick = nodes.new("ShaderNodeTexBrick")
    for key, value in (("Color1", first), ("Color2", second), ("Mortar", gap)):
        brick.inputs[key].default_value = (*value, 1.0)
    for key, size in (("Scale", scale), ("Brick Width", width), ("Row Height", height)):
        brick.inputs[key].default_value = size
    brick.inputs["Mortar Size"].default_value = 0.02
    noise = nodes.new("ShaderNodeTexNoise")
    noise.inputs["Scale"].default_value = 14.0
    noise.inputs["Detail"].default_value = 8.0
    dirt = nodes.new("ShaderNodeMapRange")
    dirt.inputs["From Min"].default_value, dirt.inputs["From Max"].default_value = 0.3, 0.7
    dirt.inputs["To Min"].default_value, dirt.inputs["To Max"].default_value = 0.45, 1.35
    mix = nodes.new("ShaderNodeVectorMath")
    mix.operation = "MULTIPLY"
    bump = nodes.new("ShaderNodeBump")
    bump.inputs["Strength"].default_value = 0.6
    links.new(where.outputs["Object"], brick.inputs["Vector"])
    links.new(where.outputs["Object"], noise.inputs["Vector"])
    links.new(noise.outputs["Fac"], dirt.inputs["Value"])
    links.new(brick.outputs["Color"], mix.inputs[0])
    links.new(dirt.outputs["Result"], mix.inputs[1])
    links.new(mix.outputs[0], nodes["Principled BSDF"].inputs["Base Color"])
    links.new(mix.outputs[0], bump.inputs["Height"])
    links.new(bump.outputs[0], nodes["Principled BSDF"].inputs["Normal"])
    return material


# --- the set and the subject ---------------------------------------------------------------------


def dress(material: bpy.types.Material) -> bpy.types.Object:
    """Gives the object that an operator has just added its material."""
    added = bpy.context.object
    added.data.materials.append(material)
    return added


def ellipsoid(
    name: str, lobes: list[tuple[Triple, Triple, float]], material: bpy.types.Material
) -> bpy.types.Object:
    """One smooth mesh of ellipsoids (place, size, tilt about y).

    Blender's own spheres number their faces differently in every run, and hair grows by face.
    """
    rings, segments = 32, 48
    points: list[Triple] = []
    faces: list[tuple[int, ...]] = []
    for place, size, tilt in lobes:
        first = len(points)
        turn = Euler((0.0, tilt, 0.0)).to_matrix()
        for ring in range(rings + 1):
            polar = math.pi * (0.001 + 0.998 * ring / rings)  # a pinhole at each pole
            for segment in range(segments):
                round_ = 2.0 * math.pi * segment / segments
                unit = (math.sin(polar) * math.cos(round_), math.sin(polar) * math.sin(round_))
                local = Vector((unit[0] * size[0], unit[1] * size[1], math.cos(polar) * size[2]))
                points.append(tuple(turn @ local + Vector(place)))
        for ring in range(rings):
            for segment in range(segments):
                here, right = ring * segments + segment, ring * segments + (segment + 1) % segments
                corners = (here, here + segments, right + segments, right)
                faces.append(tuple(first + corner for corner in corners))
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(points, [], faces)
    mesh.shade_smooth()
    mesh.materials.append(material)
    added = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(added)
    return added


def ball(place: Triple, size: Triple, material: bpy.types.Material) -> bpy.types.Object:
    return ellipsoid("ball", [(place, size, 0.0)], material)


def light(place: Triple, size: float, power: float, colour: Triple) -> None:
    bpy.ops.object.light_add(type="AREA", location=place)
    lamp = bpy.context.object
    lamp.data.size, lamp.data.energy, lamp.data.color = size, power, colour
    aim = lamp.constraints.new("TRACK_TO")
    aim.target = bpy.data.objects["aim"]


def build_set() -> list[bpy.types.Object]:
    parts = []
    bpy.ops.mesh.primitive_plane_add(size=12, location=(0, 2.6, 2), rotation=(math.pi / 2, 0, 0))
    red, brown, mortar = (0.36, 0.1, 0.05), (0.2, 0.09, 0.06), (0.42, 0.4, 0.36)
    bricks = tiled("bricks", red, brown, mortar, 2.4, 0.8, 0.32)
    parts.append(dress(bricks))
    bpy.ops.mesh.primitive_plane_add(size=12, location=(0, 0, -1.25), rotation=(0, 0, math.pi / 2))
    oak, walnut, crack = (0.28, 0.16, 0.07), (0.16, 0.08, 0.035), (0.02, 0.015, 0.01)
    planks = tiled("planks", oak, walnut, crack, 1.3, 2.6, 0.3)
    parts.append(dress(planks))
    shades = ((0.05, 0.22, 0.3), (0.5, 0.32, 0.05), (0.07, 0.25, 0.09), (0.4, 0.4, 0.38))
    for index in range(9):  # a shelf of books
        height = 0.5 + 0.16 * math.sin(3.1 * index)
        place = (0.75 + 0.17 * index, 2.3, 1.0 + height / 2)
        bpy.ops.mesh.primitive_cube_add(size=1, location=place)
        book = dress(principled(f"book {index}", shades[index % 4], roughness=0.4))
        book.scale = (0.14, 0.4, height)
        parts.append(book)
    bpy.ops.mesh.primitive_cube_add(size=1, location=(1.45, 2.3, 0.96))
    shelf = dress(planks)
    shelf.scale = (1.9, 0.5, 0.07)
    parts.append(shelf)
    bpy.ops.mesh.primitive_cube_add(size=0.8, location=(-1.9, 1.7, -0.85), rotation=(0, 0, 0.5))
    parts.append(dress(planks))
    teal = principled("teal", (0.02, 0.3, 0.33), roughness=0.15)
    parts.append(ball((-1.85, 1.6, -0.2), (0.26, 0.26, 0.26), teal))
    white = principled("white", (0.7, 0.68, 0.6), roughness=0.3)
    parts.append(ball((1.75, 1.5, -0.95), (0.3, 0.3, 0.3), white))
    return parts


def grow(
    body: bpy.types.Object, slot: int, count: int, children: int, length: float, rough: float
) -> None:
    """Hair on a mesh: `count` guides, each with `children` around it."""
    system = body.modifiers.new("hair", "PARTICLE_SYSTEM").particle_system
    system.vertex_group_length = "length"
    system.seed = SEED + slot
    hair = system.settings
    hair.type = "HAIR"
    hair.count = count
    hair.hair_length = length
    hair.hair_step = 5
    hair.render_step = 5
    hair.child_type = "INTERPOLATED"
    hair.rendered_child_count = children
    hair.child_length = 1.0
    hair.clump_factor = 0.35
    hair.roughness_1 = 0.02
    hair.roughness_2 = rough
    hair.roughness_2_size = 0.6
    hair.roughness_endpoint = 0.04
    hair.child_length_threshold = 0.2
    hair.root_radius, hair.tip_radius = 0.55, 0.05
    hair.radius_scale = 0.012
    hair.brownian_factor = 0.012
    hair.material = slot


def build_subject() -> list[bpy.types.Object]:
    skin = principled("skin", (0.3, 0.17, 0.08), roughness=0.8)
    ears = [((0.33 * side, 0.02, 0.58), (0.13, 0.07, 0.26), 0.35 * side) for side in (-1, 1)]
    body = ellipsoid("body", [((0, 0, 0), (0.62, 0.56, 0.58), 0.0), *ears], skin)
    length = body.vertex_groups.new(name="length")
    for vertex in body.data.vertices:  # short on the face, so that the eyes are seen
        across, up = vertex.co.x / 0.42, vertex.co.z / 0.4
        face = max(0.0, 1.0 - across * across - up * up) if vertex.co.y < 0.0 else 0.0
        length.add([vertex.index], 1.0 - 0.75 * min(1.0, 2.0 * face), "REPLACE")
    body.data.materials.append(fur("undercoat", (0.78, 0.56, 0.32)))
    body.data.materials.append(fur("guard hair", (0.85, 0.75, 0.6)))
    grow(body, 2, 2200, 22, 0.2, 0.05)
    grow(body, 3, 500, 3, 0.4, 0.12)
    gloss = principled("eye", (0.01, 0.008, 0.006), roughness=0.06)
    foot = principled("foot", (0.75, 0.2, 0.04), roughness=0.5)
    brass = principled("brass", (0.9, 0.6, 0.2), roughness=0.15, metallic=1.0)
    parts = [body]
    for side in (-1, 1):
        parts.append(ball((0.24 * side, -0.6, 0.14), (0.13, 0.13, 0.13), gloss))
        parts.append(ball((0.26 * side, -0.2, -0.66), (0.17, 0.26, 0.1), foot))
    parts.append(ball((0, -0.64, -0.04), (0.08, 0.06, 0.06), gloss))
    parts.append(ball((0, -0.68, -0.4), (0.11, 0.11, 0.11), brass))
    glow = principled("glow", (1.0, 0.9, 0.7), emission_strength=40.0)
    glow.node_tree.nodes["Principled BSDF"].inputs["Emission Color"].default_value = (
        1,
        0.8,
        0.45,
        1,
    )
    parts.append(ball((0.0, -0.82, -0.42), (0.03, 0.03, 0.03), glow))
    bpy.ops.object.empty_add(location=(0, 0, 0))
    rig = bpy.context.object
    for part in parts:
        part.parent = rig
    for frame in range(FIRST_FRAME - 1, FIRST_FRAME + 10):  # one before and after, for the blur
        beat = (frame - FIRST_FRAME) / 7.0  # [0, 1] over the shot
        t = beat * beat * (3.0 - 2.0 * beat)  # from rest to rest: sharp hair, then blurred
        rig.location = (-0.85 + 1.5 * t, 0.0, -0.25 + 1.5 * t * (1.15 - t))
        rig.rotation_euler = (0.15 - 0.2 * t, 0.3 - 0.6 * t, -0.6 + 1.2 * t)
        rig.keyframe_insert("location", frame=frame)
        rig.keyframe_insert("rotation_euler", frame=frame)
    return parts


def build_scene(scale: float) -> tuple[list[bpy.types.Object], list[bpy.types.Object]]:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    bpy.ops.object.empty_add(location=(0, 0, 0.1))
    bpy.context.object.name = "aim"
    bpy.ops.object.camera_add(location=(0, -6.2, 0.35), rotation=(math.radians(88.5), 0, 0))
    scene.camera = bpy.context.object
    scene.camera.data.lens = 50
    light((-2.4, -3.2, 2.8), 0.7, 330, (1.0, 0.93, 0.82))  # key: small, so that eyes glint
    light((2.6, 1.2, 2.6), 0.6, 260, (0.75, 0.87, 1.0))  # rim
    light((3.0, -3.0, 0.5), 2.5, 60, (0.8, 0.9, 1.0))  # fill
    light((-1.2, 0.6, 3.4), 0.3, 25, (1.0, 0.8, 0.55))  # a lamp on the wall
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (0.03, 0.035, 0.045, 1.0)
    scene.world = world
    subject, surroundings = build_subject(), build_set()
    scene.render.engine = "CYCLES"
    scene.cycles.device = "CPU"
    scene.cycles.seed = SEED
    scene.cycles.use_adaptive_sampling = False
    scene.cycles.max_bounces = 3
    scene.cycles.sample_clamp_indirect = 4.0
    scene.cycles_curves.shape = "RIBBONS"
    scene.render.resolution_x, scene.render.resolution_y = int(WIDTH * scale), int(HEIGHT * scale)
    scene.render.resolution_percentage = 100
    scene.render.motion_blur_shutter = 0.4
    scene.render.threads_mode, scene.render.threads = "FIXED", 2
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    settings.exr_codec = "ZIP"
    return subject, surroundings


def render(path: Path, frame: int, samples: int) -> Floats:
    scene = bpy.context.scene
    scene.frame_set(frame)
    scene.cycles.samples = samples
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return read(path)


# --- files ---------------------------------------------------------------------------------------


def read(path: Path) -> Floats:
    image = oiio.ImageBuf(str(path))
    if image.has_error or not image.initialized:
        raise SystemExit(f"Cannot read {path}: {image.geterror()}")
    return np.asarray(image.get_pixels("float"), np.float32)


def write(path: Path, pixels: Floats, channels: tuple[str, ...], frame: int) -> None:
    height, width, count = pixels.shape
    spec = oiio.ImageSpec(width, height, count, "half")
    spec.channelnames = channels
    spec.attribute("compression", "zip")
    spec.attribute("oiio:ColorSpace", "lin_rec709_scene")
    if frame:
        spec.attribute("FrameNumber", frame)
    image = oiio.ImageBuf(spec)
    image.set_pixels(oiio.ROI(), np.ascontiguousarray(pixels))
    if not image.write(str(path)):
        raise SystemExit(f"Cannot write {path}: {image.geterror()}")


def as_half(pixels: Floats) -> Floats:
    return pixels.astype(np.float16).astype(np.float32)


def assemble(folder: Path, frame: int, rendered: Floats, clean: Floats) -> None:
    """Writes plate and truth of one frame from the subject's (H, W, 4) and the clean plate."""
    stored = as_half(np.maximum(rendered, 0.0))
    alpha = np.minimum(stored[..., 3:], 1.0)  # (H, W, 1), [0, 1]
    alpha[alpha < FAINTEST] = 0.0
    premultiplied = np.where(alpha > 0.0, stored[..., :3], np.float32(0.0))
    straight = as_half(premultiplied / np.where(alpha > 0.0, alpha, np.float32(1.0)))
    plate = as_half(premultiplied + (np.float32(1.0) - alpha) * clean)
    write(folder / f"plate.{frame}.exr", plate, ("R", "G", "B"), frame)
    layers = np.concatenate([premultiplied, alpha, straight], axis=2)
    names = ("R", "G", "B", "A", "foreground.R", "foreground.G", "foreground.B")
    write(folder / f"truth.{frame}.exr", layers, names, frame)


def main() -> None:
    parser = argparse.ArgumentParser(description="Renders the furball test plates.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--scale", type=float, default=1.0, help="of 320x240")
    parser.add_argument("--samples", type=int, default=128, help="per pixel, for the subject")
    parser.add_argument(
        "--frames", type=int, nargs="*", default=range(FIRST_FRAME, FIRST_FRAME + 8)
    )
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    subject, surroundings = build_scene(options.scale)
    scene = bpy.context.scene
    with tempfile.TemporaryDirectory() as scratch:
        for part in subject:
            part.hide_render = True
        scene.cycles.use_denoising = True
        clean = as_half(render(Path(scratch) / "clean.exr", FIRST_FRAME, options.samples)[..., :3])
        write(options.folder / "clean.exr", clean, ("R", "G", "B"), 0)
        for part in subject:
            part.hide_render = False
        for part in surroundings:
            part.visible_camera = False  # lights the subject, is not seen
        scene.cycles.use_denoising = False
        scene.render.film_transparent = True
        scene.render.use_motion_blur = True
        for frame in options.frames:
            rendered = render(Path(scratch) / f"subject.{frame}.exr", frame, options.samples)
            assemble(options.folder, frame, rendered, clean)
            print(f"frame {frame} written", flush=True)
    sys.stdout.flush()
    os._exit(0)  # bpy in background may hang or crash while it tears down


if __name__ == "__main__":
    main()
