"""The two generative networks of Sec. III-A: one architecture, for alpha and for the foreground.

Encoder: three blocks of Conv3x3(stride 2)-BN-LReLU, Conv3x3-BN-LReLU with 8, 16, 32 channels.
Decoder: three blocks of upsampling(x2)-BN-Conv3x3-BN-LReLU, Conv1x1-BN-LReLU with 32, 16, 8
channels; a 1x1 convolution and a sigmoid end it. No skip connections; about 35,000 weights.
Reflection padding, biases, slope 0.2 and aligned corners are the authors' released code's; the
paper's text is silent on them.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

ENCODER = (8, 16, 32)
DECODER = (32, 16, 8)
SMALLEST_SIDE = 2 * 2 ** len(ENCODER)  # below it reflection padding has nothing to reflect


def _conv(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2, padding_mode="reflect"),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.2, inplace=True),
    )


class Generator(nn.Module):
    """F_theta or A_omega of eq. 3: fixed noise in, an image in [0, 1] out.

    ``forward`` takes (1, 2, H, W) and returns (1, channels, H, W); any H and W
    from SMALLEST_SIDE up, odd ones included.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = (2, *ENCODER)
        self.encoder = nn.ModuleList(
            nn.Sequential(_conv(a, b, 3, stride=2), _conv(b, b, 3))
            for a, b in zip(widths[:-1], widths[1:], strict=True)
        )
        widths = (ENCODER[-1], *DECODER)
        self.decoder = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(a), _conv(a, b, 3), _conv(b, b, 1))
            for a, b in zip(widths[:-1], widths[1:], strict=True)
        )
        self.head = nn.Conv2d(DECODER[-1], channels, 1)

    def forward(self, noise: Tensor) -> Tensor:
        sizes = []
        x = noise
        for block in self.encoder:
            sizes.append(x.shape[-2:])
            x = block(x)
        for block, size in zip(self.decoder, reversed(sizes), strict=True):
            x = block(functional.interpolate(x, size, mode="bilinear", align_corners=True))
        return torch.sigmoid(self.head(x))


def seed_noise(height: int, width: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """z0 or epsilon0 of eq. 4: (1, 2, H, W), fixed for the whole run.

    Eq. 4 has normal noise and gives no moments; those of the released code's uniform
    noise in [0, 0.01] are taken. Drawn on the CPU, so that every device starts alike.
    """
    noise = torch.randn(1, 2, height, width, generator=generator) * (0.01 / 12**0.5) + 0.005
    return noise.to(device).contiguous(memory_format=torch.channels_last)
