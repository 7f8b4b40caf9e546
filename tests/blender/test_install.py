"""The zip: built whole, valid for Blender's own tool, installed and removed as an artist does."""

from __future__ import annotations

import ast
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

import dmp_matting
import dmp_matting.hosts

from .conftest import ALL, ROOT, Blender

ADDON = ROOT / "blender_addon" / "dmp_blender"
ON = {"enabled": True, "operator": True, "scene": True, "panel": True}
OFF = dict.fromkeys(ON, False)


def test_the_zip_holds_the_add_on_and_the_core_alone(addon_zip: Path) -> None:
    with zipfile.ZipFile(addon_zip) as archive:
        names = set(archive.namelist())
        core = archive.read("dmp_blender/dmp_matting/job.py")
    assert {name.split("/")[0] for name in names} == {"dmp_blender"}
    assert {"dmp_blender/blender_manifest.toml", "dmp_blender/__init__.py"} <= names
    assert core == (ROOT / "plugin/dmp_matting/job.py").read_bytes()
    assert not [name for name in names if "/cli/" in name or "/panel/" in name or ".pyc" in name]


def test_manifest_and_bl_info_say_the_same() -> None:
    manifest = (ADDON / "blender_manifest.toml").read_text()
    tree = ast.parse((ADDON / "__init__.py").read_text())
    assigned = next(node for node in tree.body if isinstance(node, ast.Assign))
    info = ast.literal_eval(assigned.value)
    version = ".".join(map(str, info["version"]))
    assert version == dmp_matting.__version__
    assert f'version = "{version}"' in manifest
    assert f'name = "{info["name"]}"' in manifest
    assert f'tagline = "{info["description"]}"' in manifest


def test_the_manifest_ends_with_the_newest_that_is_tested() -> None:
    newest = max(tuple(map(int, one.split("."))) for one in ALL)
    manifest = (ADDON / "blender_manifest.toml").read_text()
    assert f'\nblender_version_max = "{newest[0]}.{newest[1] + 1}.0"' in manifest


def test_the_add_on_uses_nothing_but_the_face() -> None:
    used = {
        (file.name, node.attr)
        for file in ADDON.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "dmp"
    }
    assert len(used) > 20
    strangers = [one for one in used if one[1] not in dmp_matting.hosts.__all__]
    # `layout.operator("dmp.setup")` is text; `bpy.ops.dmp` has another owner.
    assert strangers == []


def test_annotations_stay_text() -> None:
    for file in ADDON.glob("*.py"):
        text = file.read_text()
        assert file.name == "__init__.py" or "\nfrom __future__ import annotations\n" in text, file


def run_tool(blender: Blender, *words: object) -> str:
    """What Blender's own tool for extensions printed."""
    python = Path(blender.command[0])
    tool = next(python.parents[1].glob("lib/python*/site-packages/bpy/*/scripts/addons_core/"
                                       "bl_pkg/cli/blender_ext.py"))  # fmt: skip
    done = subprocess.run(
        [str(python), str(tool), *map(str, words)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("version", ["4.2", "4.5", "5.0", "5.3"])
def test_blenders_own_tool_finds_the_extension_valid(
    version: str, make_blender: Callable[[str], Blender], addon_zip: Path
) -> None:
    printed = run_tool(make_blender(version), "validate", addon_zip)
    assert "warning" not in printed.lower()


@pytest.mark.parametrize("version", ["4.5", "5.3"])
def test_blenders_own_build_of_the_unpacked_zip_installs(
    version: str, make_blender: Callable[[str], Blender], addon_zip: Path, tmp_path: Path
) -> None:
    made, built = make_blender(version), tmp_path / "dmp_blender-built.zip"
    with zipfile.ZipFile(addon_zip) as archive:
        archive.extractall(tmp_path)
        files = {Path(name).relative_to("dmp_blender").as_posix() for name in archive.namelist()}
    run_tool(made, "build", "--source-dir", tmp_path / "dmp_blender", "--output-filepath", built)
    with zipfile.ZipFile(built) as archive:
        assert set(archive.namelist()) == files
    assert made.run("install", zip=built, uninstall=True)["installed"] == ON


@pytest.mark.parametrize("version", [one for one in ALL if one != "3.4"])
def test_install_disable_enable_uninstall(
    version: str, make_blender: Callable[[str], Blender], addon_zip: Path
) -> None:
    seen = make_blender(version).run("install", zip=addon_zip, uninstall=True)
    assert seen["installed"] == ON
    assert seen["disabled"] == OFF
    assert seen["enabled again"] == ON
    assert seen["core"].endswith(
        "dmp_blender.dmp_matting.hosts"
    )  # the zip's own, not an installed one
    assert seen["uninstalled"] == OFF and seen["left"] is False
