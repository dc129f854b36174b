"""How a gradient gets past the random sample z. An estimator leaves the objective's gradient in `.grad`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from .losses import Reconstruction, kl_divergence, reparameterize
from .models import Autoencoder
from .variants import Variant

Estimator = Callable[[Autoencoder, Variant, Tensor, Reconstruction, float, torch.Generator], None]


def pathwise(
    model: Autoencoder,
    variant: Variant,
    x: Tensor,
    reconstruction: Reconstruction,
    beta: float,
    generator: torch.Generator,
) -> None:
    """The reparameterization trick: the noise comes from outside, so the gradient passes through μ and σ.

    Kingma & Welling 2014 (arXiv 1312.6114), section 2.4. For variants without noise the path is the plain chain rule.
    """
    mu, logvar = model.encoder(x)  # each (B, D)
    z = reparameterize(mu, logvar, normal_like(mu, generator)) if variant.noise else mu
    logits = model.decoder(z)  # (B, P)
    # Backward starts at the logits with the loss's closed-form gradient: its value is not needed to learn, and
    # computing it through autograd costs about 5 % of a training step.
    terms = [logits]
    gradients = [reconstruction.gradient(logits.detach().float(), x).div_(len(x)).to(logits.dtype)]
    if variant.kl and beta:
        terms.append(kl_divergence(mu.float(), logvar.float()).sum())
        gradients.append(torch.tensor(beta / len(x), device=x.device))
    torch.autograd.backward(terms, gradients)


def normal_like(mu: Tensor, generator: torch.Generator) -> Tensor:
    """ε ~ N(0, I) of the shape and device of `mu`, from an explicit generator."""
    return torch.randn(mu.shape, generator=generator, device=mu.device)


ESTIMATORS: dict[str, Estimator] = {"pathwise": pathwise}
