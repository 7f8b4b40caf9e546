"""How far each pixel's alpha can be trusted: where an artist should look, and perhaps paint.

Decided regions are 1. Elsewhere an error of alpha is expected from how uncertain
the evidence was (its standard deviation) and how far the solution had to go away
from it, the less so the nearer alpha is to 0 or 1. On the composite benchmark and
the lemur the mean of true to expected error is 0.83; on the furball's motion blur
1.6, so there the layer is too hopeful (docs/experiments/mattes.md).
"""

from __future__ import annotations

import torch
from torch import Tensor

from .texture import variance_of
from .types import Sampled

CERTAIN_ENDS = 0.01  # keeps some doubt where alpha is 0 or 1
NO_TRUST = 0.25  # an expected error of alpha from which on confidence is 0


def confidence_of(alpha: Tensor, trimap: Tensor, evidence: Sampled) -> Tensor:
    """Confidence (1, 1, H, W) in [0, 1]: at 0.9 alpha is expected within 0.025."""
    away = torch.where(evidence.confidence > 0, (evidence.alpha - alpha).abs(), 0.0)
    spread = variance_of(evidence.confidence).sqrt() + away
    expected = spread * (alpha * (1 - alpha) + CERTAIN_ENDS).sqrt()
    return torch.where(trimap == 0.5, (1 - expected / NO_TRUST).clamp(0, 1), 1.0)
