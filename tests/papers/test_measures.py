"""What the rows measure, against plain computations on small runs; and that every row says what it needs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad

from vae import datasets
from vae.analysis.yardsticks.likelihood import importance_sampled
from vae.config import RunConfig
from vae.papers import measures
from vae.papers.measures import Bench, collapse, learned_variance, linear_error, linear_kl, nll, toy_value
from vae.papers.rows import PAPER_NUMBERS
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store
from vae.store.tensor_bytes import unpack

TINY = {"epochs": 1, "hidden": (8,), "latent_dim": 2, "train_limit": 200, "device": "cpu"}


def bench(store: Store, settings: Settings, config: RunConfig | None) -> Bench:
    run = None
    if config:
        run_id = store.create(config, "test")
        assert execute(store, run_id, settings) == "done"
        run = store.run(run_id)
    return Bench(store, settings, run, lambda share, what: None)


def test_every_row_can_be_measured_or_says_why_not() -> None:
    for name, row in PAPER_NUMBERS.items():
        assert (row.measure is None) == bool(row.missing), name
        assert row.theirs is not None or row.config, f"{name}: what is it held against?"
        assert row.config is None or row.config.device == "cpu", f"{name}: comparable on every computer"
    papers = PAPER_NUMBERS["bernoulli-vae"]
    assert papers.config.epochs == 500 and papers.config.validation_size == 10_000


def test_nll_is_the_mean_of_rounds(store: Store, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measures, "MORE_SAMPLES", 40)
    monkeypatch.setattr(measures, "FEWER_IMAGES", 10)
    at = bench(store, settings, RunConfig(**TINY, reconstruction="bernoulli", binarisation="static", variants=("vae",)))
    found, subject = nll(at, samples=6, rounds=3), at.subject
    rounds = [
        importance_sampled(subject.models["vae"], "vae", subject.config, subject.x, 6, 0, draw).nll for draw in range(3)
    ]
    assert found.value == pytest.approx(np.mean(rounds))
    assert ", ".join(f"{one.mean():.3f}" for one in rounds) in found.details
    assert f"6 samples give {np.mean([one[:10].mean() for one in rounds]):.2f}." in found.details


@pytest.mark.parametrize("phi", [0.5, -0.1])
def test_the_toy_is_what_an_integral_gives(phi: float) -> None:
    def mean(phi: float) -> float:
        mu, sigma = phi**3, math.exp(phi)
        density = lambda x: math.exp(-0.5 * ((x - mu) / sigma) ** 2) / (sigma * math.sqrt(2 * math.pi))  # noqa: E731
        return quad(lambda x: (x**2 + math.sin(x)) * density(x), mu - 12 * sigma, mu + 12 * sigma, limit=200)[0]

    at = Bench(None, None, None, lambda share, what: None)
    assert toy_value(at, phi, slope=False).value == pytest.approx(mean(phi), abs=1e-8)
    assert toy_value(at, phi, slope=True).value == pytest.approx((mean(phi + 1e-4) - mean(phi - 1e-4)) / 2e-4, abs=1e-5)


def test_linear_rows_are_held_against_the_images_that_the_run_learnt_from(store: Store, settings: Settings) -> None:
    config = RunConfig(**TINY | {"hidden": (), "activation": "identity", "reconstruction": "sse_linear", "beta": 0.6})
    at = bench(store, settings, config)
    images = datasets.load("digits", settings.data_dir)
    x = images.train_x[unpack(store.split_rows(at.trained.id))["train"]] / 16
    variances = np.linalg.eigvalsh(np.cov(x.T, bias=True))[::-1][:2]
    kl, error = linear_kl(at), linear_error(at)
    assert kl.theirs == pytest.approx(np.maximum(0.5 * np.log(2 * variances / 0.6), 0).sum(), rel=1e-4)
    mu, logvar = at.subject.models["vae"].encoder(torch.from_numpy(x.astype(np.float32)))
    assert kl.value == pytest.approx(float(0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(0).sum()), rel=1e-4)
    axes = np.linalg.svd(x - x.mean(0), full_matrices=False)[2][:2]
    off = images.test_x / 16 - x.mean(0)
    assert error.theirs == pytest.approx(np.square(off - off @ axes.T @ axes).mean(), rel=1e-4)
    assert error.value == pytest.approx(at.tested("ae", "mse_from_mean"), rel=1e-4) and error.value > error.theirs


def test_kl_and_active_units_are_those_of_the_test_images(store: Store, settings: Settings) -> None:
    at = bench(store, settings, RunConfig(**TINY, reconstruction="sse", beta=50, variants=("vae",)))
    found = collapse(at)
    model, x = at.subject.models["vae"], torch.from_numpy(at.subject.x)
    mu, logvar = model.encoder(x)
    assert found.value == pytest.approx(float(0.5 * (mu**2 + logvar.exp() - 1 - logvar).mean(0).sum()), rel=1e-4)
    assert found.details.startswith(f"{int((mu.var(0, correction=0) > 0.01).sum())} active unit")


def test_a_variance_in_closed_form_is_the_error_of_the_training_images(store: Store, settings: Settings) -> None:
    at = bench(store, settings, RunConfig(**TINY, reconstruction="gaussian_learned", variants=("vae",)))
    found = learned_variance(at)
    assert found.value == pytest.approx(found.theirs, rel=0.02), "of other draws of 200 images' codes"
    log_sigma = float(at.subject.models["vae"].likelihood_parameters["log_sigma"])
    assert found.value == pytest.approx(math.exp(log_sigma) ** 2)
    x, _ = at.subject.learnt_from()
    mu, logvar = at.subject.models["vae"].encoder(torch.from_numpy(x))
    random = torch.Generator().manual_seed(5)
    z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=random)
    off = at.subject.models["vae"].picture(z).numpy() - x
    assert found.theirs == pytest.approx(np.square(off).mean(), rel=0.02)
    fewer = learned_variance(at, most=30)
    assert fewer.theirs == pytest.approx(np.square(off[:30]).mean(), rel=0.05) and "of 30 training" in fewer.details
