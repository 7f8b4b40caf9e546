# ruff: noqa: E402
"""pyblish-lite, really: its window in this process, without a screen; published by its own button.

    python window_lite.py REQUEST.json FOLDER PICTURE

pyblish-lite 0.8.12 brings a Qt.py that knows PyQt5 and PySide2 only, of which neither takes its
fractions of points from Python 3.10 on. Here it gets Qt.py 2 with PySide6, which takes them;
signals that hand dictionaries over as they are; and weights of fonts as numbers.
"""

import json
import os
import sys
import time

import Qt
from Qt import QtCore, QtGui, QtWidgets

request_file, folder, picture = sys.argv[1:]
os.environ["QT_QPA_PLATFORM"] = "offscreen"
sys.modules["pyblish_lite.vendor.Qt"] = Qt
real = QtCore.Signal
weigh = QtGui.QFont.setWeight
QtGui.QFont.setWeight = lambda font, weight: weigh(font, QtGui.QFont.Weight(weight))
QtCore.Signal = lambda *kinds: real(*(object if kind is dict else kind for kind in kinds))

import pyblish.api
import pyblish_lite

from dmp_matting.publish.host_window import open_publish_window
from dmp_matting.publish.request import PublishRequest

running = QtWidgets.QApplication([])  # a host has one, so that the window does not wait for its end
with open(request_file) as file:
    request = PublishRequest.from_json(json.load(file))


def spin(until, seconds):
    end = time.monotonic() + seconds
    while not until() and time.monotonic() < end:
        QtCore.QCoreApplication.processEvents()
        time.sleep(0.02)


class Window:
    """What a facility registers: the window, and somebody who presses its buttons."""

    @staticmethod
    def show():
        shown = pyblish_lite.show()
        controller, signals = shown.controller, []
        controller.was_published.connect(lambda: signals.append("published"))
        spin(lambda: controller.context and not controller.is_running, 60)
        spin(lambda: False, 1)
        shown.publish()
        spin(lambda: "published" in signals, 100)
        spin(lambda: False, 1)
        results = controller.context.data.get("results", [])
        failures = [
            [one["plugin"].__name__, str(one["error"])] for one in results if not one["success"]
        ]
        found = {
            "opened": True, "published": os.path.isdir(folder), "failures": failures,
            "instances": [one.data["name"] for one in controller.context],
            "picture": shown.grab().save(picture),
        }  # fmt: skip
        print("ANSWER " + json.dumps(found), flush=True)
        os._exit(0)


sys.modules["dmp_window"] = Window
pyblish.api.register_gui("dmp_window")
open_publish_window(lambda: request)
