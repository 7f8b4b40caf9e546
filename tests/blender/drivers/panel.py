"""The rows of the panel in every state that comes by itself, drawn into a layout that counts."""

import importlib
from types import SimpleNamespace

import bpy
from host import MODULE, addon, answer, arguments, configure, load


class Layout:
    """What a panel draws: rows from the top, each a list of what stands beside each other."""

    def __init__(self, rows, beside=False):
        self.rows, self.beside, self.enabled = rows, beside, True
        if beside:
            rows.append([])

    def _inside(self, **how):
        # What is drawn into a part of a row stands in that row.
        return Layout(self.rows) if not self.beside else _Beside(self.rows)

    column = box = grid_flow = _inside

    def row(self, **how):
        return Layout(self.rows, beside=not self.beside)

    def add(self, name):
        if not self.beside:
            self.rows.append([])
        self.rows[-1].append((name, self))
        return SimpleNamespace()

    def operator(self, name, text="", **how):
        if text:
            written.add(text)
        return self.add(text if name == "dmp.publish" and text else name)

    def prop(self, owner, name, **how):
        self.add(name)

    def label(self, **how):
        self.add("")

    def progress(self, **how):
        self.add("progress")

    def template_ID(self, owner, name, **how):
        self.add(name)


class _Beside(Layout):
    def __init__(self, rows):
        self.rows, self.beside, self.enabled = rows, True, True


def labels():
    """Every label of the add-on's own: of operators, panels, properties and the items of menus."""
    found, groups = set(written), []
    kinds = bpy.types.Operator, bpy.types.Panel, bpy.types.AddonPreferences, bpy.types.PropertyGroup
    for kind in kinds:
        mine = [one for one in kind.__subclasses__() if one.__module__.startswith(MODULE)]
        for one in mine:
            mine += one.__subclasses__()
            found.add(getattr(one, "bl_label", ""))
            groups.append(one)
    tips = {one.bl_rna.description for one in groups if hasattr(one, "bl_rna")}
    for group in groups:
        for made in getattr(group, "__annotations__", {}).values():
            if not hasattr(made, "keywords") or "HIDDEN" in made.keywords.get("options", ()):
                continue
            tips.add(made.keywords.get("description", ""))
            found.add(made.keywords.get("name", ""))
            items = made.keywords.get("items", ())
            for item in items if isinstance(items, (list, tuple)) else ():
                found.add(item[1])
                tips.add(item[2])
    return sorted(found), sorted(tips)


written = set()
given = arguments()
seen = {"rows": {}, "enabled": {}}
with addon(given["python"]) as scene:
    ui, engine, run, publish, installer = (
        importlib.import_module(f"{MODULE}.{name}")
        for name in ("ui", "engine", "run", "publish", "installer")
    )
    dmp = importlib.import_module(f"{MODULE}.core").dmp
    session = importlib.import_module(f"{MODULE}.session")
    configure(scene, load(given["plate"]), load(given["clean"]))
    context = SimpleNamespace(
        scene=scene, space_data=SimpleNamespace(type="NODE_EDITOR"),
        region=SimpleNamespace(width=260),
        preferences=SimpleNamespace(system=SimpleNamespace(ui_scale=1.0)),
        window_manager=bpy.context.window_manager,
    )  # fmt: skip

    def draw(name):
        rows = []
        for panel in (one for one in ui.CLASSES if one.__name__ == "DMP_PT_node_main"):
            panel.draw(SimpleNamespace(layout=Layout(rows)), context)
        seen["rows"][name] = [[what for what, _ in row] for row in rows]
        seen["enabled"][name] = {what: at.enabled for row in rows for what, at in row if what}

    long = "The DMP engine was not found; press Install Engine, or run `dmp setup --install`. " * 3
    for status in dmp.EngineStatus:
        engine._Watch.state = SimpleNamespace(
            status=status, sentence=long, device="CPU", jobs=(), update=long
        )
        draw(status.value)
    engine._Watch.note = long
    draw("note")
    engine._Watch.note = ""
    installer._Running.task = object()
    draw("installing")
    installer._Running.task = None
    for text in ("Waiting for the engine", "Frame 3 (1 of 2): solving, 2 s left"):
        run.Progress.show(session.Status(0.5, text))
        draw(text)
    publish.Outcome.place = publish._place(scene)
    failure = SimpleNamespace(check="a", shot="b", sentence=long, repairs=("Accept as it is",))
    publish.Outcome.failures = (failure,)
    draw("running again")
    run.Progress.show(None)
    draw("just ended")
    run.Progress._ended -= run.REST
    draw("failed")
    seen["labels"], seen["tips"] = labels()
answer(**seen)
