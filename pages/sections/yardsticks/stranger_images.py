"""Images of the class that was kept from training: those that are rebuilt best, and those that are rebuilt worst."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.components.in_columns import in_columns
from pages.shared.image_strips import heading, inline_png
from pages.state import loaded_models
from pages.text.words import plural
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.tiles import tile_rows, to_grey
from vae.store.runs import Run

SHOWN = 8  # of each kind


@st.cache_data(max_entries=6, show_spinner=False)
def best_and_worst(run_id: str, epoch: int, held_out_class: str) -> dict[str, list[np.ndarray]]:
    """By variant: rows of images (m, P) in [0, 1], m up to SHOWN: the best rebuilt, as rebuilt, the worst, as rebuilt.

    Test images of the class, by the squared error of the picture of their mean; the best first, the worst last.
    """
    from vae.analysis.codes import encode
    from vae.analysis.geometry import decode

    images, found = loaded_models.dataset_images(run_id), {}
    x = images.test_x[images.test_y == images.class_named(held_out_class)].astype(np.float32) / images.white
    for name, model in loaded_models.models(run_id, epoch).items():
        pictures = decode(model, encode(model, x).mu)
        order = np.argsort(np.square(pictures - x).sum(axis=1), kind="stable")
        found[name] = [rows[part] for part in (order[:SHOWN], order[-SHOWN:]) for rows in (x, pictures)]
    return found


def stranger_images(run: Run, epoch: int) -> None:
    """A picture for each model."""
    shown = best_and_worst(run.id, epoch, run.config.held_out_class)
    for column, (name, rows) in zip(in_columns(len(shown)), shown.items(), strict=True):
        with column:
            heading(VARIANT_TITLES[name], VARIANT_COLOURS[name])
            least, most = np.square(rows[0] - rows[1]).sum(axis=1)[0], np.square(rows[2] - rows[3]).sum(axis=1)[-1]
            what = f"the {plural(len(rows[0]), 'image')} rebuilt best, and the {len(rows[2])} rebuilt worst"
            png = tile_rows([to_grey(row) for row in rows], run.shape, SHOWN)
            st.html(inline_png(png, f"{VARIANT_TITLES[name]}: {what}"))
            st.caption(
                f"Of the class it has never seen {what}, each above what was made of it. Squared error from "
                f"{least:.3g} to {most:.3g}."
            )
