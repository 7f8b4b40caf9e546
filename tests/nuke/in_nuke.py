"""Run inside Nuke (``nuke -t in_nuke.py FOLDER``), and inside the stand-in: the same checks.

Only what both must do. Each check prints a line; test_real_nuke.py reads them, and renders the
script that is saved at the end where DMP is not installed.
"""

import json
import os
import sys
import threading

import nuke


def check(name, true, detail=""):
    print("CHECK " + json.dumps([name, bool(true), str(detail)]), flush=True)


def main(folder):
    from dmp_matting.client.launcher import find_engine
    from dmp_matting.job import Role
    from dmp_nuke import knobs, node, terminal

    plate, clean = (
        nuke.nodes.Read(file=folder + "/" + name, first=1001, last=1003)
        for name in ("plate.%04d.exr", "clean.%04d.exr")
    )
    dmp = node.build()
    check("class", dmp.Class() == "Group", dmp.Class())
    check("name", dmp.name() == "DMPMatte1", dmp.name())
    check("inputs", dmp.maxInputs() == len(Role) + 1, dmp.maxInputs())
    for index, read in enumerate((plate, clean)):
        dmp.setInput(index, read)
    check("is_dmp", knobs.is_dmp(dmp) and node.all_nodes() == [dmp])

    settings = {
        "rounds": 1, "fit_steps": 1, "joint_steps": 3, "projection_steps": 1, "refine_passes": 1,
        "threads": 1,
    }  # fmt: skip
    dmp["custom"].setValue(True)
    dmp["device"].setValue("cpu")
    for name, value in settings.items():
        dmp["set_" + name].setValue(value)
    read_back = knobs.settings_of(dmp)[0].to_json()
    check("settings", all(read_back[name] == value for name, value in settings.items()), read_back)

    height = plate.format().height()
    dmp["keep"].setValue("point")
    for index, number in enumerate((7.0, 9.0)):
        dmp["keep_point"].setValue(number, index)
    found = knobs.settings_of(dmp, [1001, 1002])[0].keep
    check("point", found == f"at 7,{height - 9}", found)
    dmp["keep_point"].fromScript("{curve x1001 7 x1002 8} 9")
    found = knobs.settings_of(dmp, [1001, 1002])[0].keep
    check("keys", found == f"at 7,{height - 9}@1001 8,{height - 9}@1002", found)
    dmp["keep"].setValue("box")
    for index, number in enumerate((1.0, 2.0, 30.0, 20.0)):
        dmp["keep_box"].setValue(number, index)
    found = knobs.settings_of(dmp, [1001])[0].keep
    check("box", found == f"box 1,{height - 20},30,{height - 2}", found)
    dmp["keep"].setValue("everything")

    dmp["file"].setValue(folder + "/matte.%04d.exr")
    dmp["on_error"].setValue("plate")
    check("which", int(dmp.node("shown")["which"].value()) == 0, "the plate without a result")
    solved = terminal.compute(dmp, [1001, 1002])
    check("solved", solved == 2, solved)
    nuke.frame(1001)
    check("which", int(dmp.node("shown")["which"].value()) == 1, "the result afterwards")
    nuke.frame(1003)
    check("which", int(dmp.node("shown")["which"].value()) == 0, "the plate where it is missing")
    nuke.frame(1001)
    dmp["on_error"].setValue("error")
    check("which", int(dmp.node("shown")["which"].value()) == 1, "the Read decides on errors")
    path = dmp.node("result")["file"].evaluate(1001)
    check("read", path.replace("%04d", "1001") == folder + "/matte.1001.exr", path)
    ends = dmp.frameRange().first(), dmp.frameRange().last()
    check("range", ends == (dmp["first"].value(), dmp["last"].value()), ends)
    check("foreground", "foreground.red" in dmp.channels(), dmp.channels())
    check("writes", all(n["disable"].value() for n in dmp.nodes() if n.Class() == "Write"))

    dmp["output"].setValue("straight foreground")
    check("straight", int(dmp.node("output")["which"].value()) == 1)
    dmp["output"].setValue("result")
    dmp["on_error"].setValue("black")
    check("on_error", dmp.node("result")["on_error"].value() == "black")
    dmp["on_error"].setValue("error")

    answers = []
    thread = threading.Thread(target=lambda: answers.append(find_engine() is not None))
    thread.start()
    thread.join()
    check("engine", answers == [True], "found from a thread")

    write = nuke.nodes.Write(name="Final", file=folder + "/final.%04d.exr")
    write["file_type"].setValue("exr")
    write["raw"].setValue(True)
    write["channels"].setValue("all")
    write.setInput(0, dmp)
    nuke.scriptSaveAs(folder + "/shot.nk", 1)
    check("saved", os.path.exists(folder + "/shot.nk"))


main(sys.argv[1])
