"""Modules that behave otherwise while a network learns: dropout with noise of the run's own, batch normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...datasets import Shape


class Dropout(nn.Module):
    """While the network learns, each number becomes 0 with probability p, and the others are divided by 1 − p.

    Srivastava et al. 2014 (Journal of Machine Learning Research 15), in its inverted form. The noise comes from
    `generator`, which `learning` hands in, never from torch's global state: a run can be repeated and resumed.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        if self.generator is None:
            raise RuntimeError("dropout has no generator: let the network learn within `learning`")
        kept = torch.empty_like(x).bernoulli_(1 - self.p, generator=self.generator)
        return x * kept.div_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p:g}"


class BatchNorm(nn.BatchNorm2d):
    """Ioffe and Szegedy 2015 (arXiv 1502.03167), of vectors (B, C) over images, of maps (B, C, H, W) over places, too.

    One vector alone has no variance; it is taken by the running statistics. PyTorch raises there: in the last batch of
    an epoch whose images are one more than a multiple of the batch size.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, x: Tensor) -> Tensor:
        if self.training and x.numel() == x.shape[1]:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        return super().forward(x)


class ToImage(nn.Module):
    """Flat images (B, P) as (B, C, H, W), with a place's channels side by side in memory.

    So oneDNN needs no copies between layouts: a training step of the convolutions takes about a tenth less.
    """

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape

    def forward(self, x: Tensor) -> Tensor:
        channels, height, width = self.shape
        if channels == 1:  # the numbers lie as they should, and only the strides must say so
            return x.reshape(-1, height, width, 1).permute(0, 3, 1, 2)
        return x.reshape(-1, *self.shape).contiguous(memory_format=torch.channels_last)

    def extra_repr(self) -> str:
        return "×".join(map(str, self.shape))


@contextmanager
def learning(model: nn.Module, generator: torch.Generator) -> Iterator[None]:
    """`model` in training mode, its dropout drawn from `generator`; afterwards it measures again."""
    dropouts = [module for module in model.modules() if isinstance(module, Dropout)]
    for dropout in dropouts:
        dropout.generator = generator
    model.train()
    try:
        yield
    finally:
        model.eval()
        for dropout in dropouts:
            dropout.generator = None
