"""Latent space: how are codes laid out?"""

import math
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.in_columns import in_columns
from pages.components.lazy_tabs import lazy_tabs
from pages.links.fixed_values import PIN
from pages.links.fixed_values import PRINCIPAL as PCA
from pages.sections.latent_space import latent_views
from pages.shared import epochs
from pages.shared.csv_button import csv
from pages.shared.image_strips import heading, inline_png, numbered, strip
from pages.shared.lesson_frame import lesson_on_a_run
from pages.stage import at_rest
from pages.stage.run_panel import run_stage
from pages.state import loaded_models
from pages.text.terms import explain
from pages.text.what_to_notice import what_to_notice
from vae.choices.variants import VARIANTS
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.tiles import tile_grid, to_grey
from vae.store.runs import Run

SIDE = 15  # images along each side of a manifold
NEAREST = 8
FEW_DIMENSIONS = 6  # above it, coverage lists ranges instead of every dimension


def lesson(run: Run) -> None:
    """All below the run picker; it runs again by itself once the hand rests on another epoch, or pins a point."""
    dimensions = plane_picker(run.config.latent_dim)
    pinned = the_stage(run, dimensions)
    asked = epochs.looked_at(run.id)
    epoch = at_rest.nearest_kept(run.id, run.epoch if asked is None else asked)
    views = at_rest.views(run.id, epoch, dimensions)
    what_to_notice(latent_views.notice(run, epoch), "layout", f"What to notice at epoch {epoch}.")
    lazy_tabs(
        {
            "At the pin": partial(at_the_pin, run, epoch, views, pinned),
            "Distance from N(0, I)": partial(how_far_from_the_prior, run, epoch),
            "The space as pictures": partial(the_manifold, run, epoch, views),
            "Take home": partial(tables, run, epoch, dimensions),
        },
        "latent_space.tab",
    )


def plane_picker(latent_dim: int) -> tuple[int, int] | None:
    """Two dimensions, counted from 0; None for the principal components, or where there is nothing to choose."""
    if latent_dim <= 2:
        return None
    names = [PCA, *(str(place + 1) for place in range(latent_dim))]
    key_across, key_up = "latent_space.across", "latent_space.up"
    for key in (key_across, key_up):
        if st.session_state.get(key) not in names:
            st.session_state[key] = PCA
    with st.container(horizontal=True):
        across = st.selectbox("Dimension across", names, key=key_across, width=220)
        if across == PCA:
            return None
        others = [name for name in names[1:] if name != across]
        if st.session_state[key_up] not in others:
            st.session_state[key_up] = others[0]
        up = st.selectbox("Dimension up", others, key=key_up, width=150)
    return int(across) - 1, int(up) - 1


def the_stage(run: Run, dimensions: tuple[int, int] | None) -> dict[str, list[float]] | None:
    """Both spaces at every epoch; the pinned point, if there is one in this plane."""
    before, place = st.session_state.get(PIN, {}), (run.id, dimensions)
    pinned = before.get("at") if before.get("place") == place else None
    key = f"stage.{run.id}.{dimensions}"
    sent = run_stage(run.id, key=key, dimensions=dimensions, pinned=pinned, report=True).pin
    if sent and sent != pinned:
        st.session_state[PIN] = {"place": place, "at": sent}
        pinned = sent
    return pinned


def at_the_pin(run: Run, epoch: int, views: dict, pinned: dict[str, list[float]] | None) -> None:
    """What both decoders make of the pinned point, and the real images nearest to it."""
    if not pinned:
        st.markdown("Click into a space to pin a point. Here are then the real images nearest to it.")
        return
    from vae.analysis.geometry import decode

    images, real, shape = loaded_models.watched(run.id), loaded_models.real_images(run.id), run.shape
    for column, (name, view) in zip(in_columns(len(views)), views.items(), strict=True):
        z = view.plane.lift(np.array([pinned[name]]))
        picture = decode(loaded_models.models(run.id, epoch)[name], z)
        apart = np.linalg.norm(view.codes.mu - z, axis=1)
        near = np.argsort(apart, kind="stable")[:NEAREST]
        distances, alike = loaded_models.nearest_real(run.id, picture, NEAREST)
        with column:
            colour = VARIANT_COLOURS[name]
            codes = f"{'; '.join(numbered(images.labels[near], run.data['classes']))}"
            pixels = "pixel RMSE " + ", ".join(f"{distance:.3f}" for distance in distances)
            strip(f"{VARIANT_TITLES[name]}: decoded here", to_grey(picture), shape, NEAREST, colour)
            strip("Images whose codes are nearest", to_grey(images.x[near]), shape, NEAREST, colour, told=codes)
            strip("Training images that look most alike", to_grey(alike), shape, NEAREST, colour, told=pixels)
            st.caption(
                f"The nearest code is {apart[near[0]] / view.spread:.2f} standard deviations of the codes away, the "
                f"training image most alike {distances[0]:.3f} (pixel RMSE, among {len(real.x):,})."
            )


def how_far_from_the_prior(run: Run, epoch: int) -> None:
    """Mean and standard deviation of the codes, and two distances from N(0, I)."""
    covered = latent_views.coverage(run.id, epoch)
    rows = {}
    for name, measured in covered.items():
        per_dimension = list(zip(measured.mean, measured.std, strict=True))
        if len(per_dimension) <= FEW_DIMENSIONS:
            means, stds = (", ".join(f"{value:.2f}" for value in column) for column in zip(*per_dimension, strict=True))
        else:
            means, stds = (f"{values.min():.2f} … {values.max():.2f}" for values in (measured.mean, measured.std))
        rows[VARIANT_TITLES[name]] = {
            "Codes": "z ~ q(z|x)" if VARIANTS[name].noise else "as they are",
            "Mean per dimension": means,
            "Std per dimension": stds,
            "KL of a fitted Gaussian (nats)": "∞" if math.isinf(measured.kl) else f"{measured.kl:.3f}",
            "MMD²": "–" if math.isnan(measured.mmd) else f"{measured.mmd:.4f}",
        }
    st.dataframe(pd.DataFrame.from_dict(rows, orient="index").rename_axis("Model"), width="stretch")
    explain("MMD²")
    first = next(iter(covered.values()))
    st.caption(
        f"Over {first.count:,} {run.watched_images} images. The KL compares N(0, I) with the Gaussian of the codes' "
        "mean and covariance, so it sees two moments; MMD² (maximum mean discrepancy, Gaussian kernel of bandwidth √D, "
        "unbiased) sees every shape."
        + ("" if math.isnan(first.mmd_of_prior) else f" Two draws of N(0, I) as large give {first.mmd_of_prior:.4f}.")
    )


def the_manifold(run: Run, epoch: int, views: dict) -> None:
    """The whole plane as one picture of decoded images, side by side."""
    if run.config.latent_dim == 1:
        st.markdown("A code of one number has no plane.")
        return
    from vae.analysis.geometry import decode
    from vae.analysis.views import manifold

    shape = run.shape
    for column, (name, view) in zip(in_columns(len(views)), views.items(), strict=True):
        grid = manifold(view, name, SIDE)
        images = decode(loaded_models.models(run.id, epoch)[name], view.plane.lift(grid.uv))
        whose = "N(0, 1)" if VARIANTS[name].kl else "its codes"
        with column:
            heading(f"{VARIANT_TITLES[name]}: quantiles of {whose}", VARIANT_COLOURS[name])
            alt = f"{VARIANT_TITLES[name]}: images decoded from a grid of codes"
            st.html(inline_png(tile_grid(to_grey(images), shape, SIDE, grid.empty), alt))
            st.caption(f"Tinted: {grid.empty.sum()} of {SIDE * SIDE} cells contain none of {len(view.uv):,} codes.")


def tables(run: Run, epoch: int, dimensions: tuple[int, int] | None) -> None:
    """What the spaces hold, as CSV."""
    name = f"{run.id}-epoch-{epoch}"
    with st.container(horizontal=True):
        csv(lambda: latent_views.table(run.id, epoch, dimensions), f"codes-{name}", "CSV of the codes")
        csv(lambda: latent_views.map_table(run.id, epoch, dimensions), f"map-{name}", "CSV of the maps")
        csv(lambda: latent_views.coverage_table(run.id, epoch), f"coverage-{name}", "CSV of the distances")


lesson_on_a_run(
    "latent_space.py",
    lesson,
    "Every image has a place here. Nothing tells an autoencoder where to put its codes; a VAE is penalised when codes "
    "move away from N(0, I). Move over a space: both decoders draw.",
)
