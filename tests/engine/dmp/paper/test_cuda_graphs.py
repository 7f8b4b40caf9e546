"""A recorded step, played on the CPU as a CUDA graph plays it: same calls, same tensors.

A graph knows no Python: a number that changes from step to step and is not in a tensor stays
what it was in the recording. The tape here is the same without a GPU. What it cannot show:
kernels that refuse to be recorded, and speed.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dmp_engine.dmp.model.encoding import Encoding
from dmp_engine.dmp.paper.cuda_graphs import WARM, Eager, repeat_on
from dmp_engine.dmp.paper.losses import Problem, Trainer
from dmp_engine.dmp.solve.frame import solve
from dmp_engine.machine.bench.measure import made_pair
from dmp_matting import Settings

STEPS = 40
PAPER = Settings()


class Steady(Eager):
    """Each step as it is, but with everything that changes in tensors."""

    steady = True


class Recording(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], Any]] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        self.calls.append((func, args, kwargs or {}, result))
        return result


class Tape:
    """Records the step after WARM ones, and from then on only plays."""

    steady = True

    def __init__(self) -> None:
        self.made: dict[str, int] = {}
        self.recorded: dict[str, tuple[Recording, Tensor]] = {}
        self.played = 0

    def __call__(self, name: str, work: Callable[[], Tensor]) -> Tensor:
        if name not in self.recorded:
            self.made[name] = self.made.get(name, 0) + 1
            if self.made[name] <= WARM:
                return work()
            with Recording() as recording:
                loss = work()
            self.recorded[name] = recording, loss
            return loss
        recording, loss = self.recorded[name]
        self.played += 1
        with torch.no_grad():
            for func, args, kwargs, kept in recording.calls:
                for old, new in zip(
                    tree_leaves(kept), tree_leaves(func(*args, **kwargs)), strict=True
                ):
                    # A view, or the tensor itself, is there already.
                    if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)
        return loss


def learner_of(settings: Settings, repeat: Any) -> Trainer:
    image, clean, alpha = made_pair(48, 64)
    trimap = torch.where((alpha > 0) & (alpha < 1), 0.5, alpha)
    encoding = Encoding.of_pair(image, clean, False)
    problem = Problem(image, clean, trimap, encoding)
    return Trainer(problem, settings, torch.Generator().manual_seed(0), repeat)


def learned(settings: Settings, repeat: Any) -> tuple[list[float], Tensor]:
    """The losses of some steps of each kind, and the alpha after them."""
    trainer = learner_of(settings, repeat)
    losses = [float(trainer.fit_step()) for _ in range(6)]
    losses += [float(trainer.joint_step(step, STEPS)) for step in range(STEPS)]
    mask = trainer.problem.alpha > 0.5
    losses += [float(trainer.joint_step(step, 150, mask)) for step in range(95, 110)]
    return losses, trainer.predict()[0].detach()


@pytest.mark.parametrize("perturbation", [True, False])
def test_a_recorded_step_learns_the_same(perturbation: bool) -> None:
    """To the bit: the changing rates and the shaken inputs reach the recording."""
    settings = PAPER.changed(perturbation=perturbation)
    tape = Tape()
    losses, alpha = learned(settings, tape)
    expected, expected_alpha = learned(settings, Steady())
    assert set(tape.recorded) == {"fit", "joint", "project"}
    assert tape.played == (6 - 4) + (STEPS - 4) + (15 - 4)
    assert losses == expected
    assert torch.equal(alpha, expected_alpha)


def test_a_number_outside_the_tensors_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above can fail: a rate that stays a number is played as it was recorded."""
    from dmp_engine.dmp.paper import losses as losses_module

    def forgotten(group: dict[str, Any], rate: float) -> None:
        group["lr"] = torch.tensor(rate)

    losses = learned(PAPER, Steady())[0]
    monkeypatch.setattr(losses_module, "_set_rate", forgotten)
    assert learned(PAPER, Tape())[0] != losses


def test_both_ways_learn_the_same() -> None:
    """Two writings of Adam, whose roundings differ; 61 steps make them no more than this."""
    eager, steady = learned(PAPER, Eager()), learned(PAPER, Steady())
    assert steady[0][:2] == pytest.approx(eager[0][:2], rel=1e-5)
    assert steady[0] == pytest.approx(eager[0], rel=0.05)
    assert float((steady[1] - eager[1]).abs().mean()) < 0.005


def test_a_state_of_the_other_way_is_taken_up() -> None:
    """A checkpoint of a GPU goes on without one, and the other way round."""
    for first, second, third in ((Steady(), Eager(), Eager()), (Eager(), Steady(), Tape())):
        left = learner_of(PAPER, first)
        for step in range(5):
            left.joint_step(step, STEPS)
        state = copy.deepcopy(left.state())  # as in a file
        expected = float(left.joint_step(5, STEPS))
        losses = []
        for repeat in (second, third):
            right = learner_of(PAPER, repeat)
            right.restore(copy.deepcopy(state))
            groups = right.optimiser.param_groups
            assert all(isinstance(group["lr"], Tensor) == second.steady for group in groups)
            losses.append([float(right.joint_step(step, STEPS)) for step in range(5, 20)])
        assert losses[0] == losses[1] and losses[0][0] == expected


def test_the_cpu_repeats_as_it_is() -> None:
    assert isinstance(repeat_on(torch.device("cpu")), Eager)


def test_a_gpu_is_looked_at_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at a loss waits for the GPU: every GLANCE-th step and the last, all are made."""
    made: list[int] = []
    real = Trainer.joint_step

    def counted(self: Trainer, step: int, *rest: Any) -> Tensor:
        made.append(step)
        return real(self, step, *rest)

    image, clean, _ = made_pair(48, 64)
    settings = PAPER.changed(rounds=1, fit_steps=1, joint_steps=25, projection_steps=0)
    seen = {}
    for steady in (False, True):
        made.clear()
        monkeypatch.setattr(Trainer, "joint_step", counted)
        monkeypatch.setattr(Eager, "steady", steady)
        steps = list(solve(image, clean, settings))
        assert made == list(range(25))
        seen[steady] = [step.step for step in steps if step.stage.value == "joint"]
    assert seen[False] == list(range(1, 26))
    assert seen[True] == [10, 20, 25]
