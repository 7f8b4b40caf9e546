"""Double-DIP adapted to background matting: the background network is off, B is known.

Gandelsman, Shocher, Irani, ""Double-DIP": Unsupervised Image Decomposition via
Coupled Deep-Image-Priors" (2019), eq. 1-5. Two untrained networks from fixed
noise, here of DMP's own architecture, so that only the method differs:

    minimise  |A F + (1 - A) B - I|^2  +  BINARY / mean |A - 1/2|

No first alpha, no known regions, no projection, no refinement. The second term
is the released code's, which keeps the mask from staying grey.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ..dmp.optimisers import Adam
from ..dmp.paper.networks import Generator, seed_noise

Array = NDArray[np.float64]

STEPS, RATE, SEED = 600, 0.002, 0
BINARY, PERTURBATION = 0.001, 0.001
SETTINGS = f"{STEPS} {RATE} {SEED} {BINARY} {PERTURBATION}"


def solve(image: Array, clean: Array) -> tuple[Array, Array]:
    """Alpha (H, W) and F (H, W, 3) for images (H, W, 3) in [0, 1], on the CPU."""
    plate, backdrop = (
        torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1))).float()[None]
        for x in (image, clean)
    )
    generator = torch.Generator().manual_seed(SEED)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        networks = [
            Generator(channels).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
            for channels in (1, 3)
        ]
    height, width = plate.shape[-2:]
    noise = [seed_noise(height, width, generator, plate.device) for _ in networks]
    optimiser = Adam([p for n in networks for p in n.parameters()], lr=RATE)
    for _ in range(STEPS):
        shaken = [x + PERTURBATION * torch.randn(x.shape, generator=generator) for x in noise]
        alpha, foreground = (n(x) for n, x in zip(networks, shaken, strict=True))
        built = alpha * foreground + (1 - alpha) * backdrop
        loss = (built - plate).square().mean() + BINARY / (alpha - 0.5).abs().mean().clamp_min(1e-3)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        alpha, foreground = (n(x) for n, x in zip(networks, noise, strict=True))
    return (
        alpha[0, 0].numpy().astype(np.float64),
        foreground[0].permute(1, 2, 0).numpy().astype(np.float64),
    )
