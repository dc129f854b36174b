"""A data set as one sees it: samples, how many of each class, what they have in common, and its numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from pages.components.figure import figure
from pages.shared.csv_button import csv
from pages.shared.image_strips import labelled_tiles, strip
from vae.choices.likelihoods import LIKELIHOODS
from vae.datasets import Images
from vae.datasets.summary import Summary, summarise
from vae.figures.classes import class_bars
from vae.figures.tiles import to_grey

SHEET_COLUMNS, SHEET_ROWS = 9, 4  # of the contact sheet
MEANS_IN_A_ROW = 10
CLASSES_SHOWN = 36  # mean images of the largest classes


@st.cache_data(max_entries=8, show_spinner=False)
def summary(hash_: str, _images: Images) -> Summary:
    """Known by the images' hash: two visitors, or two names for the same images, share it."""
    return summarise(_images)


@st.cache_data(max_entries=8, show_spinner=False)
def floors(hash_: str, _images: Images) -> dict[str, float]:
    """What predicting the mean training image costs on the test images."""
    import torch

    from vae.learning.losses import mean_image_floor

    mean = torch.from_numpy(summary(hash_, _images).mean_image)[None]  # (1, P)
    return mean_image_floor(mean, torch.from_numpy(_images.test_x.astype(np.float32) / _images.white))


def samples(images: Images, key: str) -> list[DeltaGenerator]:
    """Some training images, of all classes or of one; others at a click. Returns the columns of controls and images."""
    left, right = st.columns([4, 9], gap="medium")
    rows = np.arange(len(images.train_x))
    with left, st.container(horizontal=True, vertical_alignment="bottom"):
        if len(images.classes) > 1:
            places = [-1, *range(len(images.classes))]
            wanted = st.selectbox(
                "Class",
                places,
                format_func=lambda place: "all classes" if place < 0 else images.classes[place],
                key=f"{key}.class.{images.hash}",
                width=150,
            )
            rows = rows if wanted < 0 else np.flatnonzero(images.train_y == wanted)
        draw_key = f"{key}.draw"
        if st.button("Other images", icon=":material/casino:", key=f"{key}.other"):
            st.session_state[draw_key] = st.session_state.get(draw_key, 0) + 1
    if len(rows) == 0:
        right.info("No training image is of this class.")
        return [left, right]
    rows = np.random.default_rng(st.session_state.get(draw_key, 0)).permutation(rows)[: SHEET_COLUMNS * SHEET_ROWS]
    grey = to_grey(images.train_x[rows], images.white)
    names = [images.classes[label] for label in images.train_y[rows]] if len(images.classes) > 1 else None
    right.html(labelled_tiles(grey, names, images.shape, SHEET_COLUMNS, f"{len(rows)} training images"))
    return [left, right]


def class_counts(images: Images, key: str) -> None:
    """A bar for each class."""
    if len(images.classes) < 2:
        st.caption("These images have no classes. Pages leave out what needs labels.")
        return
    numbers = summary(images.hash, images)
    counts = {"training": numbers.train_counts, "test": numbers.test_counts}
    figure(class_bars(counts, images.classes), key=f"{key}.counts", alt="Number of images of each class")
    csv(lambda: pd.DataFrame({"class": images.classes} | counts), f"classes-{key}-{images.hash[:12]}")


def mean_images(images: Images) -> None:
    """The mean of all training images, then that of each class."""
    numbers = summary(images.hash, images)
    strip("Mean of all training images", to_grey(numbers.mean_image[None]), images.shape, MEANS_IN_A_ROW)
    if len(images.classes) < 2:
        return
    order = np.sort(np.argsort(-numbers.train_counts, kind="stable")[:CLASSES_SHOWN])
    for start in range(0, len(order), MEANS_IN_A_ROW):
        shown = order[start : start + MEANS_IN_A_ROW]
        named = ", ".join(images.classes[label] for label in shown)
        strip(f"Mean of each class: {named}", to_grey(numbers.class_means[shown]), images.shape, MEANS_IN_A_ROW)
    if len(order) < len(images.classes):
        st.caption(f"Shown: the {len(order)} largest of {len(images.classes)} classes.")


def in_numbers(images: Images) -> None:
    """Sizes and levels."""
    rows = {
        "Training images": f"{len(images.train_x):,}",
        "Test images": f"{len(images.test_x):,}",
        "Size": _size(images),
        "Classes": f"{len(images.classes)}" if len(images.classes) > 1 else "none",
        **_levels(images),
        "Hash of all pixels and labels": images.hash[:12],
    }
    if images.factors:
        sizes = zip(images.factors.names, images.factors.sizes, strict=True)
        rows["Factors and their number of values"] = ", ".join(f"{name} {size}" for name, size in sizes)
    st.dataframe(pd.DataFrame({"What": rows.keys(), "Value": rows.values()}), hide_index=True, width="stretch")


def _size(images: Images) -> str:
    channels, height, width = images.shape
    if channels == 1:
        return f"{height} × {width} = {images.pixels:,} pixels"
    return f"{channels} × {height} × {width} = {images.pixels:,} levels"


def _levels(images: Images) -> dict[str, str]:
    """Mean and standard deviation of the training images: of grey levels, or of each colour's."""
    numbers, channels = summary(images.hash, images), images.shape[0]
    if channels == 1:
        return {
            "Mean grey level (0 black, 1 white)": f"{numbers.mean:.3f}",
            "Standard deviation of grey levels": f"{numbers.std:.3f}",
        }
    means = numbers.mean_image.reshape(channels, -1).mean(axis=1, dtype=float)  # (C,)
    return {
        "Mean red, green, blue (0 to 1)": ", ".join(f"{mean:.3f}" for mean in means),
        "Standard deviation of all levels": f"{numbers.std:.3f}",
    }


def what_to_beat(images: Images) -> None:
    """The losses of a model that has learnt nothing."""
    floor = floors(images.hash, images)
    costs = ", ".join(
        f"{floor[name]:.2f} {likelihood.unit} per image ({likelihood.title})"
        for name, likelihood in LIKELIHOODS.items()
        if likelihood.of_any_run
    )
    st.markdown(
        f"**What to beat.** Predicting the mean training image for every test image costs {costs}, or an MSE of "
        f"{floor['mse']:.4f} per {'pixel' if images.shape[0] == 1 else 'level'}."
    )
