"""How probable a model finds images: −log p(x) by importance samples from the encoder's q(z|x).

Burda et al. 2016 (arXiv 1509.00519), eq. 8: −log 1/S Σ_s p(x|z_s) p(z_s) / q(z_s|x), z_s ~ q(z|x). On average it is
never below the true value, whatever q is, and it falls towards it with more samples; with one it is the variational
bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ...choices.densities import Density, density_of
from ...config import RunConfig
from ...errors import InputError
from ...learning.losses import kl_divergence
from ...learning.models import Autoencoder
from ...learning.networks import network_of
from ...learning.randomness import stream
from ..intervals import standard_error
from .weight_tails import HEAVY, tail_shape

OUTPUTS_AT_ONCE = 1 << 20  # numbers that the decoder gives at a time: 4 MB, which stay near the processor


@dataclass(frozen=True)
class ImportanceSampled:
    """Of N images, by S samples each, in nats."""

    nll: np.ndarray  # (N,) −log p(x), estimated
    bound: np.ndarray  # (N,) −log p(x|z) on average over the same samples, plus the KL: the VAE's loss with β = 1
    # (N,) of `nll` over other draws of the samples, by the delta method: Var(log w̄) ≈ Var(w) / (S · mean(w)²)
    variance: np.ndarray
    effective: np.ndarray  # (N,) (Σ w)² / Σ w²: how many of the S samples count, from 1 to S
    tail: np.ndarray  # (N,) k̂ of the weights: above HEAVY a few samples carry the sum. NaN where S is small
    by_samples: dict[int, float]  # k → mean over images of the estimate by k samples each; of all S draws
    samples: int  # S

    @property
    def error(self) -> float:
        """Standard error of the mean of `nll` over images; NaN for one image."""
        return standard_error(self.nll)

    @property
    def monte_carlo(self) -> float:
        """Standard error of the mean of `nll` over other draws of the samples, for these very images."""
        return float(np.sqrt(self.variance.sum()) / len(self.variance))

    @property
    def heavy(self) -> np.ndarray:
        """(N,) 1 for images whose weights have so heavy a tail that `variance` can't be trusted, else 0."""
        return np.where(np.isnan(self.tail), np.nan, self.tail > HEAVY)

    @property
    def bias(self) -> float:
        """About how much too high the mean of `nll` is: Var(log w̄)/2 of each image, which no number of images averages
        out. Both are too small where weights have heavy tails."""
        return float(self.variance.mean() / 2)


@torch.inference_mode()
def importance_sampled(
    model: Autoencoder,
    variant: str,
    config: RunConfig,
    x: np.ndarray,
    samples: int = 200,
    seed: int = 0,
    draw: int = 0,
    progress: Callable[[float], None] = lambda share: None,
) -> ImportanceSampled:
    """−log p(x) of images `x` (N, P) in [0, 1] by `samples` from q(z|x) for each, in one thread and bounded memory.

    Another `draw` has other samples. `model` is on the CPU, in evaluation mode. Raises InputError as `density_of`, and
    for fewer than two samples.
    """
    if samples < 2:
        raise InputError(f"An estimate takes at least 2 samples for each image, not {samples}.")
    density = density_of(config, variant, binary=bool(np.isin(x, (0, 1)).all()))
    generator = stream(seed, "importance samples", draw)
    rows = min(network_of(config).at_once, max(1, OUTPUTS_AT_ONCE // (x.shape[1] * model.likelihood.outputs_per_pixel)))
    images, step = max(1, rows // samples), min(samples, rows)
    parts: list[dict[str, np.ndarray]] = []
    for start in range(0, len(x), images):
        some = torch.from_numpy(x[start : start + images])
        mu, logvar = model.encoder(some)  # each (n, D)
        loss, log_ratio = [], []
        for first in range(0, samples, step):
            eps = torch.randn(len(some), min(step, samples - first), mu.shape[1], generator=generator)  # (n, s, D)
            z = mu[:, None] + torch.exp(0.5 * logvar)[:, None] * eps
            log_ratio.append(_log_ratio(z, eps, logvar))
            loss.append(_loss(model, density, config.beta, z, some))
        parts.append(_of_weights(torch.cat(loss, 1), torch.cat(log_ratio, 1), kl_divergence(mu, logvar).sum(-1)))
        progress(min(1.0, (start + images) / len(x)))
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    by_samples = dict(zip(_counts(samples), whole.pop("by_samples").mean(axis=0).tolist(), strict=True))
    return ImportanceSampled(**whole, by_samples=by_samples, samples=samples)


def _log_ratio(z: Tensor, eps: Tensor, logvar: Tensor) -> Tensor:
    """log p(z) − log q(z|x) of z = μ + σ·ε, (n, s, D), for log σ² (n, D): (n, s). The constants cancel."""
    return 0.5 * (eps.square().sum(-1) - z.square().sum(-1) + logvar.sum(-1, keepdim=True)).double()


def _loss(model: Autoencoder, density: Density, beta: float, z: Tensor, x: Tensor) -> Tensor:
    """−log p(x|z) of codes (n, s, D) and images (n, P), (n, s)."""
    outputs = model.decoder(z.flatten(0, 1)).unflatten(0, z.shape[:2])  # (n, s, k · P)
    if density.of_samples:
        value = density.of_samples(outputs, x)
    else:
        wanted = x[:, None].expand(*z.shape[:2], x.shape[1])
        value = model.likelihood.value(outputs, wanted, **model.likelihood_parameters)
    factor, constant = density.factor_and_constant(x.shape[1], beta)
    return factor * value.double() + constant


def _of_weights(loss: Tensor, log_ratio: Tensor, kl: Tensor) -> dict[str, np.ndarray]:
    """From −log p(x|z) and log p(z)/q(z|x), each (n, S), and the KL (n,)."""
    log_w = log_ratio - loss
    samples = log_w.shape[1]
    total = log_w.logsumexp(1)  # log Σ w
    share = (log_w - total[:, None]).exp()  # of each sample, (n, S)
    effective = 1 / share.square().sum(1)
    # Var(w) / mean(w)² = (S²/ESS − S) / (S − 1)
    variance = (samples**2 / effective - samples) / (samples - 1) / samples
    groups = (log_w[:, : samples // k * k].unflatten(1, (-1, k)) for k in _counts(samples))
    by_samples = [(np.log(group.shape[2]) - group.logsumexp(2)).mean(1) for group in groups]
    found = {
        "nll": np.log(samples) - total,
        "bound": loss.mean(1) + kl,
        "variance": variance.clamp_min(0),
        "effective": effective,
        "tail": tail_shape(log_w),
        "by_samples": torch.stack(by_samples, 1),
    }
    return {name: value.numpy() for name, value in found.items()}


def _counts(samples: int) -> list[int]:
    """1, 2, 5, 10, 20, 50, … below S, and S."""
    steps = (lead * 10**power for power in range(len(str(samples))) for lead in (1, 2, 5))
    return [*(count for count in steps if count < samples), samples]
