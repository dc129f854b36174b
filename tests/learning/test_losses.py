"""The losses against torch.distributions, autograd and cases small enough to work out by hand."""

from math import log

import pytest
import torch
from torch.distributions import Normal
from torch.distributions import kl_divergence as reference_kl

from vae import datasets
from vae.choices.likelihoods import LIKELIHOODS
from vae.config import RunConfig
from vae.learning.losses import active_units, kl_divergence, mean_image_floor, reparameterize

CLOSED = [name for name, likelihood in LIKELIHOODS.items() if likelihood.gradient]  # whose gradient is written out


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_kl_equals_torch_distributions():
    mu, logvar = 3 * normal(40, 7), 2 * normal(40, 7, seed=1)
    expected = reference_kl(Normal(mu, (logvar / 2).exp()), Normal(0.0, 1.0))
    torch.testing.assert_close(kl_divergence(mu, logvar), expected, rtol=1e-5, atol=1e-5)


def test_kl_of_the_prior_is_nothing_and_a_shift_costs_half_its_square():
    zeros = torch.zeros(1, 3)
    assert kl_divergence(zeros, zeros).tolist() == [[0, 0, 0]]
    assert kl_divergence(torch.tensor([[2.0, 0.0, 1.0]]), zeros).tolist() == [[2.0, 0.0, 0.5]]


LOGIT_OF_THREE_QUARTERS = log(3)  # sigmoid(log 3) = 3/4


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        # image 1: x = (1, 0) seen as (1/2, 3/4); image 2: x = (1/4, 1) seen as (3/4, 3/4)
        ("bce", [log(2) + log(4), -0.25 * log(0.75) - 0.75 * log(0.25) - log(0.75)]),
        ("sse", [0.25 + 0.5625, 0.25 + 0.0625]),
    ],
)
def test_reconstruction_by_hand(name, expected):
    """Summed over pixels, one number per image."""
    q = LOGIT_OF_THREE_QUARTERS
    logits = torch.tensor([[0.0, q], [q, q]])
    x = torch.tensor([[1.0, 0.0], [0.25, 1.0]])
    torch.testing.assert_close(LIKELIHOODS[name].value(logits, x), torch.tensor(expected))


@pytest.mark.parametrize("name", CLOSED)
def test_closed_form_gradient_equals_autograd(name):
    """Training starts its backward pass from this formula, so a slip here would train on another loss than it shows."""
    reconstruction = LIKELIHOODS[name].with_settings(RunConfig(sigma=0.3))
    logits = (6 * normal(20, 50)).requires_grad_()
    x = torch.rand(20, 50, generator=torch.Generator().manual_seed(2))
    x[0], x[1] = 0, 1  # black and white pixels are the usual ones
    reconstruction.value(logits, x).sum().backward()
    torch.testing.assert_close(reconstruction.gradient(logits.detach(), x), logits.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", CLOSED)
def test_the_gradient_leaves_its_inputs_alone(name):
    logits, x = normal(3, 4), torch.rand(3, 4, generator=torch.Generator().manual_seed(2))
    before = logits.clone(), x.clone()
    LIKELIHOODS[name].with_settings(RunConfig()).gradient(logits, x)
    assert torch.equal(logits, before[0])
    assert torch.equal(x, before[1])


def test_bce_is_finite_for_sure_and_wrong_pixels():
    value = LIKELIHOODS["bce"].value(torch.tensor([[500.0, -500.0]]), torch.tensor([[0.0, 1.0]]))
    assert value.tolist() == [1000.0]


def test_reparameterize_passes_the_gradient_through_mean_and_deviation():
    """∂z/∂μ = 1 and ∂z/∂σ = ε: the trick in two lines."""
    mu, std, eps = normal(5, 2).requires_grad_(), (normal(5, 2, seed=1).exp()).requires_grad_(), normal(5, 2, seed=2)
    z = reparameterize(mu, 2 * std.log(), eps)
    torch.testing.assert_close(z, mu + std * eps)
    by_mu, by_std = torch.autograd.grad(z.sum(), (mu, std))
    torch.testing.assert_close(by_mu, torch.ones(5, 2))
    torch.testing.assert_close(by_std, eps)


def test_active_units_counts_means_that_move_more_than_a_hundredth():
    """Variance over images, divided by n: ±0.11 is 0.0121, ±0.09 is 0.0081 (and 0.0162 if divided by n − 1)."""
    mu = torch.tensor([[0.11, 0.09, 5.0, -3.0], [-0.11, -0.09, 5.0, 3.0]])
    assert active_units(mu) == 2
    assert active_units(mu[:, 1:3]) == 0


def test_mean_image_floor_by_hand():
    train = torch.tensor([[0.0, 1.0], [1.0, 1.0]])  # mean image (1/2, 1)
    held_out = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    floor = mean_image_floor(train, held_out)
    # A pixel that is always lit in training and dark here has log 0, which counts as −100.
    by_hand = {"bce": log(2) + 50, "sse": 0.75, "mse": 0.375}
    assert {name: floor[name] for name in by_hand} == pytest.approx(by_hand, rel=1e-6)
    assert floor.keys() == {*LIKELIHOODS, "mse"}


def test_mean_image_floor_of_mnist_is_the_reference(mnist_dir):
    images = datasets.load("mnist", mnist_dir)
    train, test = (torch.from_numpy(x).float() / 255 for x in (images.train_x, images.test_x))
    floor = mean_image_floor(train, test)
    assert floor["mse"] == pytest.approx(0.06747, abs=5e-6)
    # 67 pixels are never lit in training: how log 0 is bounded there moves the reference in its second decimal.
    assert floor["bce"] == pytest.approx(205.80, abs=0.01)
    assert floor["sse"] == pytest.approx(0.06747 * 784, abs=5e-3)
