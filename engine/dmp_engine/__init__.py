"""The DMP engine: runs in its own Python, with torch. Hosts talk to it, never import it."""

import os

# OpenMP's threads by default spin while they wait for each other. On a machine that is busy with
# something else (a host, a render) a step then takes ten times as long: they shall sleep instead.
# Has to be set before torch is imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
