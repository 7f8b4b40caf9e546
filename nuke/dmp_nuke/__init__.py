"""DMP Matte in Nuke: a node that artists trust and farms can render.

    node      the Group: made, put into the pipe, updated, found
    inside    the nodes inside it, as text
    layout    its knobs, made from dmp_matting.Settings
    knobs     what the knobs say
    colour    the script's colour spaces and its OCIO configuration
    render    the inputs as EXR plates, rendered the safe way
    sources   what an input's pixels are made from
    prepare   from knobs and inputs to jobs
    output    where the EXRs go            files     what lies there
    results   which of them the node shows, and its status line
    states    which frames are solved, stale or missing
    viewer    whether somebody looks at a node
    watch     whether nodes above have changed since the states were found
    ticker    ticks on the main thread while something runs
    jobs      one matte on its way: a thread for the engine, the ticker for Nuke
    buttons   what the node's buttons do, and the sentences when that fails
    temporary folders of rendered plates
    collect   what the script would publish          publish   DMP Matte > Publish...
    steps     rendering for these two, with Nuke free between two frames
    rendered  plates of a farm: what they were made from
    farm      plates, lists of shots and job bundles for a farm
    terminal  the same without a GUI, for batches and farms

Rules: Nuke's API on its main thread only; nothing renders from a callback; the
engine is used from a thread (dmp_matting.hosts.BackgroundJob). This file imports neither
``nuke`` nor ``dmp_matting``: it only makes sure that the latter can be found.
"""

import importlib.util
import sys
from pathlib import Path

# To a compositor DMP alone is digital matte painting.
NAME = "DMP Matte"  # of the node's menu entry, the menu, the panel, progress bars
NODE = "DMPMatte"  # of a node: no blanks


def find_client() -> str:
    """Make ``dmp_matting`` importable; returns the folder it was found in.

    Searched, in order: on ``sys.path`` already; ``vendor/`` in the NUKE_PATH folder, as
    ``dmp package nuke`` makes it; ``plugin/`` beside this folder, in a source checkout.
    Raises ImportError with one sentence.
    """
    spec = importlib.util.find_spec("dmp_matting")
    if spec is not None and spec.origin:
        return str(Path(spec.origin).parent.parent)
    room = Path(__file__).resolve().parent.parent
    for folder in (room / "vendor", room.parent / "plugin"):
        if (folder / "dmp_matting" / "__init__.py").is_file():
            sys.path.append(str(folder))
            return str(folder)
    raise ImportError(
        f"the package dmp_matting is neither in {room / 'vendor'} nor in {room.parent / 'plugin'}"
    )
