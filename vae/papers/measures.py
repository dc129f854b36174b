"""What each row of the comparison measures: on a run that was trained for it, or on data and formulas alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import torch

from .. import datasets
from ..analysis.closed_forms.linear_twins import AgainstTheory, against_theory, best_kl
from ..analysis.estimation.toy import toy_gradients
from ..analysis.yardsticks.likelihood import importance_sampled, standard_error
from ..choices.toy_functions import TOY_FUNCTIONS
from ..datasets import Images
from ..datasets.principal_axes import PrincipalAxes
from ..learning.losses import reparameterize
from ..learning.randomness import normal_like, stream
from ..measuring.subject import Subject, subject_of
from ..settings import Settings
from ..store.runs import Run, Store

CHUNK = 2000  # images at a time
MORE_SAMPLES, FEWER_IMAGES = 5000, 1000  # of a second look at the likelihood, which would take hours on all images


@dataclass(frozen=True)
class Found:
    """One number of ours."""

    value: float
    theirs: float | None = None  # where what it is held against follows from the run itself, by a closed form
    details: str = ""


@dataclass(frozen=True)
class Bench:
    """What a row is measured with: the data folder, and the run that was trained for it, if it takes one."""

    store: Store
    settings: Settings
    run: Run | None
    said: Callable[[float, str], None]  # share done from 0 to 1, and what is being done

    @property
    def trained(self) -> Run:
        assert self.run is not None, "a row that looks at a run says which one it takes"
        return self.run

    @cached_property
    def subject(self) -> Subject:
        return subject_of(self.store, self.trained, self.trained.last_epoch, self.settings)

    def tested(self, variant: str, metric: str) -> float:
        """What the run says of its test images."""
        history = self.store.history(self.trained.id)
        return float(history[(history["split"] == "test") & (history["variant"] == variant)][metric].iloc[0])


def nll(bench: Bench, samples: int = 200, rounds: int = 5) -> Found:
    """Mean over `rounds` of draws, as the paper does; and how much more samples change it."""
    subject, found = bench.subject, []
    model, config = subject.models["vae"], subject.config
    for number in range(rounds):
        bench.said(number / (rounds + 1), f"round {number + 1} of {rounds}, {samples} samples for each image")
        found.append(importance_sampled(model, "vae", config, subject.x, samples, subject.seed, draw=number))
    means = np.array([one.nll.mean() for one in found])
    bench.said(rounds / (rounds + 1), f"{MORE_SAMPLES:,} samples for each of {FEWER_IMAGES:,} images")
    some = subject.x[:FEWER_IMAGES]
    more = importance_sampled(model, "vae", config, some, MORE_SAMPLES, subject.seed, draw=rounds)
    fewer = np.mean([one.nll[: len(some)].mean() for one in found])
    return Found(
        float(means.mean()),
        details=(
            f"{rounds} rounds of {samples} samples: {', '.join(f'{mean:.3f}' for mean in means)}; standard error over "
            f"the {len(subject.x):,} test images {found[0].error:.2f}. The bound: "
            f"{np.mean([one.bound.mean() for one in found]):.2f}. With {MORE_SAMPLES:,} samples the first "
            f"{len(some):,} images have {more.nll.mean():.2f} (standard error over images {more.error:.2f}, over draws "
            f"{more.monte_carlo:.3f}), where {samples} samples give {fewer:.2f}."
        ),
    )


@lru_cache(maxsize=1)
def _mnist(data_dir: Path) -> tuple[Images, PrincipalAxes]:
    images = datasets.load("mnist", data_dir)
    return images, PrincipalAxes.of(images, np.arange(len(images.train_x)))


def pca_residual(bench: Bench, count: int) -> Found:
    """MSE per pixel of MNIST's test images from the first `count` axes of all training images."""
    images, principal = _mnist(bench.settings.data_dir)
    found = principal.error(images.test_x.astype(np.float32) / np.float32(images.white), count)
    return Found(found, details=f"With more digits {found:.6f}.")


def eigenvalue(bench: Bench, place: int | None) -> Found:
    """Of the covariance of MNIST's training images: the largest but `place`, or the sum of all."""
    _, principal = _mnist(bench.settings.data_dir)
    return Found(float(principal.variances.sum() if place is None else principal.variances[place]))


def _linear(bench: Bench, variant: str) -> tuple[AgainstTheory, PrincipalAxes]:
    subject = bench.subject
    principal = PrincipalAxes.of(subject.images, subject.train_rows)
    model = subject.models[variant]
    found = against_theory(model, variant, subject.config, subject.images, subject.train_rows, principal)
    return found, principal


def linear_kl(bench: Bench) -> Found:
    """KL of a linear VAE, summed over dimensions, beside the closed form of probabilistic PCA."""
    found, principal = _linear(bench, "vae")
    config = bench.trained.config
    best = best_kl(principal.variances[: config.latent_dim], config.beta)
    assert found.kl is not None, "a VAE has a KL"
    pairs = ", ".join(f"{ours:.2f} ({known:.2f})" for ours, known in zip(found.kl, best, strict=True))
    return Found(float(found.kl.sum()), float(best.sum()), f"By dimension, beside ½ ln(2λ/β): {pairs} nats.")


def linear_error(bench: Bench) -> Found:
    """MSE per pixel of a linear autoencoder, beside the residual of PCA on the same training images."""
    found, _ = _linear(bench, "ae")
    return Found(found.mse, found.best_mse)


def collapse(bench: Bench) -> Found:
    """KL of a VAE with squared error, and how many units are active."""
    units = int(bench.tested("vae", "active_units"))
    return Found(bench.tested("vae", "kl"), details=f"{units} active unit{'s' * (units != 1)}.")


def toy_value(bench: Bench, phi: float, slope: bool) -> Found:
    """E f or d/dφ E f of f(x) = x² + sin x, x ~ N(φ³, e^2φ): the closed form, and a million samples beside it."""
    mu, sigma, name, n = phi**3, math.exp(phi), "wavy", 1_000_000
    if slope:
        by = TOY_FUNCTIONS[name].truth(mu, sigma, 0.0)
        value = by["mu"] * 3 * phi**2 + by["sigma"] * sigma  # dμ/dφ = 3φ², dσ/dφ = σ
        drawn = toy_gradients(mu, sigma, 0.0, n, 0, name)
        sampled = drawn["pathwise", "mu"] * 3 * phi**2 + drawn["pathwise", "sigma"] * sigma
    else:
        value = TOY_FUNCTIONS[name].mean(mu, sigma, 0.0)
        eps = torch.randn(n, generator=stream(0, "published toy"), dtype=torch.float64)
        sampled = TOY_FUNCTIONS[name].f(mu + sigma * eps, 0.0).numpy()
    return Found(value, details=f"By {n:,} samples: {sampled.mean():.4f} ± {standard_error(sampled):.4f}.")


@torch.inference_mode()
def learned_variance(bench: Bench, most: int | None = None) -> Found:
    """σ² of the pixels that a run has learnt, beside the mean squared error of its first `most` training images."""
    subject = bench.subject
    model, generator = subject.models["vae"], stream(subject.seed, "published variance")
    x = torch.from_numpy(subject.learnt_from(most)[0])

    def error() -> float:
        total = 0.0
        for some in x.split(CHUNK):
            mu, logvar = model.encoder(some)
            z = reparameterize(mu, logvar, normal_like(mu, generator))
            total += float((model.picture(z) - some).square().sum(dtype=torch.float64))
        return total / x.numel()

    draws = [error(), error()]
    variance = math.exp(2 * float(model.likelihood_parameters["log_sigma"]))
    told = " and ".join(f"{drawn:.6f}" for drawn in draws)
    return Found(variance, sum(draws) / 2, f"Mean squared error of {len(x):,} training images, by two draws: {told}.")
