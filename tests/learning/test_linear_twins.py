"""Linear twins end where theory says: at PCA, and at probabilistic PCA."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from vae import datasets
from vae.analysis.closed_forms import linear_twins
from vae.analysis.closed_forms.linear_twins import against_theory, best_error, best_kl, squared_error_beta, used
from vae.config import RunConfig
from vae.datasets import Images
from vae.datasets.principal_axes import PrincipalAxes
from vae.learning.training import Training
from vae.metrics import Metrics

LINEAR = {"hidden": (), "activation": "identity", "reconstruction": "sse_linear", "schedule": "cosine"}
# Variances along the axes of the small set, with a seam between those above β/2 and those below. In pixels of [0, 1].
KNOWN = np.array([0.09, 0.05, 0.03, 0.016, 0.005, 0.001])
BETA = 0.02


@pytest.fixture(scope="module")
def known() -> Images:
    """1,500 images of 8×8 pixels whose principal variances are KNOWN, exact in the training images but for rounding."""
    generator = np.random.default_rng(0)
    axes = np.linalg.qr(generator.normal(size=(64, 64)))[0][:, : len(KNOWN)]
    codes = generator.uniform(-1, 1, size=(1500, len(KNOWN)))
    codes -= codes.mean(axis=0)
    codes = codes @ np.linalg.inv(np.linalg.cholesky(np.cov(codes.T, bias=True))).T  # white
    pixels = 0.5 + codes * np.sqrt(KNOWN) @ axes.T
    assert pixels.min() > 0 and pixels.max() < 1, "nothing is cut off"
    grey, labels = (pixels * 255).round().astype(np.uint8), np.zeros(len(pixels), dtype=np.uint8)
    return Images("known", (1, 8, 8), 255, ("all",), grey, labels, grey[:300], labels[:300])


@pytest.fixture(scope="module")
def digits() -> Images:
    return datasets.load("digits", Path())


def test_closed_forms_by_hand() -> None:
    variances = np.array([2.0, 0.5, 0.4, 0.0])
    assert used(variances, 1.0).tolist() == [True, False, False, False], "λ = β/2 is not above it"
    np.testing.assert_allclose(best_kl(variances, 1.0), [0.5 * np.log(4), 0, 0, 0])
    np.testing.assert_allclose(best_kl(variances, 0.5), 0.5 * np.log([8, 2, 1.6, 1]))
    with pytest.raises(ValueError, match="above 0"):
        best_kl(variances, 0.0)


def test_the_closed_form_is_the_least_of_the_objective() -> None:
    """β · KL + the squared error that is left, of one axis with gain w and noise s²: no pair costs less."""
    variance, beta = 0.7, 0.4

    def cost(decode: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """z = u·x + ε·√noise with the best u; x̂ = decode · z. In closed form: a ridge regression of x on z."""
        encode = decode / (decode**2 + beta / 2)  # minimises (1 − decode·u)² + β/2 · u²
        error = (1 - decode * encode) ** 2 * variance + decode**2 * noise
        return error + beta * 0.5 * (encode**2 * variance + noise - 1 - np.log(noise))

    decode, noise = np.meshgrid(np.linspace(0.01, 2, 800), np.linspace(0.005, 1, 800))
    costs = cost(decode, noise)
    best = np.unravel_index(costs.argmin(), costs.shape)
    encode = decode[best] / (decode[best] ** 2 + beta / 2)
    kl = 0.5 * (encode**2 * variance + noise[best] - 1 - np.log(noise[best]))
    assert kl == pytest.approx(float(best_kl(np.array([variance]), beta)[0]), rel=0.02)


def test_the_best_vae_s_pictures_are_probabilistic_pca_s(digits: Images) -> None:
    """Tipping & Bishop 1999, their M⁻¹Wᵀ written out; without a β it is PCA."""
    train = (digits.train_x / digits.white).astype(np.float32)
    x, beta, dims = (digits.test_x / digits.white).astype(np.float32), 0.6, 6
    principal = PrincipalAxes.of_pixels(train)
    noise = beta / 2
    gains = np.sqrt(np.maximum(principal.variances[:dims] - noise, 0.0))
    w = principal.axes[:dims].T * gains  # (P, D)
    codes = (x - principal.mean) @ w @ np.linalg.inv(w.T @ w + noise * np.eye(dims))
    expected = np.square(principal.mean + codes @ w.T - x).mean()
    assert best_error(principal, x, dims, beta) == pytest.approx(float(expected), rel=1e-5)
    assert best_error(principal, x, dims) == pytest.approx(principal.error(x, dims), rel=1e-6)


def test_where_the_best_is_known() -> None:
    linear = RunConfig(**LINEAR)
    assert linear_twins.known(linear) and linear_twins.known(linear.model_copy(update={"activation": "relu"})), (
        "no layer, nothing to bend"
    )
    assert linear_twins.known(linear.model_copy(update={"hidden": (20,)})), "two linear maps are one"
    others = ({"network": "conv"}, {"normalisation": "layer", "hidden": (20,)}, {"dropout": 0.1, "hidden": (20,)})
    for update in ({"hidden": (20,), "activation": "relu"}, {"reconstruction": "sse"}, {"free_bits": 0.1}, *others):
        assert not linear_twins.known(linear.model_copy(update=update))
    assert not linear_twins.known(linear.model_copy(update={"estimator": "iwae", "samples": 4}))


def test_beta_as_squared_error_has_it() -> None:
    assert squared_error_beta(RunConfig(reconstruction="sse", beta=3.0)) == 3.0
    assert squared_error_beta(RunConfig(reconstruction="gaussian", sigma=0.5, beta=3.0)) == pytest.approx(1.5)
    assert squared_error_beta(RunConfig(reconstruction="bce")) is None


def trained(images: Images, **settings: object) -> Training:
    config = RunConfig(**{"dataset": "digits", "validation_size": 0, **LINEAR, **settings})
    training = Training(config, images, datasets.split(images, config.validation_size))
    for _ in training.run():
        pass
    return training


def measured(training: Training, variant: str) -> Metrics:
    learner = next(learner for learner in training.learners if learner.name == variant)
    return learner.evaluate(training.train_x, "watched")  # theory is of the images that are learnt from


def assert_ends_where_theory_says(training: Training, beta: float, used_of: list[bool]) -> None:
    """Each dimension of the VAE within 3 % of its KL, 0.02 nats where that is 0; used exactly where λ > β/2."""
    variances = PrincipalAxes.of_pixels(training.train_x.numpy()).variances[: training.config.latent_dim]
    kl, expected = np.sort(measured(training, "vae").kl_per_dim)[::-1], best_kl(variances, beta)
    on = used(variances, beta)
    assert on.tolist() == used_of
    np.testing.assert_allclose(kl[on], expected[on], rtol=0.03)
    assert np.all(kl[~on] < 0.02)


@pytest.mark.slow
def test_on_known_variances_both_end_where_theory_says(known: Images) -> None:
    training = trained(known, latent_dim=5, beta=BETA, learning_rate=0.01, batch_size=50, epochs=800)
    x = training.train_x.numpy()
    principal = PrincipalAxes.of_pixels(x)
    np.testing.assert_allclose(principal.variances[: len(KNOWN)], KNOWN, rtol=0.01)
    assert measured(training, "ae").mse_from_mean == pytest.approx(principal.error(x, 5), rel=0.01)
    assert_ends_where_theory_says(training, BETA, [True, True, True, True, False])


@pytest.mark.slow
def test_on_digits_a_linear_vae_ends_where_theory_says(digits: Images) -> None:
    training = trained(
        digits, latent_dim=5, variants=("vae",), beta=0.6, learning_rate=0.01, batch_size=50, epochs=1000
    )
    assert_ends_where_theory_says(training, 0.6, [True, True, True, True, False])


def test_a_linear_autoencoder_of_digits_is_pca(digits: Images) -> None:
    training = trained(digits, latent_dim=4, variants=("ae",), learning_rate=0.01, batch_size=50, epochs=300)
    best = PrincipalAxes.of_pixels(training.train_x.numpy()).error(training.test_x.numpy(), 4)
    assert training.test()["ae"].mse_from_mean == pytest.approx(best, rel=0.001)


def test_pictures_stay_in_their_bounds_and_measures_do_not_clip(known: Images) -> None:
    """What leaves [0, 1] is drawn at the end of the scale, and counts as it is."""
    training = trained(known, latent_dim=2, variants=("ae",), epochs=1)
    learner = training.learners[0]  # its outputs from now on: −0.5 everywhere
    with torch.no_grad():
        learner.model.decoder.to_logits.bias.fill_(-0.5)
        learner.model.decoder.to_logits.weight.zero_()
    x = training.train_x[:4]
    assert learner.snapshot(x).from_mean.max() == 0
    assert learner.evaluate(x, "watched").mse_from_mean == pytest.approx(float((x + 0.5).square().mean()), rel=1e-5)


@pytest.mark.slow
def test_a_trained_vae_lies_along_the_axes_and_an_autoencoder_in_their_plane(known: Images) -> None:
    training = trained(known, latent_dim=3, beta=BETA, learning_rate=0.01, batch_size=50, epochs=300)
    rows = np.arange(len(known.train_x))
    principal = PrincipalAxes.of(known, rows)
    ae, vae = (
        against_theory(learner.model, learner.name, training.config, known, rows, principal)
        for learner in training.learners
    )
    for found in (ae, vae):
        assert found.correlations.shape == (3, 3)
        np.testing.assert_allclose(found.explained, 1, atol=0.02)
        assert found.mse == pytest.approx(found.best_mse, rel=0.1)
    assert np.diag(vae.correlations).min() > 0.95
    assert np.diag(ae.correlations).mean() < 0.95, "nothing tells it to"
    assert ae.kl is None and ae.mse == pytest.approx(ae.best_mse, rel=0.02)
    expected = measured(training, "vae").kl_per_dim
    np.testing.assert_allclose(vae.kl, np.sort(expected)[::-1], rtol=1e-4)
    mu = training.learners[1].model.encoder(training.train_x)[0].detach().numpy()
    along = (training.train_x.numpy() - principal.mean) @ principal.axes[0]  # in the order they were learnt
    by_hand = max(abs(np.corrcoef(mu[:, place], along)[0, 1]) for place in range(3))
    assert vae.correlations[0, 0] == pytest.approx(by_hand, rel=1e-4)
