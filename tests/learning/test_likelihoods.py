"""Each likelihood against torch.distributions, its gradient against autograd, its σ against any better one."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from vae import datasets
from vae.choices.likelihoods import (
    LIKELIHOODS,
    SIGMA_BOUNDS,
    Likelihood,
    best_log_sigma,
    likelihood_of,
    log_sigma_of_pixels,
)
from vae.config import RunConfig
from vae.errors import InputError
from vae.learning.losses import mean_image_floor
from vae.learning.randomness import stream
from vae.learning.training import Training

PIXELS = 30
SMALL = RunConfig(hidden=(32,), latent_dim=2, train_limit=320, validation_size=100, epochs=4, device="cpu")


def outputs(k: int = 1) -> Tensor:
    return 3 * torch.randn(20, k * PIXELS, generator=stream(0, "outputs")).double()


def grey() -> Tensor:
    x = torch.rand(20, PIXELS, generator=stream(0, "x")).double()
    x[0], x[1] = 0, 1  # black and white pixels are the usual ones
    return x


def test_bernoulli_is_the_likelihood_of_black_and_white_pixels() -> None:
    x, logits = grey().round(), outputs()
    expected = -Bernoulli(logits=logits).log_prob(x).sum(-1)
    torch.testing.assert_close(LIKELIHOODS["bernoulli"].value(logits, x), expected)
    all_images = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]).double()
    of_each = LIKELIHOODS["bernoulli"].value(torch.tensor([[0.3, -1.2]]).double().expand(4, 2), all_images)
    assert float(torch.exp(-of_each).sum()) == pytest.approx(1.0), "a likelihood sums to 1 over all images"


@pytest.mark.parametrize("sigma", [0.05, 0.1, 1.0, 3.0])
def test_gaussian_with_a_given_sigma(sigma: float) -> None:
    likelihood = likelihood_of(RunConfig(reconstruction="gaussian", sigma=sigma))
    x, logits = grey(), outputs()
    expected = -Normal(torch.sigmoid(logits), sigma).log_prob(x).sum(-1)
    torch.testing.assert_close(likelihood.value(logits, x), expected)
    torch.testing.assert_close(likelihood.mean(logits), torch.sigmoid(logits))


def test_squared_error_is_a_gaussian_with_a_variance_of_one_half_up_to_a_constant() -> None:
    """As its sentence says."""
    x, logits = grey(), outputs()
    gaussian = likelihood_of(RunConfig(reconstruction="gaussian", sigma=math.sqrt(0.5)))
    apart = gaussian.value(logits, x) - LIKELIHOODS["sse"].value(logits, x)
    torch.testing.assert_close(apart, torch.full((20,), PIXELS * 0.5 * math.log(math.pi)).double())


@pytest.mark.parametrize("name", ["gaussian_learned", "gaussian_descent"])
def test_gaussian_with_a_learnt_sigma(name: str) -> None:
    x, logits, log_sigma = grey(), outputs(), torch.tensor(-0.7).double().requires_grad_()
    value = LIKELIHOODS[name].value(logits, x, log_sigma=log_sigma)
    normal = -Normal(torch.sigmoid(logits), torch.exp(log_sigma)).log_prob(x).sum(-1)
    torch.testing.assert_close(value, normal)
    ours, theirs = (torch.autograd.grad(loss.sum(), log_sigma)[0] for loss in (value, normal))
    torch.testing.assert_close(ours, theirs)


def test_gaussian_of_each_pixel() -> None:
    likelihood, x, both = LIKELIHOODS["gaussian_per_pixel"], grey(), outputs(2).requires_grad_()
    mean, sigma = torch.sigmoid(both[:, :PIXELS]), torch.exp(log_sigma_of_pixels(both))
    normal = -Normal(mean, sigma).log_prob(x).sum(-1)
    torch.testing.assert_close(likelihood.value(both, x), normal)
    torch.testing.assert_close(likelihood.mean(both), mean)
    ours, theirs = (torch.autograd.grad(loss.sum(), both)[0] for loss in (likelihood.value(both, x), normal))
    torch.testing.assert_close(ours, theirs)


def test_the_sigma_of_a_pixel_stays_within_its_bounds() -> None:
    extreme = torch.tensor([[0.0, 0.0, 0.0, -1e6, 0.0, 1e6]])
    sigma = torch.exp(log_sigma_of_pixels(extreme))[0]
    torch.testing.assert_close(sigma[[0, 2]], torch.tensor(SIGMA_BOUNDS))
    x, right = torch.zeros(1, 3), torch.tensor([[-1e6, -1e6, -1e6, -1e6, -1e6, -1e6]])
    least = 3 * (math.log(SIGMA_BOUNDS[0]) + 0.5 * math.log(2 * math.pi))
    assert float(LIKELIHOODS["gaussian_per_pixel"].value(right, x)) == pytest.approx(least), "not −∞"


def test_the_closed_form_is_the_best_sigma() -> None:
    """No σ nearby makes these images likelier, and it is where descent would stop."""
    x, logits = grey(), outputs()
    best = best_log_sigma(logits, x)["log_sigma"]
    assert math.exp(2 * best) == pytest.approx(float((torch.sigmoid(logits) - x).square().mean()))

    def cost(log_sigma: float) -> float:
        return float(LIKELIHOODS["gaussian_learned"].value(logits, x, log_sigma=torch.tensor(log_sigma)).sum())

    assert cost(best) < min(cost(best - 0.01), cost(best + 0.01))
    at = torch.tensor(best).double().requires_grad_()
    (slope,) = torch.autograd.grad(LIKELIHOODS["gaussian_learned"].value(logits, x, log_sigma=at).mean(), at)
    assert abs(float(slope)) < 1e-5


def test_a_perfect_copy_has_a_sigma_all_the_same() -> None:
    assert best_log_sigma(torch.full((2, 3), -200.0), torch.zeros(2, 3)) == {"log_sigma": pytest.approx(math.log(1e-3))}


def mean_image_costs(name: str, **settings: float) -> tuple[float, Tensor, Tensor]:
    train, held_out = grey(), torch.rand(50, PIXELS, generator=stream(1, "x")).double()
    config = RunConfig.parse({"reconstruction": name, **settings})
    return mean_image_floor(train, held_out, config)[name], train.mean(dim=0), held_out


def test_what_the_mean_image_costs() -> None:
    floor, mean, x = mean_image_costs("gaussian", sigma=0.2)
    assert floor == pytest.approx(float(-Normal(mean, 0.2).log_prob(x).sum(-1).mean()))
    floor, mean, x = mean_image_costs("gaussian_learned")
    costs = [float(-Normal(mean, sigma).log_prob(x).sum(-1).mean()) for sigma in torch.linspace(0.1, 1, 500).double()]
    assert min(costs) - 1e-3 < floor <= min(costs), "with the best σ there is"
    floor, mean, x = mean_image_costs("gaussian_per_pixel")
    spread = (x - mean).square().mean(dim=0).sqrt().clamp(*SIGMA_BOUNDS)
    assert floor == pytest.approx(float(-Normal(mean, spread).log_prob(x).sum(-1).mean()))


def test_bernoulli_without_binarised_pixels_is_refused_in_a_sentence() -> None:
    with pytest.raises(InputError, match=r"pixels that are 0 or 1, so binarisation must be static or dynamic\.$"):
        RunConfig.parse({"reconstruction": "bernoulli"})
    for binarisation in ("static", "dynamic"):
        assert RunConfig(reconstruction="bernoulli", binarisation=binarisation).reconstruction == "bernoulli"


def test_likelihoods_that_need_a_run_have_no_value_for_other_pictures() -> None:
    assert [name for name, entry in LIKELIHOODS.items() if entry.of_any_run] == ["bce", "sse"]


def finished(**settings: object) -> Training:
    images = datasets.load("digits", None)
    config = RunConfig.parse(SMALL.model_dump() | settings)
    training = Training(config, images, datasets.split(images, config.validation_size, config.train_limit))
    for _ in training.run():
        pass
    return training


@pytest.mark.parametrize(
    "settings",
    [
        {"reconstruction": "bernoulli", "binarisation": "dynamic"},
        {"reconstruction": "gaussian", "sigma": 0.2},
        {"reconstruction": "gaussian_learned"},
        {"reconstruction": "gaussian_learned", "binarisation": "dynamic"},
        {"reconstruction": "gaussian_descent"},
        {"reconstruction": "gaussian_per_pixel"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_both_twins_learn_by_it_and_beat_the_mean_image(settings: dict[str, object]) -> None:
    training = finished(**settings, epochs=60, learning_rate=3e-3)
    floor, tested = training.floor()["test"], training.test()
    for metrics in tested.values():
        assert metrics.reconstruction < floor[training.config.reconstruction]
        assert metrics.mse_from_mean < floor["mse"]


def test_sigma_in_closed_form_is_that_of_the_training_images() -> None:
    ae = finished(reconstruction="gaussian_learned").learners[0]
    x = finished(reconstruction="gaussian_learned").train_x
    with torch.no_grad():
        rebuilt = ae.model.picture(ae.model.encoder(x)[0])
    stored = float(ae.model.likelihood_parameters["log_sigma"])
    assert math.exp(2 * stored) == pytest.approx(float((rebuilt - x).square().mean()), rel=1e-5)


def test_no_descent_moves_what_has_a_closed_form() -> None:
    closed, descent = (finished(reconstruction=name).learners[0] for name in ("gaussian_learned", "gaussian_descent"))
    steps = {name: p.requires_grad for name, p in closed.model.named_parameters() if "likelihood" in name}
    assert list(steps.values()) == [False]
    assert descent.model.likelihood_parameters["log_sigma"].requires_grad


def test_descent_finds_the_closed_form_on_the_same_network() -> None:
    """Within 1 %, as Rybkin et al. 2021 say it must: the number of the same run's training images."""
    training = finished(
        reconstruction="gaussian_descent", variants=("vae",), epochs=600, batch_size=320, learning_rate=3e-3
    )
    for learner in training.learners:
        found = math.exp(float(learner.model.likelihood_parameters["log_sigma"]))
        with torch.no_grad():
            mu, logvar = learner.model.encoder(training.train_x.repeat(20, 1))
            eps = torch.randn(mu.shape, generator=stream(0, "eps"))
            z = mu if logvar is None else mu + torch.exp(0.5 * logvar) * eps
            best = math.exp(best_log_sigma(learner.model.decoder(z), training.train_x.repeat(20, 1))["log_sigma"])
        assert found == pytest.approx(best, rel=0.01)


def test_a_run_with_a_closed_form_goes_on_from_a_checkpoint_to_the_same_numbers() -> None:
    whole = finished(reconstruction="gaussian_learned", binarisation="dynamic")
    images = datasets.load("digits", None)
    config = whole.config
    split = datasets.split(images, config.validation_size, config.train_limit)
    begun, kept = Training(config, images, split), {}
    for epoch in begun.run():
        if epoch.epoch == 2:
            kept = {name: tensor.clone() for name, tensor in epoch.checkpoint.items()}
            break
    resumed = Training(config, images, split)
    resumed.resume(2, kept)
    for _ in resumed.run():
        pass
    assert resumed.test() == whole.test()


@pytest.mark.parametrize("name", ["gaussian", "bernoulli"])
def test_settings_of_a_likelihood_reach_the_steps_by_hand(name: str) -> None:
    settings = {"reconstruction": name, "sigma": 0.3, "binarisation": "static"}
    by_hand = finished(**settings)
    assert all(learner.stack for learner in by_hand.learners)
    images = datasets.load("digits", None)
    split = datasets.split(images, by_hand.config.validation_size, by_hand.config.train_limit)
    autograd = Training(by_hand.config, images, split)
    for learner in autograd.learners:
        learner.stack = None
        likelihood: Likelihood = learner.likelihood
        assert not likelihood.settings
    for _ in autograd.run():
        pass
    assert by_hand.test() == autograd.test()
    other = finished(**settings | {"sigma": 0.2})
    assert (other.test() == by_hand.test()) == (name == "bernoulli")
