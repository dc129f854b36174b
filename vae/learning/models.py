"""The networks. Modules own parameters; what a code means (noise, KL) lives in losses.py and estimators.py."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..choices.likelihoods import Likelihood, likelihood_of
from ..config import RunConfig
from .layers.parts import Parts, mlp_parts
from .layers.steps import KINDS, Step


class Encoder(nn.Module):
    """Image → the mean of its code's distribution and, where the variant has one, the log-variance."""

    def __init__(self, body: nn.Sequential, to_mu: nn.Linear, to_logvar: nn.Linear | None) -> None:
        super().__init__()
        self.body, self.to_mu, self.to_logvar = body, to_mu, to_logvar

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        h = self.body(x)  # (B, last hidden width)
        return self.to_mu(h), self.to_logvar(h) if self.to_logvar else None  # each (B, D)


class Decoder(nn.Module):
    """Code → the likelihood's outputs, k for each pixel: the logits of the pixels for both losses there are."""

    def __init__(self, body: nn.Sequential, to_logits: nn.Module) -> None:
        super().__init__()
        self.body, self.to_logits = body, to_logits

    def forward(self, z: Tensor) -> Tensor:
        return self.to_logits(self.body(z)).flatten(1)  # (B, k · P)


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


def assembled(config: RunConfig, parts: Parts) -> Autoencoder:
    """The modules that `parts` describes, with whatever weights PyTorch gives them."""

    def made(step: Step) -> nn.Module:
        return KINDS[step.kind].build(step, config)

    heads = {name: nn.Linear(step.inputs, step.outputs) for name, step in parts.heads.items()}
    encoder = Encoder(nn.Sequential(*map(made, parts.encoder)), heads["mu"], heads.get("logvar"))
    decoder = Decoder(nn.Sequential(*map(made, parts.decoder)), made(parts.outputs))
    return Autoencoder(encoder, decoder, likelihood_of(config))


def mlp(config: RunConfig, pixels: int, with_logvar: bool) -> Autoencoder:
    """Two fully connected networks, mirrored about the code."""
    outputs = pixels * likelihood_of(config).outputs_per_pixel
    return assembled(config, mlp_parts(config, pixels, with_logvar, outputs))


PRODUCTS = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.LayerNorm, nn.GroupNorm)


@torch.no_grad()
def initialise(model: Autoencoder, generator: torch.Generator) -> Autoencoder:
    """Draw the weights of all layers from U(−1/√n, 1/√n), n inputs per unit, as PyTorch does, from `generator`.

    As PyTorch does also for transposed convolutions, where n is outputs · kernel². Normalisations begin with weight 1
    and bias 0. `to_logvar` comes last, so variants with and without it start from the same weights everywhere else.
    """
    last = getattr(model.encoder, "to_logvar", None)
    heads = [last] if isinstance(last, nn.Linear) else []
    products = [layer for layer in model.modules() if isinstance(layer, PRODUCTS) and layer not in heads]
    for layer in products + heads:
        bound = layer.weight[0].numel() ** -0.5
        for parameter in layer.parameters(recurse=False):
            parameter.uniform_(-bound, bound, generator=generator)
    for normalisation in model.modules():
        if isinstance(normalisation, NORMS):
            normalisation.weight.fill_(1)
            normalisation.bias.fill_(0)
    return model
