"""Free bits, cycles of β, and the mutual information by which a collapse is told: against cases worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from vae import datasets
from vae.choices.estimators import of_bound
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.errors import InputError
from vae.learning import learner as learner_module
from vae.learning.estimators import ESTIMATORS
from vae.learning.losses import paid_kl, scheduled_beta
from vae.learning.networks import initialised, steps_by_hand
from vae.learning.randomness import stream
from vae.learning.training import Training
from vae.metrics import mutual_information


def betas(**settings: object) -> list[float]:
    config = RunConfig.parse({"beta": 2.0, "epochs": 12} | settings)
    return [scheduled_beta(config, epoch) for epoch in range(1, config.epochs + 1)]


def test_schedules_by_hand() -> None:
    assert betas() == [2.0] * 12
    assert betas(kl_warmup_epochs=4) == [0.5, 1.0, 1.5, *[2.0] * 9]
    half_of_each = [2 / 3, 4 / 3, 2.0, 2.0, 2.0, 2.0]
    assert betas(kl_cycles=2) == pytest.approx(half_of_each * 2)
    assert betas(kl_cycles=2, kl_warmup_epochs=4) == [0.5, 1.0, 1.5, 2.0, 2.0, 2.0] * 2
    assert betas(kl_cycles=1, kl_warmup_epochs=4) == betas(kl_warmup_epochs=4), "one cycle is the linear warm-up"
    # 10 epochs, 3 cycles of 3⅓: the second begins after 3⅓ epochs, so that its first whole one is ⅔ of an epoch in.
    assert betas(kl_cycles=3, epochs=10)[3] == pytest.approx(2 * (3 % (10 / 3) + 1) / (10 / 6) if 3 % 1 else 2.0)
    assert betas(kl_cycles=3, epochs=10)[4] == pytest.approx(2 * (4 - 10 / 3 + 1) / (10 / 6))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kl_cycles": 5}, "kl_cycles is 5, but a cycle takes 3 epochs or more, and the run has 12"),
        ({"kl_cycles": 3, "kl_warmup_epochs": 5}, "3 cycles with a warm-up of 5 epochs are longer than the run's 12"),
    ],
)
def test_cycles_that_do_not_fit_are_refused(settings: dict[str, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        RunConfig.parse({"epochs": 12} | settings)


def test_free_bits_by_hand() -> None:
    kl = torch.tensor([0.0, 0.3, 2.0])
    assert float(paid_kl(kl, 0.0)) == pytest.approx(2.3)
    assert float(paid_kl(kl, 0.5)) == pytest.approx(0.5 + 0.5 + 2.0)


def left(
    free: float, estimator: str = "pathwise", variant: str = "vae"
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """What an estimator leaves in `.grad`, and the mean KL of each dimension."""
    config = RunConfig(hidden=(7,), latent_dim=4)
    model = initialised(config, (1, 3, 3), variant, stream(1, "weights")).double()
    x = torch.rand(6, 9, generator=stream(0, "x")).double()
    generator = stream(2, "noise")
    ESTIMATORS[estimator](model, VARIANTS[variant], x, model.likelihood, 1.5, generator, 1, "none", free)
    mu, logvar = model.encoder(x)
    kl = kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).mean(dim=0)
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}, kl.detach()


@pytest.mark.parametrize("estimator", [name for name in ESTIMATORS if not of_bound(name)])
def test_the_gradient_with_free_bits_is_autograds_of_the_written_out_objective(estimator: str) -> None:
    """max(λ, mean KL_j): β times the KL's gradient of the dimensions above λ, nothing of the others."""
    with_free, kl = left(free=float("inf"), estimator=estimator)  # nothing is paid for: the reconstruction's alone
    free = float(kl.sort().values[1:3].mean())
    assert 0 < int((kl > free).sum()) < 4, "some pay and some don't"
    some, _ = left(free, estimator)
    config = RunConfig(hidden=(7,), latent_dim=4)
    model = initialised(config, (1, 3, 3), "vae", stream(1, "weights")).double()
    mu, logvar = model.encoder(torch.rand(6, 9, generator=stream(0, "x")).double())
    each = kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).mean(dim=0)
    (1.5 * torch.maximum(each, torch.tensor(free).double()).sum()).backward()
    for name, parameter in model.encoder.named_parameters():
        expected = with_free[f"encoder.{name}"] if f"encoder.{name}" in with_free else torch.zeros_like(parameter)
        torch.testing.assert_close(some[f"encoder.{name}"], expected + parameter.grad)


def test_without_free_bits_nothing_changes_and_with_them_autograd_trains() -> None:
    config = RunConfig()
    assert steps_by_hand(config)
    assert not steps_by_hand(config.model_copy(update={"free_bits": 0.1}))


def trained(**settings: object) -> Training:
    images = datasets.load("digits", None)
    values = {"hidden": (32,), "latent_dim": 4, "variants": ("vae",), "reconstruction": "sse", "beta": 20.0}
    config = RunConfig.parse(
        values | {"epochs": 30, "learning_rate": 5e-3, "train_limit": 500, "device": "cpu"} | settings
    )
    training = Training(config, images, datasets.split(images, config.validation_size, config.train_limit))
    for _ in training.run():
        pass
    return training


def test_free_bits_keep_a_code_that_would_collapse() -> None:
    collapsed, kept = trained().test()["vae"], trained(free_bits=0.5).test()["vae"]
    assert collapsed.kl < 0.01 and collapsed.active_units == 0
    assert collapsed.per_image["mutual_information"] < 0.01
    assert kept.kl > 0.5 and kept.active_units == 4
    assert 0.3 < kept.per_image["mutual_information"] < kept.kl
    assert kept.mse_from_mean < collapsed.mse_from_mean
    # What it minimises holds what is paid at the least: β · 0.5 nats in each dimension.
    paid = sum(max(0.5, kl) for kl in kept.kl_per_dim)
    assert kept.loss == pytest.approx(kept.reconstruction + 20 * paid, rel=1e-5)
    assert collapsed.loss == pytest.approx(collapsed.reconstruction + 20 * collapsed.kl, rel=1e-12)


def information(mu: torch.Tensor, std: torch.Tensor, seed: int = 0) -> float:
    z = mu + std * torch.randn(mu.shape, generator=stream(seed, "z")).double()
    return float(mutual_information(mu, 2 * std.log(), z).mean())


@pytest.mark.parametrize(("spread", "std"), [(1.0, 1.0), (2.0, 0.5), (0.1, 1.0)])
def test_mutual_information_of_a_gaussian_channel(spread: float, std: float) -> None:
    """z = μ + σ·ε with μ ~ N(0, s²): ½ log(1 + s²/σ²) in each dimension."""
    mu = spread * torch.randn(4000, 2, generator=stream(1, "mu")).double()
    found = information(mu, torch.full_like(mu, std))
    assert found == pytest.approx(math.log(1 + (spread / std) ** 2), abs=0.05)


def test_mutual_information_at_its_ends() -> None:
    """Nothing where all posteriors are one; log N where no two overlap, however much the KL costs."""
    same = torch.full((700, 3), 5.0).double()
    assert information(same, torch.ones_like(same)) == pytest.approx(0.0, abs=1e-9)
    apart = 100.0 * torch.arange(700).double()[:, None]
    assert information(apart, torch.ones_like(apart)) == pytest.approx(math.log(700))


def test_mutual_information_by_hand() -> None:
    """Two images, written out with torch.distributions."""
    mu, std = torch.tensor([[0.0, 1.0], [0.5, -1.0]]).double(), torch.tensor([[1.0, 0.5], [0.7, 2.0]]).double()
    z = torch.tensor([[0.3, 0.9], [-0.2, 1.5]]).double()
    found = mutual_information(mu, 2 * std.log(), z)
    for i in range(2):
        densities = Normal(mu, std).log_prob(z[i]).sum(-1).exp()
        assert float(found[i]) == pytest.approx(float(torch.log(densities[i] / densities.mean())))


def test_it_is_measured_of_samples_on_the_test_images() -> None:
    training = trained(variants=("ae", "noise_only", "kl_only", "vae"), beta=1.0, epochs=2)
    tested = training.test()
    assert {name for name, found in tested.items() if "mutual_information" in found.per_image} == {"noise_only", "vae"}
    learner = training.learners[-1]
    assert "mutual_information" not in learner.evaluate(training.watched_x, "watched").per_image
    found = tested["vae"].per_image["mutual_information"]
    with torch.no_grad():
        mu, logvar = learner.model.encoder(training.test_x)
        eps = torch.randn(mu.shape, generator=stream(0, "test"))  # the noise that test metrics are measured with
    z = mu + torch.exp(0.5 * logvar) * eps
    by_hand = mutual_information(mu, logvar, z).mean()
    assert found == pytest.approx(float(by_hand), rel=1e-6)
    assert 0 < found <= math.log(len(training.test_x))
    assert found < tested["vae"].kl, "I(x; z) = KL − KL(q(z) ‖ p(z))"


def test_of_many_images_only_so_many_are_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learner_module, "MOST_AT_ONCE", 20)
    training = trained(beta=0.0, epochs=2)
    found = training.test()["vae"].per_image["mutual_information"]
    assert 0 < found <= math.log(20)
