"""Modules that behave otherwise while a network learns: dropout with noise of the run's own, batch normalisation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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


class ToFewChannels(nn.ConvTranspose2d):
    """A transposed convolution whose way there is one matrix product and a sum of overlapping patches.

    To one channel oneDNN's own takes three times as long in training; its way back is fast, and stays.
    """

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        if x.device.type != "cpu" or output_size:
            return super().forward(x, output_size)
        return _Patches.apply(x, self.weight, self.bias, self.stride, self.padding, self.output_padding)


class _Patches(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, *geometry: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.geometry = geometry
        (stride, padding, more), kernel = geometry, weight.shape[2:]
        (batch, channels, *sides), outputs = x.shape, weight.shape[1]
        patches = x.permute(0, 2, 3, 1).reshape(-1, channels) @ weight.flatten(1)  # (B · H · W, outputs · kernel²)
        size = tuple(
            (n - 1) * s - 2 * p + k + m for n, s, p, k, m in zip(sides, stride, padding, kernel, more, strict=True)
        )
        columns = patches.view(batch, -1, patches.shape[1]).transpose(1, 2)
        return F.fold(columns, size, kernel, padding=padding, stride=stride) + bias.view(outputs, 1, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (x, weight), (stride, padding, more) = ctx.saved_tensors, ctx.geometry
        wanted = list(ctx.needs_input_grad[:3])
        found = torch.ops.aten.convolution_backward(
            gradients[0], x, weight, [weight.shape[1]], stride, padding, [1, 1], True, more, 1, wanted
        )
        return (*found, None, None, None)


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
