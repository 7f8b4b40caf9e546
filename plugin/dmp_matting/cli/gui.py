"""The command `dmp gui`: the stand-alone window."""

# No `from __future__ import annotations`: on Python 3.9 typer would not see the Annotated options.

import os
import sys
from pathlib import Path
from typing import Annotated, Optional

import typer

from ..client.requirements import how_to_add
from ..errors import EngineError
from ..job import Role
from .options import MatteOptions, grouped
from .output import EXIT_CODES


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the command `dmp`."""
    app.command(epilog=EXIT_CODES)(grouped(gui))


def gui(
    mattes: MatteOptions,
    image: Annotated[Optional[Path], typer.Argument(help="The plate with the subject.")] = None,
    clean: Annotated[
        Optional[Path], typer.Option("--clean", help="The same view without the subject.")
    ] = None,
    output: Annotated[
        Optional[Path], typer.Option("--output", "-o", help="The EXR to write.")
    ] = None,
) -> None:
    """Open the window: plates in, watch the matte converge, see the result and the queue."""
    try:
        from ..panel import window
    except ImportError as reason:
        raise EngineError(
            f"The window needs Qt, which this Python cannot load ({reason}); install it with "
            f"`{how_to_add('ui')}`."
        ) from None
    if not window.can_be_shown():
        raise EngineError("There is no display to open a window on; use `dmp matte` here.")
    files = {Role(name): os.path.abspath(path) for name, path in mattes.paths().items()}
    for role, plate in ((Role.IMAGE, image), (Role.CLEAN, clean)):
        if plate is not None:
            files[role] = os.path.abspath(plate)
    sys.exit(window.run(files, os.path.abspath(output) if output is not None else ""))
