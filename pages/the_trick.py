"""The trick: how can we backpropagate through a random step?"""

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.components.svg import svg
from pages.sections.the_trick import encoder_gradients
from pages.sections.the_trick.estimator_comparison import train_all
from pages.sections.the_trick.toy_problem import formulas, the_toy
from pages.shared import run_picker
from pages.shared.lesson_frame import lesson_on_a_run
from vae.figures.graph import gradient_graph
from vae.figures.trick import ESTIMATOR_TITLES, by_hand, log_variance
from vae.store.runs import Run


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
        "Derivatives by autograd. μ, log σ²: what the encoder puts out; ε: standard normal noise, not small, which σ "
        "scales. The encoder puts out log σ² because it may be any number, while a variance put out as it is may fall "
        "below 0. Kingma and Welling 2014 (arXiv 1312.6114), section 2.4."
    )


def lesson(run: Run) -> None:
    """What needs a trained run."""
    epoch = run_picker.epoch_picker(run)
    st.header("The graph, with and without the trick", divider="gray")
    estimator = st.segmented_control(
        "Estimator",
        list(ESTIMATOR_TITLES),
        format_func=ESTIMATOR_TITLES.__getitem__,
        default="pathwise",
        required=True,
        key="trick.way",
    )
    norms_by_term = encoder_gradients.gradient_norms(run.id, epoch, estimator)
    norms = dict(zip(norms_by_term["place"], norms_by_term["reconstruction"], strict=True))
    svg(gradient_graph(norms, estimator), key="graph")
    st.caption(
        f"Arrows back: norm of the reconstruction's gradient where it passes, on {encoder_gradients.images(run)} "
        f"{run.watched_images} images with the weights of epoch {epoch}, the same as in training, by autograd. Dashed, "
        "with a cross: no gradient."
    )
    what_the_graph_says(norms, estimator, norms_by_term)
    st.header("On the real encoder", divider="gray")
    encoder_gradients.quality(run, epoch)
    st.header("Train with every estimator", divider="gray")
    train_all(run)


def what_the_graph_says(norms: dict[str, float], estimator: str, norms_by_term: pd.DataFrame) -> None:
    """From this run's numbers."""
    kl = norms_by_term.set_index("place")["kl"]["encoder_weights"]
    if norms["encoder_weights"] == 0:
        said = "No gradient of the reconstruction reaches the encoder: it is exactly 0 for every one of its weights."
    elif norms["z"] > 0:
        said = f"The gradient passes z ({norms['z']:.3g}), so it reaches the encoder ({norms['encoder_weights']:.3g})."
    else:
        said = (
            f"Nothing passes z, and yet {norms['encoder_weights']:,.3g} reaches the encoder: each sample's loss, times "
            "the gradient of its log-probability. This is one noisy estimate; below, how noisy."
        )
    st.markdown(f"**What to notice.** {said} The KL brings the encoder {kl:.3g} of its own, by any estimator.")


lesson_on_a_run(
    "the_trick.py",
    lesson,
    "A VAE draws its code at random, and backpropagation cannot differentiate a draw. The reparameterization trick "
    "moves the randomness out: ε is an extra input, and z is an ordinary function of μ and σ. Try both ways.",
)
st.header("z by hand", divider="gray")
st.fragment(z_by_hand)()
st.header("A toy with known answers", divider="gray")
formulas()
st.fragment(the_toy)()
