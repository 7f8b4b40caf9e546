"""The command `dmp`: what an artist or a farm types. Never imports the engine, only starts it.

Rules: the one folder of this package that may see typer, rich and fileseq. Results go to
standard output, progress and warnings to standard error; every failure is one sentence
and an exit code, printed in ``app.main`` and nowhere else. One file per group of commands, each
with a ``register``.
"""

from .app import main

__all__ = ["main"]
