# ruff: noqa: E402
"""pyblish-qml, really: its host's side here, its window in a process of its own, without a screen.

    python window_qml.py REQUEST.json FOLDER PICTURE

Waits until FOLDER is published or the window has come to its end, and prints what became of it.
"""

import collections
import inspect
import json
import os
import sys
import time

request_file, folder, stub = sys.argv[1:]

# Gone from Python 3.11, which pyblish-qml 1.11.5 does not know yet.
if not hasattr(inspect, "getargspec"):
    Spec = collections.namedtuple("ArgSpec", "args varargs keywords defaults")
    inspect.getargspec = lambda function: Spec(*inspect.getfullargspec(function)[:4])

# The window's process gets no environment but PATH, PYTHONPATH and DISPLAY.
with open(stub, "w") as script:
    script.write(
        "#!/bin/sh\nexport QT_QPA_PLATFORM=offscreen QT_QUICK_BACKEND=software\n"
        f'exec {sys.executable} "$@"\n'
    )
os.chmod(stub, 0o755)

import pyblish.api
import pyblish_qml.api

from dmp_matting.publish.host_window import open_publish_window
from dmp_matting.publish.request import PublishRequest

pyblish_qml.api.register_python_executable(stub)
pyblish.api.register_gui("dmp_window")


def context():
    return pyblish_qml.api.current_server().service._context


def failures():
    """What pyblish notes of every plug-in that ran."""
    results = context().data.get("results", [])
    return [[one["plugin"].__name__, str(one["error"])] for one in results if not one["success"]]


class Window:
    """What a facility registers: the window, which publishes at once."""

    @staticmethod
    def show():
        return pyblish_qml.show(auto_publish=True)


sys.modules["dmp_window"] = Window
with open(request_file) as file:
    request = PublishRequest.from_json(json.load(file))
opened = open_publish_window(lambda: request)
end = time.monotonic() + 100
while not failures() and not os.path.isdir(folder) and time.monotonic() < end:
    time.sleep(0.1)
time.sleep(3.0)  # the window's own end of it
server = pyblish_qml.api.current_server()
found = {
    "opened": opened, "published": os.path.isdir(folder), "failures": failures(),
    "instances": [one.data["name"] for one in context()], "alive": server.popen.poll() is None,
}  # fmt: skip
print("ANSWER " + json.dumps(found), flush=True)
server.stop()
server.wait()
os._exit(0)
