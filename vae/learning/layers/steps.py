"""One step of a network at a time: what it is called, counts, and is in PyTorch.

Nothing here imports torch before a module is built.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...choices.activations import ACTIVATIONS
from ...config import RunConfig
from ...datasets import Shape

if TYPE_CHECKING:
    from torch import nn


FEW = 1  # channels to which a transposed convolution is faster as a matrix product; 3 gain nothing


@dataclass(frozen=True)
class Step:
    """One step of a chain. Arrays are flat between steps: images channel by channel, and row by row.

    "linear" is y = x·Wᵀ + b with the weights of module `name`, "activation" the run's own. "convolution" and
    "transposed_convolution" are nn.Conv2d and nn.ConvTranspose2d. "channel_scale" is batch normalisation when nothing
    is learnt: (x − running_mean) / √(running_var + 1e-5) · weight + bias for each channel. "layer_normalisation" is
    over all numbers of one image, with a weight and a bias for each number or, of images, for each channel.
    """

    kind: str  # of KINDS
    name: str  # of its module in the state dict, such as "encoder.body.0"
    inputs: int  # numbers in
    outputs: int  # numbers out
    image_in: Shape | None = None  # (C, H, W) of the input, for all but "linear" and "activation"
    image_out: Shape | None = None
    kernel: int = 0
    stride: int = 1
    padding: int = 0
    output_padding: int = 0  # of the height; where that of the width differs, image_out tells it

    @property
    def output_paddings(self) -> tuple[int, int]:
        """Rows and columns that a transposed convolution adds at the end."""
        assert self.image_in and self.image_out, "only convolutions have any"
        reach = self.kernel - 2 * self.padding
        high, wide = (
            out - (side - 1) * self.stride - reach
            for side, out in zip(self.image_in[1:], self.image_out[1:], strict=True)
        )
        return high, wide


@dataclass(frozen=True)
class Kind:
    """What a step is in PyTorch, and what it counts."""

    build: Callable[[Step, RunConfig], nn.Module]
    spelled: Callable[[Step, RunConfig], str]  # as PyTorch's users write it
    parameters: Callable[[Step], int] = lambda step: 0
    multiply_adds: Callable[[Step], int] = lambda step: 0
    kept: float = 0.0  # numbers that autograd keeps for each one out, beside those of a fully connected layer
    copies: int = 1  # arrays as large as the one that comes out, while it is computed
    computes: bool = True  # whether anything of it is left where nothing is learnt and arrays are flat


def _linear(step: Step, config: RunConfig) -> nn.Module:
    from torch import nn

    return nn.Linear(step.inputs, step.outputs)


def _convolution(step: Step, config: RunConfig) -> nn.Module:
    from torch import nn

    assert step.image_in and step.image_out
    return nn.Conv2d(step.image_in[0], step.image_out[0], step.kernel, step.stride, step.padding)


def _spelled_convolution(step: Step, config: RunConfig) -> str:
    assert step.image_in and step.image_out
    return f"nn.Conv2d({step.image_in[0]}, {step.image_out[0]}, {step.kernel}, {step.stride}, {step.padding})"


def _transposed(step: Step, config: RunConfig) -> nn.Module:
    from torch import nn

    from .modules import ToFewChannels

    assert step.image_in and step.image_out
    channels = step.image_in[0], step.image_out[0]
    made = ToFewChannels if channels[1] <= FEW else nn.ConvTranspose2d
    return made(*channels, step.kernel, step.stride, step.padding, step.output_paddings)


def _spelled_transposed(step: Step, config: RunConfig) -> str:
    assert step.image_in and step.image_out
    numbers = (step.image_in[0], step.image_out[0], step.kernel, step.stride, step.padding)
    more = f", {step.output_paddings}" if any(step.output_paddings) else ""
    return f"nn.ConvTranspose2d({', '.join(map(str, numbers))}{more})"


def _kernels(step: Step) -> int:
    """Weights of a convolution, transposed or not."""
    assert step.image_in and step.image_out
    return step.image_in[0] * step.image_out[0] * step.kernel**2


def _bias(step: Step) -> int:
    assert step.image_out
    return step.image_out[0]


def _places(shape: Shape | None) -> int:
    assert shape
    return math.prod(shape[1:])


def _channel_scale(step: Step, config: RunConfig) -> nn.Module:
    from .modules import BatchNorm

    return BatchNorm(_channels(step))


def _on_images(step: Step) -> bool:
    """Whether a step between images: those of one place are vectors, as behind a fully connected layer."""
    return _places(step.image_in) > 1


def _channels(step: Step) -> int:
    """Numbers that have a weight and a bias of their own."""
    return step.image_in[0] if step.image_in else step.inputs


def _layer_normalisation(step: Step, config: RunConfig) -> nn.Module:
    from torch import nn

    return nn.GroupNorm(1, step.image_in[0]) if step.image_in else nn.LayerNorm(step.inputs)


def _dropout(step: Step, config: RunConfig) -> nn.Module:
    from .modules import Dropout

    return Dropout(config.dropout)


def _to_image(step: Step, config: RunConfig) -> nn.Module:
    from .modules import ToImage

    assert step.image_out
    return ToImage(step.image_out)


def _flatten(step: Step, config: RunConfig) -> nn.Module:
    from torch import nn

    return nn.Flatten()


KINDS: dict[str, Kind] = {
    "linear": Kind(
        _linear,
        lambda step, config: f"nn.Linear({step.inputs}, {step.outputs})",
        parameters=lambda step: step.inputs * step.outputs + step.outputs,
        multiply_adds=lambda step: step.inputs * step.outputs + step.outputs,  # a bias counted as a weight
        kept=1.0,
    ),
    "activation": Kind(
        lambda step, config: ACTIVATIONS[config.activation].build(),
        lambda step, config: ACTIVATIONS[config.activation].spelled,
    ),
    "convolution": Kind(
        _convolution,
        _spelled_convolution,
        parameters=lambda step: _kernels(step) + _bias(step),
        multiply_adds=lambda step: (_kernels(step) + _bias(step)) * _places(step.image_out),
        kept=0.6,
        copies=3,
    ),
    "transposed_convolution": Kind(
        _transposed,
        _spelled_transposed,
        parameters=lambda step: _kernels(step) + _bias(step),
        multiply_adds=lambda step: _kernels(step) * _places(step.image_in) + _bias(step) * _places(step.image_out),
        kept=0.6,
        copies=3,
    ),
    "channel_scale": Kind(
        _channel_scale,
        lambda step, config: f"nn.BatchNorm{'2' if _on_images(step) else '1'}d({_channels(step)})",
        parameters=lambda step: 2 * _channels(step),
        kept=0.6,
    ),
    "layer_normalisation": Kind(
        _layer_normalisation,
        lambda step, config: f"nn.GroupNorm(1, {_channels(step)})" if step.image_in else f"nn.LayerNorm({step.inputs})",
        parameters=lambda step: 2 * _channels(step),
        kept=0.6,
    ),
    "dropout": Kind(_dropout, lambda step, config: f"nn.Dropout({config.dropout:g})", kept=0.7, computes=False),
    "to_image": Kind(_to_image, lambda step, config: f"nn.Unflatten(1, {step.image_out})", computes=False),
    "flatten": Kind(_flatten, lambda step, config: "nn.Flatten()", computes=False),
}
