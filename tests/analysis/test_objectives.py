"""What the two losses are made of, against closed forms, integrals and the networks in numpy."""

from __future__ import annotations

from math import log

import numpy as np
import oracle
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from vae.analysis.objectives import (
    COLLAPSED_KL,
    bce_floor,
    both_losses,
    dimensions,
    effective_beta,
    kl_gaussians,
    rebuilt_by_both,
)
from vae.choices.likelihoods import LIKELIHOODS
from vae.config import PRESETS, RunConfig
from vae.learning.models import Autoencoder, initialise, mlp

PIXELS, LATENT = 6, 3


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiny(with_logvar: bool = True) -> Autoencoder:
    model = initialise(
        mlp(RunConfig(hidden=(5,), latent_dim=LATENT, activation="tanh"), PIXELS, with_logvar), seeded(3)
    )
    return model.requires_grad_(False)


def images(count: int = 40) -> np.ndarray:
    return torch.rand(count, PIXELS, generator=seeded(4)).numpy()


# Reductions


@pytest.mark.parametrize(
    ("mean_pixels", "mean_dimensions", "expected"),
    [(False, False, 2.0), (True, False, 2 * 784), (False, True, 2 / 32), (True, True, 2 * 24.5)],
)
def test_the_effective_beta_of_each_pair_of_reductions(
    mean_pixels: bool, mean_dimensions: bool, expected: float
) -> None:
    assert effective_beta(2.0, 784, 32, mean_pixels, mean_dimensions) == expected


def test_the_collapse_preset_is_two_averages() -> None:
    assert effective_beta(1.0, 784, 32, True, True) == PRESETS["collapse"].config.beta == 24.5


@pytest.mark.parametrize("mean_pixels", [False, True])
@pytest.mark.parametrize("mean_dimensions", [False, True])
@pytest.mark.parametrize("loss", ["bce", "sse"])
def test_averages_have_the_gradient_of_sums_with_the_effective_beta(
    mean_pixels: bool, mean_dimensions: bool, loss: str
) -> None:
    """Proportional gradients everywhere: the same minima, and the same way there but for the step size."""
    model, x = tiny().requires_grad_(True), torch.from_numpy(images())
    eps = torch.randn(len(x), LATENT, generator=seeded(0))

    def gradient(beta: float, pixels: float, latent_dim: float) -> torch.Tensor:
        mu, logvar = model.encoder(x)
        cost = LIKELIHOODS[loss].value(model.decoder(mu + torch.exp(0.5 * logvar) * eps), x) / pixels
        kl = kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).sum(1) / latent_dim
        parts = torch.autograd.grad((cost + beta * kl).mean(), list(model.parameters()))
        return torch.cat([part.flatten() for part in parts])

    beta = effective_beta(1.7, PIXELS, LATENT, mean_pixels, mean_dimensions)
    averaged = gradient(1.7, PIXELS if mean_pixels else 1, LATENT if mean_dimensions else 1)
    torch.testing.assert_close(averaged * (PIXELS if mean_pixels else 1), gradient(beta, 1, 1), rtol=1e-4, atol=1e-6)
    if mean_pixels or mean_dimensions:
        cosine = torch.nn.functional.cosine_similarity(averaged, gradient(1.7, 1, 1), dim=0)
        assert cosine < 0.9999, "with the β as written it is another objective"


# The floor of grey images


def test_the_floor_of_grey_images_by_hand() -> None:
    x = np.array([[0.5, 0.25], [1.0, 0.5]])
    quarter = -0.25 * log(0.25) - 0.75 * log(0.75)
    assert bce_floor(x) == pytest.approx((log(2) + quarter + log(2)) / 2)


def test_black_and_white_images_cost_nothing_at_the_least() -> None:
    assert bce_floor(np.array([[0.0, 1.0, 1.0], [0.0, 0.0, 1.0]], dtype=np.float32)) == 0


def test_the_floor_is_what_the_images_themselves_cost() -> None:
    x = images()
    logits = np.log(x.astype(np.float64)) - np.log1p(-x.astype(np.float64))
    assert bce_floor(x) == pytest.approx(oracle.bce(logits, x.astype(np.float64)).mean())
    worse = oracle.bce(logits + 0.1, x.astype(np.float64)).mean()
    assert bce_floor(x) < worse, "and any other picture costs more"


def test_the_floor_does_not_warn_of_exact_black_and_white(recwarn: pytest.WarningsRecorder) -> None:
    grey = np.array([[0.0, 1.0, 0.5]], dtype=np.float32)
    assert bce_floor(grey) == pytest.approx(log(2))
    assert len(recwarn) == 0
    assert grey.tolist() == [[0.0, 1.0, 0.5]]


# Two Gaussians

PAIRS = [(0.0, 1.0, 0.0, 1.0), (1.0, 0.6, 0.0, 1.0), (-2.5, 0.1, 3.0, 2.0), (0.3, 3.0, -1.0, 0.5)]


@pytest.mark.parametrize(("mu", "std", "other_mu", "other_std"), PAIRS)
def test_the_kl_of_two_gaussians(mu: float, std: float, other_mu: float, other_std: float) -> None:
    got = kl_gaussians(mu, std, other_mu, other_std)
    q, p = (Normal(torch.tensor(a, dtype=torch.float64), b) for a, b in ((mu, std), (other_mu, other_std)))
    assert got == pytest.approx(float(kl_divergence(q, p)), abs=1e-12)
    x = torch.linspace(mu - 12 * std, mu + 12 * std, 20_001, dtype=torch.float64)
    integrand = q.log_prob(x).exp() * (q.log_prob(x) - p.log_prob(x))
    assert got == pytest.approx(float(torch.trapezoid(integrand, x)), rel=1e-8, abs=1e-10)


def test_the_other_gaussian_is_the_prior_unless_named() -> None:
    assert kl_gaussians(1.0, 0.6) == pytest.approx(float(oracle.kl(1.0, 2 * log(0.6))))
    assert kl_gaussians(0.0, 1.0) == 0


# Dimensions


def test_dimensions_are_those_of_the_network_in_numpy() -> None:
    model, x = tiny(), images()
    model.encoder.to_mu.weight[1] = 0  # a mean that never moves
    mu, logvar = oracle.encode(oracle.as_float64(model.state_dict()), x.astype(np.float64), "tanh")
    got = dimensions(model, x)
    np.testing.assert_allclose(got.kl, oracle.kl(mu, logvar).mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(got.variance_of_mean, mu.var(axis=0), rtol=1e-4, atol=1e-7)
    assert got.active_unit_mask.tolist() == (mu.var(axis=0) > 0.01).tolist()
    assert not got.active_unit_mask[1]
    assert got.kl[1] > 0, "a dimension can cost KL and still say nothing"


def test_an_autoencoder_has_no_kl() -> None:
    with pytest.raises(ValueError, match="no log-variance"):
        dimensions(tiny(with_logvar=False), images())


def test_a_collapse_is_a_tenth_of_a_nat() -> None:
    from pages.sections.two_losses import loss_terms

    assert loss_terms.COLLAPSED_KL == COLLAPSED_KL == 0.1


# Both losses


def test_both_losses_are_those_of_the_oracle() -> None:
    logits, x = 4 * torch.randn(30, PIXELS, generator=seeded(1)), torch.from_numpy(images(30))
    got = both_losses(logits, x, LIKELIHOODS["bce"])
    there = logits.double().numpy(), x.double().numpy()
    expected = {
        "bce": oracle.bce(*there).mean(),
        "sse": oracle.sse(*there).mean(),
        "mse": ((oracle.sigmoid(there[0]) - there[1]) ** 2).mean(),
    }
    assert {name: got[name] for name in expected} == pytest.approx(expected)


@pytest.mark.parametrize("variant", ["ae", "noise_only", "kl_only", "vae"])
def test_pictures_are_rebuilt_from_the_mean_and_from_a_sample(variant: str) -> None:
    model, x = tiny(variant != "ae"), images()
    got = rebuilt_by_both(model, variant, x, seeded(7))
    weights, x64 = oracle.as_float64(model.state_dict()), x.astype(np.float64)
    mu, logvar = oracle.encode(weights, x64, "tanh")
    codes = {"from_mean": mu}
    if variant in ("noise_only", "vae"):
        codes["from_sample"] = mu + np.exp(logvar / 2) * torch.randn(mu.shape, generator=seeded(7)).double().numpy()
    assert got.keys() == codes.keys()
    for way, z in codes.items():
        logits = oracle.decode(weights, z, "tanh")
        assert got[way]["bce"] == pytest.approx(oracle.bce(logits, x64).mean(), rel=1e-5)
        assert got[way]["sse"] == pytest.approx(oracle.sse(logits, x64).mean(), rel=1e-5)


def test_saturated_pictures_have_finite_losses() -> None:
    """Logits of ±10,000 are grey levels of exactly 0 and 1, where the logarithm of a picture would be infinite."""
    model, x = tiny(), np.zeros((4, PIXELS), dtype=np.float32)
    signs = torch.tensor([1.0, -1.0] * (PIXELS // 2))
    model.decoder.to_logits.weight.zero_()
    model.decoder.to_logits.bias.copy_(1e4 * signs)
    for losses in rebuilt_by_both(model, "vae", x, seeded(0)).values():
        wrong = {"bce": 1e4 * PIXELS / 2, "sse": PIXELS / 2, "mse": 0.5}
        assert {name: losses[name] for name in wrong} == wrong, "half of the pixels are wrong"
