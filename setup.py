"""Distribution ``dmp-matting``: each top folder is the source root of one package.

Only ``dmp_matting`` is needed by a host; ``dmp_engine`` wants the ``engine``
extra. Nuke and Blender load ``nuke/`` and ``blender_addon/`` themselves: of these
two only the sources are installed, under ``dmp_matting/adapters``, where nothing
imports them and ``dmp package`` finds them.
"""

import re
import runpy
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (HERE / "plugin/dmp_matting/version.py").read_text(), re.MULTILINE
).group(1)

NEEDS = runpy.run_path(str(HERE / "plugin/dmp_matting/client/requirements.py"))
EXTRAS = NEEDS["EXTRAS"]

setup(
    name=NEEDS["NAME"],
    version=VERSION,
    description=NEEDS["SUMMARY"],
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.9",
    package_dir={
        "dmp_matting": "plugin/dmp_matting",
        "dmp_engine": "engine/dmp_engine",
        "dmp_matting.adapters.nuke": "nuke",
        "dmp_matting.adapters.nuke.dmp_nuke": "nuke/dmp_nuke",
        "dmp_matting.adapters.blender_addon.dmp_blender": "blender_addon/dmp_blender",
    },
    package_data={
        "dmp_matting.client.install": ["*.txt", "scripts/*.txt"],
        "dmp_matting.adapters.nuke": ["*.png"],
        "dmp_matting.adapters.blender_addon.dmp_blender": ["*.toml"],
    },
    packages=[
        "dmp_matting",
        "dmp_matting.cli",
        "dmp_matting.client",
        "dmp_matting.client.install",
        "dmp_matting.farm",
        "dmp_matting.panel",
        "dmp_matting.publish",
        "dmp_matting.publish.plugins",
        "dmp_matting.shots",
        "dmp_engine",
        "dmp_engine.dmp",
        "dmp_engine.dmp.evidence",
        "dmp_engine.dmp.model",
        "dmp_engine.dmp.paper",
        "dmp_engine.dmp.recompositions",
        "dmp_engine.dmp.solve",
        "dmp_engine.dmp.temporal",
        "dmp_engine.evaluation",
        "dmp_engine.machine",
        "dmp_engine.machine.bench",
        "dmp_engine.pipeline",
        "dmp_engine.plates",
        "dmp_engine.plates.clean_plate",
        "dmp_engine.plates.io",
        "dmp_engine.processes",
        "dmp_engine.review",
        "dmp_engine.server",
        # The sources of both adapters travel along, for an installed `dmp package` to hand out.
        "dmp_matting.adapters.nuke",
        "dmp_matting.adapters.nuke.dmp_nuke",
        "dmp_matting.adapters.blender_addon.dmp_blender",
    ],
    install_requires=NEEDS["CLI"],
    extras_require={
        **EXTRAS,
        "dev": [
            "pip>=26.2",  # an index of the tests has it
            "pytest>=8",
            "pytest-timeout>=2.3",
            "pytest-xdist>=3.7",
            "schemathesis>=4.0",
            "hypothesis>=6",
            "ruff>=0.6",
            "mypy>=1.11",
            "uv>=0.9",
            "tree-sitter>=0.23",
            "tree-sitter-powershell>=0.26",
            "types-nuke==13.2.8.0",
            "types-PySide2>=5.15",
            *(line for name, lines in EXTRAS.items() if name != "engine" for line in lines),
        ],
    },
    entry_points={"console_scripts": ["dmp=dmp_matting.cli:main"]},
)
