"""Wheels for machines without network, downloaded by the real pip and installed from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dmp_matting.client.install import payload, torch_build, wheels
from dmp_matting.client.install.installation import InstallRequest, plan_installation
from dmp_matting.client.requirements import TORCH
from dmp_matting.errors import EngineError, InputError

from ....conftest import Home
from ....packages import Index, index, release, wheel

__all__ = ["index", "release"]  # fixtures


@pytest.fixture
def own_release(release: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A release that this very program finds."""
    found = payload.find(release)
    monkeypatch.setattr(payload, "find", lambda *named: found)
    return release


def download(folder: Path, tmp_path: Path) -> tuple[set[str], list[str]]:
    """The names of the wheels in the folder, and the notes."""
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    found, notes = wheels.download(folder, "cpu", sys.executable, scratch, lambda step: None)
    return {path.name.partition("-py3")[0] for path in found}, notes


def test_the_build_of_torch_that_is_wanted_or_a_note(
    index: Index, own_release: Path, tmp_path: Path, home: Home
) -> None:
    folder = tmp_path / "wheels"
    names, notes = download(folder, tmp_path)
    assert names == {"dmp_matting-0.1.0", "small-1.0", f"torch-{TORCH}"}
    assert notes == ["The build cpu of torch could not be had, so the usual one was taken."]
    wheel(tmp_path / "packages", "torch", f"{TORCH}+cpu", {"torch.py": ""})
    names, notes = download(folder, tmp_path)
    assert f"torch-{TORCH}+cpu" in names and notes == []
    assert {path.name for path in folder.iterdir() if path.suffix != ".whl"} == set(
        payload.LOCKS.values()
    )
    plan = plan_installation(InstallRequest(base=sys.executable, source=folder))
    assert (plan.build.name, plan.download) == ("cpu", 0)


def test_the_usual_build_of_torch_is_the_locked_one(
    index: Index, own_release: Path, tmp_path: Path, home: Home
) -> None:
    wheel(tmp_path / "packages", "torch", TORCH, {"torch.py": "x = 2\n"})
    with pytest.raises(EngineError, match="A package arrived other than it was published"):
        download(tmp_path / "wheels", tmp_path)


def test_a_download_that_fails_leaves_the_log_that_it_names(
    index: Index, own_release: Path, tmp_path: Path, home: Home
) -> None:
    (tmp_path / "packages" / "small-1.0-py3-none-any.whl").write_bytes(b"no zip")
    with pytest.raises(EngineError) as raised:
        download(tmp_path / "wheels", tmp_path)
    assert "A package arrived other than it was published" in str(raised.value)
    assert "small" in (tmp_path / "wheels" / "download.log").read_text()


@pytest.mark.parametrize(
    ("driver", "held", "name", "plain"),
    [
        ((13, 0), ["+cpu"], "cpu", False),  # a GPU, and a folder that was made for none
        (None, ["+cu126"], "cu126", False),
        (None, ["+cu126", "+cpu"], "cpu", False),
        ((12, 4), ["+cpu", "+cu126"], "cu126", False),
        ((13, 0), [""], "cu130", True),
        (None, [""], "cpu", False),  # the index's own has both
        ((13, 0), [], "cu130", True),
    ],
)
def test_the_build_is_one_that_the_folder_holds(
    driver: tuple[int, int] | None, held: list[str], name: str, plain: bool, tmp_path: Path
) -> None:
    for local in held:
        (tmp_path / f"torch-{TORCH}{local}-cp311-cp311-manylinux_2_28_x86_64.whl").touch()
    chosen = torch_build.among(torch_build.choose("auto", driver, "cu130"), tmp_path)
    assert (chosen.name, chosen.plain) == (name, plain)


def test_wheels_of_an_older_dmp_are_not_installed_again(release: Path, tmp_path: Path) -> None:
    """Left beside a newer release, whose install.sh takes the folder by itself."""
    old, new = tmp_path / "wheels", tmp_path / "new"
    for folder, version in ((old, "0.1.0"), (new, "0.2.0")):
        folder.mkdir()
        (folder / f"dmp_matting-{version}-py3-none-any.whl").write_bytes(b"")
    with pytest.raises(InputError, match=r"wheels is of DMP 0\.1\.0, and DMP 0\.2\.0 is to be"):
        payload.find(old, new)
    assert payload.find(new, old).version == "0.2.0"


def test_of_two_builds_of_a_version_the_releases_own_is_installed(tmp_path: Path) -> None:
    """A newer client may ask the engine for what an older build of it does not know."""
    folders = [tmp_path / "wheels", tmp_path / "release"]
    for folder in folders:
        folder.mkdir()
        (folder / "dmp_matting-0.1.0-py3-none-any.whl").write_text(folder.name)
    found = payload.find(*folders)
    assert found.wheel is not None and found.wheel.parent == folders[1]
