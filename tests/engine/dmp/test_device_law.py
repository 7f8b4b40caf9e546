"""Every tensor of a solve lies on one device, and the host waits for it a counted number of times.

Without a GPU: see device_law.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from dmp_engine.dmp.model.constraints import UNKNOWN
from dmp_engine.dmp.model.noise import Noise
from dmp_engine.dmp.solve.frame import solve
from dmp_engine.dmp.steps import Solution
from dmp_matting.generators import finish
from dmp_matting.presets import preset
from dmp_matting.settings import Settings

from .device_law import DEVICE, DeviceLaw, Mixed, OnDevice, device_law

PAPER = {"rounds": 1, "fit_steps": 1, "joint_steps": 2, "projection_steps": 1, "refine_passes": 1}
SETTINGS = {
    "draft": preset("draft").changed(device="cpu", threads=1),
    "upsampled": preset("draft").changed(device="cpu", threads=1, solve_size=32),
    "final": preset("final").changed(device="cpu", threads=1, recompositions=1),
    "paper": preset("paper").changed(device="cpu", threads=1, **PAPER),
}
# How often the host waits for the device in one frame of 40 x 48 pixels, at most: a tenth more than
# measured (401, 1065, 744, 8; docs/engineering/speed.md). Each wait empties the queue of a GPU.
WAITS = {"draft": 441, "upsampled": 1171, "final": 818, "paper": 9}


@pytest.fixture(scope="module")
def pair() -> tuple[torch.Tensor, torch.Tensor]:
    """A soft disc over a cloudy wall, (1, 3, 40, 48) each."""
    random = torch.Generator().manual_seed(0)
    high, wide = 40, 48

    def cloudy(step: int) -> torch.Tensor:
        coarse = torch.rand(1, 3, high // step, wide // step, generator=random)
        size = (high, wide)
        return torch.nn.functional.interpolate(coarse, size, mode="bicubic").clamp(0, 1)

    y, x = torch.meshgrid(torch.linspace(-1, 1, high), torch.linspace(-1, 1, wide), indexing="ij")
    alpha = ((0.6 - (x * x + y * y).sqrt()) * 6).clamp(0, 1)[None, None]
    clean = cloudy(4)
    return alpha * cloudy(8) + (1 - alpha) * clean, clean


def on_device(
    pair: tuple[torch.Tensor, torch.Tensor], settings: Settings, **mattes: torch.Tensor
) -> tuple[Solution, DeviceLaw]:
    known: dict[str, Any] = {}

    def memo(what: str, make: Callable[[], Any]) -> Any:
        if what not in known:
            known[what] = make()
        return known[what]

    with device_law() as law:
        image, clean = (x.to(DEVICE) for x in pair)
        there = {name: matte.to(DEVICE) for name, matte in mattes.items()}
        return finish(solve(image, clean, settings, memo=memo, **there)), law


@pytest.mark.parametrize("name", SETTINGS)
def test_a_solve_stays_on_its_device(pair: tuple[torch.Tensor, torch.Tensor], name: str) -> None:
    settings = SETTINGS[name]
    constraint = torch.full_like(pair[0][:, :1], UNKNOWN)
    constraint[..., :4, :] = 0
    found, law = on_device(pair, settings, constraint=constraint)
    for layer, value in vars(found).items():
        if value is not None:
            assert isinstance(value, OnDevice), f"{layer} came back on the host"
    if name != "final":  # whose network is trained by other kernels where tensors are wrapped
        for layer, value in vars(finish(solve(*pair, settings, constraint=constraint))).items():
            assert value is None or torch.equal(getattr(found, layer).inner, value), layer
    assert law.waits.total() <= WAITS[name], law.waits.most_common()


def test_a_tensor_of_the_host_among_the_devices_is_found(
    pair: tuple[torch.Tensor, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    tolerance = Noise.tolerance
    monkeypatch.setattr(Noise, "tolerance", lambda noise: tolerance(noise).cpu())
    with pytest.raises(Mixed, match="takes tensors of the device and of the host at dmp/"):
        on_device(pair, SETTINGS["draft"])
    monkeypatch.undo()
    monkeypatch.setattr(Noise, "of_pair", lambda *pair: Noise(torch.full((1, 1, 40, 48), 0.01)))
    with pytest.raises(Mixed):
        on_device(pair, SETTINGS["draft"])
