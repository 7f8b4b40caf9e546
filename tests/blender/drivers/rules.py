"""Rules of the add-on that need no engine, each with as little as it takes."""

import importlib
import os
from types import SimpleNamespace

import bpy
from host import MODULE, addon, answer, arguments, configure, load, square_mask

given = arguments()
folder = given["folder"]
seen = {}


def path(name):
    return os.path.join(folder, name)


def names(*, roots):
    """What there is in the .blend of these kinds."""
    return sorted(one.name for root in roots for one in root)


def animated_mask(scene):
    """Its shape has keys at frames 1 and 11, and its opacity too."""
    mask = square_mask("half")
    layer = mask.layers[0]
    mask.layers.active = layer
    window = bpy.context.window_manager.windows[0]
    area = window.screen.areas[0]
    area.ui_type = "IMAGE_EDITOR"
    area.spaces.active.ui_mode = "MASK"
    area.spaces.active.mask = mask
    region = next(one for one in area.regions if one.type == "WINDOW")
    for frame, shift in ((1, 0.0), (11, 0.25)):
        scene.frame_set(frame)
        for point in layer.splines[0].points:
            point.co.x += shift
            point.select = True
        layer.alpha = 1.0 - shift
        layer.keyframe_insert("alpha", frame=frame)
        with bpy.context.temp_override(window=window, area=area, region=region):
            bpy.ops.mask.shape_key_insert()
    return mask


with addon(given["python"]) as scene:
    part = {
        name: importlib.import_module(f"{MODULE}.{name}")
        for name in ("branch", "clean_plate", "collect", "compat", "datablocks", "engine", "facts",
                     "operators", "plates", "publish", "results", "run", "session", "temporary",
                     "view")
    }  # fmt: skip
    dmp = importlib.import_module(f"{MODULE}.core").dmp

    # A publish of two colour spaces.
    configure(scene, load(path("plate.exr")), load(path("clean.png")))
    request = dmp.finish(part["collect"].collect(scene, [1], folder))
    shot = request.shots[0]
    seen["spaces"] = [shot.space, shot.clean_space]

    # Masks, movies and clips: named by what they are at the frame, whatever frame is shown.
    def named(row, role, frames, plate=None):
        made = part["plates"].read_input(row, role, plate)
        return [made.job_name(frame) for frame in frames]

    plate = part["plates"].read_inputs(scene.dmp)[0]
    row = scene.dmp.garbage
    row.kind, row.mask = "MASK", animated_mask(scene)
    for frame in (1, 6):
        scene.frame_set(frame)
        seen[f"mask at {frame}"] = named(row, dmp.Role.GARBAGE, (1, 6, 11, 12), plate)
    row.mask = None
    movie = bpy.data.images.load(path("movie.avi"))
    row = scene.dmp.plate
    row.image, row.start, row.first = movie, 1, 1
    seen["movie"] = named(row, dmp.Role.IMAGE, (3,))
    row.start = 2
    seen["movie later"] = named(row, dmp.Role.IMAGE, (3,))
    clip = bpy.data.movieclips.load(path("clear.0011.png"))
    clip.frame_start, clip.frame_offset = 5, 1
    row.kind, row.clip = "CLIP", clip
    made = part["plates"].read_input(row, dmp.Role.IMAGE)
    seen["clip's files"] = [made.made_of(frame) for frame in (5, 6)]
    seen["clip has"] = [made.has(frame) for frame in range(3, 9)]
    seen["clip's range"] = part["facts"].range_of(row)
    seen["lines"] = [part["facts"].describe(row)]
    row.kind, row.image = "IMAGE", load(path("clear.0011.png"), sequence=True)
    seen["lines"].append(part["facts"].describe(row))

    # Blender opens what is numbered from 1001 on as UDIM tiles.
    row.kind = "IMAGE"
    seen["tiles"] = []
    for name, files in (
        ("tile.1002.png", ("tile.1002.png", "tile.1003.png")),
        ("one.1001.png", ()),
    ):
        known = set(bpy.data.images)
        bpy.ops.image.open(
            filepath=path(name), directory=folder, files=[{"name": f} for f in files]
        )
        (opened,) = set(bpy.data.images) - known
        if files:  # before its pixels are read it has no colour space in a window
            opened.colorspace_settings.name = "Non-Color"
        row.image, first = opened, opened.source
        chosen = row.image
        row.image = opened  # chosen again
        space = chosen.colorspace_settings.name
        seen["tiles"].append([first, chosen.source, os.path.basename(chosen.filepath), space])
        seen["tiles"][-1] += [row.first, part["facts"].describe(row), row.image == chosen]
        seen["tiles"][-1] += [opened.source, named(row, dmp.Role.IMAGE, (row.start,))]

    # A view that cannot be made leaves nothing behind.
    row.kind, row.image = "IMAGE", load(path("plate.exr"))
    group = part["compat"].new_tree("DMP plate", ("Combined", "NodeSocketColor"))
    group[part["results"].MARK] = "plate_matte.exr"
    tree = part["compat"].ensure_compositor(scene)
    tree.nodes.new("CompositorNodeGroup").node_tree = group
    row.image = None
    before = names(roots=(tree.nodes, bpy.data.node_groups))
    try:
        part["view"].show(scene, "CHECKER")
    except dmp.DmpError as error:
        seen["no checker"] = str(error)
    after = names(roots=(tree.nodes, bpy.data.node_groups))
    seen["left behind"] = [one for one in after if one not in before]
    sizes = []
    for name in ("plate.exr", "wide.exr"):  # the checker follows the plate's size
        row.image = load(path(name))
        part["view"].show(scene, "CHECKER")
        groups = [one for one in bpy.data.node_groups if one.get(part["view"].OVER) == "checker"]
        pictures = [node.image for node in groups[0].nodes if node.type == "IMAGE"]
        sizes.append([len(groups), tuple(pictures[0].size)])
    seen["checkers"] = sizes

    # A job that ends while another scene is shown.
    other = bpy.data.scenes.new("Renamed")
    reference = part["datablocks"].Reference(other)
    other.name = "Other"
    seen["renamed"] = reference.find() == other
    ended = SimpleNamespace(
        scene=other, show=lambda: None, is_new=False, summary=lambda: "1-3 solved", finished=[],
        warnings=[], note="", result=SimpleNamespace(still=False, folder=folder),
    )  # fmt: skip
    operator = SimpleNamespace(report=lambda kind, text: None)
    part["operators"].Matte._end(operator, bpy.context, ended, None)
    seen["states"] = [part["run"].States.of(one) for one in (scene, other)]

    # A linked scene: what is added to it would not be saved.
    library = path("library.blend")
    bpy.data.libraries.write(library, {bpy.data.scenes.new("Shot")})
    with bpy.data.libraries.load(library, link=True) as (_, linked):
        linked.scenes = ["Shot"]
    seen["linked"] = []
    for begin in (lambda it: part["session"].Work(it, [1]), part["clean_plate"].Building):
        try:
            begin(linked.scenes[0])
        except dmp.DmpError as error:
            seen["linked"].append(str(error))

    # A second click, before the timer has begun the job of the first.
    part["run"].Run.current = SimpleNamespace(end=lambda: None, has_window=True)
    seen["second click"] = bpy.ops.dmp.matte_range.poll()
    part["run"].Run.current = None
    seen["click"] = bpy.ops.dmp.matte_range.poll()

    # A job that gets no temporary folder is over.
    def full(*_):
        raise dmp.OutputError("The temporary folder cannot be written to.")

    true_make, part["temporary"].make = part["temporary"].make, full
    seen["busy"] = []
    for module, name in (
        ("session", "Session"), ("clean_plate", "Building"), ("publish", "Publication"),
    ):  # fmt: skip
        kind = getattr(part[module], name)
        try:
            next(kind.__new__(kind).steps())
        except dmp.OutputError as error:
            seen["busy"].append([str(error), part["run"].is_busy()])
        part["session"].Session.current = None
    part["temporary"].make = true_make

    # The plate of an earlier version's group, which lost its picture and is given one again.
    group = part["compat"].new_tree("DMP lost", ("Combined", "NodeSocketColor"))
    group[part["results"].MARK] = "plate_matte.exr"
    group["dmp_plate"] = plate_image = load(path("plate.exr"))
    part["results"].bring_up_to_date()
    seen["kept plate"] = [part["results"]._plate_of(group) == plate_image]
    group.nodes.new("CompositorNodeImage").image = load(path("wide.exr"))
    part["results"].bring_up_to_date()
    seen["kept plate"] += [part["results"]._plate_of(group) == plate_image, "dmp_plate" in group]

    # No node is chosen, and there are nodes of Blender's own.
    tree.nodes.new("CompositorNodeBlur")
    before = len(tree.nodes)
    try:
        part["branch"].link_image(scene, None, plate_image)
    except dmp.InputError as error:
        seen["no node"] = [str(error), len(tree.nodes) - before]
    except (AttributeError, KeyError) as error:
        seen["no node"] = [repr(error), len(tree.nodes) - before]

    # The place of the own job in the engine's queue.
    jobs = [{"id": "a", "position": 0}, {"id": "own", "position": 2}, {"id": "b", "position": 5}]
    state = SimpleNamespace(jobs=jobs)
    seen["places"] = []
    for own in ("own", "a", "gone", ""):
        part["session"].Session.current = SimpleNamespace(job_id=own)
        seen["places"].append(part["engine"]._queue_place(state))
    part["session"].Session.current = None

    # What a look at a long shot costs, in frames made.
    shot = load(path("shot.0001.png"), sequence=True)
    configure(scene, shot, load(path("clean.png")))
    seen["frames made"] = []
    true_frame, made = dmp.Frame, []
    dmp.Frame = lambda *given: made.append(1) or true_frame(*given)
    for last in (20, 40):
        scene.frame_start, scene.frame_end = 1, last
        made.clear()
        work = part["session"].Work(scene, [])
        states = work.states(range(1, last + 1))
        assert {one.value for one in states.values()} == {"missing"}
        for frame in range(1, last + 1):
            work.needed([frame])
        seen["frames made"].append(len(made))
    dmp.Frame = true_frame

    # Folders as they are written, in a .blend with a name and in one without.
    whole = importlib.import_module(f"{MODULE}.chosen").whole_folder
    seen["written"] = [
        [whole(one, blend) for one in ("//a/", "a", "~/a", "/b/../a", "")]
        for blend in ("/w/x.blend", "")
    ]
answer(**seen)
