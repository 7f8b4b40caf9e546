"""What is minimised: eq. 9 and 11 (fit), eq. 12 (joint), eq. 13 (projection).

A :class:`Trainer` holds both networks and one Adam; each method is one step.

Losses are means over pixels in encoded units (encoding.py); alpha and F are
mixed in the space the layers add up in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dmp_matting.settings import Settings

from ..model.encoding import Encoding
from ..optimisers import Adam
from .cuda_graphs import Repeat, repeat_on
from .networks import SMALLEST_SIDE, Generator, seed_noise

NEARLY = 1e-6  # the networks' outputs stay that far from 0 and 1
PERTURBATION = 0.001  # standard deviation of the noise added to the inputs
PERTURBATION_RAMP, PERTURBATION_OFF = 500, 500  # steps, from the released code
PROJECTION_BOOST, PROJECTION_DECAY, PROJECTION_EVERY = 5.0, 0.9, 100


@dataclass(frozen=True)
class Problem:
    """One pair, and alpha^[0] of a round. Images (1, 3, H, W), maps (1, 1, H, W).

    In the paper's video mode (Sec. IV-F) there are T frames in place of the 1.
    """

    image: Tensor  # I, in the space it composites in
    clean: Tensor  # B, likewise
    alpha: Tensor  # alpha^[0]: 0, 0.5, 1
    encoding: Encoding

    @property
    def core(self) -> Tensor:
        """Omega_F of eq. 10."""
        return (self.alpha == 1).float()


class Trainer:
    """Both networks, their inputs and their optimiser for one round."""

    def __init__(
        self,
        problem: Problem,
        settings: Settings,
        generator: torch.Generator,
        repeat: Repeat | None = None,
    ) -> None:
        self.problem, self.settings, self.generator = problem, settings, generator
        height, width = problem.image.shape[-2:]
        device = problem.image.device
        self.repeat = repeat_on(device) if repeat is None else repeat
        # Seeded on the CPU, so that every device starts from the same weights.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
            frames = problem.image.shape[0]  # one network each: T and 3T output channels
            self.alpha_net, self.foreground_net = Generator(frames), Generator(3 * frames)
        for network in (self.alpha_net, self.foreground_net):
            network.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        height, width = max(SMALLEST_SIDE, height), max(SMALLEST_SIDE, width)
        self.epsilon = seed_noise(height, width, generator, device)
        self.z = seed_noise(height, width, generator, device)
        self.shaken = self.epsilon.clone(), self.z.clone()  # perturbed, each step anew
        self.optimiser = _adam((self.alpha_net, self.foreground_net), settings, self.repeat.steady)
        self.core = problem.core
        self.core_count = self.core.sum().clamp_min(1)
        self.I_enc = problem.encoding.encode(problem.image)

    # --- what the networks generate -------------------------------------------------------------

    def predict(self, shaken: bool = False) -> tuple[Tensor, Tensor]:
        """(alpha in [0, 1], F encoded) of eq. 3: (T, 1, H, W) and (T, 3, H, W)."""
        epsilon, z = self.shaken if shaken else (self.epsilon, self.z)
        frames, size = self.problem.image.shape[0], self.problem.image.shape[-2:]
        alpha = _to_size(self.alpha_net(epsilon), size).reshape(frames, 1, *size)
        foreground = _to_size(self.foreground_net(z), size).reshape(frames, 3, *size)
        return _inside(alpha), self.problem.encoding.from_network(_inside(foreground))

    @torch.no_grad()
    def layers(self) -> tuple[Tensor, Tensor]:
        """The current alpha and straight foreground, in the space that the layers add up in."""
        alpha, foreground = self.predict()
        return alpha, self.problem.encoding.decode(foreground)

    # --- one step each -------------------------------------------------------------------------

    def fit_step(self) -> Tensor:
        """Eq. 9 and 11: A to alpha^[0], F to I inside Omega_F."""
        return self.repeat("fit", self._fit)

    def joint_step(self, step: int, steps: int, projected: Tensor | None = None) -> Tensor:
        """Eq. 12, and with ``projected`` (the mask of eq. 13, where F is I) stage 1b."""
        self._schedule(step, projected is not None)
        if self.settings.perturbation:
            self._shake(self._perturbation(step, steps, projected is not None))
        name = "joint" if projected is None else "project"
        return self.repeat(name, lambda: self._joint(projected))

    # --- the same work each time: nothing below depends on the step's number --------------------

    def _fit(self) -> Tensor:
        alpha, foreground = self.predict()
        return self._descend(
            (alpha - self.problem.alpha).abs().mean() + self._core_misfit(foreground)
        )

    def _joint(self, projected: Tensor | None) -> Tensor:
        alpha, foreground = self.predict(shaken=self.settings.perturbation)
        if projected is not None:
            foreground = torch.where(projected, self.I_enc, foreground)
        p = self.problem
        mixed = alpha * p.encoding.decode(foreground) + (1 - alpha) * p.clean
        misfit = (p.encoding.encode(mixed) - self.I_enc).abs().mean(1, keepdim=True)
        return self._descend(misfit.mean())

    def _core_misfit(self, foreground: Tensor) -> Tensor:
        misfit = (foreground - self.I_enc).abs().mean(1, keepdim=True)
        return (misfit * self.core).sum() / self.core_count

    def _descend(self, loss: Tensor) -> Tensor:
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return loss.detach()

    # --- what changes from step to step ---------------------------------------------------------

    def _schedule(self, step: int, projecting: bool) -> None:
        alpha_group, foreground_group = self.optimiser.param_groups
        rate = self.settings.learning_rate
        boost = PROJECTION_BOOST * PROJECTION_DECAY ** (step // PROJECTION_EVERY)
        _set_rate(alpha_group, rate * max(1.0, boost) if projecting else rate)
        _set_rate(foreground_group, rate)

    def _perturbation(self, step: int, steps: int, projecting: bool) -> float:
        if not self.settings.perturbation or projecting or step >= steps - PERTURBATION_OFF:
            return 0.0
        return PERTURBATION * (step // 100 if step < PERTURBATION_RAMP else 1)

    def _shake(self, amount: float) -> None:
        for buffer, still in zip(self.shaken, (self.epsilon, self.z), strict=True):
            if amount > 0:
                noise = torch.randn(still.shape, generator=self.generator)
                buffer.copy_(still + amount * noise.to(still.device))
            else:
                buffer.copy_(still)

    # --- to be continued after an interruption -------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All that changes while learning, as plain dicts of tensors."""
        return {
            "alpha_net": self.alpha_net.state_dict(),
            "foreground_net": self.foreground_net.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "generator": self.generator.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from :meth:`state` of a Trainer built from the same problem and settings."""
        self.alpha_net.load_state_dict(state["alpha_net"])
        self.foreground_net.load_state_dict(state["foreground_net"])
        # The rates and the way of stepping are this device's, whichever wrote the state.
        groups = self.optimiser.state_dict()["param_groups"]
        self.optimiser.load_state_dict(
            {"state": state["optimiser"]["state"], "param_groups": groups}
        )
        self.generator.set_state(state["generator"])


def _inside(x: Tensor) -> Tensor:
    """``x`` of [0, 1], NEARLY away from its ends."""
    return torch.sigmoid(torch.logit(x, NEARLY))


def _to_size(x: Tensor, size: torch.Size) -> Tensor:
    if x.shape[-2:] == size:
        return x
    return functional.interpolate(x, size, mode="bilinear", align_corners=False)


def _adam(networks: tuple[Generator, Generator], settings: Settings, steady: bool) -> Adam:
    """One Adam with a group for each network; ``steady`` looks at no value and can be recorded."""
    groups: list[dict[str, Any]] = [{"params": list(network.parameters())} for network in networks]
    if not steady:
        return Adam(groups, lr=settings.learning_rate)
    for group in groups:
        group["lr"] = torch.tensor(settings.learning_rate, device=group["params"][0].device)
    return Adam(groups, capturable=True, fused=True)


def _set_rate(group: dict[str, Any], rate: float) -> None:
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(rate)
    else:
        group["lr"] = rate
