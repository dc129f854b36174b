"""The toy: estimators of the gradient of a mean that is known, E f(x) of x ~ N(μ, σ²).

f is (x − k)² unless another of TOY_FUNCTIONS is named.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from ...choices.toy_functions import TOY_FUNCTIONS
from ...learning.estimators import log_normal
from ...learning.randomness import stream
from ..gradients import gradient_of


def toy_gradients(
    mu: float, sigma: float, k: float, n: int, seed: int, function: str = "parabola"
) -> dict[tuple[str, str], np.ndarray]:
    """One-sample estimates of ∂E[f]/∂μ and ∂E[f]/∂σ by autograd: (estimator, "mu" | "sigma") → (n,)."""
    eps, f = torch.randn(n, generator=stream(seed, "toy"), dtype=torch.float64), TOY_FUNCTIONS[function].f
    found = {}
    for estimator in ("pathwise", "score_function"):
        # One μ and one σ for each sample, so that autograd keeps the samples' gradients apart.
        mus = torch.full((n,), mu, dtype=torch.float64, requires_grad=True)
        sigmas = torch.full((n,), sigma, dtype=torch.float64, requires_grad=True)
        x = mus + sigmas * eps
        if estimator == "pathwise":
            f(x, k).sum().backward()
        else:
            x = x.detach()
            (f(x, k) * log_normal(x, mus, 2 * sigmas.log())).sum().backward()
        found[estimator, "mu"], found[estimator, "sigma"] = (gradient_of(leaf).numpy() for leaf in (mus, sigmas))
    return found


def toy_truth(mu: float, sigma: float, k: float, function: str = "parabola") -> dict[str, float]:
    """The gradient of E[f]: for (x − k)², whose mean is (μ − k)² + σ², 2(μ − k) and 2σ."""
    return TOY_FUNCTIONS[function].truth(mu, sigma, k)


def toy_variance(mu: float, sigma: float, k: float, function: str = "parabola") -> dict[tuple[str, str], float]:
    """Variance of a one-sample estimate in closed form, by (estimator, parameter)."""
    return TOY_FUNCTIONS[function].variance(mu, sigma, k)


def toy(mu: float, sigma: float, k: float, n: int = 200_000, seed: int = 0, function: str = "parabola") -> pd.DataFrame:
    """Measured beside known: columns estimator, parameter, true, mean, standard_error, variance, closed_form, n.

    Raises ValueError for a σ that is not positive.
    """
    if sigma <= 0:
        raise ValueError("sigma must be positive")
    truth, closed = toy_truth(mu, sigma, k, function), toy_variance(mu, sigma, k, function)
    rows = [
        (
            estimator,
            parameter,
            truth[parameter],
            float(sample.mean()),
            float(sample.std(ddof=1)) / n**0.5,
            float(sample.var(ddof=1)),
            closed[estimator, parameter],
            n,
        )
        for (estimator, parameter), sample in toy_gradients(mu, sigma, k, n, seed, function).items()
    ]
    names = ["estimator", "parameter", "true", "mean", "standard_error", "variance", "closed_form", "n"]
    return pd.DataFrame(rows, columns=names)


def toy_against_sigma(
    mu: float, k: float, sigmas: Sequence[float], n: int = 20_000, seed: int = 0, function: str = "parabola"
) -> pd.DataFrame:
    """The table of `toy` for many σ: its columns, and sigma."""
    tables = [toy(mu, sigma, k, n, seed, function).assign(sigma=sigma) for sigma in sigmas]
    return pd.concat(tables, ignore_index=True)


def toy_against_samples(
    mu: float,
    sigma: float,
    k: float,
    counts: Sequence[int],
    n: int = 200_000,
    seed: int = 0,
    function: str = "parabola",
) -> pd.DataFrame:
    """Variance of the mean of several samples: columns estimator, parameter, samples, variance, closed_form.

    Measured by cutting `n` samples into means of so many; each of `counts` must be at most n / 2.
    """
    closed, rows = toy_variance(mu, sigma, k, function), []
    for (estimator, parameter), sample in toy_gradients(mu, sigma, k, n, seed, function).items():
        for count in counts:
            means = sample[: n // count * count].reshape(-1, count).mean(axis=1)
            known = closed[estimator, parameter] / count
            rows.append((estimator, parameter, count, float(means.var(ddof=1)), known))
    return pd.DataFrame(rows, columns=["estimator", "parameter", "samples", "variance", "closed_form"])
