"""μ, log σ² and ε on sliders: z, and its derivatives."""

from __future__ import annotations

import streamlit as st

from pages.components.figure import figure
from vae.figures.trick import by_hand, log_variance


def z_by_hand() -> None:
    """Sliders for μ, log σ² and ε; z and its derivatives from autograd."""
    from vae.analysis.gradients import by_autograd

    left, middle, right = st.columns([2, 3, 3], gap="large")
    with left:
        mu = st.slider("μ", -3.0, 3.0, 1.0, 0.1, key="hand.mu")
        logvar = st.slider("log σ²", -6.0, 3.0, -1.0, 0.1, key="hand.logvar")
        eps = st.slider("ε, drawn from N(0, 1)", -3.0, 3.0, 0.8, 0.05, key="hand.eps")
    known = by_autograd(mu, logvar, eps)
    with middle:
        figure(by_hand(mu, logvar, eps), key="by_hand", alt="ε on its bell curve, z on that of N(μ, σ²)")
    with right:
        figure(log_variance(logvar), key="log_variance", alt="The variance against the network's output")
    lines = (  # one a line: a phone shows about 25 letters
        rf"z = \mu + \sigma\varepsilon = {mu:.2f} + {known['std']:.3f} \cdot {eps:.2f} = {known['z']:.3f}",
        rf"\sigma = e^{{\frac12 \log\sigma^2}} = {known['std']:.3f}",
        rf"\frac{{\partial z}}{{\partial \mu}} = {known['dz_dmu']:.3f}, \quad"
        rf"\frac{{\partial z}}{{\partial \sigma}} = {known['dz_dstd']:.3f} = \varepsilon",
        rf"\frac{{\partial z}}{{\partial \log\sigma^2}} = {known['dz_dlogvar']:.3f} = \tfrac12 \sigma\varepsilon",
    )
    first, second = st.columns(2)
    for place, line in enumerate(lines):
        (first if place < 2 else second).latex(line)
    st.caption(
        "Derivatives by autograd. ε is not small: its standard deviation is 1, and σ scales it. The encoder gives log "
        "σ², which may be any number; a variance may not be below 0. Kingma and Welling 2014 (arXiv 1312.6114), "
        "section 2.4."
    )
