"""A job whose engine is killed, or that is closed as by Esc, while it runs."""

import importlib
import os
import signal
import time

import bpy
from host import MODULE, addon, answer, arguments, configure, find_engine, job_states, load

given = arguments()
folder, seen = given["folder"], {}


with addon(given["python"]) as scene:
    session = importlib.import_module(f"{MODULE}.session")
    plate = load(os.path.join(folder, "plate.0001.exr"), sequence=True)
    clean = load(os.path.join(folder, "clean.exr"))
    clean.pack()  # so that there is a rendered plate to be cleared away
    configure(scene, plate, clean, output=given["output"], **given["settings"])
    running = session.Session(scene, [1])
    steps = running.steps()
    for status in steps:
        time.sleep(0.05)
        solving = "solving" in status.text
        if solving and given["end"] == "kill" and "killed" not in seen:
            seen["killed"] = find_engine().pid
            os.kill(seen["killed"], signal.SIGKILL)
        if solving and given["end"] == "close":
            seen["folders"] = os.listdir(bpy.app.tempdir)
            steps.close()
    seen.update(finished=running.finished, now=find_engine().pid)
    deadline = time.monotonic() + 20
    while {"running", "queued"} & set(job_states()) and time.monotonic() < deadline:
        time.sleep(0.1)
    seen.update(jobs=job_states(), current=session.Session.current)
    seen["preview"] = "DMP Preview" in bpy.data.images
answer(**seen)
