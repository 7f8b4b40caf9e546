"""Distribution ``dmp-matting``: each top folder is the source root of one package.

Only ``dmp_matting`` is needed by a host; ``dmp_engine`` wants the ``engine``
extra. Nuke and Blender load ``nuke/`` and ``blender_addon/`` themselves, so
these two are not installed into a Python environment.
"""

import re
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
VERSION = re.search(
    r'^__version__ = "(.+)"$', (HERE / "plugin/dmp_matting/version.py").read_text(), re.MULTILINE
).group(1)

# Lower bounds are the oldest releases that pass the tests (`make oldest`), and that have no
# published advisory for what we use of them.
CLI = ["typer>=0.16", "rich>=13.7", "fileseq>=2"]
ENGINE = [
    "torch>=2.6",  # loading weights only was not safe before
    "numpy>=1.26",
    "scipy>=1.11",
    "OpenImageIO>=3.0",
    "opencv-python-headless>=4.8.1.78",  # registration of the clean plate
    "starlette>=0.49.1",  # a Range header could cost it minutes
    "uvicorn>=0.30",
    "h11>=0.16",  # bodies in pieces were read too leniently
]
# PySide6 6.12.0 counts None wrongly on Python 3.11 and ends it after some minutes of a window.
UI = [
    "Qt.py>=2.0",
    "PySide6-Essentials>=6.5,<6.12; python_version < '3.12'",
    "PySide6-Essentials>=6.5; python_version >= '3.12'",
]
BATCH = ["PyYAML>=6", "OpenTimelineIO>=0.17"]  # lists of shots; CSV and JSON need neither
PUBLISH = ["pyblish-base>=1.8"]
FARM = ["openjd-cli>=0.8"]
CLUSTER = ["distributed>=2024.1"]
EVAL = ["pymatting>=1.1.13", "pillow>=10"]  # what `dmp eval` needs besides the engine

setup(
    name="dmp-matting",
    version=VERSION,
    description="Background matting with a Deep Matte Prior, for Nuke, Blender and batches",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.9",
    package_dir={"dmp_matting": "plugin/dmp_matting", "dmp_engine": "engine/dmp_engine"},
    packages=[
        "dmp_matting",
        "dmp_matting.cli",
        "dmp_matting.client",
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
    ],
    install_requires=CLI,
    extras_require={
        "engine": ENGINE,
        "ui": UI,
        "batch": BATCH,
        "publish": PUBLISH,
        "farm": FARM,
        "cluster": CLUSTER,
        "eval": EVAL,
        "dev": [
            "pytest>=8",
            "pytest-timeout>=2.3",
            "pytest-xdist>=3.7",
            "schemathesis>=4.0",
            "hypothesis>=6",
            "ruff>=0.6",
            "mypy>=1.11",
            "types-nuke==13.2.8.0",
            "types-PySide2>=5.15",
            *UI,
            *EVAL,
            *BATCH,
            *PUBLISH,
            *FARM,
            *CLUSTER,
        ],
    },
    entry_points={"console_scripts": ["dmp=dmp_matting.cli:main"]},
)
