"""Run inside a Nuke with a GUI, and inside the stand-in: what a terminal cannot show.

In a real Nuke, with DMP on NUKE_PATH and a folder of plates as tests/nuke/conftest.py writes them
(``plate.1001.exr`` to ``1003``, ``clean.1001.exr`` to ``1003``), in the Script Editor:

    import runpy
    runpy.run_path("/path/to/tests/nuke/in_nuke_gui.py")["start"]("/tmp/plates")

Have a viewer open, and answer every question with yes. Each check prints a line with what was
expected; "GUI CHECKS: 0 failed" ends it. Then look, for no script can: the panel's groups are
closed, the tile shows the states, the viewer the preview in the right place, and the amber and red
tiles come and go.
"""

import json
import os
import shutil
import threading
import time

import nuke

LIMIT = 300.0  # seconds for a step that waits


class Checks:
    """Steps on the main thread, one after the other; a thread waits between them, as DMP's does."""

    def __init__(self, folder):
        self.folder, self.lines, self.done = folder, [], False
        self._steps, self._wanted, self._end = self._run(), None, 0.0
        threading.Thread(target=self._follow, daemon=True).start()

    def check(self, name, found, expected):
        self.lines.append([name, found == expected, f"found {found!r}, expected {expected!r}"])
        print("CHECK " + json.dumps(self.lines[-1]), flush=True)

    def _follow(self):
        while not self.done:
            time.sleep(0.1)
            ran = threading.Event()
            nuke.executeInMainThread(self._tick, (ran,))
            ran.wait()

    def _tick(self, ran):
        """The next step, when what the last one waits for is there."""
        try:
            if self._wanted is None or self._wanted() or time.time() > self._end:
                self._wanted, self._end = next(self._steps), time.time() + LIMIT
        except StopIteration:
            failed = sum(not line[1] for line in self.lines)
            print(f"GUI CHECKS: {failed} failed of {len(self.lines)}", flush=True)
            self.done = True
        except Exception as error:
            self.check("no exception", repr(error), "")
            self.done = True
        finally:
            ran.set()

    def _run(self):
        from dmp_matting import generators
        from dmp_nuke import collect, jobs, knobs, node, publish, states, steps

        keyer = nuke.menu("Nodes").menu("Keyer")
        self.check("menu", keyer.findItem("DMP Matte") is not None, True)
        self.check("own menu", nuke.menu("Nuke").menu("DMP Matte") is not None, True)
        reads = []
        for name in ("plate", "clean"):
            read = nuke.nodes.Read(file=f"{self.folder}/{name}.%04d.exr")
            for knob, value in (("first", 1001), ("last", 1003)):
                read[knob].setValue(value)
            reads.append(read)
        below = nuke.nodes.NoOp()
        below.setInput(0, reads[0])
        for one in reads:
            one.setSelected(True)
        made = node.create()
        sources = sorted(made.input(index).name() for index in (0, 1))
        self.check("inputs", sources, sorted(read.name() for read in reads))
        for index, read in enumerate(reads):  # the order of a selection is Nuke's own affair
            made.setInput(index, read)
        self.check("name", made.name(), "DMPMatte1")
        self.check("range", (made["first"].value(), made["last"].value()), (1001, 1003))
        made["preset"].setValue("draft")
        self.check("knobChanged", made["set_recompositions"].value(), 0)
        self.check("greyed", made["set_recompositions"].enabled(), False)
        made["custom"].setValue(True)
        self.check("freed", made["set_recompositions"].enabled(), True)
        made["custom"].setValue(False)
        made["device"].setValue("cpu")
        made["file"].setValue(self.folder + "/gui/v001/matte.%04d.exr")
        made["version_up"].execute()
        self.check("version up", made["file"].value(), self.folder + "/gui/v002/matte.%04d.exr")
        nuke.frame(1001)
        made["matte_range"].execute()
        self.check("running", jobs.running(made) is not None, True)
        yield lambda: jobs.running(made) is None
        self.check("status", made["status"].value()[:17], "Done: 3 frames in")
        found = [state.value for state in states.frame_states(made, [1001, 1002, 1003]).values()]
        self.check("states", found, ["solved"] * 3)
        self.check("tile", made["frame_states"].value(), "1001-1003: 3 solved, 0 stale, 0 missing")
        made["matte_range"].execute()
        self.check("nothing twice", made["status"].value()[:17], "Nothing to solve.")
        made["solve"].setValue("all frames")
        made["seed"].setValue(11)
        self.check("outdated", made["frame_states"].value(), "changed since: press Reload")
        made["matte_range"].execute()
        made["cancel"].execute()
        yield lambda: jobs.running(made) is None
        self.check("cancel", made["status"].value()[:10], "Cancelled;")
        nuke.connectViewer(0, made)
        made["preset"].setValue("paper")
        made["custom"].setValue(True)
        made["set_joint_steps"].setValue(1_000_000)
        made["matte_frame"].execute()
        preview = made.node("preview")["file"]
        yield lambda: bool(preview.value())
        self.check("preview", int(made.node("shown")["which"].value()), 2)
        self.check("and its file", os.path.isfile(preview.value()), True)
        made["cancel"].execute()
        yield lambda: jobs.running(made) is None
        self.check("no preview left", preview.value(), "")
        made["custom"].setValue(False)
        made["preset"].setValue("draft")
        made["clear"].execute()
        self.check("clear", made["disable"].value(), True)
        made["reload"].execute()
        self.check("reload", made["disable"].value(), False)
        made["output"].setValue("over checker")
        self.check("show", int(made.node("output")["which"].value()), 5)
        brighter = nuke.nodes.Multiply(value=2.0)
        brighter.setInput(0, made.input(0))
        made.setInput(0, brighter)
        made["submit"].execute()
        self.check("free while it renders", bool(steps.RUNNING), True)
        yield lambda: not steps.RUNNING
        self.check("submitted", made["status"].value()[:18], "Wrote the farm job")
        job = self.folder + "/gui/v002/farm/DMPMatte1"
        plates = sorted(os.listdir(job + "/plates"))
        self.check("plates", plates, [
            *(f"{role}.main.{n}.exr" for role in ("clean", "image") for n in (1001, 1002, 1003)),
            "made_from.json",
        ])  # fmt: skip
        working = collect.collecting([made], self.folder + "/gui/pub")
        request = generators.finish(working)
        publish.start(request, {made.fullName(): request.shots[0].name})
        yield lambda: not publish.RUNNING
        self.check("published", made["status"].value()[:10], "Published ")
        made.setInput(1, None)
        made["build_clean"].execute()
        yield lambda: not steps.RUNNING
        built = made["status"].value()[:38]
        self.check("clean plate built", built, "The clean plate was made of 3 frames; ")
        self.check("and connected", made.input(1).Class(), "Read")
        graded = nuke.nodes.Multiply(value=1.0)  # its map goes along with what is rendered
        graded.setInput(0, made.input(1))
        made.setInput(1, graded)
        made["matte_frame"].execute()
        yield lambda: jobs.running(made) is None
        self.check("never seen", "alpha is a guess there" in made["status"].value(), True)
        self.check("all nodes", [one.name() for one in node.each_node()], ["DMPMatte1"])
        self.check("is ours", knobs.is_dmp(made), True)
        nuke.delete(made)
        self.check("deleted", [one.name() for one in node.each_node()], [])
        shutil.rmtree(self.folder + "/gui")


def start(folder):
    """Begin; returns at once, since the checks need Nuke's event loop."""
    return Checks(folder.replace("\\", "/"))
