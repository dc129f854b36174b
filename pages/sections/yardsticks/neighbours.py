"""Which images lie beside one another in code space, and in pixels; and a map of codes of many dimensions."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.components.in_columns import in_columns
from pages.shared.csv_button import csv
from pages.shared.image_strips import choose_image, heading, labelled_tiles, numbered, strip
from pages.shared.on_request import on_request
from pages.state import loaded_models, resources
from pages.state.memory_cache import memory_cached
from pages.text.what_to_notice import what_to_notice
from vae.analysis import sentences
from vae.analysis.sentences import Quantity
from vae.analysis.yardsticks import probe_curves
from vae.figures.style import NEUTRAL, VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.tiles import to_grey
from vae.figures.yardsticks.codes import CODES_TITLES, map_scatter
from vae.store.runs import Run
from vae.store.tensor_bytes import unpack

from .seeds import over_seeds

SHOWN = 8  # neighbours in a row
CHOICE = 100  # test images to choose from
PIXELS = "pixels"
SAME_CLASS = "same_class_neighbours"


class Around(NamedTuple):
    """Test images to choose from, and the training images among which neighbours are looked for."""

    chosen: np.ndarray  # (m, P) in [0, 1]
    chosen_y: np.ndarray  # (m,)
    pool: np.ndarray  # (R, P)
    pool_y: np.ndarray  # (R,)


def neighbours(run: Run, epoch: int) -> None:
    """One image's neighbours by every model and by pixels; how many are of its class, over all; and a map."""
    left, right = st.columns([5, 3], gap="medium")
    with left:
        one_image(run, epoch)
    if len(run.data["classes"]) > 1:
        with right:
            on_request(
                "codes",
                run,
                epoch,
                "One image tells little. How many of the nearest training images are of the same class, over many "
                "images?",
                "Measure the codes",
                lambda table: over_seeds("codes", run, epoch, table, partial(_shares, run)),
            )
    st.divider()
    a_map(run, epoch)


@memory_cached
def around(run_id: str) -> Around:
    """Raises InputError when the run's images aren't here. Never changed."""
    from vae.analysis.yardsticks.probes import POOL

    images = loaded_models.dataset_images(run_id)
    rows = unpack(resources.store().split_rows(run_id))["train"][:POOL]
    scaled = (grey.astype(np.float32) / images.white for grey in (images.test_x[:CHOICE], images.train_x[rows]))
    chosen, pool = scaled
    return Around(chosen, images.test_y[:CHOICE], pool, images.train_y[rows])


@memory_cached
def nearest(run_id: str, epoch: int) -> dict[str, np.ndarray]:
    """Rows of the pool nearest to each image to choose from, (m, SHOWN), by variant and by PIXELS; never changed."""
    from vae.analysis.codes import encode
    from vae.analysis.yardsticks.probes import nearest_rows

    there = around(run_id)
    found = {
        name: nearest_rows(encode(model, there.pool).mu, encode(model, there.chosen).mu, SHOWN)
        for name, model in loaded_models.models(run_id, epoch).items()
    }
    return found | {PIXELS: nearest_rows(there.pool, there.chosen, SHOWN)}


def one_image(run: Run, epoch: int) -> None:
    """A test image and its nearest training images with their classes, a row for each space."""
    there, classes, shape = around(run.id), run.data["classes"], run.shape
    names = numbered(there.chosen_y, classes)
    place = choose_image("Test image", names, "yardsticks.neighbours_of")
    own = there.chosen_y[place]
    strip("The image", to_grey(there.chosen[[place]]), shape, SHOWN, told=names[place])
    rows = {name: of_each[place] for name, of_each in nearest(run.id, epoch).items()}
    for name, near in rows.items():
        labels = there.pool_y[near]
        title = "Pixels: nearest images" if name == PIXELS else f"{VARIANT_TITLES[name]}: nearest codes"
        if len(classes) > 1:
            title = f"{title}, {(labels == own).sum()} of {len(near)} of its class"
        heading(title, VARIANT_COLOURS.get(name, NEUTRAL))
        below = [classes[label] for label in labels] if len(classes) > 1 else None
        st.html(labelled_tiles(to_grey(there.pool[near]), below, shape, SHOWN, title))
    common = {name: len(np.intersect1d(near, rows[PIXELS])) for name, near in rows.items() if name != PIXELS}
    st.caption(
        f"Nearest first, among {len(there.pool):,} training images, by Euclidean distance of the means μ and of the "
        "pixels. Also among the nearest in pixels: "
        + "; ".join(f"{VARIANT_TITLES[name]} {count} of {len(rows[name])}" for name, count in common.items())
        + "."
    )


def _shares(run: Run, tables: dict[int, pd.DataFrame]) -> None:
    """How many neighbours are of the same class, by each kind of codes."""
    what_to_notice(same_class(tables), "neighbours")
    parts = [probe_curves.named(table).assign(seed=seed) for seed, table in tables.items()]
    whole = pd.concat(parts)
    csv(lambda: whole[whole["kind"] == SAME_CLASS].drop(columns=["codes", "kind"]), f"neighbours-{run.id}")


def same_class(tables: dict[int, pd.DataFrame]) -> str:
    """The shares side by side, whichever way they come out."""
    rows = probe_curves.named(next(iter(tables.values())))
    first = rows[rows["kind"] == SAME_CLASS].iloc[0]
    values = {CODES_TITLES[name]: of for name, of in probe_curves.by_codes(tables, first["measure"]).items()}
    quantity = Quantity(
        f"Share of the {first['neighbours']} nearest of {first['labels']:,} training images that are of the same class",
        sentences.images(int(first["n"]), "test"),
        ".3f",
    )
    return sentences.over_seeds(quantity, values)


def a_map(run: Run, epoch: int) -> None:
    """t-SNE of codes of more than two dimensions, when somebody asks."""
    if run.config.latent_dim <= 2:
        numbers = "one number" if run.config.latent_dim == 1 else "two numbers"
        st.markdown(f"A code of {numbers} needs no map: the latent space itself is one.")
        st.page_link("latent_space.py", label="Latent space", icon=":material/scatter_plot:")
        return
    on_request(
        "map",
        run,
        epoch,
        f"A code of {run.config.latent_dim} numbers can't be drawn as it is. t-SNE lays codes out in the plane, so "
        "that near ones stay near.",
        "Draw a map",
        partial(_map, run, epoch),
    )


def _map(run: Run, epoch: int, table: pd.DataFrame) -> None:
    variants = list(dict.fromkeys(table["variant"]))
    for column, name in zip(in_columns(len(variants)), variants, strict=True):
        mine = table[table["variant"] == name]
        with column:
            heading(VARIANT_TITLES[name], VARIANT_COLOURS[name])
            drawing = map_scatter(mine[["x", "y"]].to_numpy(), mine["label"].to_numpy(), run.data["classes"])
            figure(drawing, key=f"map.{name}", alt=f"{VARIANT_TITLES[name]}: t-SNE map of codes")
    st.caption(
        "Read it with care: near points have similar codes, but the distance between clusters, their size and their "
        "number of points per area mean little, and clusters may be torn. Two maps can't be compared by their shapes."
    )
    with st.popover("How is it drawn?", type="tertiary"):
        count = len(table) // len(variants)
        st.markdown(
            f"t-SNE (van der Maaten & Hinton 2008) of the means μ of the first {count:,} test images at epoch {epoch}, "
            "perplexity 30 (less for few images), from the two leading principal components. By scikit-learn, which is "
            "installed already; openTSNE and umap-learn are faster for many more codes, but would be one more package."
        )
    csv(lambda: table, f"map-{run.id}-epoch-{epoch}", "CSV of the map")
