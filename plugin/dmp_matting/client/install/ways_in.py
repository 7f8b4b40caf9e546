"""How somebody takes a step at each way in to the installer: what a sentence names works there.

A command `dmp` is there only where an engine is, and only Blender's dialog has a field for wheels.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from .machine import release_script


@dataclass(frozen=True)
class WayIn:
    """Ends of sentences, each beginning with a verb.

    again        starts the same installation once more
    without_net  installs without network
    command      what takes ``--base PYTHON``; "" where no Python can be named
    elsewhere    has the engine lie in another folder; what that must be like is added
    """

    again: str
    without_net: str
    command: str = ""
    elsewhere: str = "set DMP_DATA_DIR to a folder"

    @property
    def into_shared(self) -> WayIn:
        """The same way in, to a folder that was named."""
        return replace(self, elsewhere="name with --into a folder")

    @property
    def another_python(self) -> str:
        """Builds on another Python than the one that was found."""
        if self.command:
            return f"name another Python with `{self.command} --base PYTHON`"
        return "install Python 3.11, which is taken before all others"

    @property
    def or_name_one(self) -> str:
        """What is added to "install a Python"; "" where none can be named."""
        return f", or name one with `{self.command} --base PYTHON`" if self.command else ""


def _typed(command: str) -> WayIn:
    folder = f"install from a folder of wheels (`{command} --from FOLDER`)"
    return WayIn(f"run `{command}` again", folder, command)


DMP = _typed("dmp setup --install")
RELEASE = _typed(release_script())  # of a release folder, run there
BUTTON = WayIn(
    "press *Install Engine* again",
    f"install from a folder of wheels with a release's script (`{release_script()} --from FOLDER`)",
)
BUTTON_WITH_FOLDER = WayIn(
    "press *Install Engine* again",
    "press it again and name a folder of wheels in its field *Folder of Wheels*",
)
WHEELS = WayIn(
    "run `dmp package wheels` again",
    "run `dmp package wheels` on a machine that reaches one",
    "dmp package wheels",
    "name with -o a folder",
)
