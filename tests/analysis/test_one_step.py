"""One step on one image: every number against plain autograd of a graph written out here, in float64."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from stepping import BETA, DRAW, LATENT, RATE, SEED, image, measured, tiny
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import binary_cross_entropy_with_logits

from vae.analysis.one_step import one_step
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS, ingredients
from vae.learning.randomness import stream

CLOSE = {"rtol": 1e-6, "atol": 1e-12}

each_variant = pytest.mark.parametrize("variant", ingredients())
each_loss = pytest.mark.parametrize("loss", ["bce", "sse"])
each_setup = pytest.mark.parametrize("setup", ESTIMATOR_SETUPS)


def costs(loss: str, logits: Tensor, x: Tensor) -> Tensor:
    """Of each of K samples, (K,)."""
    targets = x.expand_as(logits)
    if loss == "bce":
        return binary_cross_entropy_with_logits(logits, targets, reduction="none").sum(1)
    return (torch.sigmoid(logits) - targets).square().sum(1)


class ByHand:
    """The same model in float64, its graph and surrogate losses written out: what `one_step` must return."""

    def __init__(self, variant: str, loss: str, setup: str, beta: float = BETA) -> None:
        self.variant, self.loss, self.setup, self.beta = VARIANTS[variant], loss, setup, beta
        self.model = copy.deepcopy(tiny(variant, loss)).double().requires_grad_(True)
        self.x = torch.from_numpy(image()).double()
        samples = 2 if setup == "score_function_loo" and self.variant.noise else 1
        self.eps = torch.randn(samples, LATENT, generator=stream(SEED, f"one step {DRAW}")).double()

    def layers(self, part: str, names: tuple[str, ...], h: Tensor) -> Tensor:
        state = dict(self.model.named_parameters())
        for place, name in enumerate(names):
            h = h @ state[f"{part}.{name}.weight"].T + state[f"{part}.{name}.bias"]
            h = torch.tanh(h) if place < len(names) - 1 else h
        return h

    def forward(self) -> None:
        self.mu = self.layers("encoder", ("body.0", "to_mu"), self.x)
        self.logvar = self.layers("encoder", ("body.0", "to_logvar"), self.x) if self.variant.has_logvar else None
        self.std = None if self.logvar is None else torch.sqrt(torch.exp(self.logvar))
        drawn = self.mu + self.std * self.eps if self.variant.noise else self.mu[None] + 0
        self.z = drawn.detach() if self.variant.noise and self.setup != "pathwise" else drawn
        self.logits = self.layers("decoder", ("body.0", "to_logits"), self.z)
        self.costs = costs(self.loss, self.logits, self.x)
        self.kl = kl_divergence(Normal(self.mu, self.std), Normal(0.0, 1.0)).sum() if self.variant.kl else None

    def surrogate(self, term: str) -> Tensor:
        """A number whose gradient by plain autograd is the estimator's."""
        kl = self.costs.sum() * 0 if self.kl is None else self.beta * self.kl
        if term == "kl":
            return kl + self.costs.sum() * 0
        reconstruction = self.costs.mean()
        if self.variant.noise and self.setup.startswith("score_function"):
            f = self.costs.detach()
            if self.setup == "score_function_loo":
                f = torch.stack([f[0] - f[1], f[1] - f[0]])
            reconstruction = reconstruction + (f * Normal(self.mu, self.std).log_prob(self.z).sum(1)).mean()
        return reconstruction if term == "reconstruction" else reconstruction + kl

    def gradients(self, term: str) -> dict[str, Any]:
        self.forward()
        passed = {"outputs": self.logits, "z": self.z, "mu": self.mu, "logvar": self.logvar}
        asked = {name: tensor for name, tensor in passed.items() if tensor is not None and tensor.requires_grad}
        weights = {part: list(getattr(self.model, part).parameters()) for part in ("encoder", "decoder")}
        wanted = [*asked.values(), *weights["encoder"], *weights["decoder"]]
        found = iter(torch.autograd.grad(self.surrogate(term), wanted, allow_unused=True))
        zeros = {name: torch.zeros_like(tensor) for name, tensor in passed.items() if tensor is not None}
        expected: dict[str, Any] = zeros | {name: gradient for name in asked if (gradient := next(found)) is not None}
        for part, parameters in weights.items():
            parts = [next(found) for _ in parameters]
            expected[part] = sum(float(each.square().sum()) for each in parts if each is not None) ** 0.5
        return expected

    def step(self) -> None:
        """Adam's first: both running means, corrected for their start, are the gradient and its square."""
        self.forward()
        parameters = list(self.model.parameters())
        found = torch.autograd.grad(self.surrogate("loss"), parameters, allow_unused=True)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, found, strict=True):
                if gradient is not None:
                    parameter.sub_(RATE * gradient / (gradient.abs() + 1e-8))


def compare(got: Any, by_hand: ByHand) -> None:
    by_hand.forward()
    expected = {
        "mu": by_hand.mu,
        "logvar": by_hand.logvar,
        "std": by_hand.std,
        "eps": by_hand.eps if by_hand.variant.noise else None,
        "z": by_hand.z,
        "outputs": by_hand.logits,
        "x_hat": torch.sigmoid(by_hand.logits),
        "reconstruction": by_hand.costs,
        "kl": by_hand.kl,
        "loss": by_hand.costs.mean() + (0 if by_hand.kl is None else by_hand.beta * by_hand.kl),
    }
    assert vars(got).keys() == expected.keys()
    for name, value in expected.items():
        if value is None:
            assert getattr(got, name) is None, name
        else:
            np.testing.assert_allclose(getattr(got, name), value.detach().numpy(), **CLOSE, err_msg=name)


@each_variant
@each_loss
@each_setup
def test_the_way_there_and_what_follows_are_plain_arithmetic(variant: str, loss: str, setup: str) -> None:
    got, by_hand = measured(variant, loss, setup), ByHand(variant, loss, setup)
    compare(got.before, by_hand)
    by_hand.step()
    compare(got.after, by_hand)
    assert not np.array_equal(got.after.outputs, got.before.outputs)


@each_variant
@each_loss
@each_setup
def test_every_gradient_is_plain_autograds(variant: str, loss: str, setup: str) -> None:
    got = measured(variant, loss, setup).gradients
    assert list(got) == ["reconstruction", "kl", "loss"]
    for term, gradients in got.items():
        expected = ByHand(variant, loss, setup).gradients(term)
        for name, value in vars(gradients).items():
            if name == "logvar" and not VARIANTS[variant].has_logvar:
                assert value is None
            else:
                np.testing.assert_allclose(value, np.asarray(expected[name]), **CLOSE, err_msg=f"{term} {name}")


@each_loss
def test_nothing_of_the_reconstruction_reaches_the_encoder_past_a_detached_sample(loss: str) -> None:
    got = measured("vae", loss, "detached").gradients
    reconstruction = got["reconstruction"]
    assert not reconstruction.z.any() and not reconstruction.mu.any() and not reconstruction.logvar.any()
    assert reconstruction.encoder == 0.0
    assert reconstruction.decoder > 0
    assert got["loss"].encoder == got["kl"].encoder > 0, "the KL still teaches it"


@each_loss
@pytest.mark.parametrize("variant", ["ae", "kl_only"])
def test_without_noise_every_estimator_is_the_chain_rule(variant: str, loss: str) -> None:
    trick, *others = (measured(variant, loss, setup) for setup in ESTIMATOR_SETUPS)
    assert trick.before.eps is None
    np.testing.assert_array_equal(trick.before.z[0], trick.before.mu)
    for other in others:
        for term, gradients in trick.gradients.items():
            for name, value in vars(gradients).items():
                np.testing.assert_array_equal(getattr(other.gradients[term], name), value)


@each_variant
def test_the_terms_add_up(variant: str) -> None:
    reconstruction, kl, loss = measured(variant).gradients.values()
    np.testing.assert_allclose(reconstruction.mu + kl.mu, loss.mu, rtol=1e-9)
    assert not kl.z.any() and not kl.outputs.any(), "the KL asks for μ and log σ² alone"
    assert kl.decoder == 0
    if not VARIANTS[variant].kl:
        assert not kl.mu.any() and kl.encoder == 0


def test_weights_without_a_gradient_stay_where_they_are() -> None:
    got = measured("noise_only", setup="detached")
    np.testing.assert_array_equal(got.after.mu, got.before.mu)
    np.testing.assert_array_equal(got.after.z, got.before.z)
    assert got.after.loss < got.before.loss, "the decoder learns"


def test_another_draw_is_another_noise_and_nothing_else() -> None:
    one, again, other = measured("vae", draw=1), measured("vae", draw=1), measured("vae", draw=2)
    np.testing.assert_array_equal(one.before.outputs, again.before.outputs)
    np.testing.assert_array_equal(one.before.mu, other.before.mu)
    assert (one.before.eps != other.before.eps).all() and (one.before.z != other.before.z).all()
    np.testing.assert_array_equal(one.before.eps, one.after.eps)  # the step is judged with the same noise


def test_a_baseline_needs_two_samples_of_one_image() -> None:
    assert measured("vae", setup="score_function_loo").before.z.shape == (2, LATENT)
    assert measured("vae", setup="score_function").before.z.shape == (1, LATENT)


def test_without_a_weight_the_kl_is_measured_and_teaches_nothing() -> None:
    got = measured("vae", beta=0.0)
    assert got.before.kl > 0
    assert got.before.loss == pytest.approx(got.before.reconstruction.mean(), rel=1e-12)
    assert got.gradients["kl"].encoder == 0 and not got.gradients["kl"].mu.any()


def test_the_shared_model_is_left_alone() -> None:
    model, x = tiny("vae"), image()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for setup in ESTIMATOR_SETUPS.values():
        one_step(model, VARIANTS["vae"], x, "bce", 1.0, 0.1, setup=setup)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(weight.requires_grad or weight.grad is not None for weight in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    np.testing.assert_array_equal(x, image())


def test_every_loss_there_is_can_be_stepped_through() -> None:
    for loss in LIKELIHOODS:
        assert np.isfinite(measured("vae", loss).after.loss)
