"""``nuke -t dmp_batch.py``: mattes without a GUI; see dmp_nuke/terminal.py."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(sys.argv[0])))  # without NUKE_PATH as well

import dmp_nuke

dmp_nuke.find_client()

from dmp_nuke import terminal  # noqa: E402

sys.exit(terminal.main(sys.argv[1:]))
