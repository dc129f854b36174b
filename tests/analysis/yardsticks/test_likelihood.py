"""NLL by importance samples against closed forms: linear models, decoders that ignore the code, torch's densities."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal
from torch.distributions import Bernoulli, MultivariateNormal, Normal
from torch.distributions import kl_divergence as kl_of

from vae.analysis.yardsticks import likelihood
from vae.analysis.yardsticks.likelihood import importance_sampled
from vae.choices.densities import DENSITIES, instead
from vae.choices.likelihoods import LIKELIHOODS, SIGMA_BOUNDS
from vae.config import RunConfig
from vae.errors import InputError
from vae.learning.losses import kl_divergence
from vae.learning.models import Autoencoder
from vae.learning.networks import initialised
from vae.learning.randomness import stream

SHAPE = (1, 5, 5)
LINEAR = RunConfig(hidden=(), activation="identity", reconstruction="sse_linear", latent_dim=3, beta=0.5)


def drawn(config: RunConfig, variant: str = "vae") -> Autoencoder:
    return initialised(config, SHAPE, variant, stream(1, "weights")).eval().requires_grad_(False)


def linear_model(off: float) -> Autoencoder:
    """Its encoder is the true posterior's mean, and the diagonal of its covariance, but for an error of size `off`."""
    model = drawn(LINEAR)
    w, b = model.decoder.to_logits.weight.double(), model.decoder.to_logits.bias.double()  # (P, D), (P,)
    variance = LINEAR.beta / 2
    precision = torch.eye(3) + w.T @ w / variance
    to_mu = torch.linalg.solve(precision, w.T) / variance
    model.encoder.to_mu.weight.copy_(to_mu * (1 + off))
    model.encoder.to_mu.bias.copy_(-to_mu @ b + off)
    model.encoder.to_logvar.weight.zero_()
    model.encoder.to_logvar.bias.copy_(-precision.diagonal().log() + off)
    return model


def exact(model: Autoencoder, x: np.ndarray) -> np.ndarray:
    """−log N(x; b, WWᵀ + σ²I), σ² = β/2."""
    w, b = (parameter.double().numpy() for parameter in model.decoder.to_logits.parameters())
    return -multivariate_normal(b, w @ w.T + LINEAR.beta / 2 * np.eye(len(b))).logpdf(x.astype(np.float64))


def lost(model: Autoencoder, x: np.ndarray) -> np.ndarray:
    """KL(q(z|x) ‖ p(z|x)), by which the bound is above −log p(x)."""
    w, b = model.decoder.to_logits.weight.double(), model.decoder.to_logits.bias.double()
    precision = torch.eye(3) + w.T @ w / (LINEAR.beta / 2)
    mean = (torch.from_numpy(x).double() - b) @ torch.linalg.solve(precision, w.T / (LINEAR.beta / 2)).T
    mu, logvar = (said.double() for said in model.encoder(torch.from_numpy(x)))
    q = MultivariateNormal(mu, torch.diag_embed(logvar.exp()))
    return kl_of(q, MultivariateNormal(mean, precision_matrix=precision.expand(len(x), 3, 3))).numpy()


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((count, 25), dtype=np.float32)


@pytest.mark.parametrize("off", [0.0, 0.3])
@pytest.mark.parametrize("at_once", [1 << 20, 25 * 700])  # all samples of some images; some of the samples of one
def test_a_linear_model_has_its_closed_form(off: float, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likelihood, "OUTPUTS_AT_ONCE", at_once)
    model, x = linear_model(off), pictures(30)
    found, truth = importance_sampled(model, "vae", LINEAR, x, 5000), exact(model, x)
    np.testing.assert_allclose(found.nll, truth, atol=0.1 + 4 * off)
    assert abs(found.nll.mean() - truth.mean()) < 0.1
    assert abs(found.nll.mean() - truth.mean()) < 2.5 * found.monte_carlo
    assert found.monte_carlo < 0.05
    assert found.error == pytest.approx(truth.std(ddof=1) / 30**0.5, rel=0.1)
    np.testing.assert_allclose(found.bound.mean() - truth.mean(), lost(model, x).mean(), atol=0.012)
    assert (found.effective.mean() > 2500) == (off == 0), "a worse q makes fewer samples count"


def test_its_errors_say_how_far_other_draws_lie() -> None:
    """Of 60 estimates with few samples: their spread, and how far their mean is above the truth."""
    model, x = linear_model(0.2), pictures(20)
    found = [importance_sampled(model, "vae", LINEAR, x, 20, draw=draw) for draw in range(60)]
    means = np.array([one.nll.mean() for one in found])
    assert len(set(means)) == 60
    spread, said = means.std(ddof=1), np.mean([one.monte_carlo for one in found])
    assert 0.75 < spread / said < 1.35  # χ² with 59 degrees of freedom: 0.82 to 1.18, and the delta method's own error
    above, bias = means.mean() - exact(model, x).mean(), np.mean([one.bias for one in found])
    assert abs(above - bias) < 3 * spread / 60**0.5
    assert bias > 4 * spread / 60**0.5, "it can be told from none"


def test_fewer_samples_are_no_lower_and_one_is_the_bound() -> None:
    model, x = linear_model(0.3), pictures(50)
    found = importance_sampled(model, "vae", LINEAR, x, 500)
    assert list(found.by_samples) == [1, 2, 5, 10, 20, 50, 100, 200, 500]
    values = list(found.by_samples.values())
    assert values == sorted(values, reverse=True)
    assert values[-1] == pytest.approx(found.nll.mean(), abs=1e-9)
    assert values[0] == pytest.approx(found.bound.mean(), abs=0.1), "the KL by samples there, in closed form here"
    assert values[0] > values[-1] + 1


def blind(config: RunConfig) -> tuple[Autoencoder, torch.Tensor]:
    """Its pictures don't depend on the code, and q(z|x) is the prior: p(x) = p(x|z), whatever z. And its outputs."""
    model = drawn(config)
    last = model.decoder.to_logits
    last.weight.zero_()
    last.bias.normal_(0, 2, generator=stream(2, "outputs"))
    for head in (model.encoder.to_mu, model.encoder.to_logvar):
        head.weight.zero_()
        head.bias.zero_()
    for parameter in model.likelihood_parameters.values():
        parameter.fill_(-0.7)
    return model, last.bias


@pytest.mark.parametrize("name", DENSITIES)
def test_every_likelihood_is_the_density_of_its_name(name: str) -> None:
    """Constants included, as torch.distributions has it."""
    binary = DENSITIES[name].binary
    config = RunConfig(
        hidden=(4,), reconstruction=name, sigma=0.3, beta=0.4, binarisation="static" if binary else "none"
    )
    x = pictures(6)
    x = (x > 0.5).astype(np.float32) if binary else x
    model, outputs = blind(config)
    found = importance_sampled(model, "vae", config, x, 7)
    low, high = map(math.log, SIGMA_BOUNDS)
    picture = torch.sigmoid(outputs[:25])
    densities = {
        "gaussian": lambda: Normal(picture, 0.3),
        "gaussian_learned": lambda: Normal(picture, math.exp(-0.7)),
        "gaussian_descent": lambda: Normal(picture, math.exp(-0.7)),
        "gaussian_per_pixel": lambda: Normal(picture, torch.exp(low + (high - low) * torch.sigmoid(outputs[25:]))),
        "sse_linear": lambda: Normal(outputs, math.sqrt(0.4 / 2)),
    }
    density = Bernoulli(logits=outputs) if binary else densities[name]()
    wanted = -density.log_prob(torch.from_numpy(x)).sum(1).numpy()
    np.testing.assert_allclose(found.nll, wanted, rtol=2e-6)
    np.testing.assert_allclose(found.bound, wanted, rtol=2e-6)
    np.testing.assert_allclose(found.effective, 7, rtol=1e-5)
    assert found.monte_carlo < 1e-3


@pytest.mark.parametrize("pixels", [1, 7, 8, 10, 15, 64, 784])
def test_the_quick_cross_entropy_is_the_usual_one(pixels: int) -> None:
    random = stream(pixels, "logits")
    logits = torch.randn(5, 3, pixels, generator=random, dtype=torch.float32) * 30
    logits[0, 0] = 200.0
    logits[0, 1] = -200.0
    x = (torch.rand(5, pixels, generator=random) > 0.5).float()
    usual = LIKELIHOODS["bernoulli"].value(logits.double(), x[:, None].expand(5, 3, pixels).double())
    found = DENSITIES["bernoulli"].of_samples(logits.clone(), x)
    torch.testing.assert_close(found.double(), usual, rtol=1e-5, atol=1e-5)


def test_samples_are_weighed_as_a_plain_loop_does() -> None:
    """Of a network that is not linear, in double precision and one sample after another."""
    config = RunConfig(hidden=(6,), latent_dim=2, reconstruction="gaussian", sigma=0.4)
    model, x = drawn(config), pictures(3)
    found = importance_sampled(model, "vae", config, x, 10, seed=4)
    eps = torch.randn(3, 10, 2, generator=stream(4, "importance samples")).double()
    model, images = model.double(), torch.from_numpy(x).double()
    mu, logvar = model.encoder(images)
    standard = Normal(torch.tensor(0.0, dtype=torch.float64), 1.0)
    for i in range(3):
        posterior, weights, losses = Normal(mu[i], torch.exp(0.5 * logvar[i])), [], []
        for s in range(10):
            z = mu[i] + torch.exp(0.5 * logvar[i]) * eps[i, s]
            losses.append(-Normal(model.picture(z[None])[0], 0.4).log_prob(images[i]).sum())
            weights.append(torch.exp(-losses[-1] + (standard.log_prob(z) - posterior.log_prob(z)).sum()))
        w = torch.stack(weights).numpy()
        assert found.nll[i] == pytest.approx(-np.log(w.mean()), abs=1e-4)
        assert found.variance[i] == pytest.approx(w.var(ddof=1) / 10 / w.mean() ** 2, rel=1e-3)
        assert found.effective[i] == pytest.approx(w.sum() ** 2 / (w**2).sum(), rel=1e-4)
        wanted = torch.stack(losses).mean() + kl_divergence(mu[i], logvar[i]).sum()
        assert found.bound[i] == pytest.approx(float(wanted), abs=1e-4)


@pytest.mark.parametrize(
    ("variant", "changes", "words"),
    [
        ("ae", {"reconstruction": "gaussian"}, "The AE has no likelihood: it draws no codes"),
        ("kl_only", {"reconstruction": "gaussian"}, "draws no codes"),
        ("vae", {}, "binary cross-entropy of grey pixels is a cost"),
        ("vae", {"reconstruction": "sse"}, f"squared error says how wrong a picture is, .* Train with {instead()}"),
        ("noise_only", {"reconstruction": "sse_linear"}, "no KL is paid"),
        ("vae", {"reconstruction": "sse_linear", "beta": 0.0}, "no KL is paid"),
    ],
)
def test_what_has_no_likelihood_is_told(variant: str, changes: dict[str, object], words: str) -> None:
    config = RunConfig(hidden=(4,), **changes)
    with pytest.raises(InputError, match=words):
        importance_sampled(drawn(config, variant), variant, config, pictures(2), 5)


def test_cross_entropy_of_binary_pixels_is_a_likelihood_whatever_it_is_called() -> None:
    config = RunConfig(hidden=(4,))
    x = (pictures(4) > 0.5).astype(np.float32)
    found = importance_sampled(drawn(config), "vae", config, x, 5)
    named = config.model_copy(update={"reconstruction": "bernoulli", "binarisation": "static"})
    assert found.nll.tolist() == importance_sampled(drawn(named), "vae", named, x, 5).nll.tolist()


def test_one_sample_is_refused_and_one_image_has_no_error() -> None:
    with pytest.raises(InputError, match="at least 2 samples for each image, not 1"):
        importance_sampled(drawn(LINEAR), "vae", LINEAR, pictures(2), 1)
    assert math.isnan(importance_sampled(drawn(LINEAR), "vae", LINEAR, pictures(1), 2).error)
