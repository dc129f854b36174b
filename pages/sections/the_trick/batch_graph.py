"""The graph of a whole batch: how large the gradient is at each place."""

from __future__ import annotations

import streamlit as st

from pages.components.svg import svg
from pages.sections.the_trick import encoder_gradients
from vae.figures.graph import gradient_graph
from vae.store.runs import Run


def batch_graph(run: Run, epoch: int, estimator: str) -> None:
    """Norms of the reconstruction's gradient over a batch, and what they say."""
    table = encoder_gradients.gradient_norms(run.id, epoch, estimator).set_index("place")
    norms = table["reconstruction"].to_dict()
    svg(gradient_graph(norms, estimator), key="graph")
    st.caption(
        f"Arrows back: norm of the reconstruction's gradient, on {encoder_gradients.images(run)} "
        f"{run.watched_images} images with the weights of epoch {epoch}, by autograd"
        f"{encoder_gradients.as_measured(run.config)}. A cross: no gradient."
    )
    if norms["encoder_weights"] == 0:
        said = "No gradient of the reconstruction reaches the encoder: it is exactly 0 for every one of its weights."
    elif norms["z"] > 0:
        said = f"The gradient passes z ({norms['z']:.3g}), so it reaches the encoder ({norms['encoder_weights']:.3g})."
    else:
        said = (
            f"Nothing passes z, and yet {norms['encoder_weights']:,.3g} reaches the encoder: each sample's loss, times "
            "the gradient of its log-probability. This is one noisy estimate."
        )
    kl = table["kl"]["encoder_weights"]
    st.markdown(f"**What to notice.** {said} The KL brings the encoder {kl:.3g} of its own, by any estimator.")
