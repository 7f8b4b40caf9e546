"""torch's optimisers without its compiler, which nothing here uses.

torch keeps some methods of an optimiser out of its compiler, and imports the compiler for that when
one of them is first called: 1.5 s of CPU time and 80 MB in each process that solves.
"""

from __future__ import annotations

import inspect

import torch


class _Uncompiled(torch.optim.Optimizer):
    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)


class Adam(_Uncompiled, torch.optim.Adam):
    """As :class:`torch.optim.Adam`, to the bit."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.Adam.step))


class AdamW(_Uncompiled, torch.optim.AdamW):
    """As :class:`torch.optim.AdamW`, to the bit."""

    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
