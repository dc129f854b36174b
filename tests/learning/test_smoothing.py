"""Other ways to smooth: each penalty and each noise against a closed form, and every gradient against differences."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import oracle
import pytest
import torch

from vae import datasets
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS, ingredients, other_ways
from vae.config import RunConfig
from vae.errors import InputError
from vae.learning import smoothing
from vae.learning.learner import Learner
from vae.learning.models import Autoencoder
from vae.learning.networks import initialised, steps_by_hand
from vae.learning.randomness import stream
from vae.learning.training import Training

PIXELS, IMAGES = 9, 5
WAYS = other_ways()
SMALL = RunConfig(hidden=(16,), latent_dim=3, train_limit=240, validation_size=60, epochs=3, device="cpu")
EACH = SMALL.model_copy(update={"variants": tuple(VARIANTS)})


@pytest.fixture(scope="module")
def digits() -> datasets.Images:
    return datasets.load("digits", Path("data"))


def begin(config: RunConfig, digits: datasets.Images) -> Training:
    return Training(config, digits, datasets.split(digits, config.validation_size, config.train_limit))


def tiny(name: str, **settings: object) -> Autoencoder:
    """In double precision; tanh, so that slopes have slopes."""
    config = RunConfig(**{"hidden": (7,), "latent_dim": 3, "activation": "tanh"} | settings)
    return initialised(config, (1, 3, 3), name, stream(1, "weights")).double()


def images() -> torch.Tensor:
    return torch.rand(IMAGES, PIXELS, generator=stream(0, "x")).double()


# Penalties


def test_a_linear_encoder_s_penalty_is_the_squared_norm_of_its_weights() -> None:
    model, x = tiny("contractive", hidden=()), images()
    expected = float(model.encoder.to_mu.weight.detach().square().sum())
    found = smoothing.jacobian(model, x, model.encoder(x)[0])
    np.testing.assert_allclose(found.detach(), np.full(IMAGES, expected), rtol=1e-12)


def test_each_image_has_the_penalty_of_its_own_jacobian() -> None:
    """By central differences of the means, pixel by pixel."""
    model, x, step = tiny("contractive"), images(), 1e-5
    slopes = []
    for pixel in range(PIXELS):
        moved = step * torch.eye(PIXELS, dtype=torch.float64)[pixel]
        slopes.append((model.encoder(x + moved)[0] - model.encoder(x - moved)[0]) / (2 * step))
    expected = torch.stack(slopes).square().sum(dim=(0, 2)).detach()
    np.testing.assert_allclose(smoothing.jacobian(model, x, x).detach(), expected, rtol=1e-7)
    assert expected.std() > 1e-4, "images differ"


def test_it_is_the_same_number_where_nothing_may_be_learnt() -> None:
    model, x = tiny("contractive"), images()
    learnt = smoothing.jacobian(model, x, x)
    with torch.inference_mode():
        measured = smoothing.jacobian(model, x[:4], x, learnt=False)
        assert torch.equal(measured, learnt[:4]) and not measured.requires_grad


def test_the_regularised_penalty_is_half_of_all_squares() -> None:
    model, x = tiny("rae"), images()
    mu = model.encoder(x)[0]
    weights = sum(
        float((weight.detach() ** 2).sum()) for name, weight in model.decoder.named_parameters() if "weight" in name
    )
    expected = 0.5 * (mu.detach().numpy() ** 2).sum(axis=1) + 0.5 * weights
    np.testing.assert_allclose(smoothing.code_and_weights(model, x, mu).detach(), expected, rtol=1e-12)


# Gradients


def objective(model: Autoencoder, name: str, x: torch.Tensor, strength: float) -> torch.Tensor:
    """As the definitions say it, once more: each term with the same noise, Jacobians row by row."""
    generator = stream(2, "noise")
    seen = x + strength * torch.randn(x.shape, generator=generator) if name == "denoising" else x
    mu = model.encoder(seen)[0]
    z = mu
    if name == "code_noise":
        z = (mu - mu.mean(dim=0)) / (mu.var(dim=0, correction=0) + 1e-5).sqrt()
        z = z + strength * torch.randn(mu.shape, generator=generator)
    loss = LIKELIHOODS["bce"].value(model.decoder(z), x).mean()
    if name == "contractive":
        rows = torch.func.vmap(torch.func.jacrev(lambda image: model.encoder(image[None])[0][0]))(x)
        loss = loss + strength * rows.square().sum(dim=(1, 2)).mean()
    if name == "rae":
        squares = sum(w.square().sum() for w in model.decoder.parameters() if w.dim() == 2)
        loss = loss + strength * (mu.square().sum(dim=1).mean() + squares) / 2
    return loss


@pytest.mark.parametrize("name", WAYS)
def test_every_gradient_is_that_of_finite_differences(name: str) -> None:
    strength, step, x = 0.4, 1e-6, images()
    model = tiny(name, code_noise_std=strength)
    smoothing.learn(model, VARIANTS[name], x, model.likelihood, strength, stream(2, "noise"))
    for where, parameter in model.named_parameters():
        numbers, gradient = parameter.detach().view(-1), parameter.grad.view(-1)
        for place in range(0, len(numbers), max(1, len(numbers) // 4)):
            before, ends = float(numbers[place]), []
            for moved in (before + step, before - step):
                numbers[place] = moved
                ends.append(float(objective(model, name, x, strength).detach()))
            numbers[place] = before
            slope = (ends[0] - ends[1]) / (2 * step)
            assert float(gradient[place]) == pytest.approx(slope, rel=1e-5, abs=1e-7), (where, place)


@pytest.mark.parametrize("name", WAYS)
def test_without_strength_it_is_the_autoencoder_s_gradient(name: str) -> None:
    """Of codes that are noisy: of the autoencoder with the same normalised codes."""
    x, model = images(), tiny(name, code_noise_std=0.001)
    smoothing.learn(model, VARIANTS[name], x, model.likelihood, 0.0, stream(2, "noise"))
    twin = tiny("ae")
    mu = twin.encoder(x)[0]
    if name == "code_noise":
        mu = smoothing.normalised(mu)
        mu = mu + 0.001 * torch.randn(mu.shape, generator=stream(2, "noise"))
    LIKELIHOODS["bce"].value(twin.decoder(mu), x).mean().backward()
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)


# What training makes of it


@pytest.mark.parametrize("reconstruction", LIKELIHOODS)
def test_all_begin_with_the_autoencoder_s_weights(digits: datasets.Images, reconstruction: str) -> None:
    config = EACH.model_copy(update={"reconstruction": reconstruction})
    states = {learner.name: learner.model.state_dict() for learner in begin(config, digits).learners}
    for name in WAYS:
        assert all(torch.equal(states[name][key], value) for key, value in states["ae"].items()), name


def test_they_change_nothing_about_those_beside_them(digits: datasets.Images) -> None:
    alone = list(begin(EACH.model_copy(update={"variants": ingredients()}), digits).run())
    together = list(begin(EACH, digits).run())
    for one, other in zip(alone, together, strict=True):
        assert all(other.metrics[name] == metrics for name, metrics in one.metrics.items())


def test_only_those_of_noise_and_kl_have_steps_by_hand(digits: datasets.Images) -> None:
    assert {name for name in VARIANTS if steps_by_hand(SMALL, VARIANTS[name])} == set(ingredients())
    for learner in begin(EACH, digits).learners:
        assert (learner.stack is not None) == (learner.name in ingredients())


@pytest.mark.parametrize("name", WAYS)
def test_a_strength_changes_what_is_learnt_and_only_its_own(digits: datasets.Images, name: str) -> None:
    def last(**settings: object) -> dict[str, torch.Tensor]:
        config = SMALL.model_copy(update={"variants": (name,), "epochs": 1} | settings)
        *_, epoch = begin(config, digits).run()
        return epoch.weights[name]

    usual = last()
    for way in WAYS:
        changed = last(**{VARIANTS[way].strength: 0.77})
        assert all(torch.equal(usual[key], changed[key]) for key in usual) == (way != name), way


@pytest.mark.parametrize("batch_size", [1, 48, 240])
def test_codes_are_normalised_over_the_training_images_after_every_epoch(
    digits: datasets.Images, batch_size: int
) -> None:
    """By the encoder alone, with no numbers kept elsewhere: the weights that are stored say the code."""
    training = begin(SMALL.model_copy(update={"variants": ("code_noise",), "batch_size": batch_size}), digits)
    for epoch in training.run():
        weights = oracle.as_float64(epoch.weights["code_noise"])
        assert set(weights) == set(begin(SMALL, digits).learners[0].model.state_dict())
        mu, _ = oracle.encode(weights, training.train_x.double().numpy(), "relu")
        np.testing.assert_allclose(mu.mean(axis=0), 0, atol=1e-5)
        np.testing.assert_allclose(mu.std(axis=0), 1, atol=1e-5)


def test_normalising_the_weights_is_no_change_to_what_training_sees(
    digits: datasets.Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor to the step that follows: the gradient's mean is that of the new weights."""
    monkeypatch.setattr(smoothing, "LEAST_VARIANCE", 0.0)
    learner: Learner = begin(SMALL.model_copy(update={"variants": ("code_noise",)}), digits).learners[0]
    model, x = learner.model.double(), torch.from_numpy(digits.train_x[:50]).double() / 16
    head = model.encoder.to_mu

    def gradient() -> torch.Tensor:
        head.weight.grad = None
        smoothing.learn(model, learner.variant, x, learner.likelihood, 0.1, stream(3, "noise"))
        return head.weight.grad.clone()

    before, codes = gradient(), smoothing.normalised(model.encoder(x)[0]).detach()
    place = next(i for i, p in enumerate(learner.moments.parameters) if p is head.weight)
    learner.moments.exp_avg[place], learner.moments.exp_avg_sq[place] = before.clone(), before.square()
    smoothing.settle(model, learner.moments, x)
    torch.testing.assert_close(smoothing.normalised(model.encoder(x)[0]).detach(), codes)
    np.testing.assert_allclose(learner.moments.exp_avg[place], gradient(), rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(learner.moments.exp_avg[place].square(), learner.moments.exp_avg_sq[place])


def test_a_single_code_has_no_spread_to_divide_by() -> None:
    code = torch.tensor([[0.3, -2.0]])
    assert torch.equal(smoothing.normalised(code), code)
    same = smoothing.normalised(torch.ones(4, 2, requires_grad=True))
    same.sum().backward()
    assert torch.equal(same, torch.zeros(4, 2)), "and one where all are equal stays finite"


def test_a_network_that_cannot_be_normalised_says_so() -> None:
    model = tiny("code_noise")
    model.encoder.to_mu = torch.nn.Sequential(model.encoder.to_mu)
    with pytest.raises(TypeError, match="to_mu"):
        smoothing.settle(model, None, images())


# What is measured


@pytest.mark.parametrize("name", WAYS)
def test_the_loss_is_the_sum_of_what_is_shown(digits: datasets.Images, name: str) -> None:
    training = begin(SMALL.model_copy(update={"variants": (name,), "rae_weight": 0.3, "code_noise_std": 0.4}), digits)
    *_, last = training.run()
    got, x = last.metrics[name], training.watched_x.double().numpy()
    weights = oracle.as_float64(last.weights[name])
    assert got.loss == pytest.approx(got.reconstruction + got.per_image.get("penalty", 0.0), rel=1e-12)
    assert ("penalty" in got.per_image) == (VARIANTS[name].penalty is not None)
    assert got.kl is None and (got.mse_from_sample is None) == (not VARIANTS[name].noise)
    mu, _ = oracle.encode(weights, x, "relu")
    seen, noise = mu, stream(0, "watched")
    if name == "denoising":
        noise = torch.randn(x.shape, generator=stream(0, "watched, input noise")).numpy()
        seen, _ = oracle.encode(weights, x + 0.3 * noise, "relu")
    if name == "code_noise":
        seen = mu + 0.4 * torch.randn(mu.shape, generator=noise).numpy()
    rebuilt = oracle.decode(weights, seen, "relu")
    assert got.reconstruction == pytest.approx(oracle.bce(rebuilt, x).mean(), rel=1e-4)
    clean = oracle.sigmoid(oracle.decode(weights, mu, "relu"))
    assert got.mse_from_mean == pytest.approx(((clean - x) ** 2).mean(), rel=1e-4)
    if name == "contractive":  # ReLU: the slopes of the units that are on
        on = x @ weights["encoder.body.0.weight"].T + weights["encoder.body.0.bias"] > 0  # (N, H)
        slopes = np.einsum("dh,nh,hp->ndp", weights["encoder.to_mu.weight"], on, weights["encoder.body.0.weight"])
        assert got.per_image["penalty"] == pytest.approx((slopes**2).sum(axis=(1, 2)).mean(), rel=1e-4)
    if name == "rae":
        squares = sum((w**2).sum() for key, w in weights.items() if key.startswith("decoder") and w.ndim == 2)
        assert got.per_image["penalty"] == pytest.approx(0.15 * ((mu**2).sum(axis=1).mean() + squares), rel=1e-4)


def test_the_fixed_noise_is_what_the_encoder_says() -> None:
    model = tiny("code_noise", code_noise_std=0.25)
    mu, logvar = model.encoder(images())
    torch.testing.assert_close(torch.exp(logvar / 2), torch.full_like(mu, 0.25))
    assert "logvar" not in " ".join(model.state_dict())


# Settings


def test_no_noise_on_codes_is_refused_where_its_logarithm_is_none() -> None:
    with pytest.raises(InputError, match="code_noise_std"):
        RunConfig.parse({"code_noise_std": 0})
    assert math.isfinite(2 * math.log(RunConfig.parse({"code_noise_std": 0.001}).code_noise_std))


def test_a_config_of_before_is_what_it_was() -> None:
    """Fingerprints of an earlier version."""
    assert RunConfig().fingerprint() == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert RunConfig(variants=tuple(VARIANTS)[:4]).variants == ("ae", "noise_only", "kl_only", "vae")
    assert list(VARIANTS)[:4] == list(ingredients())
