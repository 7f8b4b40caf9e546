"""Which settings a preset's name and a person's changes become, for every program alike."""

from __future__ import annotations

from dataclasses import fields

import pytest

from dmp_matting.cli.options import SettingsOptions
from dmp_matting.errors import SettingsError
from dmp_matting.job import Job
from dmp_matting.presets import PRESETS, Resolved, preset, resolve
from dmp_matting.settings import AFTER_THE_SOLVE, GONE, PAPER, Settings, parse_value, still_valid
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


def test_each_preset_has_its_method() -> None:
    assert {name: preset(name).method for name in PRESETS} == {
        "paper": "paper", "final": "model", "draft": "model",
    }  # fmt: skip


def test_no_preset_of_the_model_changes_a_setting_of_the_paper() -> None:
    """They would act on nothing; and each of them says where it acts."""
    for spec in fields(Settings):
        of_paper = spec.metadata["group"] == PAPER
        assert ("Preset paper only." in spec.metadata["help"]) == of_paper, spec.name
        assert not (of_paper and spec.metadata["basic"]), spec.name
        changed = [name for name in PRESETS if spec.name in PRESETS[name]]
        assert not (of_paper and changed), (spec.name, changed)


@pytest.mark.parametrize("name", GONE)
def test_a_setting_that_is_gone_is_a_sentence(name: str) -> None:
    with pytest.raises(SettingsError, match=f"'{name}' is gone.*leave it out"):
        preset("draft").changed(**{name: 1})
    with pytest.raises(SettingsError, match=f"'{name}' is gone"):
        parse_value(name, "1")


def test_of_what_an_older_version_saved_that_counts_which_exists() -> None:
    saved = {"working_size": 640, "alpha_init": "tested", "temporal": "off", "seed": 7, "hold": 1.0}
    assert still_valid(saved) == {"temporal": "off", "seed": 7}
    assert still_valid({"patch_size": 9999}) == {"patch_size": 9999}  # refused when it is used


@pytest.mark.parametrize(
    ("name", "wrong", "right"), [("draft", "paper", "neighbours"), ("paper", "neighbours", "paper")]
)
def test_each_method_has_its_own_way_with_neighbouring_frames(
    name: str, wrong: str, right: str
) -> None:
    for way in ("off", right):
        assert preset(name).changed(temporal=way).temporal == way
    with pytest.raises(SettingsError, match=f"set it to '{right}' or 'off'"):
        preset(name).changed(temporal=wrong)


def test_the_options_of_the_exr_are_settings() -> None:
    names = {"layer_names": "alpha=matte"}
    chosen = SettingsOptions(
        compression="dwaa:90", depth="float", autocrop=True, **names
    ).resolved()
    for one in (chosen.settings, chosen.settings_on_cpu):
        assert one is not None and one.solving() == one.changed(**{
            name: getattr(Settings(), name) for name in AFTER_THE_SOLVE
        })  # fmt: skip
        found = [getattr(one, name) for name in ("compression", "dwa_level", "depth", "autocrop")]
        assert found == ["dwaa", 90.0, "float", True]
        assert one.layer_names == "alpha=matte"
    assert SettingsOptions().resolved() == resolve()
    for wrong in ("dwaa:x", "dwaa:", "b44", "dwaa:-1", ":45"):
        with pytest.raises(SettingsError):
            SettingsOptions(compression=wrong).resolved()
