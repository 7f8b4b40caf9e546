"""The stand-in's nukescripts: only what menu.py calls."""

from nuke_standin.session import session

__all__ = ["registerWidgetAsPanel"]


def registerWidgetAsPanel(widget, name, id, create=False):
    """``widget`` is Python text for the widget's class, evaluated when the panel opens."""
    session.widgets.append((widget, name, id))
