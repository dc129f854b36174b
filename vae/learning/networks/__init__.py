"""Architectures: what each name of `choices.networks` builds, counts, draws and can be turned into.

Nothing here imports torch before a network is built, so pages count and draw without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...choices.activations import ACTIVATIONS
from ...choices.likelihoods import LIKELIHOODS
from ...choices.networks import NORMALISATIONS
from ...choices.variants import VARIANTS, Variant
from ...config import RunConfig
from ...datasets import Shape
from ..layers.parts import Counts
from ..layers.steps import Step
from .architecture import Chains, Network
from .conv import CONV
from .mlp import MLP, parameter_count

if TYPE_CHECKING:
    import torch

    from ..models import Autoencoder

__all__ = [
    "ARCHITECTURES",
    "Chains",
    "Counts",
    "Network",
    "Shape",
    "Step",
    "build",
    "initialised",
    "network_of",
    "parameter_count",
    "steps_by_hand",
    "unnormalised",
]

ARCHITECTURES: dict[str, Network] = {"mlp": MLP, "conv": CONV}


def network_of(config: RunConfig) -> Network:
    """The architecture of a run. Raises InputError for one of somebody's own whose file isn't here, or is another."""
    if config.network in ARCHITECTURES:
        return ARCHITECTURES[config.network]
    from ..own.networks import network  # torch comes with it

    return network(config.network, config.network_file)


def unnormalised(config: RunConfig) -> bool:
    """Whether nothing lies between a network's layers but activations, so that it learns as it measures."""
    return NORMALISATIONS[config.normalisation].step is None and not config.dropout


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
        and unnormalised(config)
        and ACTIVATIONS[config.activation].by_hand is not None
        and likelihood.gradient is not None
        and likelihood.outputs_per_pixel == 1
        and not config.free_bits
    )


def build(config: RunConfig, shape: Shape, variant: str) -> Autoencoder:
    """The network of one variant for images of a `shape`, its weights not yet drawn (see `Network.draw`).

    In evaluation mode: only `layers.modules.learning` changes that, for the time of an epoch.
    """
    chosen = VARIANTS[variant]
    model = network_of(config).build(config, shape, chosen).eval()
    if chosen.fixed_noise and chosen.strength:
        from ..smoothing import fix_noise

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
