"""What each dimension of a VAE does to one image, beside the factor it knows most of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from vae.figures.style import VARIANT_COLOURS
from vae.figures.tiles import tile_rows, to_grey
from vae.runs.store import Run

from . import drawn, losses, resources, trained
from .strips import inline_png, strip

REACH, COLUMNS, ROWS = 2.0, 9, 10  # standard deviations either way, pictures in a row, dimensions at the most
CHOICE = 12  # watched images to choose from


@st.cache_data(max_entries=24, show_spinner=False)
def known(run_id: str, epoch: int) -> np.ndarray:
    """I(z_j; v_k) / H(v_k) of the VAE's means over the grid, (D, K): how much of a factor a dimension knows."""
    from vae.analysis.codes import encode
    from vae.analysis.disentangle import entropies, mutual_information
    from vae.measuring import grid_of, images_of

    x, factors = grid_of(images_of(resources.store(), resources.run(run_id), resources.settings()))
    mu = encode(trained.models(run_id, epoch)["vae"], x).mu
    return mutual_information(mu, factors) / entropies(factors)


def every_dimension(run: Run, epoch: int, there: dict[float, str]) -> None:
    """Of the VAE with a chosen β. `there`: ids of runs that have this epoch, by β."""
    images, shape = trained.watched(run.id), tuple(run.data["shape"])
    choice = min(CHOICE, len(images.x))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        beta = st.segmented_control(
            "β of the VAE",
            list(there),
            format_func=lambda beta: f"{beta:g}",
            default=run.config.beta if run.config.beta in there else next(iter(there)),
            required=True,
            key=f"factors.beta.{run.id}",
        )
        image = st.number_input("Image", 1, choice, 1, key="factors.image", width=130) - 1
    strip("Images, numbered from the left", to_grey(images.x[:choice]), shape, CHOICE)
    used = losses.dimensions(there[beta], epoch)["vae"]
    order = np.argsort(-used.kl, kind="stable")[:ROWS]
    moved = drawn.traversals(there[beta], epoch, image, ROWS, REACH, COLUMNS, order=tuple(order.tolist()))["vae"]
    share, names = known(there[beta], epoch), resources.dataset(run.config.dataset).factors
    pictures, numbers = st.columns([3, 2], gap="medium")
    with pictures:
        png = inline_png(
            tile_rows(list(to_grey(moved.images)), shape, COLUMNS), f"Each dimension moved by itself, β = {beta:g}"
        )
        st.html(f'<div style="border-left:4px solid {VARIANT_COLOURS["vae"]};padding-left:.55rem">{png}</div>')
    with numbers:
        st.dataframe(_beside(order, used.kl, share, names), hide_index=True, width="stretch")
    of_all = f"The {ROWS} of {len(used.kl)} dimensions with the largest KL" if len(used.kl) > ROWS else "All dimensions"
    st.caption(
        f"VAE, β = {beta:g}, epoch {epoch}. {of_all}, sorted by their KL over {run.watched_images} images, a row each. "
        f"From −{REACH:g} to +{REACH:g} standard deviations of the means about the image's own code, the middle. "
        "Share: mutual information of the means with the factor, as a part of its entropy, over the whole grid."
    )
    st.markdown(f"**What to notice.** {notice(int(used.active.sum()), share, names)}")


def _beside(order: np.ndarray, kl: np.ndarray, share: np.ndarray, names: tuple[str, ...]) -> pd.DataFrame:
    """What is known of the dimensions in `order` (r,), a row each; `kl` (D,) in nats, `share` (D, K)."""
    return pd.DataFrame(
        {
            "Dimension": [str(dimension + 1) for dimension in order],
            "KL (nats)": [f"{value:.3f}" for value in kl[order]],
            "Knows most of": [names[factor] for factor in share[order].argmax(axis=1)],
            "Share": [f"{value:.0%}" for value in share[order].max(axis=1)],
        }
    )


def notice(active: int, share: np.ndarray, names: tuple[str, ...]) -> str:
    """Which factor is known best and which least by a single dimension; `share` (D, K)."""
    dimension, factor = np.unravel_index(share.argmax(), share.shape)
    best = share.max(axis=0)  # (K,)
    least = int(best.argmin())
    return (
        f"{active} of {len(share)} dimensions are active. Dimension {dimension + 1} knows most of a single factor: "
        f"{share[dimension, factor]:.0%} of {names[factor]}. No dimension knows more than {best[least]:.0%} of "
        f"{names[least]}."
    )
