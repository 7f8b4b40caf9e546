"""The stand-in's face: what `import nuke` gives. See nuke_standin."""

from nuke_standin.api import *  # noqa: F403
from nuke_standin.api import __all__ as __all__
from nuke_standin.api import __getattr__ as __getattr__
