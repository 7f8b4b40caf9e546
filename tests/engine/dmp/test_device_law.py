"""Every tensor of a solve lies on one device, and the host waits for it a counted number of times.

Without a GPU: see device_law.py.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch

from dmp_engine.dmp.model.clean_plate_error import CleanPlateError
from dmp_engine.dmp.model.constraints import UNKNOWN, without_solve
from dmp_engine.dmp.model.noise import Noise
from dmp_engine.dmp.model.sparse_rows import SparseRows
from dmp_engine.dmp.solve.frame import solve
from dmp_engine.dmp.steps import Solution
from dmp_engine.dmp.temporal.neighbours import PASSES, initial_state, refine_state, solution_of
from dmp_engine.dmp.temporal.postprocess import at_full_resolution, grain_of
from dmp_matting.generators import finish
from dmp_matting.job import Stage
from dmp_matting.presets import preset
from dmp_matting.settings import Settings

from .device_law import DEVICE, DeviceLaw, Mixed, OnDevice, Unordered, device_law

PAPER = {"rounds": 1, "fit_steps": 1, "joint_steps": 2, "projection_steps": 1, "refine_passes": 1}
SETTINGS = {
    "draft": preset("draft").changed(device="cpu", threads=1),
    "upsampled": preset("draft").changed(device="cpu", threads=1, solve_size=32),
    "final": preset("final").changed(device="cpu", threads=1, recompositions=1),
    "paper": preset("paper").changed(device="cpu", threads=1, **PAPER),
}
# How often the host waits for the device in one frame of 40 x 48 pixels, at most: a tenth more than
# measured (117, 183, 318, 8; docs/engineering/speed.md). Each wait empties the queue of a GPU. The
# shots are three frames in all passes (728 and 735).
WAITS = {
    "draft": 129, "upsampled": 202, "final": 350, "paper": 9, "shot at 960": 801,
    "shot at 32": 809,
}  # fmt: skip


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


def test_a_sum_in_any_order_is_found(
    pair: tuple[torch.Tensor, torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_atomics(rows: SparseRows, x: torch.Tensor) -> torch.Tensor:
        row = torch.repeat_interleave(torch.arange(len(rows.starts) - 1).to(x.device),
                                      rows.starts.diff())  # fmt: skip
        sums = torch.zeros(len(rows.starts) - 1, x.shape[1]).to(x.device)
        return sums.index_add_(0, row, rows.values[:, None] * x[rows.columns.long()])

    monkeypatch.setattr(SparseRows, "__matmul__", by_atomics)
    with pytest.raises(Unordered, match="index_add_.* sums floats in any order at dmp/"):
        on_device(pair, SETTINGS["draft"])


def frames_of(pair: tuple[torch.Tensor, torch.Tensor], count: int) -> list[torch.Tensor]:
    """``count`` images that move by two pixels over the same wall."""
    return [pair[0].roll(2 * n, -1) for n in range(count)]


@pytest.mark.parametrize("size", [960, 32])
def test_a_shot_stays_on_its_device(
    pair: tuple[torch.Tensor, torch.Tensor], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SparseRows, "__matmul__", SparseRows.row_by_row)  # on the CPU as well
    settings = preset("draft").changed(device="cpu", threads=1, solve_size=size)
    constraint = torch.full_like(pair[0][:, :1], UNKNOWN)
    constraint[..., :4, :] = 0

    def shot(where: Callable[[torch.Tensor], torch.Tensor]) -> Solution:
        images, clean = [where(x) for x in frames_of(pair, 3)], where(pair[1])
        held = where(constraint)
        states = [
            finish(initial_state(x, clean, settings, linear=False, constraint=held)) for x in images
        ]
        for _ in range(PASSES):
            states = [
                refine_state(state, [(n - at, other) for n, other in enumerate(states) if n != at])
                for at, state in enumerate(states)
            ]
        whole, rough = solution_of(states[1])
        if whole.alpha.shape[-2:] == clean.shape[-2:]:
            return whole
        grain = grain_of(images[1], clean, states[1].encoding, None)
        return finish(at_full_resolution(images[1], clean, rough, without_solve(held), grain))

    with device_law() as law:
        found = shot(lambda x: x.to(DEVICE))
    wanted = shot(lambda x: x)
    for layer, value in vars(found).items():
        if value is not None:
            assert isinstance(value, OnDevice), f"{layer} came back on the host"
            assert torch.equal(value.inner, getattr(wanted, layer)), layer
    name = f"shot at {size}"
    assert law.waits.total() <= WAITS[name], (law.waits.total(), law.waits.most_common())


def test_an_interrupted_solve_goes_on_on_the_device(
    pair: tuple[torch.Tensor, torch.Tensor],
) -> None:
    """Its state lies in a file, so it comes from the host."""
    settings = SETTINGS["paper"].changed(joint_steps=4)
    stored = io.BytesIO()
    for step in solve(*pair, settings):
        if step.state is not None and step.stage is Stage.JOINT and not stored.tell():
            torch.save(step.state(), stored)

    def start() -> dict[str, Any]:
        stored.seek(0)
        state: dict[str, Any] = torch.load(stored, map_location="cpu", weights_only=True)
        return state

    wanted = finish(solve(*pair, settings, start=start()))
    with device_law():
        image, clean = (x.to(DEVICE) for x in pair)
        found = finish(solve(image, clean, settings, start=start()))
    assert isinstance(found.alpha, OnDevice)
    assert torch.equal(found.alpha.inner, wanted.alpha)


def test_a_residual_of_the_fit_and_a_small_subject_stay_on_the_device(
    pair: tuple[torch.Tensor, torch.Tensor],
) -> None:
    """The crop to what differs, and the error that the clean plate's fit leaves."""
    image, clean = pair[1].repeat(1, 1, 3, 3), pair[1].repeat(1, 1, 3, 3)
    image[..., 40:80, 48:96] = pair[0]
    error = CleanPlateError(torch.full_like(image[:, :1], 0.01))
    settings = preset("draft").changed(device="cpu", threads=1, solve_size=64)
    wanted = finish(solve(image, clean, settings, clean_plate_error=error))
    with device_law():
        there = error.each(lambda x: x.to(DEVICE))
        found = finish(solve(image.to(DEVICE), clean.to(DEVICE), settings, clean_plate_error=there))
    assert isinstance(found.alpha, OnDevice)
    assert torch.equal(found.alpha.inner, wanted.alpha)
