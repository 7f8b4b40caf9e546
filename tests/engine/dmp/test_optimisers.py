"""Our Adam steps as torch's does, and no solve imports torch's compiler."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dmp_engine.dmp import optimisers

ROOT = Path(__file__).resolve().parents[3]


def stepped(kind: type[torch.optim.Optimizer], **options: object) -> Tensor:
    weights = torch.nn.Parameter(torch.linspace(-1, 1, 50))
    optimiser = kind([{"params": [weights], "lr": 0.1}], **options)  # type: ignore[arg-type]
    for step in range(8):
        optimiser.zero_grad(set_to_none=True)
        (weights - torch.arange(50)).square().sum().backward()
        optimiser.step()
        if step == 4:
            optimiser.load_state_dict(optimiser.state_dict())
    return weights.detach()


@pytest.mark.parametrize(
    "options", [{}, {"fused": True, "capturable": True}], ids=["plain", "fused"]
)
@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_the_same_bits_as_torchs(name: str, options: dict[str, object]) -> None:
    own = stepped(getattr(optimisers, name), **options)
    assert torch.equal(own, stepped(getattr(torch.optim, name), **options))


def test_no_solve_imports_the_compiler() -> None:
    """It costs each process 1.5 s and 80 MB. `paper` trains with Adam, `final` with AdamW."""
    script = """
import sys, torch
from dmp_engine.dmp.solve.frame import solve
from dmp_matting.generators import finish
from dmp_matting.presets import preset
image = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0))
clean = image * 0.5
for name, more in (
    ("paper", dict(rounds=1, fit_steps=1, joint_steps=1, projection_steps=1, refine_passes=1)),
    ("draft", {}),
    ("final", dict(recompositions=1)),
):
    finish(solve(image, clean, preset(name).changed(device="cpu", threads=1, **more)))
    print(name, *(m for m in ("torch._dynamo", "torch._inductor", "sympy") if m in sys.modules))
"""
    path = os.pathsep.join(str(ROOT / room) for room in ("plugin", "engine"))
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, timeout=120, env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    assert done.stdout.splitlines() == ["paper", "draft", "final"], done.stderr
