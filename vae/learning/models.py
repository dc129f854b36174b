"""The networks. Modules own parameters; what a code means (noise, KL) lives in losses.py and estimators.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..config import RunConfig
from .variants import VARIANTS

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.5),  # the article's slope
    "tanh": nn.Tanh,
    "elu": nn.ELU,
}


class Encoder(nn.Module):
    """Image → the mean of its code's distribution and, where the variant has one, the log-variance."""

    def __init__(self, layers: Sequence[int], activation: str, with_logvar: bool) -> None:
        super().__init__()
        *widths, latent_dim = layers
        self.body = nn.Sequential()
        for inputs, outputs in pairwise(widths):
            self.body.extend([nn.Linear(inputs, outputs), ACTIVATIONS[activation]()])
        self.to_mu = nn.Linear(widths[-1], latent_dim)
        self.to_logvar = nn.Linear(widths[-1], latent_dim) if with_logvar else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        h = self.body(x)  # (B, last hidden width)
        return self.to_mu(h), self.to_logvar(h) if self.to_logvar else None  # each (B, D)


class Decoder(nn.Module):
    """Code → logits of the pixels."""

    def __init__(self, layers: Sequence[int], activation: str) -> None:
        super().__init__()
        widths = list(reversed(layers))
        # Without hidden layers the non-linearity sits on the code itself, as in the article's 784 → 32 → 784 network.
        self.body = nn.Sequential() if len(widths) > 2 else nn.Sequential(ACTIVATIONS[activation]())
        for inputs, outputs in pairwise(widths[:-1]):
            self.body.extend([nn.Linear(inputs, outputs), ACTIVATIONS[activation]()])
        self.to_logits = nn.Linear(widths[-2], widths[-1])

    def forward(self, z: Tensor) -> Tensor:
        return self.to_logits(self.body(z))  # (B, P)


class Autoencoder(nn.Module):
    """Encoder and decoder MLPs mirrored about the code. Every variant is one of these."""

    def __init__(self, layers: Sequence[int], activation: str, with_logvar: bool) -> None:
        super().__init__()
        self.encoder = Encoder(layers, activation, with_logvar)
        self.decoder = Decoder(layers, activation)


def build(config: RunConfig, pixels: int, variant: str) -> Autoencoder:
    """The network of one variant, its weights not yet drawn (see `initialise`)."""
    return Autoencoder(config.layers(pixels), config.activation, VARIANTS[variant].has_logvar)


@torch.no_grad()
def initialise(model: Autoencoder, generator: torch.Generator) -> Autoencoder:
    """Draw all weights from U(−1/√n, 1/√n), n inputs per unit: PyTorch's own default, but from `generator`.

    `to_logvar` comes last, so variants with and without it start from the same weights everywhere else. Raises
    TypeError for a parameter that isn't a linear layer's: its weights would come from torch's global state.
    """
    heads = [layer for layer in (model.encoder.to_logvar,) if layer is not None]
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear) and layer not in heads]
    covered = {id(p) for layer in linear + heads for p in layer.parameters()}
    if unknown := [name for name, p in model.named_parameters() if id(p) not in covered]:
        raise TypeError(f"nobody said how to draw {unknown[0]}")
    for layer in linear + heads:
        bound = layer.in_features**-0.5
        layer.weight.uniform_(-bound, bound, generator=generator)
        layer.bias.uniform_(-bound, bound, generator=generator)
    return model
