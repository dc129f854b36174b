"""Architectures: what each name of `choices.networks` builds, counts, draws and can be turned into.

Nothing here imports torch before a network is built, so pages count and draw without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from ..choices.activations import ACTIVATIONS
from ..choices.likelihoods import LIKELIHOODS
from ..choices.variants import VARIANTS, Variant
from ..config import RunConfig
from ..datasets import Shape

if TYPE_CHECKING:
    import torch

    from .models import Autoencoder


@dataclass(frozen=True)
class Counts:
    """Of one variant's network: what it takes, without building it."""

    parameters: int
    multiply_adds: int  # for one image there and back
    hidden: int  # numbers between pixels and code, one way
    widest: int  # numbers of the largest array on the way, for one image


@dataclass(frozen=True)
class Step:
    """One step of a chain: "linear" is y = x·Wᵀ + b with the weights of module `name`, "activation" the run's own."""

    kind: str
    name: str
    inputs: int
    outputs: int


@dataclass(frozen=True)
class Chains:
    """A network as steps one after another: all that the browser, ONNX and plain PyTorch need to run it."""

    encoder: tuple[Step, ...]
    heads: dict[str, Step]  # "mu" and, where there is one, "logvar": of the encoder's last numbers
    decoder: tuple[Step, ...]  # from the code to the outputs of which the likelihood makes a picture


@dataclass(frozen=True)
class Network:
    """An architecture. What is None falls back: steps to autograd, the browser to the server, and files are refused."""

    build: Callable[[RunConfig, Shape, Variant], Autoencoder]  # its weights not yet drawn
    draw: Callable[[Autoencoder, torch.Generator], None]  # the values of every parameter, or it raises TypeError
    counts: Callable[[RunConfig, Shape, Variant], Counts]
    widths: Callable[[RunConfig, Shape], list[int]]  # of its layers from image to code, for the drawing
    by_hand: bool = False  # whether `manual_backward.Stack` knows its modules
    chains: Callable[[RunConfig, Shape, Variant], Chains] | None = None


def _build_mlp(config: RunConfig, shape: Shape, variant: Variant) -> Autoencoder:
    from .models import mlp

    return mlp(config, math.prod(shape), variant.has_logvar)


def _draw_linear(model: Autoencoder, generator: torch.Generator) -> None:
    from .models import initialise

    initialise(model, generator)


def _mlp_widths(config: RunConfig, shape: Shape) -> list[int]:
    return config.layers(math.prod(shape))


def _mlp_counts(config: RunConfig, shape: Shape, variant: Variant) -> Counts:
    likelihood, widths = LIKELIHOODS[config.reconstruction], _mlp_widths(config, shape)
    outputs = widths[0] * likelihood.outputs_per_pixel
    parameters = parameter_count(widths, variant.has_logvar, outputs)
    return Counts(
        parameters=parameters + len(likelihood.parameters),
        multiply_adds=parameters,  # a bias counted as a weight
        hidden=sum(config.hidden),
        widest=max(outputs, *widths[:-1]),
    )


def _mlp_chains(config: RunConfig, shape: Shape, variant: Variant) -> Chains:
    """Layers are numbered as in the `nn.Sequential`s of models.py: a linear one, its activation, and so on."""
    *widths, code = _mlp_widths(config, shape)
    outputs = widths[0] * LIKELIHOODS[config.reconstruction].outputs_per_pixel

    def body(part: str, sizes: Sequence[int]) -> list[Step]:
        steps = []
        for place, (inputs, width) in enumerate(pairwise(sizes)):
            steps.append(Step("linear", f"{part}.body.{2 * place}", inputs, width))
            steps.append(Step("activation", f"{part}.body.{2 * place + 1}", width, width))
        return steps

    heads = ("mu", "logvar") if variant.has_logvar else ("mu",)
    back = [code, *reversed(widths[1:])]
    # Without hidden layers the non-linearity sits on the code itself.
    decoder = body("decoder", back) or [Step("activation", "decoder.body.0", code, code)]
    return Chains(
        encoder=tuple(body("encoder", widths)),
        heads={head: Step("linear", f"encoder.to_{head}", widths[-1], code) for head in heads},
        decoder=(*decoder, Step("linear", "decoder.to_logits", back[-1], outputs)),
    )


def parameter_count(widths: Sequence[int], with_logvar: bool, outputs: int | None = None) -> int:
    """Weights and biases of an MLP from `widths[0]` to the code and back to `outputs`, as many as inputs if None."""
    there = sum(inputs * units + units for inputs, units in pairwise(widths))
    back = [*reversed(widths[1:]), widths[0] if outputs is None else outputs]
    heads = 2 if with_logvar else 1
    return (
        there
        + sum(inputs * units + units for inputs, units in pairwise(back))
        + (heads - 1) * (widths[-2] * widths[-1] + widths[-1])
    )


ARCHITECTURES: dict[str, Network] = {
    "mlp": Network(_build_mlp, _draw_linear, _mlp_counts, _mlp_widths, by_hand=True, chains=_mlp_chains),
}


def network_of(config: RunConfig) -> Network:
    """The architecture of a run. Raises InputError for one of somebody's own whose file isn't here, or is another."""
    if config.network in ARCHITECTURES:
        return ARCHITECTURES[config.network]
    from .own.networks import network  # torch comes with it

    own = network(config.network, config.network_file)
    return Network(own.build, own.draw, lambda *asked: Counts(**own.counts(*asked)), own.widths)


def steps_by_hand(config: RunConfig, variant: Variant | None = None) -> bool:
    """Whether `manual_backward`, autograd's fast twin, has the training steps of such a run on the processor.

    Of this `variant`; without one, of those that are made of noise and KL alone.
    """
    if variant and variant.strength:
        return False
    likelihood = LIKELIHOODS[config.reconstruction]
    return (
        config.estimator == "pathwise"
        and config.samples == 1
        and network_of(config).by_hand
        and ACTIVATIONS[config.activation].by_hand is not None
        and likelihood.gradient is not None
        and likelihood.outputs_per_pixel == 1
        and not config.free_bits
    )


def build(config: RunConfig, shape: Shape, variant: str) -> Autoencoder:
    """The network of one variant for images of a `shape`, its weights not yet drawn (see `Network.draw`)."""
    chosen = VARIANTS[variant]
    model = network_of(config).build(config, shape, chosen)
    if chosen.fixed_noise and chosen.strength:
        from .smoothing import fix_noise

        fix_noise(model, getattr(config, chosen.strength))
    return model


def initialised(config: RunConfig, shape: Shape, variant: str, generator: torch.Generator) -> Autoencoder:
    """The network of one variant with its first weights, all of them from `generator`.

    Raises TypeError for a parameter that the architecture doesn't draw: it would come from torch's global state.
    """
    import torch

    model = build(config, shape, variant)
    with torch.no_grad():
        for part in (model.encoder, model.decoder):
            for parameter in part.parameters():
                parameter.fill_(torch.nan)
        network_of(config).draw(model, generator)
    left = [name for name, parameter in model.named_parameters() if parameter.isnan().any()]
    if left:
        raise TypeError(f"nobody said how to draw {left[0]}")
    return model
