"""Lines 2 to 4 of Algorithm 1 step by step: their order, their progress, their interruption."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from dmp_matting.job import Stage
from dmp_matting.settings import Settings

from ..steps import Step
from .losses import Problem, Trainer
from .refine import NEARLY_ONE

GLANCE = 10  # steps between two looks at a GPU's loss


class Plan:
    """Which step it is, as a share of all learning steps of all rounds."""

    def __init__(self, settings: Settings) -> None:
        self.rounds, self.round = settings.rounds, 0
        self.counts = {
            Stage.FIT: settings.fit_steps,
            Stage.JOINT: settings.joint_steps,
            Stage.PROJECT: settings.projection_steps if settings.projection else 0,
        }

    def at(self, stage: Stage, step: int, steps: int) -> Step:
        """The Step at ``step`` of ``stage`` in the current round."""
        order = list(Stage)
        total = max(1, sum(self.counts.values()))
        done = sum(n for s, n in self.counts.items() if order.index(s) < order.index(stage))
        done += step if stage in self.counts else 0
        return Step(stage, step, steps, min(1.0, (self.round + done / total) / self.rounds))


class Training:
    """Both networks of one round; ``resumed`` is a state of this round to go on from."""

    def __init__(
        self,
        problem: Problem,
        settings: Settings,
        generator: torch.Generator,
        plan: Plan,
        resumed: dict[str, Any] | None,
    ) -> None:
        if resumed is not None:
            generator.set_state(resumed["generator"])  # the same weights' and inputs' noise again
        self._plan = plan
        self._kept = {
            "round": plan.round,
            "generator": generator.get_state(),
            "alpha_0": problem.alpha,
        }
        self._trainer = Trainer(problem, settings, generator)
        self._projected: Tensor | None = None
        self._at: tuple[Stage, int] | None = None  # where the interrupted run was
        if resumed is not None:
            self._trainer.restore(resumed["trainer"])
            self._at = Stage(resumed["stage"]), int(resumed["step"])
            if resumed["projected"] is not None:
                self._projected = resumed["projected"].to(problem.image.device)

    def layers(self) -> tuple[Tensor, Tensor]:
        """Alpha and the straight foreground that the networks generate now."""
        return self._trainer.layers()

    def fit(self) -> Generator[Step, None, None]:
        """Line 2: A to alpha^[0] (eq. 9), F to I inside Omega_F (eq. 11)."""
        yield from self._steps(Stage.FIT, lambda step, steps: self._trainer.fit_step())

    def joint(self) -> Generator[Step, None, None]:
        """Line 3, stage 1a: eq. 12."""
        yield from self._steps(Stage.JOINT, self._trainer.joint_step)

    def project(self) -> Generator[Step, None, None]:
        """Line 4, stage 1b: eq. 12 with F = I where eq. 13 projects; frozen at its start."""
        if self._projected is None and self._plan.counts[Stage.PROJECT] > 0:
            with torch.no_grad():
                self._projected = self._trainer.predict()[0] > NEARLY_ONE
        projected = self._projected
        yield from self._steps(
            Stage.PROJECT, lambda step, steps: self._trainer.joint_step(step, steps, projected)
        )

    def _steps(
        self, stage: Stage, make: Callable[[int, int], Tensor]
    ) -> Generator[Step, None, None]:
        steps, first = self._plan.counts[stage], 0
        if self._at is not None:
            at, done = self._at
            if at is not stage:
                return  # the interrupted run was past it
            self._at, first = None, done
        # Whoever looks at a loss waits for the GPU, which meanwhile has nothing to do.
        glance = GLANCE if self._trainer.repeat.steady else 1
        for step in range(first, steps):
            loss = make(step, steps)
            if (step + 1) % glance and step + 1 < steps:
                continue
            yield replace(
                self._plan.at(stage, step + 1, steps),
                loss=float(loss),
                layers=self._trainer.layers,
                state=lambda at=step + 1: self._state(stage, at),  # type: ignore[misc]
            )

    def _state(self, stage: Stage, step: int) -> dict[str, Any]:
        return {
            **self._kept,
            "stage": stage.value,
            "step": step,
            "projected": self._projected,
            "trainer": self._trainer.state(),
        }
