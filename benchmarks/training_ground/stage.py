"""Camera, light, render settings, and the shapes and materials that the subjects share.

Coordinates: x to the right, z up, the camera looks along +y. At y = 0, the frame is
FRAME_WIDTH wide; subjects stand around the origin. Lights are suns without size and the world is
one colour: hardly any noise, so few samples are enough.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from exr import Floats, read
from numpy.typing import NDArray

Triple = tuple[float, float, float]
Points = NDArray[np.float64]

FRAME_WIDTH = 2.6
DISTANCE = 6.0  # of the camera from the origin
FINE = 3  # samples of the clean plate along each side of a pixel


@dataclass(frozen=True)
class View:
    """A picture `width` px wide, cut around `centre` from a frame `scale` times as wide."""

    width: int
    scale: float
    centre: tuple[float, float]  # (x, z) at y = 0

    @property
    def height(self) -> int:
        return self.width * 3 // 4

    def _corner(self) -> tuple[int, int]:
        """The crop's left and top in px of the frame, which it never leaves."""
        corner = []
        for side, place in ((self.width, self.centre[0]), (self.height, -self.centre[1])):
            whole = round(side * self.scale)
            middle = whole / 2 + place / FRAME_WIDTH * self.width * self.scale
            corner.append(min(max(0, round(middle - side / 2)), whole - side))
        return corner[0], corner[1]

    def border(self) -> tuple[float, float, float, float]:
        """Left, right, bottom, top of the crop in shares of the frame.

        A quarter of a pixel more each: Blender cuts them down to whole pixels.
        """
        left, top = self._corner()
        wide, tall = round(self.width * self.scale), round(self.height * self.scale)
        bottom = tall - top - self.height
        return (
            (left + 0.25) / wide,
            (left + self.width + 0.25) / wide,
            (bottom + 0.25) / tall,
            (bottom + self.height + 0.25) / tall,
        )

    def points(self) -> tuple[Points, Points]:
        """x and z of the backdrop's samples, FINE x FINE a pixel: (H FINE, W FINE) each."""
        left, top = self._corner()
        pixel = FRAME_WIDTH / (self.width * self.scale)
        x = (left + (np.arange(self.width * FINE) + 0.5) / FINE) * pixel - FRAME_WIDTH / 2
        z = FRAME_WIDTH * 3 / 8 - (top + (np.arange(self.height * FINE) + 0.5) / FINE) * pixel
        return tuple(np.meshgrid(x, z))

    def averaged(self, fine: Points) -> Floats:
        """(H FINE, W FINE, 3) as (H, W, 3)."""
        boxes = fine.reshape(self.height, FINE, self.width, FINE, 3)
        return boxes.mean(axis=(1, 3)).astype(np.float32)


def clear(seed: int, threads: int) -> None:
    """An empty scene with camera, light and settings."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    bpy.ops.object.camera_add(location=(0, -DISTANCE, 0), rotation=(math.pi / 2, 0, 0))
    scene.camera = bpy.context.object
    scene.camera.data.lens = scene.camera.data.sensor_width * DISTANCE / FRAME_WIDTH
    sun((0.7, 0.9, -0.9), 3.2, (1.0, 0.94, 0.85))
    sun((-0.8, -0.7, -0.5), 2.2, (0.8, 0.9, 1.0))  # from behind: a rim
    sun((-0.6, 0.9, 0.1), 0.8, (0.9, 0.95, 1.0))
    world = bpy.data.worlds.new("world")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs[0].default_value = (0.22, 0.24, 0.27, 1.0)
    scene.world = world
    scene.render.engine = "CYCLES"
    cycles = scene.cycles
    cycles.device, cycles.seed = "CPU", seed
    cycles.use_adaptive_sampling = cycles.use_denoising = False
    cycles.max_bounces = 1
    cycles.transparent_max_bounces = 32
    cycles.sample_clamp_direct = cycles.sample_clamp_indirect = 12.0
    if hasattr(cycles, "volume_biased"):
        cycles.volume_biased = True  # 5.0: march through smoke in steps, without noise
    scene.cycles_curves.shape = "RIBBONS"
    scene.render.film_transparent = True
    scene.render.use_border = scene.render.use_crop_to_border = True
    scene.render.resolution_percentage = 100
    scene.render.threads_mode, scene.render.threads = "FIXED", threads
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGBA", "32"
    settings.exr_codec = "ZIP"
    scene.frame_set(1)


def sun(towards: Triple, strength: float, colour: Triple) -> None:
    from mathutils import Vector

    bpy.ops.object.light_add(type="SUN")
    lamp = bpy.context.object
    lamp.rotation_euler = Vector(towards).to_track_quat("-Z", "Y").to_euler()
    lamp.data.energy, lamp.data.color, lamp.data.angle = strength, colour, 0.0


def render(view: View, samples: int) -> Floats:
    """The subject alone: premultiplied RGBA, (H, W, 4)."""
    scene = bpy.context.scene
    scene.cycles.samples = samples
    render_settings = scene.render
    render_settings.resolution_x = round(view.width * view.scale)
    render_settings.resolution_y = round(view.height * view.scale)
    (
        render_settings.border_min_x,
        render_settings.border_max_x,
        render_settings.border_min_y,
        render_settings.border_max_y,
    ) = view.border()
    render_settings.image_settings.color_mode = "RGBA"
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "subject.exr"
        render_settings.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        pixels = read(path)
    if pixels.shape[:2] != (view.height, view.width):
        raise SystemExit(f"Blender made {pixels.shape[1]}x{pixels.shape[0]} px of {view}.")
    return pixels


# --- materials -----------------------------------------------------------------------------------


def principled(colour: Triple, roughness: float = 0.6, metallic: float = 0.0) -> Any:
    material = bpy.data.materials.new("surface")
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metallic
    return material


def shaded(dark: Triple, light: Triple, roughness: float = 0.5, attribute: str = "") -> Any:
    """Between two colours: by chance for each strand, or by a mesh's attribute in [0, 1]."""
    material = principled(light, roughness)
    nodes, links = material.node_tree.nodes, material.node_tree.links
    if attribute:
        source = nodes.new("ShaderNodeAttribute")
        source.attribute_name = attribute
        value = source.outputs["Fac"]
    else:
        value = nodes.new("ShaderNodeHairInfo").outputs["Random"]
    ramp = nodes.new("ShaderNodeValToRGB")
    ramp.color_ramp.elements[0].color = (*dark, 1.0)
    ramp.color_ramp.elements[1].color = (*light, 1.0)
    links.new(value, ramp.inputs["Fac"])
    links.new(ramp.outputs["Color"], nodes["Principled BSDF"].inputs["Base Color"])
    return material


# --- shapes --------------------------------------------------------------------------------------


def mesh(
    points: Sequence[Sequence[float]],
    faces: Sequence[Sequence[int]],
    material: Any,
    shade: Sequence[float] | None = None,
) -> Any:
    """A smooth mesh; ``shade`` is a value for each point, for `shaded(attribute="shade")`."""
    data = bpy.data.meshes.new("mesh")
    data.from_pydata([tuple(map(float, p)) for p in points], [], [tuple(f) for f in faces])
    data.polygons.foreach_set("use_smooth", [True] * len(data.polygons))
    data.materials.append(material)
    if shade is not None:
        values = data.attributes.new("shade", "FLOAT", "POINT")
        values.data.foreach_set("value", np.asarray(shade, np.float32))
    return link(data)


def surface(of: Callable[[float, float], Triple], rings: int, around: int, material: Any) -> Any:
    """A surface over (u, v) in [0, 1]^2, `around` steps in v."""
    points = [of(i / rings, j / around) for i in range(rings + 1) for j in range(around + 1)]
    row = around + 1
    faces = [
        (i * row + j, (i + 1) * row + j, (i + 1) * row + j + 1, i * row + j + 1)
        for i in range(rings)
        for j in range(around)
    ]
    return mesh(points, faces, material)


def ellipsoid(place: Triple, size: Triple, material: Any) -> Any:
    def of(u: float, v: float) -> Triple:
        polar, round_ = math.pi * u, 2 * math.pi * v
        return (
            place[0] + size[0] * math.sin(polar) * math.cos(round_),
            place[1] + size[1] * math.sin(polar) * math.sin(round_),
            place[2] + size[2] * math.cos(polar),
        )

    return surface(of, 32, 48, material)


def revolved(profile: Sequence[tuple[float, float]], material: Any, x: float = 0.0) -> Any:
    """A profile of (radius, z) turned about the vertical line through (x, 0)."""

    def of(u: float, v: float) -> Triple:
        at = u * (len(profile) - 1)
        first = min(int(at), len(profile) - 2)
        share = at - first
        radius, z = (
            (1 - share) * a + share * b
            for a, b in zip(profile[first], profile[first + 1], strict=True)
        )
        return (x + radius * math.cos(2 * math.pi * v), radius * math.sin(2 * math.pi * v), z)

    return surface(of, 8 * (len(profile) - 1), 64, material)


def strands(points: Points, radius: Points | float, material: Any) -> Any:
    """Curves (N, K, 3); the radius is one value or (N, K)."""
    count, steps = points.shape[:2]
    data = bpy.data.hair_curves.new("strands")
    data.add_curves([steps] * count)
    data.position_data.foreach_set("vector", points.astype(np.float32).ravel())
    thick = np.broadcast_to(np.asarray(radius, np.float32), (count, steps))
    attribute = data.attributes.get("radius") or data.attributes.new("radius", "FLOAT", "POINT")
    attribute.data.foreach_set("value", np.ascontiguousarray(thick).ravel())
    data.materials.append(material)
    return link(data)


def link(data: Any) -> Any:
    made = bpy.data.objects.new(data.name, data)
    bpy.context.scene.collection.objects.link(made)
    return made


# --- camera and shutter --------------------------------------------------------------------------


def moved(objects: Sequence[Any], by: Triple, turn: float = 0.0) -> None:
    """Opens the shutter while the objects move by this and turn about y, by radians."""
    bpy.ops.object.empty_add()
    rig = bpy.context.object
    for part in objects:
        part.parent = rig
    for frame, share in ((0, -1.0), (2, 1.0)):
        rig.location = tuple(share * b for b in by)
        rig.rotation_euler = (0.0, share * turn, 0.0)
        rig.keyframe_insert("location", frame=frame)
        rig.keyframe_insert("rotation_euler", frame=frame)
    for part in objects:
        part.cycles.motion_steps = 5  # an arc, not a chord
    scene = bpy.context.scene
    scene.render.use_motion_blur = True
    scene.render.motion_blur_shutter = 1.0  # from frame 0.5 to 1.5: half of the way
    scene.frame_set(1)


def defocused(focus: float, width: float) -> None:
    """Focus at y = `focus`; a point at the origin becomes a disc `width` wide."""
    camera = bpy.context.scene.camera.data
    camera.dof.use_dof = True
    sharp = DISTANCE + focus
    camera.dof.focus_distance = sharp
    aperture = width * sharp / abs(focus)  # in scene units, at the lens
    camera.dof.aperture_fstop = camera.lens / 1000.0 / aperture
