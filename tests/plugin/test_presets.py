"""Which settings a preset's name and a person's changes become, for every program alike."""

from __future__ import annotations

import pytest

from dmp_matting.errors import SettingsError
from dmp_matting.job import Job
from dmp_matting.presets import PRESETS, Resolved, preset, resolve
from dmp_matting.shots.shot import Shot


@pytest.mark.parametrize("name", PRESETS)
def test_a_named_preset_is_the_same_on_every_device(name: str) -> None:
    assert resolve(name) == Resolved(preset(name), None)
    assert resolve(name, {"seed": 3}) == (preset(name).changed(seed=3), None)


def test_auto_is_final_on_a_gpu_and_draft_on_a_cpu_with_the_same_changes() -> None:
    chosen = resolve("auto", {"rounds": 3, "device": "auto"})
    assert chosen.settings == preset("final").changed(rounds=3)
    assert chosen.settings_on_cpu == preset("draft").changed(rounds=3)
    job = Job((), *chosen)
    assert job.settings_for("cpu").preset == "draft"
    assert job.settings_for("cuda:1").preset == "final"


def test_auto_on_a_cpu_that_was_chosen_is_draft() -> None:
    assert resolve("auto", {"device": "cpu"}) == (preset("draft").changed(device="cpu"), None)


def test_a_job_goes_through_json_whole() -> None:
    for chosen in (resolve(), resolve("draft")):
        job = Job((), *chosen)
        assert Job.from_json(job.to_json()) == job


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingsError, match="no preset 'best'"):
        resolve("best")
    with pytest.raises(SettingsError, match="no setting 'warp'"):
        resolve("auto", {"warp": 1})


def test_a_shot_without_settings_is_auto_and_one_with_them_is_the_same_on_every_device() -> None:
    shot = Shot("sh010", "plate.####.exr", "clean.exr", "matte.####.exr")
    assert (shot.settings, shot.settings_on_cpu) == resolve()
    final = Shot("sh010", "plate.####.exr", "clean.exr", "m.####.exr", settings=preset("final"))
    assert final.settings_on_cpu is None
