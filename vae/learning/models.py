"""The networks. Modules own parameters; what a code means (noise, KL) lives in losses.py and estimators.py."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from ..choices.activations import ACTIVATIONS
from ..choices.likelihoods import Likelihood, likelihood_of
from ..config import RunConfig


class Encoder(nn.Module):
    """Image → the mean of its code's distribution and, where the variant has one, the log-variance."""

    def __init__(self, layers: Sequence[int], activation: str, with_logvar: bool) -> None:
        super().__init__()
        *widths, latent_dim = layers
        self.body = nn.Sequential()
        for inputs, outputs in pairwise(widths):
            self.body.extend([nn.Linear(inputs, outputs), ACTIVATIONS[activation].build()])
        self.to_mu = nn.Linear(widths[-1], latent_dim)
        self.to_logvar = nn.Linear(widths[-1], latent_dim) if with_logvar else None

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        h = self.body(x)  # (B, last hidden width)
        return self.to_mu(h), self.to_logvar(h) if self.to_logvar else None  # each (B, D)


class Decoder(nn.Module):
    """Code → the likelihood's outputs, k for each pixel: the logits of the pixels for both losses there are."""

    def __init__(self, layers: Sequence[int], activation: str) -> None:
        super().__init__()
        *widths, outputs = layers
        # Without hidden layers the non-linearity sits on the code itself, as in the article's 784 → 32 → 784 network.
        self.body = nn.Sequential() if len(widths) > 1 else nn.Sequential(ACTIVATIONS[activation].build())
        for inputs, units in pairwise(widths):
            self.body.extend([nn.Linear(inputs, units), ACTIVATIONS[activation].build()])
        self.to_logits = nn.Linear(widths[-1], outputs)

    def forward(self, z: Tensor) -> Tensor:
        return self.to_logits(self.body(z))  # (B, k · P)


class Autoencoder(nn.Module):
    """An encoder, a decoder, and what the likelihood learns besides. Every variant of every network is one of these."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module, likelihood: Likelihood) -> None:
        super().__init__()
        self.encoder, self.decoder, self.likelihood = encoder, decoder, likelihood
        by_descent = likelihood.closed_form is None
        begin = {name: nn.Parameter(torch.tensor(v), by_descent) for name, v in likelihood.parameters.items()}
        self.likelihood_parameters = nn.ParameterDict(begin)

    @torch.no_grad()
    def settle(self, z: Tensor, x: Tensor) -> None:
        """What the likelihood learns in closed form, from codes (N, D) and the images (N, P) they are of."""
        assert self.likelihood.closed_form is not None, "a likelihood that learns by descent has nothing to settle"
        for name, value in self.likelihood.closed_form(self.decoder(z), x).items():
            self.likelihood_parameters[name].fill_(value)

    def picture(self, z: Tensor) -> Tensor:
        """Codes (B, D) → pictures (B, P): the mean of the pixels' distribution, clipped to [0, 1] only where drawn."""
        return self.likelihood.mean(self.decoder(z))


def mlp(config: RunConfig, pixels: int, with_logvar: bool) -> Autoencoder:
    """Two fully connected networks, mirrored about the code."""
    layers, likelihood = config.layers(pixels), likelihood_of(config)
    encoder = Encoder(layers, config.activation, with_logvar)
    decoder = Decoder([*reversed(layers[1:]), pixels * likelihood.outputs_per_pixel], config.activation)
    return Autoencoder(encoder, decoder, likelihood)


@torch.no_grad()
def initialise(model: Autoencoder, generator: torch.Generator) -> Autoencoder:
    """Draw the weights of all linear layers from U(−1/√n, 1/√n), n inputs per unit, as PyTorch does, from `generator`.

    `to_logvar` comes last, so variants with and without it start from the same weights everywhere else.
    """
    last = getattr(model.encoder, "to_logvar", None)
    heads = [last] if isinstance(last, nn.Linear) else []
    linear = [layer for layer in model.modules() if isinstance(layer, nn.Linear) and layer not in heads]
    for layer in linear + heads:
        bound = layer.in_features**-0.5
        layer.weight.uniform_(-bound, bound, generator=generator)
        layer.bias.uniform_(-bound, bound, generator=generator)
    return model
