"""The face without pyblish, and a host's pyblish window where this package has a longer name."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyblish.plugin

from dmp_matting.publish.headless import FOLDER

PLUGIN = Path(__file__).resolve().parents[3] / "plugin"


def run(code: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-I", *options, "-c", code], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_face_and_publish_import_without_pyblish() -> None:
    # -S: no site-packages, as in a host.
    code = f"""
import importlib.util, sys
sys.path.insert(0, {str(PLUGIN)!r})
assert importlib.util.find_spec("pyblish") is None
import dmp_matting, dmp_matting.publish
from dmp_matting.hosts import BackgroundPublish, PublishRequest, open_publish_window
assert open_publish_window(lambda: PublishRequest(())) is False
print(sorted({{name.partition(".")[0] for name in sys.modules}} - sys.stdlib_module_names))
"""
    assert run(code, "-S") == "['__main__', 'dmp_matting']\n"


# Blender's zip has this package as a part of the add-on; the window and pyblish are the host's.
IN_AN_ADD_ON = """
import json, sys, types
sys.path.insert(0, {folder!r})
import pyblish.api, pyblish.plugin
shown = []
window = types.ModuleType("their_window")
window.show = lambda: shown.append(True)
sys.modules["their_window"] = window
pyblish.api.register_gui("their_window")
from addon.dmp_matting import hosts as ours
assert ours.open_publish_window(lambda: ours.PublishRequest(())) and shown == [True]
plugins = pyblish.plugin.discover()
modules = {{name: module for name, module in sys.modules.items()
           if name.partition(".")[0] == "dmp_matting"}}
print(json.dumps(dict(
    plugins=sorted(plugin.__name__ for plugin in plugins),
    modules=sorted(modules),
    copies=sorted(name for name, module in modules.items()
                  if module is not sys.modules.get("addon." + name)),
    names=sorted({{module.__name__.partition(".")[0] for module in modules.values()}}),
    specs=sorted({{module.__spec__.name.partition(".")[0] for module in modules.values()}}),
)))
"""


def test_plug_ins_import_the_add_ons_own_modules(tmp_path: Path) -> None:
    (tmp_path / "addon").mkdir()
    (tmp_path / "addon" / "__init__.py").touch()
    (tmp_path / "addon" / "dmp_matting").symlink_to(PLUGIN / "dmp_matting")
    seen = json.loads(run(IN_AN_ADD_ON.format(folder=str(tmp_path))))
    every = sorted(plugin.__name__ for plugin in pyblish.plugin.discover(paths=[FOLDER]))
    assert len(every) > 10 and {*every} <= {*seen["plugins"]}  # none failed to import
    assert {"dmp_matting", "dmp_matting.errors", "dmp_matting.publish.plugins._actions"} <= {
        *seen["modules"]
    }
    assert seen["copies"] == []  # a second copy of errors would pass every `except DmpError` by
    assert seen["names"] == seen["specs"] == ["addon"]
