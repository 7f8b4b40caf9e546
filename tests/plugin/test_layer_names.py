"""Names of a result's layers, as a facility writes them."""

from __future__ import annotations

import pytest

from dmp_matting import Settings, SettingsError, preset
from dmp_matting.hosts import host_choices, host_fields
from dmp_matting.layer_names import CHANNELS, LayerNames


@pytest.mark.parametrize(
    ("text", "renamed"),
    [
        ("", {}),
        ("alpha=matte", {"A": "matte.A"}),
        ("alpha=matte.A", {"A": "matte.A"}),
        ("foreground=key.fg, Confidence=trust", {
            "foreground.R": "key.fg.R", "foreground.G": "key.fg.G", "foreground.B": "key.fg.B",
            "confidence.A": "trust.A",
        }),
        ("alpha=matte rgba=beauty", {
            "R": "beauty.R", "G": "beauty.G", "B": "beauty.B", "A": "matte.A",
        }),
        ("foreground=fg;alpha=fg", {
            "foreground.R": "fg.R", "foreground.G": "fg.G", "foreground.B": "fg.B", "A": "fg.A",
        }),
        ("rgba=Schlüssel_1", {leaf: f"Schlüssel_1.{leaf}" for leaf in "RGBA"}),
    ],
)  # fmt: skip
def test_what_is_called_what(text: str, renamed: dict[str, str]) -> None:
    names = LayerNames.parse(text)
    assert {one: names.of(one) for one in CHANNELS if names.of(one) != one} == renamed


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("matte", "'matte' renames no layer; write LAYER=NAME, with one of the layers rgba, alpha"),
        ("mask=matte", "'mask=matte' renames no layer"),
        ("alpha=", "'' is no name of a layer"),
        ("alpha=1st", "'1st' is no name of a layer; take letters"),
        ("alpha=a/b", "'a/b' is no name"),
        ("rgba=beauty.", "'beauty.' is no name"),
        ("alpha=" + "x" * 101, "is no name"),
        ("alpha=a alpha=b", "The layer 'alpha' has two names"),
        ("alpha=confidence", "Two layers would have the channel confidence.A; name them apart"),
        ("foreground=clean", "Two layers would have the channel clean.R"),
    ],
)
def test_what_is_refused_in_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence.replace(".", r"\.")):
        preset("draft").changed(layer_names=text)


def test_hosts_offer_what_they_read() -> None:
    """Their trees read the layers by name, and neither Nuke nor Blender reads zstd."""
    specs = {spec.name: spec for spec in host_fields()}
    assert "layer_names" not in specs and len(specs) == len(Settings().to_json()) - 1
    assert "zstd" in specs["compression"].metadata["choices"]
    assert "zstd" not in host_choices(specs["compression"])
    assert host_choices(specs["depth"]) == ("half", "float")
