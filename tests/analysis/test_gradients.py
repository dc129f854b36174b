"""Gradients past a random node: the toy against integrals, the encoder's against numpy, the graph against autograd."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from vae.analysis import gradients
from vae.analysis.estimation.toy import (
    toy,
    toy_against_samples,
    toy_against_sigma,
    toy_gradients,
    toy_truth,
    toy_variance,
)
from vae.analysis.gradients import (
    REFERENCE_PARTS,
    REFERENCE_SAMPLES,
    by_autograd,
    encoder_gradient,
    estimator_quality,
    gradient_norms,
    trainable,
)
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS
from vae.config import RunConfig
from vae.learning.models import Autoencoder, initialise, mlp
from vae.learning.randomness import stream

SETTINGS = [(1.0, 0.5, 0.3), (0.0, 0.1, 0.0), (-2.0, 2.0, 1.0), (3.0, 1.0, -3.0), (0.5, 0.1, -1.5)]
each_setting = pytest.mark.parametrize(("mu", "sigma", "k"), SETTINGS)
KINDS = [(estimator, parameter) for estimator in ("pathwise", "score_function") for parameter in ("mu", "sigma")]


# The toy


def expected(g: Callable[[np.ndarray], np.ndarray]) -> float:
    """E[g(ε)] of ε ~ N(0, 1), by Gauss-Hermite quadrature: exact for polynomials up to degree 59."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(30)
    return float((weights * g(nodes)).sum() / np.sqrt(2 * np.pi))


def one_sample(kind: tuple[str, str], mu: float, sigma: float, k: float) -> Callable[[np.ndarray], np.ndarray]:
    """A one-sample estimate as a function of ε, as a textbook writes it."""
    return {
        ("pathwise", "mu"): lambda eps: 2 * (mu + sigma * eps - k),
        ("pathwise", "sigma"): lambda eps: 2 * (mu + sigma * eps - k) * eps,
        ("score_function", "mu"): lambda eps: (mu + sigma * eps - k) ** 2 * eps / sigma,
        ("score_function", "sigma"): lambda eps: (mu + sigma * eps - k) ** 2 * (eps**2 - 1) / sigma,
    }[kind]


@each_setting
def test_the_closed_forms_are_the_integrals(mu: float, sigma: float, k: float) -> None:
    truth, variance = toy_truth(mu, sigma, k), toy_variance(mu, sigma, k)
    assert set(variance) == set(KINDS)
    for kind in KINDS:
        g = one_sample(kind, mu, sigma, k)
        assert expected(g) == pytest.approx(truth[kind[1]], abs=1e-9), "both estimators are unbiased"
        assert expected(lambda eps, g=g: g(eps) ** 2) - expected(g) ** 2 == pytest.approx(variance[kind], rel=1e-8)


@each_setting
def test_the_true_gradient_is_the_slope_of_the_expectation(mu: float, sigma: float, k: float) -> None:
    def mean_loss(mu: float, sigma: float) -> float:
        return expected(lambda eps: (mu + sigma * eps - k) ** 2)

    h, truth = 1e-4, toy_truth(mu, sigma, k)
    assert truth["mu"] == pytest.approx((mean_loss(mu + h, sigma) - mean_loss(mu - h, sigma)) / (2 * h), abs=1e-7)
    assert truth["sigma"] == pytest.approx((mean_loss(mu, sigma + h) - mean_loss(mu, sigma - h)) / (2 * h), abs=1e-7)


@each_setting
def test_what_is_measured_on_the_toy_is_what_is_known(mu: float, sigma: float, k: float) -> None:
    table = toy(mu, sigma, k)
    assert list(zip(table["estimator"], table["parameter"], strict=True)) == KINDS
    assert (table["n"] == 200_000).all()
    for row in table.to_dict("records"):
        kind = row["estimator"], row["parameter"]
        assert row["true"] == toy_truth(mu, sigma, k)[row["parameter"]]
        assert row["closed_form"] == toy_variance(mu, sigma, k)[kind]
        assert abs(row["mean"] - row["true"]) < 4 * row["standard_error"], kind
        assert row["variance"] == pytest.approx(row["closed_form"], rel=0.05), kind
        assert row["standard_error"] == pytest.approx((row["variance"] / row["n"]) ** 0.5)


@each_setting
def test_each_sample_of_the_toy_is_the_textbooks(mu: float, sigma: float, k: float) -> None:
    eps = torch.randn(500, generator=stream(3, "toy"), dtype=torch.float64).numpy()
    for kind, sample in toy_gradients(mu, sigma, k, 500, 3).items():
        np.testing.assert_allclose(sample, one_sample(kind, mu, sigma, k)(eps), rtol=1e-9, atol=1e-9)


def test_columns_of_the_toys_tables() -> None:
    columns = ["estimator", "parameter", "true", "mean", "standard_error", "variance", "closed_form", "n"]
    assert list(toy(1.0, 1.0, 0.0, 100).columns) == columns
    against = toy_against_sigma(1.0, 0.3, (0.1, 0.5), 1000)
    assert list(against.columns) == [*columns, "sigma"]
    one = against[against["sigma"] == 0.5].drop(columns="sigma").reset_index(drop=True)
    pd.testing.assert_frame_equal(one, toy(1.0, 0.5, 0.3, 1000))
    assert set(against["sigma"]) == {0.1, 0.5}


@pytest.mark.parametrize("sigma", [0.0, -1.0])
def test_a_toy_without_spread_is_refused(sigma: float) -> None:
    with pytest.raises(ValueError, match="sigma must be positive"):
        toy(1.0, sigma, 0.0)


def test_the_toy_repeats_by_seed() -> None:
    pd.testing.assert_frame_equal(toy(1.0, 0.5, 0.3, 1000, seed=4), toy(1.0, 0.5, 0.3, 1000, seed=4))
    assert (toy(1.0, 0.5, 0.3, 1000, seed=4)["mean"] != toy(1.0, 0.5, 0.3, 1000, seed=5)["mean"]).all()


def test_the_mean_of_several_samples_has_so_many_times_less_variance() -> None:
    table = toy_against_samples(1.0, 0.5, 0.3, (1, 10, 100))
    assert list(table.columns) == ["estimator", "parameter", "samples", "variance", "closed_form"]
    assert len(table) == 4 * 3
    for row in table.to_dict("records"):
        known = toy_variance(1.0, 0.5, 0.3)[row["estimator"], row["parameter"]] / row["samples"]
        assert row["closed_form"] == pytest.approx(known)
        assert row["variance"] == pytest.approx(known, rel=0.15), "2,000 means of 100: 3 % by chance"


@pytest.mark.parametrize(("mu", "logvar", "eps"), [(1.0, -1.0, 0.8), (-2.0, 3.0, -1.5), (0.0, -6.0, 0.0)])
def test_derivatives_by_autograd_are_those_by_hand(mu: float, logvar: float, eps: float) -> None:
    std = np.exp(logvar / 2)
    expected = {"z": mu + std * eps, "std": std, "dz_dmu": 1, "dz_dstd": eps, "dz_dlogvar": std * eps / 2}
    assert by_autograd(mu, logvar, eps) == pytest.approx(expected, abs=1e-15)


# The encoder

BATCH, PIXELS, LATENT = 4, 6, 2
QUALITY_COLUMNS = ["way", "samples", "bias", "standard_error", "variance", "snr", "cosine", "cosine_std", "gradient"]
QUALITY_COLUMNS += ["reference", "repeats"]


def tiny(with_logvar: bool = True) -> Autoencoder:
    """As pages hold them: shared, and not to be trained."""
    generator = torch.Generator().manual_seed(3)
    return (
        initialise(mlp(RunConfig(hidden=(5,), latent_dim=LATENT, activation="tanh"), PIXELS, with_logvar), generator)
        .eval()
        .requires_grad_(False)
    )


def images() -> np.ndarray:
    return torch.rand(BATCH, PIXELS, generator=torch.Generator().manual_seed(4)).numpy()


@pytest.fixture(scope="module")
def quality() -> pd.DataFrame:
    return estimator_quality(tiny(), images(), "bce", seed=1, samples=(1, 2, 8), repeats=400)


def row(table: pd.DataFrame, estimator: str, samples: int) -> pd.Series:
    (found,) = table[(table["way"] == estimator) & (table["samples"] == samples)].to_dict("records")
    return pd.Series(found)


def test_every_way_is_measured_with_the_samples_it_takes(quality: pd.DataFrame) -> None:
    assert list(quality.columns) == QUALITY_COLUMNS
    assert list(zip(quality["way"], quality["samples"], strict=True)) == [
        *(("pathwise", count) for count in (1, 2, 8)),
        *(("score_function", count) for count in (1, 2, 8)),
        *(("score_function_loo", count) for count in (2, 8)),
        ("detached", 1),
    ]
    assert (quality["repeats"] == 400).all()
    assert len(set(quality["reference"])) == 1


def test_all_but_the_detached_estimate_have_the_mean_of_the_reference(quality: pd.DataFrame) -> None:
    unbiased = quality[quality["way"] != "detached"]
    assert (unbiased["bias"] < 4 * unbiased["standard_error"]).all()
    assert (unbiased["bias"] > 0).all()
    quiet = unbiased[unbiased["way"] != "score_function"]
    assert (8 * quiet["standard_error"] < quiet["reference"]).all(), "small errors, so that it says something"


def test_the_detached_gradient_is_nothing_with_no_noise_at_all(quality: pd.DataFrame) -> None:
    measured = row(quality, "detached", 1)
    assert measured["gradient"] == measured["variance"] == 0
    assert measured["bias"] == pytest.approx(measured["reference"]), "all of the gradient is missing"
    assert measured["bias"] > 10 * measured["standard_error"]
    assert np.isnan([measured["snr"], measured["cosine"], measured["cosine_std"]]).all(), "no direction to compare"


@pytest.mark.parametrize("estimator", ["pathwise", "score_function"])
def test_variance_falls_with_the_number_of_samples(quality: pd.DataFrame, estimator: str) -> None:
    one = row(quality, estimator, 1)["variance"]
    for count in (2, 8):
        assert row(quality, estimator, count)["variance"] == pytest.approx(one / count, rel=0.3)


def test_the_trick_is_the_least_noisy_and_a_baseline_helps(quality: pd.DataFrame) -> None:
    for count in (2, 8):
        trick, baseline, plain = (
            row(quality, estimator, count) for estimator in ("pathwise", "score_function_loo", "score_function")
        )
        assert 2 * trick["variance"] < baseline["variance"] < plain["variance"] / 2
        assert trick["snr"] > baseline["snr"] > plain["snr"]
        assert trick["cosine"] > baseline["cosine"] > plain["cosine"]


@pytest.mark.parametrize(("estimator", "samples"), [("pathwise", 2), ("score_function", 1), ("score_function_loo", 8)])
def test_the_table_is_what_numpy_makes_of_the_same_estimates(
    quality: pd.DataFrame, estimator: str, samples: int
) -> None:
    """All estimates at once and in float64, where the table is made in one pass."""
    model, x = trainable(tiny()), torch.from_numpy(images())

    def estimates(estimator: str, samples: int, count: int, generator: torch.Generator) -> np.ndarray:
        found = [
            encoder_gradient(model, x, "bce", ESTIMATOR_SETUPS[estimator], samples, generator) for _ in range(count)
        ]
        return torch.stack(found).double().numpy()

    exact = estimates(
        "pathwise", REFERENCE_SAMPLES // REFERENCE_PARTS, REFERENCE_PARTS, stream(1, "gradient reference")
    )
    found = estimates(estimator, samples, 400, stream(1, f"gradient {estimator}", samples))
    reference, mean = exact.mean(axis=0), found.mean(axis=0)
    variance, exact_variance = found.var(axis=0, ddof=1).sum(), exact.var(axis=0, ddof=1).sum()
    cosine = found @ reference / np.linalg.norm(found, axis=1) / np.linalg.norm(reference)
    got = row(quality, estimator, samples)
    expected = {
        "bias": np.linalg.norm(mean - reference),
        "standard_error": np.sqrt(variance / 400 + exact_variance / REFERENCE_PARTS),
        "variance": variance,
        "snr": np.linalg.norm(reference) / np.sqrt(variance),
        "cosine": cosine.mean(),
        "cosine_std": cosine.std(ddof=1),
        "gradient": np.linalg.norm(mean),
        "reference": np.linalg.norm(reference),
    }
    for name, value in expected.items():
        assert got[name] == pytest.approx(value, rel=2e-3), name


def test_an_estimate_holds_every_encoder_weight_in_order() -> None:
    model, x = trainable(tiny()), torch.from_numpy(images())
    got = encoder_gradient(model, x, "sse", ESTIMATOR_SETUPS["pathwise"], 1, stream(0, "any"))
    assert got.shape == (sum(p.numel() for p in model.encoder.parameters()),)
    mu, logvar = model.encoder(x)
    z = mu + torch.exp(0.5 * logvar) * torch.randn(mu.shape, generator=stream(0, "any"))
    cost = LIKELIHOODS["sse"].value(model.decoder(z), x).mean()
    parts = torch.autograd.grad(cost, list(model.encoder.parameters()))
    torch.testing.assert_close(got, torch.cat([part.flatten() for part in parts]), rtol=1e-4, atol=1e-7)


def test_the_shared_model_is_left_alone() -> None:
    model = tiny()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    x, kept = images(), images().copy()
    estimator_quality(model, x, "bce", seed=1, samples=(1,), repeats=2)
    for estimator in ESTIMATOR_SETUPS:
        gradient_norms(model, VARIANTS["vae"], x, "bce", 1.0, estimator=estimator)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(p.requires_grad or p.grad is not None for p in model.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    np.testing.assert_array_equal(x, kept)


def test_progress_rises_to_one() -> None:
    shares: list[float] = []
    estimator_quality(tiny(), images(), "bce", seed=1, samples=(1, 2), repeats=3, progress=shares.append)
    assert 0 < shares[0] < 0.1
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_the_same_seed_gives_the_same_table() -> None:
    def measured(seed: int) -> pd.DataFrame:
        return estimator_quality(tiny(), images(), "bce", seed=seed, samples=(1, 2), repeats=3)

    pd.testing.assert_frame_equal(measured(2), measured(2))
    assert (measured(2)["reference"] != measured(3)["reference"]).all()


def test_a_way_does_not_depend_on_which_others_are_measured() -> None:
    alone = estimator_quality(tiny(), images(), "bce", seed=2, estimators=("score_function",), samples=(2,), repeats=3)
    beside = estimator_quality(tiny(), images(), "bce", seed=2, samples=(1, 2), repeats=3)
    assert row(alone, "score_function", 2).equals(row(beside, "score_function", 2))


# The graph

PLACES = ["logits", "z", "mu", "logvar", "encoder_weights", "decoder_weights"]


def norms(table: pd.DataFrame, column: str) -> dict[str, float]:
    assert list(table.columns) == ["place", "reconstruction", "kl"]
    assert list(table["place"]) == PLACES
    return dict(zip(table["place"], table[column], strict=True))


def by_plain_autograd(loss: str, beta: float, samples: int) -> dict[str, dict[str, float]]:
    """Both terms of the VAE, backward one after the other."""
    found = {}
    for term in ("reconstruction", "kl"):
        model, x = trainable(tiny()), torch.from_numpy(images())
        mu, logvar = model.encoder(x)
        eps = torch.randn(samples * BATCH, LATENT, generator=stream(5, "flow"))
        z = mu.repeat(samples, 1) + torch.exp(0.5 * logvar.repeat(samples, 1)) * eps
        logits = model.decoder(z)
        passed = {"logits": logits, "z": z, "mu": mu, "logvar": logvar}
        for tensor in passed.values():
            tensor.retain_grad()
        if term == "reconstruction":
            LIKELIHOODS[loss].value(logits, x.repeat(samples, 1)).mean().backward()
        else:
            (beta * kl_divergence(Normal(mu, torch.exp(0.5 * logvar)), Normal(0.0, 1.0)).sum(1).mean()).backward()
        found[term] = {
            name: 0.0 if tensor.grad is None else float(tensor.grad.norm()) for name, tensor in passed.items()
        }
        for part in ("encoder", "decoder"):
            grads = [p.grad.flatten() for p in getattr(model, part).parameters() if p.grad is not None]
            found[term][f"{part}_weights"] = float(torch.cat(grads).norm()) if grads else 0.0
    return found


@pytest.mark.parametrize("loss", ["bce", "sse"])
@pytest.mark.parametrize("samples", [1, 3])
def test_the_gradient_norms_of_the_trick_are_plain_autograd(loss: str, samples: int) -> None:
    got = gradient_norms(tiny(), VARIANTS["vae"], images(), loss, 2.5, samples=samples, seed=5)
    expected = by_plain_autograd(loss, 2.5, samples)
    for term in ("reconstruction", "kl"):
        assert norms(got, term) == pytest.approx(expected[term], rel=1e-4), term
    assert norms(got, "kl")["logits"] == norms(got, "kl")["z"] == norms(got, "kl")["decoder_weights"] == 0
    assert min(norms(got, "reconstruction").values()) > 0


def test_nothing_passes_a_detached_sample() -> None:
    got = norms(gradient_norms(tiny(), VARIANTS["vae"], images(), "bce", 1.0, estimator="detached"), "reconstruction")
    trick = norms(gradient_norms(tiny(), VARIANTS["vae"], images(), "bce", 1.0), "reconstruction")
    assert got == trick | {"z": 0, "mu": 0, "logvar": 0, "encoder_weights": 0}


@pytest.mark.parametrize("estimator", ["score_function", "score_function_loo"])
def test_the_score_functions_gradient_passes_by_the_sample(estimator: str) -> None:
    got = norms(
        gradient_norms(tiny(), VARIANTS["vae"], images(), "bce", 1.0, estimator=estimator, samples=2, seed=5),
        "reconstruction",
    )
    trick = norms(gradient_norms(tiny(), VARIANTS["vae"], images(), "bce", 1.0, samples=2, seed=5), "reconstruction")
    assert got["z"] == 0
    assert min(got["mu"], got["logvar"], got["encoder_weights"]) > 0
    assert (got["logits"], got["decoder_weights"]) == (trick["logits"], trick["decoder_weights"])
    x, model = torch.from_numpy(images()), trainable(tiny())
    estimate = encoder_gradient(model, x, "bce", ESTIMATOR_SETUPS[estimator], 2, stream(5, "flow"))
    assert got["encoder_weights"] == pytest.approx(float(estimate.norm()), rel=1e-5)


def test_a_baseline_gets_the_samples_it_needs() -> None:
    one, two = (
        gradient_norms(tiny(), VARIANTS["vae"], images(), "bce", 1.0, estimator="score_function_loo", samples=count)
        for count in (1, 2)
    )
    pd.testing.assert_frame_equal(one, two)


def test_the_kls_flow_does_not_depend_on_the_estimator() -> None:
    columns = [
        norms(gradient_norms(tiny(), VARIANTS["vae"], images(), "bce", 3.0, estimator=estimator), "kl")
        for estimator in ESTIMATOR_SETUPS
    ]
    assert all(column == columns[0] for column in columns)
    twice = norms(gradient_norms(tiny(), VARIANTS["vae"], images(), "bce", 6.0), "kl")
    assert twice == pytest.approx({place: 2 * value for place, value in columns[0].items()}, rel=1e-6)


@pytest.mark.parametrize(("variant", "beta"), [("noise_only", 1.0), ("vae", 0.0)])
def test_without_a_kl_to_pay_its_flow_is_nothing(variant: str, beta: float) -> None:
    got = gradient_norms(tiny(), VARIANTS[variant], images(), "bce", beta)
    assert set(norms(got, "kl").values()) == {0.0}
    assert min(norms(got, "reconstruction").values()) > 0


def test_the_flow_repeats_by_seed() -> None:
    pd.testing.assert_frame_equal(
        *(gradient_norms(tiny(), VARIANTS["vae"], images(), "bce", 1.0, seed=2) for _ in range(2))
    )
    one, other = (
        norms(gradient_norms(tiny(), VARIANTS["vae"], images(), "bce", 1.0, seed=seed), "kl") for seed in (2, 3)
    )
    assert one == other, "no noise in the KL"


def test_the_batch_a_caption_speaks_of_is_the_one_measured() -> None:
    from pages.sections.the_trick import encoder_gradients

    assert encoder_gradients.BATCH == gradients.BATCH
