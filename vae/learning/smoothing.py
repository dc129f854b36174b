"""Other ways to make a code smooth than a VAE's: noise on images or on codes, and penalties.

`choices.variants` says who has what.

None of them has a σ that is learnt, so nothing has to get past a random sample: their gradient is autograd's of the
objective as it is written here, mean over images of reconstruction + strength · penalty.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from ..choices.likelihoods import Likelihood
from ..choices.variants import Variant
from .adam import Moments
from .losses import reparameterize
from .models import Autoencoder
from .randomness import normal_like

LEAST_VARIANCE = 1e-5  # added to a variance before it divides, as in Ioffe and Szegedy 2015 (arXiv 1502.03167)
DEAD = 1e-10  # variance below which a dimension says nothing but rounding, which nobody should make louder
CHUNK = 2000  # images per forward pass when nothing is learnt

# (model, images x (B, P), their codes' means (B, D), whether its gradient is needed) → (B,)
Penalty = Callable[[Autoencoder, Tensor, Tensor, bool], Tensor]


def jacobian(model: Autoencoder, x: Tensor, mu: Tensor, learnt: bool = True) -> Tensor:
    """‖∂μ/∂x‖²_F of each image, (B,): every derivative of the encoder, squared and summed.

    Exact, by a backward pass for each latent dimension; the encoder must treat each image by itself. Rifai et al. 2011,
    "Contractive auto-encoders", equation 1; there the mean over images is a sum.
    """
    found: Tensor | int = 0
    # Those who measure are in inference mode, where nothing has a gradient.
    mode: AbstractContextManager = nullcontext() if learnt else torch.inference_mode(False)
    with mode, torch.enable_grad():
        pixels = (x if learnt else x.clone()).detach().requires_grad_()
        codes = model.encoder(pixels)[0]  # (B, D)
        for of_dimension in codes.unbind(dim=1):
            (slope,) = torch.autograd.grad(of_dimension.sum(), pixels, retain_graph=True, create_graph=learnt)  # (B, P)
            found = found + slope.square().sum(dim=-1)
    assert isinstance(found, Tensor), "a code has at least one dimension"
    return found


def code_and_weights(model: Autoencoder, x: Tensor, mu: Tensor, learnt: bool = True) -> Tensor:
    """½ ‖z‖² + ½ ‖W‖² of each image, (B,), where W are all weights of the decoder; its biases are left alone.

    Ghosh et al. 2020 (arXiv 1903.12436), section 3: the RAE with an L2 norm on the decoder. There both terms have a
    weight of their own; here one weight is both, and the ½ is in it.
    """
    weights = sum(weight.square().sum() for weight in model.decoder.parameters() if weight.dim() > 1)
    return 0.5 * (mu.square().sum(dim=-1) + weights)


PENALTIES: dict[str, Penalty] = {"jacobian": jacobian, "code_and_weights": code_and_weights}


def learn(
    model: Autoencoder,
    variant: Variant,
    x: Tensor,
    likelihood: Likelihood,
    strength: float,
    generator: torch.Generator,
) -> None:
    """Leave the objective's gradient on the images `x` (B, P) in `.grad`, for a variant with a `strength`."""
    mu, logvar = model.encoder(noisy(x, strength, generator) if variant.input_noise else x)  # each (B, D)
    z = reparameterize(normalised(mu), logvar, normal_like(mu, generator)) if variant.fixed_noise else mu
    outputs = _wide(model.decoder(z))  # (B, k · P)
    objective = likelihood.value(outputs, x, **model.likelihood_parameters).mean()
    if variant.penalty:
        objective = objective + strength * _wide(PENALTIES[variant.penalty](model, x, mu, True)).mean()
    objective.backward()


def noisy(x: Tensor, std: float, generator: torch.Generator) -> Tensor:
    """x + std · ε, (B, P), not clipped: a grey level may leave [0, 1]. Vincent et al. 2010, section 3.3."""
    return x + std * normal_like(x, generator)


def normalised(mu: Tensor) -> Tensor:
    """Codes (B, D) with mean 0 and standard deviation 1 over a batch in each dimension. A lone code stays.

    Without it an encoder makes its codes so large that noise of a fixed size no longer matters. `settle` puts the
    same over all training images into the weights.
    """
    if len(mu) < 2:
        return mu
    variance, mean = torch.var_mean(mu, dim=0, correction=0)  # each (D,)
    return (mu - mean) * torch.rsqrt(variance + LEAST_VARIANCE)


def fix_noise(model: Autoencoder, std: float) -> None:
    """Let the encoder say log `std`² for the log-variance of every code, whatever the network is."""
    logvar = 2 * torch.tensor(std, dtype=torch.float64).log().item()
    model.encoder.register_forward_hook(lambda module, given, said: (said[0], torch.full_like(said[0], logvar)))


@torch.no_grad()
def settle(model: Autoencoder, moments: Moments, x: Tensor) -> None:
    """Make the last layer's codes of all training images `x` (N, P) have mean 0 and standard deviation 1.

    Training looks at normalised codes, so it doesn't see this change; and from here on the encoder alone says the code
    that the decoder takes: in every evaluation, in the browser, in exported files. Adam's moments are those of the new
    weights: as W = s·W′, ∂/∂W′ = s·∂/∂W. Raises TypeError for a network whose means come from no linear layer.
    """
    head = getattr(model.encoder, "to_mu", None)
    if not isinstance(head, nn.Linear):
        raise TypeError("codes are normalised by the linear layer `to_mu` of the encoder, and this network has none")
    codes = torch.cat([model.encoder(chunk)[0].double() for chunk in x.split(CHUNK)])  # (N, D)
    variance, mean = torch.var_mean(codes, dim=0, correction=0)  # each (D,)
    std = torch.where(variance > DEAD, variance, 1.0).sqrt()
    head.weight.copy_(head.weight / std[:, None])
    head.bias.copy_((head.bias - mean) / std)
    for parameter, scale in ((head.weight, std[:, None]), (head.bias, std)):
        place = next(i for i, p in enumerate(moments.parameters) if p is parameter)
        moments.exp_avg[place].mul_(scale.to(parameter.dtype))
        moments.exp_avg_sq[place].mul_(scale.square().to(parameter.dtype))


def _wide(tensor: Tensor) -> Tensor:
    """In float32 at least: what autocast computed in bfloat16 has too few digits for a loss."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))
