"""The estimators against plain autograd, the formulas worked out by hand, and each other's mean."""

from __future__ import annotations

import math

import numpy as np
import oracle
import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from vae import datasets
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS, ingredients
from vae.config import RunConfig
from vae.errors import InputError
from vae.learning.estimators import ESTIMATORS, log_normal
from vae.learning.models import Autoencoder, initialise, mlp
from vae.learning.training import Training

IMAGES, PIXELS, HIDDEN, LATENT = 8, 6, 5, 2
SETUPS = {
    "pathwise": ("pathwise", "none"),
    "score_function": ("score_function", "none"),
    "score_function_loo": ("score_function", "leave_one_out"),
    "detached": ("detached", "none"),
}
Gradients = dict[str, Tensor | None]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def tiny(with_logvar: bool = True) -> Autoencoder:
    return initialise(
        mlp(RunConfig(hidden=(HIDDEN,), latent_dim=LATENT, activation="tanh"), PIXELS, with_logvar), seeded(3)
    )


def images() -> Tensor:
    return torch.rand(IMAGES, PIXELS, generator=seeded(4))


def left(
    model: Autoencoder,
    setup: str,
    *,
    variant: str = "vae",
    loss: str = "bce",
    beta: float = 1.0,
    samples: int = 1,
    noise: torch.Generator | None = None,
) -> Gradients:
    """What an estimator leaves in `.grad`."""
    model.zero_grad(set_to_none=True)
    estimator, baseline = SETUPS[setup]
    generator = noise or seeded(0)
    ESTIMATORS[estimator](model, VARIANTS[variant], images(), LIKELIHOODS[loss], beta, generator, samples, baseline)
    return {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()}


def plain(model: Autoencoder, variant: str, loss: str, beta: float, samples: int) -> Gradients:
    """The objective as its definition says, sample by sample, and one `.backward()`."""
    model.zero_grad(set_to_none=True)
    x, draw = images(), torch.randn(samples * IMAGES, LATENT, generator=seeded(0)).view(samples, IMAGES, LATENT)
    mu, logvar = model.encoder(x)
    costs = []
    for eps in draw:
        z = mu + torch.exp(0.5 * logvar) * eps if VARIANTS[variant].noise else mu
        costs.append(LIKELIHOODS[loss].value(model.decoder(z), x).mean())
    objective = torch.stack(costs).mean()
    if VARIANTS[variant].kl:
        objective = (
            objective + beta * kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).sum(1).mean()
        )
    objective.backward()
    return {name: None if p.grad is None else p.grad.clone() for name, p in model.named_parameters()}


def encoders(gradients: Gradients) -> dict[str, Tensor | None]:
    return {name: gradient for name, gradient in gradients.items() if name.startswith("encoder")}


def decoders(gradients: Gradients) -> dict[str, Tensor | None]:
    return {name: gradient for name, gradient in gradients.items() if name.startswith("decoder")}


def flat(gradients: Gradients) -> np.ndarray:
    return torch.cat([gradient.flatten() for gradient in gradients.values() if gradient is not None]).double().numpy()


def assert_close(got: Gradients, expected: Gradients, **tolerances: float) -> None:
    assert got.keys() == expected.keys()
    for name, gradient in expected.items():
        if gradient is None:
            assert got[name] is None, name
        else:
            torch.testing.assert_close(got[name], gradient, **({"rtol": 1e-4, "atol": 1e-6} | tolerances))


def assert_same(one: Gradients, other: Gradients) -> None:
    """Bit by bit."""
    assert one.keys() == other.keys()
    different = [
        name
        for name, gradient in one.items()
        if (gradient is None) != (other[name] is None) or not _equal(gradient, other[name])
    ]
    assert different == []


def _equal(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other or torch.equal(one, other)


# Pathwise


def test_one_pathwise_sample_is_autograd_bit_for_bit() -> None:
    """8 images: dividing by a power of two rounds nothing, so that no digit may differ."""
    model = tiny()
    assert_same(left(model, "pathwise", variant="noise_only"), plain(model, "noise_only", "bce", 0.0, 1))


@pytest.mark.parametrize("samples", [1, 2, 5])
@pytest.mark.parametrize("loss", ["bce", "sse"])
@pytest.mark.parametrize("beta", [0.0, 1.0, 3.5])
def test_pathwise_is_the_gradient_of_the_mean_over_samples(samples: int, loss: str, beta: float) -> None:
    model = tiny()
    got = left(model, "pathwise", loss=loss, beta=beta, samples=samples)
    assert_close(got, plain(model, "vae", loss, beta, samples))


def test_a_baseline_changes_nothing_of_the_trick() -> None:
    model, found = tiny(), []
    for baseline in ("none", "leave_one_out"):
        model.zero_grad(set_to_none=True)
        arguments = (VARIANTS["vae"], images(), LIKELIHOODS["bce"], 1.0, seeded(0), 3, baseline)
        ESTIMATORS["pathwise"](model, *arguments)
        found.append({name: p.grad.clone() for name, p in model.named_parameters()})
    assert_same(*found)


# Score function


def by_hand(model: Autoencoder, loss: str, samples: int, baseline: str) -> dict[str, np.ndarray]:
    """mean over k and images of (f(zₖ) − bₖ) · ∇log q(zₖ|x), carried to the weights in numpy by the chain rule."""
    weights, x = oracle.as_float64(model.state_dict()), images().double().numpy()
    eps = torch.randn(samples * IMAGES, LATENT, generator=seeded(0)).double().numpy().reshape(samples, IMAGES, LATENT)
    mu, logvar = oracle.encode(weights, x, "tanh")
    z = mu + np.exp(logvar / 2) * eps
    f = np.array([getattr(oracle, loss)(oracle.decode(weights, code, "tanh"), x) for code in z])  # (K, B)
    b = np.zeros_like(f)
    if baseline == "leave_one_out":
        for k in range(samples):
            b[k] = np.mean([f[j] for j in range(samples) if j != k], axis=0)
    worth = ((f - b) / f.size)[..., None]
    by_mu = (worth * (z - mu) / np.exp(logvar)).sum(axis=0)  # ∂log q/∂μ = (z − μ)/σ²
    by_logvar = (worth * 0.5 * ((z - mu) ** 2 / np.exp(logvar) - 1)).sum(axis=0)  # ∂log q/∂log σ²
    h = np.tanh(x @ weights["encoder.body.0.weight"].T + weights["encoder.body.0.bias"])
    by_h = by_mu @ weights["encoder.to_mu.weight"] + by_logvar @ weights["encoder.to_logvar.weight"]
    by_sum = by_h * (1 - h**2)
    return {
        "encoder.body.0.weight": by_sum.T @ x,
        "encoder.body.0.bias": by_sum.sum(axis=0),
        "encoder.to_mu.weight": by_mu.T @ h,
        "encoder.to_mu.bias": by_mu.sum(axis=0),
        "encoder.to_logvar.weight": by_logvar.T @ h,
        "encoder.to_logvar.bias": by_logvar.sum(axis=0),
    }


@pytest.mark.parametrize("loss", ["bce", "sse"])
@pytest.mark.parametrize(
    ("setup", "samples"),
    [("score_function", 1), ("score_function", 3), ("score_function_loo", 2), ("score_function_loo", 3)],
)
def test_the_score_function_is_its_formula(loss: str, setup: str, samples: int) -> None:
    model = tiny()
    got = encoders(left(model, setup, variant="noise_only", loss=loss, samples=samples))
    expected = by_hand(model, loss, samples, SETUPS[setup][1])
    assert got.keys() == expected.keys()
    for name, gradient in expected.items():
        np.testing.assert_allclose(got[name].numpy(), gradient, rtol=1e-4, atol=2e-6, err_msg=name)


def repeated(setup: str, samples: int, repeats: int, seed: int) -> np.ndarray:
    """Gradients of all encoder weights, (repeats, W), from one stream of noise."""
    model, noise = tiny(), seeded(seed)
    kinds = {"variant": "noise_only", "samples": samples, "noise": noise}
    return np.stack([flat(encoders(left(model, setup, **kinds))) for _ in range(repeats)])


@pytest.mark.parametrize("setup", ["score_function", "score_function_loo"])
def test_the_score_function_has_the_mean_of_the_trick(setup: str) -> None:
    one, other = repeated(setup, 64, 400, 1), repeated("pathwise", 64, 100, 2)
    error = np.sqrt(one.var(axis=0, ddof=1) / len(one) + other.var(axis=0, ddof=1) / len(other))
    assert (np.abs(one.mean(axis=0) - other.mean(axis=0)) < 4 * error).all()
    assert np.linalg.norm(other.mean(axis=0)) > 4 * np.linalg.norm(error), "the mean is no noise about nought"


def test_a_baseline_takes_variance_away_and_the_trick_has_still_less() -> None:
    variance = {setup: repeated(setup, 4, 300, 5).var(axis=0).sum() for setup in SETUPS if setup != "detached"}
    assert 3 * variance["score_function_loo"] < variance["score_function"]
    assert 3 * variance["pathwise"] < variance["score_function_loo"]


# All of them


@pytest.mark.parametrize("samples", [2, 3])
@pytest.mark.parametrize("loss", ["bce", "sse"])
def test_every_estimator_leaves_the_same_decoder_gradient(samples: int, loss: str) -> None:
    model = tiny()
    first, *others = (decoders(left(model, setup, loss=loss, samples=samples)) for setup in SETUPS)
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in first.values())
    for other in others:
        assert_same(other, first)


def test_detached_the_reconstruction_leaves_the_encoder_nothing() -> None:
    got = left(tiny(), "detached", variant="noise_only")
    assert all(gradient is None or not gradient.any() for gradient in encoders(got).values())
    assert all(gradient.any() for gradient in decoders(got).values()), "the decoder learns"


def kl_alone(beta: float) -> Gradients:
    model = tiny()
    mu, logvar = model.encoder(images())
    (beta * kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).sum(1).mean()).backward()
    return encoders({name: p.grad for name, p in model.named_parameters()})


def test_detached_the_encoder_still_learns_from_the_kl() -> None:
    got = encoders(left(tiny(), "detached", beta=2.0, samples=2))
    assert all(gradient.any() for gradient in got.values())
    assert_close(got, kl_alone(2.0))


@pytest.mark.parametrize("setup", SETUPS)
def test_the_kl_adds_the_same_gradient_to_every_estimator(setup: str) -> None:
    model = tiny()
    without, with_kl = (encoders(left(model, setup, beta=beta, samples=2)) for beta in (0.0, 2.0))
    added = {
        name: gradient if without[name] is None else gradient - without[name]
        for name, gradient in with_kl.items()
        if gradient is not None
    }
    assert_close(added, kl_alone(2.0), rtol=1e-3, atol=5e-6)


@pytest.mark.parametrize("variant", ["ae", "kl_only"])
@pytest.mark.parametrize("samples", [2, 4])
def test_without_noise_every_estimator_is_the_chain_rule(variant: str, samples: int) -> None:
    model = tiny(VARIANTS[variant].has_logvar)
    first, *others = (left(model, setup, variant=variant, beta=1.5, samples=samples) for setup in SETUPS)
    for other in others:
        assert_same(other, first)
    assert all(gradient is not None and gradient.any() for gradient in encoders(first).values())
    if variant == "kl_only":
        assert_close(first, plain(model, variant, "bce", 1.5, 1))


@pytest.mark.parametrize("setup", SETUPS)
def test_a_frozen_decoder_changes_nothing_of_the_encoders_gradient(setup: str) -> None:
    model = tiny()
    expected = encoders(left(model, setup, samples=2))
    model.decoder.requires_grad_(False)
    got = left(model, setup, samples=2)
    assert_same(encoders(got), expected)
    assert set(decoders(got).values()) == {None}


def test_log_normal_is_the_density_up_to_a_constant() -> None:
    mu, logvar = (torch.randn(7, 3, generator=seeded(seed), dtype=torch.float64) for seed in (1, 2))
    z, other = (torch.randn(4, 7, 3, generator=seeded(seed), dtype=torch.float64) for seed in (3, 4))
    normal = Normal(mu, torch.exp(0.5 * logvar))
    ours = log_normal(z, mu, logvar) - log_normal(other, mu, logvar)
    torch.testing.assert_close(ours, normal.log_prob(z) - normal.log_prob(other))
    constant = normal.log_prob(z) - log_normal(z, mu, logvar)
    torch.testing.assert_close(constant, torch.full_like(constant, -0.5 * math.log(2 * math.pi)))


# In training


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("setup", SETUPS)
def test_every_estimator_trains(setup: str, precision: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    estimator, baseline = SETUPS[setup]
    config = RunConfig(
        estimator=estimator,
        baseline=baseline,
        samples=2,
        variants=ingredients(),
        epochs=2,
        hidden=(16,),
        train_limit=320,
        precision=precision,
        device="cpu",
    )
    digits = datasets.load("digits", tmp_path_factory.getbasetemp())
    training = Training(config, digits, datasets.split(digits, config.validation_size, config.train_limit))
    losses = {name: [] for name in ingredients()}
    for epoch in training.run():
        for name, metrics in epoch.metrics.items():
            assert metrics.finite()
            losses[name].append(metrics.loss)
    assert all(values[2] < values[0] for values in losses.values()), losses
    assert all(bool(torch.isfinite(p).all()) for learner in training.learners for p in learner.model.parameters())


@pytest.mark.parametrize("setup", SETUPS)
def test_under_autocast_the_gradients_are_those_of_float32_to_bfloat16s_digits(setup: str) -> None:
    """What a GPU does with precision bfloat16: μ, log σ² and logits arrive in bfloat16."""
    model = tiny()
    exact = left(model, setup, samples=2)
    with torch.autocast("cpu", torch.bfloat16):
        rough = left(model, setup, samples=2)
    for part in (encoders, decoders):
        one, other = flat(part(exact)), flat(part(rough))
        assert np.isfinite(other).all()
        assert np.linalg.norm(one - other) < 0.05 * np.linalg.norm(one)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"estimator": "score_function", "baseline": "leave_one_out"},
            "baseline leave_one_out compares an image's samples, so samples must be at least 2.",
        ),
        ({"estimator": "magic"}, "estimator: 'magic' is not one of pathwise, score_function, detached, iwae, dreg."),
        ({"baseline": "mean"}, "baseline: 'mean' is not one of none, leave_one_out."),
        ({"samples": 0}, "samples is 0, but it must be a whole number from 1 to 64."),
        ({"samples": 65}, "samples is 65, but it must be a whole number from 1 to 64."),
        ({"samples": "many"}, "samples is 'many', but it must be a whole number from 1 to 64."),
    ],
)
def test_what_no_estimator_can_do_is_refused_in_one_sentence(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(InputError) as refused:
        RunConfig.parse(values)
    assert str(refused.value) == sentence


def test_the_least_and_the_most_samples_are_taken() -> None:
    assert [RunConfig.parse({"samples": count}).samples for count in (1, "64")] == [1, 64]
    assert RunConfig.parse({"baseline": "leave_one_out", "samples": 2}).baseline == "leave_one_out"
