"""Rebuilt images against the numpy networks of oracle.py, and samples against what their distribution says."""

from __future__ import annotations

import numpy as np
import oracle
import pytest
import torch

from vae.analysis.reconstructions import reconstruct, resample, restore, spread
from vae.config import RunConfig
from vae.learning.models import initialise
from vae.learning.networks import build
from vae.learning.randomness import stream

CONFIG = RunConfig(hidden=(12,), latent_dim=3)
PIXELS = 16


@pytest.fixture
def x() -> np.ndarray:
    return np.random.default_rng(0).random((7, PIXELS), dtype=np.float32)


def model_of(variant: str, config: RunConfig = CONFIG):
    weights = initialise(build(config, (1, 1, PIXELS), variant), stream(5, "weights")).state_dict()
    return restore(config, (1, 1, PIXELS), variant, weights), weights


@pytest.mark.parametrize("variant", ["ae", "noise_only", "kl_only", "vae"])
def test_from_the_mean_equals_the_network_in_numpy(x: np.ndarray, variant: str) -> None:
    model, weights = model_of(variant)
    weights = oracle.as_float64(weights)
    mu, _ = oracle.encode(weights, x.astype(np.float64), CONFIG.activation)
    logits = oracle.decode(weights, mu, CONFIG.activation)
    rebuilt = reconstruct(model, variant, x, stream(0, "test"))
    np.testing.assert_allclose(rebuilt.from_mean, 1 / (1 + np.exp(-logits)), atol=1e-6)
    assert (rebuilt.from_sample is None) == (variant in ("ae", "kl_only")), "a sample only where there is noise"


def test_from_a_sample_decodes_mu_plus_sigma_eps_of_the_given_generator(x: np.ndarray) -> None:
    model, weights = model_of("vae")
    weights = oracle.as_float64(weights)
    mu, logvar = oracle.encode(weights, x.astype(np.float64), CONFIG.activation)
    eps = torch.randn(mu.shape, generator=stream(3, "test")).numpy()
    logits = oracle.decode(weights, mu + np.exp(logvar / 2) * eps, CONFIG.activation)
    rebuilt = reconstruct(model, "vae", x, stream(3, "test"))
    np.testing.assert_allclose(rebuilt.from_sample, 1 / (1 + np.exp(-logits)), atol=1e-6)


def test_restored_networks_hold_the_weights_and_cannot_learn() -> None:
    model, weights = model_of("vae")
    assert all(torch.equal(value, weights[name]) for name, value in model.state_dict().items())
    assert not any(parameter.requires_grad for parameter in model.parameters())
    assert not model.training


def test_samples_without_variance_are_all_the_mean(x: np.ndarray) -> None:
    model, _ = model_of("vae")
    torch.nn.init.zeros_(model.encoder.to_logvar.weight)
    torch.nn.init.constant_(model.encoder.to_logvar.bias, -80.0)
    samples = resample(model, x[0], 5, stream(0, "test"))
    mean = reconstruct(model, "vae", x[:1], stream(0, "test")).from_mean
    np.testing.assert_allclose(samples, np.repeat(mean, 5, axis=0), atol=1e-6)
    assert spread(samples).max() < 1e-6


def test_the_spread_of_many_samples_is_that_of_the_known_distribution(x: np.ndarray) -> None:
    """A decoder with one weight of a small w: output ≈ s(b) + s'(b)·w·z, so its std is s'(b)·w·σ; here s'(0) = ¼."""
    config = RunConfig(hidden=(), latent_dim=1, activation="leaky_relu")
    model, _ = model_of("vae", config)
    for layer in (model.encoder.to_mu, model.encoder.to_logvar, model.decoder.to_logits):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    torch.nn.init.constant_(model.encoder.to_mu.bias, 50.0)  # far from the kink of LeakyReLU
    torch.nn.init.constant_(model.encoder.to_logvar.bias, 2 * np.log(3.0))  # σ = 3
    torch.nn.init.constant_(model.decoder.to_logits.weight, 0.001)
    torch.nn.init.constant_(model.decoder.to_logits.bias, -0.05)  # so that the mean logit is 0
    measured = spread(resample(model, x[0], 20_000, stream(1, "test")))
    np.testing.assert_allclose(measured, 0.25 * 0.001 * 3.0, rtol=0.02)  # 20,000 samples: 0.5 % standard error
