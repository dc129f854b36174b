"""What one image costs in a module nobody knows: counted while it goes through."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Sizes:
    """Of one image."""

    multiply_adds: int  # of products of matrices and convolutions
    between: (
        int  # numbers that learning keeps on the way: half of all that is computed, as every second is an activation
    )
    widest: int  # numbers of the largest array on the way


class _Watch(TorchDispatchMode):
    """Sizes of all arrays that operations make anew."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[int] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if not getattr(func, "is_view", False):
            first = found[0] if isinstance(found, tuple | list) and found else found
            if isinstance(first, Tensor) and first.is_floating_point():
                self.made.append(first.numel())
        return found


@torch.no_grad()
def sizes_of(model: nn.Module, x: Tensor) -> Sizes:
    """Of the one image or code `x` (1, …) on its way through `model`."""
    flops, watch = FlopCounterMode(display=False), _Watch()
    with flops:
        model(x)
    with watch:
        found = model(x)
    return Sizes(flops.get_total_flops() // 2, sum(watch.made) // 2, max([x.numel(), found.numel(), *watch.made]))
