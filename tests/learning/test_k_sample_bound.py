"""The K-sample bound and its two gradients: against densities of torch, autograd, finite differences and integrals."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from vae import datasets
from vae.analysis.gradients import watched_tensors
from vae.choices.estimators import ESTIMATORS as CHOICES
from vae.choices.estimators import of_bound
from vae.choices.likelihoods import LIKELIHOODS, Likelihood
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.learning import estimators
from vae.learning.estimators import ESTIMATORS, k_sample_bound
from vae.learning.models import Autoencoder, initialise, mlp
from vae.learning.training import Training

IMAGES, PIXELS, HIDDEN, LATENT = 4, 6, 5, 2
BOTH = tuple(name for name in CHOICES if of_bound(name))
BY_AUTOGRAD = replace(LIKELIHOODS["bce"], gradient=None)
LOSSES = {"bce": LIKELIHOODS["bce"], "sse": LIKELIHOODS["sse"], "bce by autograd": BY_AUTOGRAD}
Gradients = dict[str, Tensor]

each_loss = pytest.mark.parametrize("loss", LOSSES)
each_beta = pytest.mark.parametrize("beta", [0.0, 0.4, 1.0, 2.5])


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiny(latent: int = LATENT) -> Autoencoder:
    """In double precision, with weights large enough that samples of a code differ in what they are worth."""
    config = RunConfig(hidden=(HIDDEN,), latent_dim=latent, activation="tanh")
    model = initialise(mlp(config, PIXELS, True), seeded(3)).double()
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.mul_(3)
    return model


def images() -> Tensor:
    """Black and white, so that the cross-entropy is a probability."""
    return (torch.rand(IMAGES, PIXELS, generator=seeded(4)) > 0.5).double()


def left(
    model: Autoencoder,
    name: str,
    *,
    samples: int,
    loss: str = "bce",
    beta: float = 1.0,
    variant: str = "vae",
    noise: torch.Generator | None = None,
) -> Gradients:
    """What an estimator leaves in `.grad`."""
    model.zero_grad(set_to_none=True)
    ESTIMATORS[name](model, VARIANTS[variant], images(), LOSSES[loss], beta, noise or seeded(0), samples)
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def draws(samples: int, latent: int = LATENT) -> Tensor:
    """The noise of `seeded(0)`, (K, B, D)."""
    return torch.randn(samples * IMAGES, latent, generator=seeded(0)).double().view(samples, IMAGES, latent)


def log_weights(model: Autoencoder, loss: Likelihood, beta: float, eps: Tensor) -> tuple[Tensor, Tensor]:
    """log wₖ as a textbook writes it, (K, B), and the codes (K, B, D)."""
    mu, logvar = model.encoder(images())
    q, prior = Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)
    z = mu + torch.exp(0.5 * logvar) * eps
    found = [
        -loss.value(model.decoder(code), images()) + beta * (prior.log_prob(code) - q.log_prob(code)).sum(-1)
        for code in z
    ]
    return torch.stack(found), z


def objective(model: Autoencoder, loss: Likelihood, beta: float, eps: Tensor) -> Tensor:
    log_w, _ = log_weights(model, loss, beta, eps)
    return -torch.log(torch.exp(log_w).mean(dim=0)).mean()


def plain(model: Autoencoder, loss: str, beta: float, samples: int) -> Gradients:
    """One `.backward()` of the objective."""
    model.zero_grad(set_to_none=True)
    objective(model, LOSSES[loss], beta, draws(samples)).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


def part(gradients: Gradients, name: str) -> Gradients:
    return {key: gradient for key, gradient in gradients.items() if key.startswith(name)}


def flat(gradients: Gradients) -> np.ndarray:
    return torch.cat([gradient.flatten() for gradient in gradients.values()]).numpy()


def assert_close(got: Gradients, expected: Gradients, tolerance: float = 1e-9) -> None:
    assert got.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(got[name], gradient, rtol=tolerance, atol=tolerance, msg=name)


# The bound


@pytest.mark.parametrize("samples", [1, 2, 5])
def test_the_bound_is_its_definition_in_densities_of_torch(samples: int) -> None:
    model, x = tiny(), images()
    mu, logvar = model.encoder(x)
    q = Normal(mu, torch.exp(0.5 * logvar))
    weights = []
    for eps in draws(samples):
        z = mu + torch.exp(0.5 * logvar) * eps
        log_w = Bernoulli(logits=model.decoder(z)).log_prob(x).sum(-1) + Normal(0.0, 1.0).log_prob(z).sum(-1)
        weights.append(torch.exp(log_w - q.log_prob(z).sum(-1)))
    expected = -torch.log(torch.stack(weights).mean(dim=0))
    got = k_sample_bound(model, VARIANTS["vae"], x, LIKELIHOODS["bce"], 1.0, seeded(0), samples)
    assert got.shape == (IMAGES,)
    torch.testing.assert_close(got, expected, rtol=1e-10, atol=1e-10)


def test_the_squared_errors_bound_is_a_gaussians_up_to_its_constant() -> None:
    """exp(−Σ(x − x̂)²) is N(x; x̂, ½) without (1/π)^(P/2)."""
    model, x = tiny(), images()
    mu, logvar = model.encoder(x)
    z = mu + torch.exp(0.5 * logvar) * draws(1)[0]
    of_pixels = Normal(torch.sigmoid(model.decoder(z)), math.sqrt(0.5)).log_prob(x).sum(-1)
    log_w = of_pixels + (Normal(0.0, 1.0).log_prob(z) - Normal(mu, torch.exp(0.5 * logvar)).log_prob(z)).sum(-1)
    got = k_sample_bound(model, VARIANTS["vae"], x, LIKELIHOODS["sse"], 1.0, seeded(0))
    torch.testing.assert_close(got, -log_w - 0.5 * PIXELS * math.log(math.pi))


def log_evidence(model: Autoencoder) -> Tensor:
    """log p(x) of a model with a 1-D code, by Gauss-Hermite quadrature, (B,)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    logits = model.decoder(torch.from_numpy(nodes)[:, None])  # (80, P)
    likelihoods = torch.exp(Bernoulli(logits=logits[:, None]).log_prob(images()).sum(-1))  # (80, B)
    return torch.log((torch.from_numpy(weights / weights.sum())[:, None] * likelihoods).sum(0))


def test_more_samples_bound_the_evidence_more_tightly_and_none_goes_beyond() -> None:
    """Burda et al. 2016, theorem 1; means of 4,000 draws, by image."""
    model, repeats = tiny(1), 4000
    x, truth = images().repeat(repeats, 1), -log_evidence(model)
    found = []
    with torch.no_grad():
        for samples in (1, 2, 8, 64):
            values = k_sample_bound(model, VARIANTS["vae"], x, LIKELIHOODS["bce"], 1.0, seeded(7), samples)
            of_images = values.view(repeats, IMAGES)
            error = of_images.std(dim=0) / repeats**0.5
            found.append(values)
            assert (of_images.mean(dim=0) > truth - 4 * error).all()
    for loose, tight in pairwise(found):
        assert loose.mean() - tight.mean() > 4 * torch.hypot(loose.std(), tight.std()) / len(x) ** 0.5
    assert 0 < found[-1].mean() - truth.mean() < 0.1 * (found[0].mean() - truth.mean())


def test_one_sample_is_the_elbo_on_average() -> None:
    model, repeats = tiny(), 20_000
    x = images().repeat(repeats, 1)
    with torch.no_grad():
        values = k_sample_bound(model, VARIANTS["vae"], x, LIKELIHOODS["bce"], 2.0, seeded(7))
        mu, logvar = model.encoder(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=seeded(8))
        kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(-1)
        elbo = LIKELIHOODS["bce"].value(model.decoder(z), x) + 2 * kl
    error = float(torch.hypot(values.std(), elbo.std())) / len(x) ** 0.5
    assert abs(float(values.mean() - elbo.mean())) < 4 * error < 0.1


def test_without_noise_there_is_no_such_bound() -> None:
    with pytest.raises(ValueError, match="AE draws no samples, so it has no K-sample bound"):
        k_sample_bound(tiny(), VARIANTS["ae"], images(), LIKELIHOODS["bce"], 1.0, seeded(0))


# IWAE: the trick


@each_loss
@each_beta
@pytest.mark.parametrize("samples", [1, 2, 5])
def test_iwae_is_autograds_gradient_of_the_bound(samples: int, beta: float, loss: str) -> None:
    model = tiny()
    assert_close(left(model, "iwae", samples=samples, loss=loss, beta=beta), plain(model, loss, beta, samples))


def test_iwae_is_the_slope_of_the_bound() -> None:
    """Central differences, at every fifth weight of the network."""
    model, h = tiny(), 1e-5
    got = left(model, "iwae", samples=3)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            numbers = parameter.view(-1)
            for i in range(0, len(numbers), 5):
                middle, ends = float(numbers[i]), []
                for at in (middle + h, middle - h):
                    numbers[i] = at
                    variant, loss = VARIANTS["vae"], LIKELIHOODS["bce"]
                    ends.append(float(k_sample_bound(model, variant, images(), loss, 1.0, seeded(0), 3).mean()))
                numbers[i] = middle
                assert got[name].view(-1)[i] == pytest.approx((ends[0] - ends[1]) / (2 * h), abs=1e-8), (name, i)


# DReG: the trick, twice


@each_loss
@each_beta
@pytest.mark.parametrize("samples", [1, 2, 5])
def test_dreg_is_its_formula(samples: int, beta: float, loss: str) -> None:
    """Encoder: mean over images of −Σₖ ((1 − β) w̃ₖ + β w̃ₖ²) ∂log wₖ/∂zₖ · ∂zₖ/∂φ. Decoder: as IWAE's."""
    model = tiny()
    got = left(model, "dreg", samples=samples, loss=loss, beta=beta)
    mu, logvar = model.encoder(images())
    z = mu + torch.exp(0.5 * logvar) * draws(samples)
    code = z.detach().requires_grad_()
    q = Normal(mu.detach(), torch.exp(0.5 * logvar).detach())
    log_w = torch.stack([-LOSSES[loss].value(model.decoder(one), images()) for one in code])
    log_w = log_w + beta * (Normal(0.0, 1.0).log_prob(code) - q.log_prob(code)).sum(-1)
    share = torch.softmax(log_w.detach(), dim=0)
    (slope,) = torch.autograd.grad(log_w.sum(), code)  # of each wₖ with respect to its own zₖ
    worth = (1 - beta) * share + beta * share**2
    parameters = dict(model.encoder.named_parameters())
    parts = torch.autograd.grad(-(worth[..., None] * slope * z).sum() / IMAGES, list(parameters.values()))
    expected = {f"encoder.{name}": gradient for name, gradient in zip(parameters, parts, strict=True)}
    assert_close(part(got, "encoder"), expected)
    assert_close(part(got, "decoder"), part(left(model, "iwae", samples=samples, loss=loss, beta=beta), "decoder"))


def test_with_one_sample_dreg_leaves_out_the_score_of_q_and_nothing_else() -> None:
    """Sticking the landing (Roeder et al. 2017): the sampled KL without ∂log q(z|x)/∂φ at a fixed z."""
    model = tiny()
    got = part(left(model, "dreg", samples=1), "encoder")
    model.zero_grad(set_to_none=True)
    mu, logvar = model.encoder(images())
    z = mu + torch.exp(0.5 * logvar) * draws(1)[0]
    q = Normal(mu.detach(), torch.exp(0.5 * logvar).detach())
    kl = (q.log_prob(z) - Normal(0.0, 1.0).log_prob(z)).sum(-1)
    (LIKELIHOODS["bce"].value(model.decoder(z), images()) + kl).mean().backward()
    assert_close(got, {f"encoder.{name}": p.grad for name, p in model.encoder.named_parameters()})


@each_beta
@pytest.mark.parametrize("loss", ["bce", "sse"])
def test_dreg_has_the_mean_of_iwae_by_integration(monkeypatch: pytest.MonkeyPatch, loss: str, beta: float) -> None:
    """One image, a 1-D code, two samples: the expectation is a double integral over ε, here a sum over a grid.

    Each point of the grid is an image of one large batch, so the gradients at μ and log σ² keep the points apart.
    """
    at = np.linspace(-8, 8, 161)
    pairs = torch.from_numpy(np.stack(np.meshgrid(at, at), axis=0).reshape(2, -1, 1))  # ε of both samples, (K, B, 1)
    weights = Normal(0.0, 1.0).log_prob(pairs).sum((0, 2)).exp()
    weights = weights / weights.sum()
    monkeypatch.setattr(estimators, "normal_like", lambda mu, generator: pairs.view(-1, 1))
    x, means = images()[:1].repeat(len(weights), 1), {}
    for name in BOTH:
        model = tiny(1)
        seen = watched_tensors(model)
        ESTIMATORS[name](model, VARIANTS["vae"], x, LOSSES[loss], beta, seeded(0), 2)
        of_pairs = torch.cat([seen["mu"].grad, seen["logvar"].grad], dim=1) * len(x)  # the objective is a mean
        means[name] = (weights[:, None] * of_pairs).sum(0).numpy()
    assert np.abs(means["iwae"]).min() > 0.01
    np.testing.assert_allclose(means["dreg"], means["iwae"], rtol=1e-8)


def repeated(name: str, samples: int, repeats: int, seed: int, **settings: object) -> np.ndarray:
    """Gradients of all encoder weights, (repeats, W), from one stream of noise."""
    model, noise = tiny(), seeded(seed)
    return np.stack(
        [flat(part(left(model, name, samples=samples, noise=noise, **settings), "encoder")) for _ in range(repeats)]
    )


@pytest.mark.parametrize("settings", [{}, {"variant": "noise_only"}], ids=str)
def test_dreg_has_the_mean_of_iwae_in_what_is_drawn(settings: dict[str, object]) -> None:
    one, other = repeated("dreg", 4, 400, 1, **settings), repeated("iwae", 4, 400, 2, **settings)
    error = np.sqrt(one.var(axis=0, ddof=1) / len(one) + other.var(axis=0, ddof=1) / len(other))
    assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) < 4 * error).all()
    assert np.linalg.norm(other.mean(axis=0)) > 4 * np.linalg.norm(error), "the mean is no noise about nought"


def test_one_sample_of_either_has_the_mean_of_the_elbos_gradient() -> None:
    """Whose KL is in closed form."""
    elbo = repeated("pathwise", 64, 100, 3)
    for name in BOTH:
        found = repeated(name, 1, 600, 4)
        error = np.sqrt(found.var(axis=0, ddof=1) / len(found) + elbo.var(axis=0, ddof=1) / len(elbo))
        assert (np.abs(found.mean(axis=0) - elbo.mean(axis=0)) < 4 * error).all(), name


def test_with_many_samples_dreg_has_less_noise() -> None:
    iwae, dreg = (repeated(name, 64, 200, 5).var(axis=0).sum() for name in BOTH)
    assert 4 * dreg < iwae


# Both


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("variant", ["ae", "kl_only"])
def test_without_noise_both_are_the_chain_rule(name: str, variant: str) -> None:
    model = tiny()
    got, expected = (left(model, each, samples=3, beta=1.5, variant=variant) for each in (name, "pathwise"))
    assert got.keys() == expected.keys()
    assert all(torch.equal(got[key], gradient) for key, gradient in expected.items())


@pytest.mark.parametrize("name", BOTH)
def test_who_pays_no_kl_has_only_the_likelihood_in_the_weights(name: str) -> None:
    model = tiny()
    assert_close(
        left(model, name, samples=3, beta=7.0, variant="noise_only"), left(model, name, samples=3, beta=0.0), 0.0
    )


@pytest.mark.parametrize("name", BOTH)
@each_loss
def test_a_frozen_part_changes_nothing_of_the_others_gradient(name: str, loss: str) -> None:
    for frozen, other in (("encoder", "decoder"), ("decoder", "encoder")):
        model = tiny()
        expected = part(left(model, name, samples=3, loss=loss), other)
        getattr(model, frozen).requires_grad_(False)
        got = left(model, name, samples=3, loss=loss)
        assert set(got) == set(expected)
        assert_close(got, expected)


@pytest.mark.parametrize("name", BOTH)
def test_under_autocast_the_gradients_are_those_of_float32_to_bfloat16s_digits(name: str) -> None:
    def measured() -> np.ndarray:
        model.zero_grad(set_to_none=True)
        ESTIMATORS[name](model, VARIANTS["vae"], images().float(), LIKELIHOODS["bce"], 1.0, seeded(0), 3)
        return torch.cat([p.grad.flatten() for p in model.parameters()]).numpy()

    model = tiny().float()
    exact = measured()
    with torch.autocast("cpu", torch.bfloat16):
        rough = measured()
    assert np.isfinite(rough).all()
    assert np.linalg.norm(exact - rough) < 0.05 * np.linalg.norm(exact)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", BOTH)
def test_both_train(name: str, precision: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    config = RunConfig(
        estimator=name,
        samples=3,
        variants=tuple(VARIANTS),
        epochs=2,
        kl_warmup_epochs=1,
        hidden=(16,),
        train_limit=320,
        precision=precision,
        device="cpu",
    )
    digits = datasets.load("digits", tmp_path_factory.getbasetemp())
    training = Training(config, digits, datasets.split(digits, config.validation_size, config.train_limit))
    losses: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for epoch in training.run():
        for variant, metrics in epoch.metrics.items():
            assert metrics.finite()
            losses[variant].append(metrics.loss)
    assert all(values[2] < values[0] for values in losses.values()), losses
