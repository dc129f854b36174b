"""The toy with known answers: x ~ N(μ, σ²), an f of TOY_FUNCTIONS, and two estimates of the gradient of E[f]."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared.csv_button import csv
from vae.choices.toy_functions import TOY_FUNCTIONS, ToyFunction
from vae.figures.trick import ESTIMATOR_TITLES, histograms, lines_by_estimator

COUNTS = (100, 1000, 10_000, 100_000, 200_000)
SIGMAS = tuple(float(f"{value:.2g}") for value in np.geomspace(0.05, 3, 12))
PER_MEAN = (1, 2, 4, 10, 30, 100, 300)
# Samples behind each point of the two lower figures: enough for a few per cent, and quick enough for a slider.
AGAINST_SIGMA, AGAINST_SAMPLES = 8000, 50_000
DEFAULTS = {"toy.mu": 1.0, "toy.sigma": 0.5, "toy.k": 0.3, "toy.n": 10_000, "toy.parameter": "mu"}
FUNCTION, FIRST = "toy.function", "parabola"
SIGNS = {"mu": "∂/∂μ", "sigma": "∂/∂σ"}


@st.cache_data(max_entries=6, show_spinner=False)  # up to 6 MB each
def _measured(mu: float, sigma: float, k: float, n: int, function: str) -> tuple[dict, dict, pd.DataFrame]:
    from vae.analysis.estimation import toy

    samples, truth = toy.toy_gradients(mu, sigma, k, n, 0, function), toy.toy_truth(mu, sigma, k, function)
    return samples, truth, toy.toy(mu, sigma, k, n, function=function)


@st.cache_data(max_entries=100, show_spinner=False)
def _against_sigma(mu: float, k: float, function: str) -> pd.DataFrame:
    from vae.analysis.estimation.toy import toy_against_sigma

    return toy_against_sigma(mu, k, SIGMAS, AGAINST_SIGMA, function=function)


@st.cache_data(max_entries=100, show_spinner=False)
def _against_samples(mu: float, sigma: float, k: float, function: str) -> pd.DataFrame:
    from vae.analysis.estimation.toy import toy_against_samples

    return toy_against_samples(mu, sigma, k, PER_MEAN, AGAINST_SAMPLES, function=function)


def the_toy() -> None:
    """Formulas, sliders, histograms, the table beside the closed forms, the variance against σ and against samples."""
    for key, value in (DEFAULTS | {FUNCTION: FIRST}).items():
        st.session_state.setdefault(key, value)
    chosen = st.segmented_control(
        "f(x)", list(TOY_FUNCTIONS), format_func=lambda name: TOY_FUNCTIONS[name].title, required=True, key=FUNCTION
    )
    name = chosen or FIRST
    function = TOY_FUNCTIONS[name]
    formulas(function)
    mu, sigma, k, n, parameter = (st.session_state[key] for key in DEFAULTS)
    samples, truth, table = _measured(mu, sigma, k, n, name)
    left, right = st.columns([1, 2], gap="large")
    with right:  # before the sliders: what they have moved is seen first
        figure(
            histograms(samples, truth, parameter),
            key="toy.histogram",
            alt=f"One-sample estimates of {SIGNS[parameter]} by both estimators, and the true gradient",
        )
    with left:
        st.slider("μ", -3.0, 3.0, step=0.1, key="toy.mu")
        st.slider("σ", 0.05, 3.0, step=0.05, key="toy.sigma")
        if function.takes_k:
            st.slider("k", -3.0, 3.0, step=0.1, key="toy.k")
        st.select_slider("Samples", COUNTS, key="toy.n", format_func=lambda count: f"{count:,}")
        st.segmented_control("Gradient", list(SIGNS), format_func=SIGNS.__getitem__, required=True, key="toy.parameter")
    shown = table.assign(
        estimator=table["estimator"].map(ESTIMATOR_TITLES),
        parameter=table["parameter"].map(SIGNS),
        mean=[f"{row.mean:.4f} ± {1.96 * row.standard_error:.4f}" for row in table.itertuples(index=False, name="Row")],
    )
    names = {
        "estimator": "Estimator",
        "parameter": "Gradient",
        "true": "True",
        "mean": f"Mean of {n:,} (95 %)",
        "variance": "Variance, measured",
        "closed_form": "Variance, closed form",
    }
    st.dataframe(shown[list(names)].rename(columns=names).round(4), hide_index=True, width="stretch")
    noisier = table.set_index(["estimator", "parameter"])["variance"]
    factor = noisier["score_function", parameter] / noisier["pathwise", parameter]
    st.markdown(
        f"**What to notice.** Here one sample of the score function is {factor:,.3g} times as noisy for "
        f"{SIGNS[parameter]} as one of the trick (variances), so it takes that many samples to know as much."
    )
    _how_variance_grows(mu, sigma, k, parameter, name)


def _how_variance_grows(mu: float, sigma: float, k: float, parameter: str, function: str) -> None:
    against_sigma = _against_sigma(mu, k, function).rename(columns={"estimator": "way"})
    against_samples = _against_samples(mu, sigma, k, function).rename(columns={"estimator": "way"})
    for column, table, x, title in zip(
        st.columns(2),
        (against_sigma, against_samples),
        ("sigma", "samples"),
        ("σ", "samples in a mean"),
        strict=True,
    ):
        with column:
            figure(
                lines_by_estimator(
                    table[table["parameter"] == parameter],
                    x,
                    "variance",
                    (title, "variance (line: closed form)"),
                    known="closed_form",
                ),
                key=f"toy.against_{x}",
                alt=f"Variance of {SIGNS[parameter]} against {title}",
            )
            csv(table.copy, f"toy-{x}")


def formulas(function: ToyFunction) -> None:
    """What is estimated and how, with its closed forms."""
    # One equation a line: a phone shows about 25 letters.
    shift = r", \quad d = \mu - k" if function.takes_k else ""
    st.latex(rf"x \sim \mathcal{{N}}(\mu, \sigma^2), \quad f(x) = {function.latex}{shift}")
    left, right = st.columns(2)
    with left:
        st.markdown("**Pathwise**: differentiate f at x = μ + σε.")
        st.latex(
            rf"\tfrac{{\partial}}{{\partial\mu}} f = {function.slope_latex}, \quad "
            rf"\tfrac{{\partial}}{{\partial\sigma}} f = {function.slope_latex}\,\varepsilon"
        )
    with right:
        st.markdown("**Score function**: f times the gradient of log q.")
        st.latex(
            r"f\,\tfrac{\partial \log q}{\partial\mu} = f\,\tfrac{\varepsilon}{\sigma}, \quad "
            r"f\,\tfrac{\partial\log q}{\partial\sigma} = f\,\tfrac{\varepsilon^2-1}{\sigma}"
        )
    st.latex(function.known_latex)
    st.caption(
        "ε = (x − μ)/σ is standard normal; q is the density of x; variances are of one sample. Setting: Mohamed, "
        "Rosca, Figurnov and Mnih 2020 (arXiv 1906.10652)."
    )
