"""Does a model notice what it has never seen? Scores of images, higher for stranger ones, and how well they tell."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ...choices.likelihoods import likelihood_of
from ...choices.variants import VARIANTS
from ...config import RunConfig
from ...datasets.principal_axes import PrincipalAxes
from ...learning.losses import kl_divergence, reparameterize
from ...learning.models import Autoencoder
from ...learning.networks import network_of
from ...learning.randomness import normal_like, stream

DRAWS = 10  # of a code for each image, for the bound
CURVE_POINTS = 100  # of a curve that is drawn


@torch.inference_mode()
def scores(
    model: Autoencoder,
    variant: str,
    config: RunConfig,
    x: np.ndarray,
    progress: Callable[[float], None] = lambda share: None,
) -> dict[str, np.ndarray]:
    """Of images `x` (N, P) in [0, 1], by name, each (N,): those of these that the variant has.

    squared_error: of the picture of the code's mean, summed over pixels. loss: the reconstruction loss of the same
    picture. kl: KL(q(z|x) ‖ N(0, I)) in nats, where the encoder says a variance. elbo: minus the evidence lower bound,
    the mean loss over DRAWS samples of the code + KL (Kingma & Welling 2014, equation 3), where it samples from that
    variance, too; its KL has the weight 1, whatever β the model learnt with.
    """
    entry, likelihood = VARIANTS[variant], likelihood_of(config)
    noise = stream(config.seed, "anomalies")  # the same for every variant
    found: dict[str, list[torch.Tensor]] = {}
    done = 0
    for chunk in torch.from_numpy(x).split(network_of(config).at_once):
        mu, logvar = model.encoder(chunk)  # each (B, D)

        def loss(codes: torch.Tensor, chunk: torch.Tensor = chunk) -> torch.Tensor:
            return likelihood.value(model.decoder(codes), chunk, **model.likelihood_parameters)  # (B,)

        here = {"squared_error": (likelihood.mean(model.decoder(mu)) - chunk).square().sum(-1), "loss": loss(mu)}
        if entry.has_logvar:
            here["kl"] = kl_divergence(mu, logvar).sum(-1)
        if entry.estimated:
            drawn = [loss(reparameterize(mu, logvar, normal_like(mu, noise))) for _ in range(DRAWS)]
            here["elbo"] = torch.stack(drawn).mean(0) + here["kl"]
        for name, values in here.items():
            found.setdefault(name, []).append(values)
        done += len(chunk)
        progress(done / len(x))
    return {name: torch.cat(parts).double().numpy() for name, parts in found.items()}


def scores_without_a_model(learnt: np.ndarray, dimensions: int, x: np.ndarray) -> dict[str, np.ndarray]:
    """What needs no network, of images `x` (N, P) beside those that were learnt from, (n, P): by name, each (N,).

    mean_image: the squared distance from their mean. pca: the squared error of as many principal components as a code
    has dimensions. Both summed over pixels.
    """
    principal = PrincipalAxes.of_pixels(learnt)
    components = min(dimensions, len(principal.axes))
    return {
        "mean_image": np.square(x - principal.mean).sum(-1, dtype=np.float64),
        "pca": np.square(x - principal.rebuilt(x, components)).sum(-1, dtype=np.float64),
    }


@dataclass(frozen=True)
class Area:
    """Under an ROC curve: how often a held-out image gets the higher score of a pair, ties counted as half."""

    value: float
    standard_error: float  # over images, of this one model; NaN where there is one image on a side
    false_alarms: np.ndarray  # (k,) the curve: the share of known images with a score of at least each threshold
    hits: np.ndarray  # (k,) and that of held-out images


def area(known: np.ndarray, held_out: np.ndarray) -> Area:
    """Of scores of `known` images (N,) and of `held_out` ones (M,), which should be higher.

    Value and curve by scikit-learn (the area is the Mann-Whitney statistic ÷ N·M). Standard error: DeLong, DeLong &
    Clarke-Pearson 1988 (Biometrics 44), equations 4 to 6, from ranks (Sun & Xu 2014).
    """
    from sklearn.metrics import roc_auc_score, roc_curve

    strange = np.r_[np.zeros(len(known)), np.ones(len(held_out))]
    both = np.r_[known, held_out]
    false_alarms, hits, _ = roc_curve(strange, both)
    picked = _thinned(false_alarms, hits)
    return Area(
        float(roc_auc_score(strange, both)), _standard_error(known, held_out), false_alarms[picked], hits[picked]
    )


def _standard_error(known: np.ndarray, held_out: np.ndarray) -> float:
    from scipy.stats import rankdata

    if min(len(known), len(held_out)) < 2:
        return float("nan")
    ranks = rankdata(np.r_[known, held_out])
    # For each image the share of the other kind on its right side: its rank among all less that among its own kind.
    above = (ranks[len(known) :] - rankdata(held_out)) / len(known)  # (M,)
    below = 1 - (ranks[: len(known)] - rankdata(known)) / len(held_out)  # (N,)
    return float(np.sqrt(above.var(ddof=1) / len(held_out) + below.var(ddof=1) / len(known)))


def _thinned(false_alarms: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Places of at most CURVE_POINTS corners of a curve, evenly along it, with both its ends."""
    if len(hits) <= CURVE_POINTS:
        return np.arange(len(hits))
    along = false_alarms + hits  # how far: from 0 to 2, as neither ever falls
    return np.unique(np.searchsorted(along, np.linspace(0, along[-1], CURVE_POINTS)).clip(max=len(hits) - 1))
