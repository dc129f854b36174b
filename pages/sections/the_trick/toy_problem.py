"""The toy with known answers: x ~ N(μ, σ²), f(x) = (x − k)², and two estimates of the gradient of E[f]."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared.csv_button import csv
from vae.figures.trick import ESTIMATOR_TITLES, histograms, lines_by_estimator

COUNTS = (100, 1000, 10_000, 100_000, 200_000)
SIGMAS = tuple(float(f"{value:.2g}") for value in np.geomspace(0.05, 3, 12))
PER_MEAN = (1, 2, 4, 10, 30, 100, 300)
# Samples behind each point of the two lower figures: enough for a few per cent, and quick enough for a slider.
AGAINST_SIGMA, AGAINST_SAMPLES = 8000, 50_000
DEFAULTS = {"toy.mu": 1.0, "toy.sigma": 0.5, "toy.k": 0.3, "toy.n": 10_000, "toy.parameter": "mu"}
SIGNS = {"mu": "∂/∂μ", "sigma": "∂/∂σ"}


@st.cache_data(max_entries=6, show_spinner=False)  # up to 6 MB each
def _measured(mu: float, sigma: float, k: float, n: int) -> tuple[dict, dict, pd.DataFrame]:
    from vae.analysis.estimation import toy

    samples = toy.toy_gradients(mu, sigma, k, n, seed=0)
    return samples, toy.toy_truth(mu, sigma, k), toy.toy(mu, sigma, k, n)


@st.cache_data(max_entries=100, show_spinner=False)
def _against_sigma(mu: float, k: float) -> pd.DataFrame:
    from vae.analysis.estimation.toy import toy_against_sigma

    return toy_against_sigma(mu, k, SIGMAS, AGAINST_SIGMA)


@st.cache_data(max_entries=100, show_spinner=False)
def _against_samples(mu: float, sigma: float, k: float) -> pd.DataFrame:
    from vae.analysis.estimation.toy import toy_against_samples

    return toy_against_samples(mu, sigma, k, PER_MEAN, AGAINST_SAMPLES)


def the_toy() -> None:
    """Formulas, sliders, histograms, the table beside the closed forms, the variance against σ and against samples."""
    formulas()
    for key, value in DEFAULTS.items():
        st.session_state.setdefault(key, value)
    mu, sigma, k, n, parameter = (st.session_state[key] for key in DEFAULTS)
    samples, truth, table = _measured(mu, sigma, k, n)
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
    _how_variance_grows(mu, sigma, k, parameter)


def _how_variance_grows(mu: float, sigma: float, k: float, parameter: str) -> None:
    against_sigma = _against_sigma(mu, k).rename(columns={"estimator": "way"})
    against_samples = _against_samples(mu, sigma, k).rename(columns={"estimator": "way"})
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


def formulas() -> None:
    """What is estimated and how, with its closed forms."""
    # One equation a line: a phone shows about 25 letters.
    st.latex(r"x \sim \mathcal{N}(\mu, \sigma^2), \quad f(x) = (x-k)^2, \quad d = \mu - k")
    left, right = st.columns(2)
    with left:
        st.markdown("**Pathwise**: differentiate f at x = μ + σε.")
        st.latex(
            r"\tfrac{\partial}{\partial\mu} f = 2(x-k), \quad \tfrac{\partial}{\partial\sigma} f = 2(x-k)\,\varepsilon"
        )
    with right:
        st.markdown("**Score function**: f times the gradient of log q.")
        st.latex(
            r"f\,\tfrac{\partial \log q}{\partial\mu} = f\,\tfrac{\varepsilon}{\sigma}, \quad "
            r"f\,\tfrac{\partial\log q}{\partial\sigma} = f\,\tfrac{\varepsilon^2-1}{\sigma}"
        )
    st.latex(
        r"\footnotesize\begin{array}{lll} & \partial/\partial\mu & \partial/\partial\sigma \\ \hline "
        r"\text{truth} & 2d & 2\sigma \\ "
        r"\text{var., pathwise} & 4\sigma^2 & 4d^2+8\sigma^2 \\ "
        r"\text{var., score} & \tfrac{d^4}{\sigma^2}+14d^2+15\sigma^2 & \tfrac{2d^4}{\sigma^2}+60d^2+74\sigma^2 "
        r"\end{array}"
    )
    st.caption(
        "ε = (x − μ)/σ is standard normal; q is the density of x; variances are of one sample. Setting: Mohamed, "
        "Rosca, Figurnov and Mnih 2020 (arXiv 1906.10652)."
    )
