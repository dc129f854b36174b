"""How a gradient gets past the random sample z. An estimator leaves the objective's gradient in `.grad`.

The objective of B images is mean over images of E_q(z|x)[reconstruction] + β · KL. Estimators differ in the gradient of
the first term with respect to the encoder; the decoder's is the plain chain rule, and the KL is in closed form.
`iwae` and `dreg` have another objective, the K-sample bound, which `k_sample_bound` computes; its KL is sampled.
Variants without noise have nothing random to get past: for them every estimator is the chain rule.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import nullcontext

import torch
from torch import Tensor

from ..choices.likelihoods import Likelihood
from ..choices.variants import Variant
from .losses import kl_divergence, paid_kl, reparameterize
from .models import Autoencoder
from .randomness import normal_like

# (model, variant, x, likelihood, beta, generator, samples=1, baseline="none", free=0.0). `free`: nats, see `paid_kl`.
Estimator = Callable[..., None]


def pathwise(
    model: Autoencoder,
    variant: Variant,
    x: Tensor,
    likelihood: Likelihood,
    beta: float,
    generator: torch.Generator,
    samples: int = 1,
    baseline: str = "none",
    free: float = 0.0,
) -> None:
    """The reparameterization trick: the noise comes from outside, so the gradient passes through μ and σ.

    Kingma & Welling 2014 (arXiv 1312.6114), section 2.4. `baseline` changes nothing here.
    """
    mu, logvar = model.encoder(x)  # each (B, D)
    z = _sample(mu, logvar, generator, samples) if variant.noise else mu
    _backward(variant, beta, mu, logvar, [_reconstruct(model, z, x, likelihood)[1]], free)


def score_function(
    model: Autoencoder,
    variant: Variant,
    x: Tensor,
    likelihood: Likelihood,
    beta: float,
    generator: torch.Generator,
    samples: int = 1,
    baseline: str = "none",
    free: float = 0.0,
) -> None:
    """The log-derivative trick: ∇E_q[f(z)] = E_q[(f(z) − b) ∇log q(z|x)]; no gradient passes through z.

    Williams 1992 (REINFORCE); Mohamed et al. 2020 (arXiv 1906.10652), section 4. The baseline b of a sample is the mean
    loss of the image's other samples, "leave_one_out" (Kool et al. 2019), or nothing; neither biases the mean.
    """
    mu, logvar = model.encoder(x)  # each (B, D)
    if not variant.noise:
        _backward(variant, beta, mu, logvar, [_reconstruct(model, mu, x, likelihood)[1]], free)
        return
    z = _sample(mu, logvar, generator, samples).detach()  # (K · B, D)
    outputs, term = _reconstruct(model, z, x, likelihood)
    with torch.no_grad():
        loss = likelihood.value(_wide(outputs), x.repeat(samples, 1), **model.likelihood_parameters)
    loss = loss.view(samples, len(x))  # f(z), (K, B)
    if baseline == "leave_one_out":
        loss = (loss - loss.mean(dim=0)) * (samples / (samples - 1))  # f(zₖ) − mean of the other f(zⱼ)
    score = log_normal(z.view(samples, *mu.shape), mu, logvar).sum(dim=-1)  # log q(z|x), (K, B)
    _backward(variant, beta, mu, logvar, [term, (score, loss / loss.numel())], free)


def detached(
    model: Autoencoder,
    variant: Variant,
    x: Tensor,
    likelihood: Likelihood,
    beta: float,
    generator: torch.Generator,
    samples: int = 1,
    baseline: str = "none",
    free: float = 0.0,
) -> None:
    """The mistake: z is drawn and treated as data, so the reconstruction teaches the encoder nothing at all."""
    mu, logvar = model.encoder(x)  # each (B, D)
    z = _sample(mu, logvar, generator, samples).detach() if variant.noise else mu
    _backward(variant, beta, mu, logvar, [_reconstruct(model, z, x, likelihood)[1]], free)


def iwae(
    model: Autoencoder,
    variant: Variant,
    x: Tensor,
    likelihood: Likelihood,
    beta: float,
    generator: torch.Generator,
    samples: int = 1,
    baseline: str = "none",
) -> None:
    """The gradient of the K-sample bound by the trick: Σₖ w̃ₖ ∇log wₖ, w̃ₖ = wₖ / Σⱼ wⱼ; K is `samples`.

    Burda et al. 2016 (arXiv 1509.00519), equation 14; what wₖ is: `k_sample_bound`. With K = 1 it is the ELBO with a
    sampled KL. `baseline` changes nothing here.
    """
    _of_bound(model, variant, x, likelihood, beta, generator, samples, doubly=False)


def dreg(
    model: Autoencoder,
    variant: Variant,
    x: Tensor,
    likelihood: Likelihood,
    beta: float,
    generator: torch.Generator,
    samples: int = 1,
    baseline: str = "none",
) -> None:
    """The same mean as `iwae`, with the trick applied twice: the encoder's is Σₖ w̃ₖ² ∂log wₖ/∂zₖ · ∂zₖ/∂φ.

    Tucker et al. 2018 (arXiv 1810.04152), equation 8; the decoder's gradient is `iwae`'s. With K = 1 it leaves out the
    score of q, which is 0 on average: "sticking the landing" (Roeder et al. 2017, arXiv 1703.09194). With β ≠ 1 log wₖ
    holds −β log q, and the same derivation gives (1 − β) w̃ₖ + β w̃ₖ² in the place of w̃ₖ².
    """
    _of_bound(model, variant, x, likelihood, beta, generator, samples, doubly=True)


def _of_bound(
    model: Autoencoder,
    variant: Variant,
    x: Tensor,
    likelihood: Likelihood,
    beta: float,
    generator: torch.Generator,
    samples: int,
    doubly: bool,
) -> None:
    mu, logvar = model.encoder(x)  # each (B, D)
    if not variant.noise:
        _backward(variant, beta, mu, logvar, [_reconstruct(model, mu, x, likelihood)[1]])
        return
    power = beta if variant.kl else 0.0
    z = _sample(mu, logvar, generator, samples)  # (K · B, D)
    code = z.detach().requires_grad_(z.requires_grad) if doubly else z
    outputs = model.decoder(code)
    targets = x.repeat(samples, 1)
    by_hand = likelihood.gradient
    with nullcontext() if by_hand is None else torch.no_grad():
        losses = likelihood.value(_wide(outputs), targets, **model.likelihood_parameters)  # (K · B,)
    mean, log_variance = (mu.detach(), logvar.detach()) if doubly else (mu, logvar)
    ratio = _log_ratio(code.view(samples, *mu.shape), mean, log_variance).view(-1)  # log p(z) − log q(z|x), (K · B,)
    with torch.no_grad():
        share = _shares(power * ratio - losses, samples)  # w̃, (K · B,)
        weight = share / len(x)
    if by_hand is None:
        first = (losses, weight)
    else:
        gradient = by_hand(_wide(outputs.detach()), targets).mul_(weight[:, None])
        first = (outputs, gradient.to(outputs.dtype))
    _start([first, (ratio, -power * weight)])
    if doubly and code.grad is not None:
        # What arrived at zₖ is −w̃ₖ ∂log wₖ/∂zₖ.
        z.backward(code.grad * (1 - power + power * share)[:, None].to(code.dtype))


def k_sample_bound(
    model: Autoencoder,
    variant: Variant,
    x: Tensor,
    likelihood: Likelihood,
    beta: float,
    generator: torch.Generator,
    samples: int = 1,
) -> Tensor:
    """−log (1/K) Σₖ wₖ of each image of `x` (B, P), with wₖ = p(x|zₖ) · (p(zₖ) / q(zₖ|x))^β and zₖ ~ q(z|x): (B,).

    With β = 1 it is on average at least −log p(x), and the less the more samples (Burda et al. 2016, theorem 1), up to
    the constant that the likelihood leaves out; with K = 1 its average is the ELBO's. With another β it bounds nothing.
    A variant that pays no KL counts as β = 0. Raises ValueError for one without noise.
    """
    if not variant.noise:
        raise ValueError(f"{variant.title} draws no samples, so it has no K-sample bound")
    mu, logvar = model.encoder(x)  # each (B, D)
    z = _sample(mu, logvar, generator, samples)
    losses = likelihood.value(_wide(model.decoder(z)), x.repeat(samples, 1), **model.likelihood_parameters)
    ratio = _log_ratio(z.view(samples, *mu.shape), mu, logvar)  # (K, B)
    power = beta if variant.kl else 0.0
    return math.log(samples) - torch.logsumexp(power * ratio - losses.view(samples, -1), dim=0)


def _log_ratio(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; 0, I) − log N(z; μ, σ²) of samples (K, B, D), (K, B); the densities' constants cancel."""
    z, mu, logvar = _wide(z), _wide(mu), _wide(logvar)
    return (-0.5 * z.square() - log_normal(z, mu, logvar)).sum(dim=-1)


def _shares(log_weights: Tensor, samples: int) -> Tensor:
    """Each sample's share of its image's weights, in the order of the samples, (K · B,)."""
    return torch.softmax(log_weights.view(samples, -1), dim=0).view(-1)


def log_normal(z: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """log N(z; μ, σ²) of each dimension, up to a constant, in the shape of `z`."""
    return -0.5 * (logvar + (z - mu).square() * torch.exp(-logvar))


def _wide(tensor: Tensor) -> Tensor:
    """In float32 at least: what autocast computed in bfloat16 has too few digits for a loss."""
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def _sample(mu: Tensor, logvar: Tensor, generator: torch.Generator, samples: int) -> Tensor:
    """`samples` codes of each image, (K · B, D): all images once, then all again."""
    if samples > 1:
        mu, logvar = mu.repeat(samples, 1), logvar.repeat(samples, 1)
    return reparameterize(mu, logvar, normal_like(mu, generator))


def _reconstruct(
    model: Autoencoder, z: Tensor, x: Tensor, likelihood: Likelihood
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Outputs of codes `z` (K · B, D), (K · B, k · P), and where backward starts: a tensor and its gradient.

    With a closed form it starts at the outputs: the loss's value is not needed to learn, and computing it through
    autograd costs about 5 % of a training step.
    """
    outputs = model.decoder(z)
    targets = x if len(z) == len(x) else x.repeat(len(z) // len(x), 1)
    if likelihood.gradient is None:
        loss = likelihood.value(_wide(outputs), targets, **model.likelihood_parameters).sum()
        return outputs, (loss, torch.full_like(loss, 1 / len(z)))
    gradient = likelihood.gradient(_wide(outputs.detach()), targets).div_(len(z))
    return outputs, (outputs, gradient.to(outputs.dtype))


def _backward(
    variant: Variant,
    beta: float,
    mu: Tensor,
    logvar: Tensor | None,
    terms: list[tuple[Tensor, Tensor]],
    free: float = 0.0,
) -> None:
    """Backward from `terms`, (tensor, gradient of the objective with respect to it), and from β times `paid_kl`."""
    if variant.kl and beta:
        assert logvar is not None, "a variant with a KL has a log-variance"
        kl = kl_divergence(_wide(mu), _wide(logvar))  # (B, D)
        if free:
            paid = paid_kl(kl.mean(dim=0), free)
            terms = [*terms, (paid, torch.full_like(paid, beta))]
        else:
            total = kl.sum()
            terms = [*terms, (total, torch.full_like(total, beta / len(mu)))]
    _start(terms)


def _start(terms: list[tuple[Tensor, Tensor]]) -> None:
    """Backward from (tensor, gradient of the objective with respect to it)."""
    reached = [(tensor, gradient) for tensor, gradient in terms if tensor.requires_grad]  # a part may be frozen
    if reached:
        tensors, gradients = zip(*reached, strict=True)
        torch.autograd.backward(tensors, gradients)


ESTIMATORS: dict[str, Estimator] = {
    "pathwise": pathwise,
    "score_function": score_function,
    "detached": detached,
    "iwae": iwae,
    "dreg": dreg,
}
