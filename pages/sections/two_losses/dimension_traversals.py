"""What each dimension of a VAE does to one image, beside the factor it knows most of."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from pages.shared import latent_traversals
from pages.shared.csv_button import csv
from pages.shared.image_strips import choose_image, numbered, strip
from pages.state import loaded_models, resources
from vae.figures.style import VARIANT_COLOURS
from vae.figures.tiles import to_grey
from vae.store.runs import Run

from . import loss_terms

REACH, TRAVERSAL_COLUMNS = 2.0, 9  # standard deviations either way, and pictures in a row
TRAVERSAL_ROWS = 10  # dimensions at the most
CHOICE = 12  # watched images to choose from
CIRCLE = " (A full turn comes back to where it began, so no single number can follow a rotation without a jump.)"


@st.cache_data(max_entries=24, show_spinner=False)
def known(run_id: str, epoch: int) -> np.ndarray:
    """I(z_j; v_k) / H(v_k) of the VAE's samples over the grid, (D, K): how much of a factor a dimension knows.

    Not of the means: those of a collapsed dimension may tell a lot, in whispers that its noise drowns.
    """
    from vae.analysis.codes import encode, sample
    from vae.analysis.disentangle import entropies, mutual_information
    from vae.learning.randomness import stream
    from vae.measuring import grid_of, images_of

    run = resources.run(run_id)
    x, factors = grid_of(images_of(resources.store(), run, resources.settings()))
    z = sample(encode(loaded_models.models(run_id, epoch)["vae"], x), stream(run.config.seed, "disentangle"))
    return mutual_information(z, factors) / entropies(factors)


def every_dimension(run: Run, there: dict[float, tuple[str, int]]) -> None:
    """Of the VAE with a chosen β. `there`: id and epoch of runs that have it, by β."""
    images, shape = loaded_models.watched(run.id), run.shape
    offered, key = numbered(images.labels[:CHOICE], run.data["classes"]), f"factors.beta.{run.id}"
    if st.session_state.get(key) not in there:
        st.session_state[key] = run.config.beta if run.config.beta in there else next(iter(there))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control("β of the VAE", list(there), format_func="{:g}".format, required=True, key=key)
        image = choose_image("Image", offered, "factors.image")
    strip("Images, numbered from the left", to_grey(images.x[:CHOICE]), shape, CHOICE, told="; ".join(offered))
    beta = st.session_state[key]
    member, epoch = there[beta]
    used = loss_terms.dimensions(member, epoch)["vae"]
    order = np.argsort(-used.kl, kind="stable")[:TRAVERSAL_ROWS]
    moved = latent_traversals.traversals(
        member, epoch, image, TRAVERSAL_ROWS, REACH, TRAVERSAL_COLUMNS, order=tuple(order.tolist())
    )["vae"]
    share, names = known(member, epoch), resources.dataset(run.config.dataset).factors
    half = -(-len(order) // 2)
    for column, places in zip(st.columns(2, gap="medium"), (slice(half), slice(half, None)), strict=True):
        with column:
            for dimension, row in zip(order[places], moved.images[places], strict=True):
                best = int(share[dimension].argmax())
                knows = f"knows {share[dimension, best]:.0%} of {names[best]}"
                title = f"Dimension {dimension + 1}: KL {used.kl[dimension]:.2f} nats, {knows}"
                strip(title, to_grey(row), shape, TRAVERSAL_COLUMNS, VARIANT_COLOURS["vae"])
    of_all = (
        f"The {TRAVERSAL_ROWS} of {len(used.kl)} dimensions with the largest KL"
        if len(used.kl) > TRAVERSAL_ROWS
        else "All dimensions"
    )
    st.caption(
        f"VAE, β = {beta:g}, epoch {epoch}. {of_all}, sorted by their KL over {run.watched_images} images. From "
        f"−{REACH:g} to +{REACH:g} standard deviations of the means about the image's own code, the middle. What a "
        "dimension knows: mutual information of samples z with that factor of which they hold most, as a share of the "
        "factor's entropy, over all images."
    )
    st.markdown(f"**What to notice.** {notice(int(used.active_unit_mask.sum()), share, names)}")
    csv(lambda: table(used.kl, share, names), f"factors-of-dimensions-{member}-epoch-{epoch}")


def table(kl: np.ndarray, share: np.ndarray, names: tuple[str, ...]) -> pd.DataFrame:
    """One row per dimension: its KL in nats, `kl` (D,), and what it knows of each factor, `share` (D, K)."""
    shares = {f"share_of_{name}": share[:, factor] for factor, name in enumerate(names)}
    return pd.DataFrame({"dimension": np.arange(1, len(kl) + 1), "kl": kl} | shares)


def notice(active_units: int, share: np.ndarray, names: tuple[str, ...]) -> str:
    """Which factor is known best and which least by a single dimension; `share` (D, K)."""
    dimension, factor = np.unravel_index(share.argmax(), share.shape)
    best = share.max(axis=0)  # (K,)
    least = int(best.argmin())
    return (
        f"{active_units} of {len(share)} dimensions are active. Dimension {dimension + 1} knows most of a single "
        f"factor: {share[dimension, factor]:.0%} of {names[factor]}. No dimension knows more than {best[least]:.0%} of "
        f"{names[least]}." + (CIRCLE if names[least] == "rotation" else "")
    )
