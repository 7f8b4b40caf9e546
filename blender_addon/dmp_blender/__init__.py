"""DMP in Blender: a plate and its clean plate to alpha and foreground, in the compositor.

Rules of this room: only ``bpy``, numpy and the face of ``dmp_matting`` (through core.py); every
difference between Blender versions stands in compat.py; imports of our own files are relative.
Annotations stay text (``from __future__``): typing would keep evaluated ones in its caches, and
Blender 4.5 hangs at its end when classes of an add-on outlive its removal.

    operators  what the buttons do            session  one job, step by step
    run        a job in a window              facts    what the panel shows of a plate
    plates     inputs -> files for the engine     render   the throw-away scene behind it
    inputs     one of them, frame by frame        sizes    files and sizes of datablocks
    branch     what is linked to a node DMP Matte     state  what its pixels depend on
    matte_node  Add > Keying > DMP Matte          comps    edge, despill, light wrap as assets
    chosen     the artist's choices for this machine
    tiles      numbered plates that Blender took for UDIM tiles
    place      where the EXRs lie                 handlers what saving does
    results    EXR -> nodes                       view     the matte in the viewer
    masks      an animated mask in eight digits   subject  which regions stay
    preview    the running alpha as an image      colour   names of the colour configuration
    collect    the scene as a shot to publish     publish  the Publish button
    engine     the engine's state and its button     installer  Install Engine
    clean_plate  Build Clean Plate
    scenes     a queue over all scenes               properties, preferences, ui
"""

bl_info = {
    "name": "DMP Matting",
    "author": "The DMP matting project",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "Compositor and Image Editor > Sidebar > DMP",
    "description": "Plate and clean plate in, alpha and foreground out",
    "category": "Compositing",
}


def register() -> None:
    from . import colour

    colour.find_own_configuration()
    for part in _parts():
        part.register()


def unregister() -> None:
    for part in reversed(_parts()):
        part.unregister()


def _parts() -> list:
    from . import (
        clean_plate,
        comps,
        engine,
        handlers,
        installer,
        matte_node,
        operators,
        panel_operators,
        preferences,
        properties,
        publish,
        scenes,
        subject,
        ui,
        view,
    )

    editing = [view, panel_operators, subject, matte_node, comps]
    shown = [publish, scenes, clean_plate, *editing, installer, engine, ui]
    return [preferences, properties, operators, *shown, handlers]
