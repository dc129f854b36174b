"""Functions of the toy: their closed forms against integrals, slopes, what is drawn, and a textbook's numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch

from vae.analysis.estimation.toy import (
    toy,
    toy_against_samples,
    toy_against_sigma,
    toy_gradients,
    toy_truth,
    toy_variance,
)
from vae.choices.toy_functions import TOY_FUNCTIONS, ToyFunction
from vae.learning.randomness import stream

SETTINGS = [(1.0, 0.5, 0.3), (0.0, 0.1, 0.0), (-2.0, 2.0, 1.0), (3.0, 1.0, -3.0), (0.5, 0.05, -1.5), (-0.7, 3.0, 0.2)]
each_setting = pytest.mark.parametrize(("mu", "sigma", "k"), SETTINGS)
each_function = pytest.mark.parametrize("name", TOY_FUNCTIONS)
WRITTEN_OUT: dict[str, tuple[Callable, Callable]] = {  # f and f', as a textbook has them
    "parabola": (lambda x, k: (x - k) ** 2, lambda x, k: 2 * (x - k)),
    "wavy": (lambda x, k: x**2 + np.sin(x), lambda x, k: 2 * x + np.cos(x)),
}


def expected(g: Callable[[np.ndarray], np.ndarray]) -> float:
    """E[g(ε)] of ε ~ N(0, 1), by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    return float((weights * g(nodes)).sum() / weights.sum())


def estimates(name: str, mu: float, sigma: float, k: float) -> dict[tuple[str, str], Callable]:
    """One-sample estimates as functions of ε."""
    f, slope = WRITTEN_OUT[name]
    return {
        ("pathwise", "mu"): lambda eps: slope(mu + sigma * eps, k),
        ("pathwise", "sigma"): lambda eps: slope(mu + sigma * eps, k) * eps,
        ("score_function", "mu"): lambda eps: f(mu + sigma * eps, k) * eps / sigma,
        ("score_function", "sigma"): lambda eps: f(mu + sigma * eps, k) * (eps**2 - 1) / sigma,
    }


def test_every_function_is_written_out_here() -> None:
    assert set(WRITTEN_OUT) == set(TOY_FUNCTIONS)


@each_function
@each_setting
def test_the_closed_forms_are_the_integrals(name: str, mu: float, sigma: float, k: float) -> None:
    entry, truth = TOY_FUNCTIONS[name], toy_truth(mu, sigma, k, name)
    variance = toy_variance(mu, sigma, k, name)
    assert entry.mean(mu, sigma, k) == pytest.approx(
        expected(lambda eps: WRITTEN_OUT[name][0](mu + sigma * eps, k)), rel=1e-9, abs=1e-9
    )
    assert set(variance) == set(estimates(name, mu, sigma, k))
    for kind, g in estimates(name, mu, sigma, k).items():
        mean = expected(g)
        assert mean == pytest.approx(truth[kind[1]], rel=1e-8, abs=1e-8), "both estimators are unbiased"
        assert expected(lambda eps, g=g, mean=mean: (g(eps) - mean) ** 2) == pytest.approx(variance[kind], rel=1e-7)


@each_function
@each_setting
def test_the_true_gradient_is_the_slope_of_the_mean(name: str, mu: float, sigma: float, k: float) -> None:
    mean, h, truth = TOY_FUNCTIONS[name].mean, 1e-5, toy_truth(mu, sigma, k, name)
    assert (mean(mu + h, sigma, k) - mean(mu - h, sigma, k)) / (2 * h) == pytest.approx(truth["mu"], abs=1e-7)
    assert (mean(mu, sigma + h, k) - mean(mu, sigma - h, k)) / (2 * h) == pytest.approx(truth["sigma"], abs=1e-7)


@pytest.mark.parametrize(("phi", "mean", "slope"), [(0.5, 2.765933, 5.728164), (-0.1, 0.818068, 1.657867)])
def test_a_textbooks_numbers_come_out(phi: float, mean: float, slope: float) -> None:
    """x ~ N(φ³, e^{2φ}): σ = e^φ. Prince, Understanding Deep Learning, notebook 17.2; its answer by the chain rule."""
    mu, sigma = phi**3, float(np.exp(phi))
    assert TOY_FUNCTIONS["wavy"].mean(mu, sigma, 0.0) == pytest.approx(mean, abs=5e-7)
    truth = toy_truth(mu, sigma, 0.0, "wavy")
    assert truth["mu"] * 3 * phi**2 + truth["sigma"] * sigma == pytest.approx(slope, abs=5e-7)


@each_function
@each_setting
def test_each_sample_is_the_textbooks(name: str, mu: float, sigma: float, k: float) -> None:
    eps = torch.randn(300, generator=stream(3, "toy"), dtype=torch.float64).numpy()
    for kind, sample in toy_gradients(mu, sigma, k, 300, 3, name).items():
        textbook = estimates(name, mu, sigma, k)[kind](eps)
        np.testing.assert_allclose(sample, textbook, rtol=1e-9, atol=1e-9)


@each_setting
def test_what_is_measured_is_what_is_known(mu: float, sigma: float, k: float) -> None:
    for row in toy(mu, sigma, k, function="wavy").to_dict("records"):
        kind = row["estimator"], row["parameter"]
        assert abs(row["mean"] - row["true"]) < 4 * row["standard_error"], kind
        assert row["variance"] == pytest.approx(row["closed_form"], rel=0.05), kind


def test_the_tables_take_a_function_and_without_one_it_is_the_parabola() -> None:
    for make in (
        lambda **named: toy(1.0, 0.5, 0.3, 100, **named),
        lambda **named: toy_against_sigma(1.0, 0.3, (0.1, 0.5), 100, **named),
        lambda **named: toy_against_samples(1.0, 0.5, 0.3, (1, 10), 100, **named),
    ):
        pd.testing.assert_frame_equal(make(), make(function="parabola"))
        assert (make(function="wavy")["variance"] != make()["variance"]).all()


def test_a_further_function_is_one_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    line = ToyFunction(
        "x",
        "x",
        "1",
        "",
        f=lambda x, k: x,
        mean=lambda mu, sigma, k: mu,
        by_mu=lambda mu, sigma, k: 1.0,
        by_sigma=lambda mu, sigma, k: 0.0,
        slope_squared=lambda mu, sigma, k: (1.0, 0.0),
        squared=lambda mu, sigma, k: (mu**2 + sigma**2, 2.0, 0.0),
    )
    monkeypatch.setitem(TOY_FUNCTIONS, "line", line)
    for row in toy(1.0, 0.5, 0.0, function="line").to_dict("records"):
        assert row["mean"] == pytest.approx(row["true"], abs=4 * row["standard_error"] + 1e-12)
        assert row["variance"] == pytest.approx(row["closed_form"], rel=0.05, abs=1e-12)
