"""What the GUI gets: Nodes > Keyer > DMP Matte, the panel, the callbacks."""

from __future__ import annotations

import importlib.util

import nuke

from dmp_matting.hosts import EngineError, engine_state, log_file, stop_engine

from . import NAME, engine_install, jobs, knobs, node, publish, results, temporary, watch

ICON = "dmp.png"  # beside menu.py, which is on Nuke's plug-in path
PANEL = "dmp_matting.panel"


def add() -> None:
    """Called once, by menu.py."""
    temporary.sweep()
    nuke.menu("Nodes").addCommand(f"Keyer/{NAME}", node.create, icon=ICON)
    own = nuke.menu("Nuke").addMenu(NAME, icon=ICON)
    own.addCommand("Create node", node.create)
    own.addCommand("Update nodes", _update)
    own.addCommand("Publish...", publish.press)
    own.addCommand("Install Engine...", engine_install.press)
    own.addCommand("Engine: state", lambda: nuke.message(_state()))
    own.addCommand("Engine: stop", _stop)
    own.addCommand("Engine: where is its log?", lambda: nuke.message(str(log_file())))
    nuke.addKnobChanged(knobs.knob_changed, nodeClass="Group")
    nuke.addUpdateUI(watch.changed, nodeClass="Group")
    nuke.addBeforeRender(jobs.hide_previews)
    nuke.addOnScriptSave(jobs.hide_previews)
    nuke.addOnScriptLoad(lambda: results.forget_ended_jobs(jobs.RUNNING))
    nuke.addOnScriptLoad(results.warn_of_older_nodes)
    _add_panel()


def _state() -> str:
    state = engine_state()
    more = f" {state.update} {NAME} > Install Engine updates it." if state.update else ""
    return f"{state.sentence}{more}"


def _update() -> None:
    """All nodes of the script that an older version saved; never while one is being solved."""
    names = [one.fullName() for one in node.each_node() if jobs.running(one) is None]
    nuke.Undo.begin(f"Update {NAME} nodes")
    try:
        found = (nuke.toNode(f"root.{name}") for name in names)
        count = sum(_updated(one) for one in found if isinstance(one, nuke.Group))
    finally:
        nuke.Undo.end()
    several = "node was" if count == 1 else "nodes were"
    nuke.message(f"{count} {several} updated." if count else f"All {NAME} nodes are today's.")


def _updated(one: nuke.Group) -> bool:
    was_older = results.is_older(one)
    updated = node.update(one)
    if was_older:
        results.show_status(one, "Updated. Reload shows what is on disk.")
    return updated


def _stop() -> None:
    try:
        ended = stop_engine()
    except EngineError as error:
        nuke.message(str(error))
        return
    nuke.message("The engine has ended." if ended else "The engine is not running.")


def _add_panel() -> None:
    """Window > Custom > DMP Matte. Qt is only imported when the panel is opened."""
    if any(importlib.util.find_spec(name) is None for name in (PANEL, "Qt")):
        return  # Qt is Qt.py: PySide2 up to Nuke 15, PySide6 from 16
    import nukescripts

    widget = f"__import__({PANEL!r}, fromlist=['DmpPanel']).DmpPanel"
    nukescripts.registerWidgetAsPanel(widget, NAME, "dmp_matting.panel")
