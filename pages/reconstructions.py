"""Reconstructions: what survives the bottleneck?"""

from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.components.lazy_tabs import lazy_tabs
from pages.shared import run_picker
from pages.shared.csv_button import csv
from pages.shared.image_strips import choose_image, numbered, strip
from pages.shared.lesson_frame import lesson_on_a_run
from pages.shared.which_images import watched
from pages.state import loaded_models
from pages.state.principal_axes import principal_axes
from pages.text.escape_markdown import escape_markdown
from pages.text.terms import explain
from pages.text.what_to_notice import what_to_notice
from vae.analysis.sentences import Quantity, over_images, together
from vae.choices.variants import VARIANTS
from vae.figures.errors import error_bars
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.tiles import by_pixel, one_channel, to_grey
from vae.store.runs import Run

STRIP_COLUMNS = 12
SAMPLES = 16
AS_THEY_COME, WORST_FIRST = "as they come", "worst first: "
IMAGE_KEY = "reconstructions.image"
ERROR_WHITE = 0.5  # what an error map or a standard deviation shows as white; black to white in an image is 1


def lesson(run: Run) -> None:
    """All below the run picker; it runs again by itself when one of its controls is moved."""
    lazy_tabs(
        {
            "Originals and reconstructions": partial(images_and_errors, run),
            "One image, many samples": partial(many_answers, run),
        },
        "reconstructions.tab",
    )


def images_and_errors(run: Run) -> None:
    """Rows of originals and of what each model makes of them, and how much is lost on average."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted, order = choose(run)
        maps = st.toggle("Error maps", key="reconstructions.maps", persist_state="session")
        epoch = run_picker.epoch_picker(run)
        explain("posterior σ")
    images, rows = loaded_models.watched(run.id), rebuilt(run, epoch)
    errors = squared_errors(images.x, rows)
    shown = in_order(run, images.labels, errors, wanted, order)
    if len(shown) == 0:
        return
    left, right = st.columns([5, 3], gap="medium")
    with left:
        first, shape = shown[:STRIP_COLUMNS], run.shape
        told = "; ".join(numbered(images.labels[first], run.data["classes"]))
        strip("Original", to_grey(images.x[first]), shape, STRIP_COLUMNS, told=told)
        for title, (name, outputs) in rows.items():
            told = "squared error per pixel " + ", ".join(f"{error:.4f}" for error in errors[title][first])
            strip(title, to_grey(outputs[first]), shape, STRIP_COLUMNS, VARIANT_COLOURS[name], told=told)
            if maps:
                gaps = by_pixel((outputs - images.x)[first], shape)  # (n, height · width)
                largest = "largest of an image's pixels " + ", ".join(f"{gap:.3f}" for gap in gaps.max(axis=1))
                alone = one_channel(shape)
                strip("its absolute error", to_grey(gaps, ERROR_WHITE), alone, STRIP_COLUMNS, told=largest)
        if maps:
            st.caption(
                f"In an error map, white is an error of {ERROR_WHITE} or more; black to white in an image is 1."
                f"{in_colour(run)}"
            )
    with right:
        floor = float(np.square(images.mean_image - images.x[shown]).mean())
        losses = {title: values[shown] for title, values in errors.items()}
        pca = principal_axes(run.id).error(images.x[shown], run.config.latent_dim) if images.unchanged else None
        kind = "" if wanted == "all" else f" of class {escape_markdown(wanted)}"
        colours = {title: VARIANT_COLOURS[name] for title, (name, _) in rows.items()}
        how_much_is_lost(run, losses, colours, floor, pca, kind)


def in_colour(run: Run) -> str:
    """How three channels become one number."""
    return " A pixel's three channels are taken together, as their root mean square." if run.shape[0] > 1 else ""


def rebuilt(run: Run, epoch: int) -> dict[str, tuple[str, np.ndarray]]:
    """Each way to rebuild the watched images, by title: the variant, and its pictures (N, P)."""
    rows: dict[str, tuple[str, np.ndarray]] = {}
    for name, pictures in loaded_models.rebuilt(run.id, epoch).items():
        from_mean, *from_sample = titles(name)
        rows[from_mean] = (name, pictures.from_mean)
        rows |= dict.fromkeys(from_sample, (name, pictures.from_sample))
    return rows


def titles(name: str) -> list[str]:
    """Of the ways in which a variant rebuilds images: the mean's, and the sample's where it has noise."""
    title = VARIANT_TITLES[name]
    return [f"{title}, from the mean", f"{title}, from a sample"] if VARIANTS[name].noise else [title]


def choose(run: Run) -> tuple[str, str]:
    """Which class, or all, and in which order."""
    classes, wanted = run.data["classes"], "all"
    if len(classes) > 1:
        options = ["all", *classes]
        wanted = st.selectbox("Class", options, key="reconstructions.class", width=110, persist_state="session")
    orders = [AS_THEY_COME, *(f"{WORST_FIRST}{title}" for name in run.config.variants for title in titles(name))]
    order = st.selectbox("Order", orders, key="reconstructions.order", width=260, persist_state="session")
    return wanted, order


def squared_errors(x: np.ndarray, rows: dict[str, tuple[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Per pixel of each image (N,), by title of the way to rebuild it; `x` (N, P)."""
    return {title: np.square(outputs - x).mean(axis=1) for title, (_, outputs) in rows.items()}


def in_order(run: Run, labels: np.ndarray, errors: dict[str, np.ndarray], wanted: str, order: str) -> np.ndarray:
    """Row numbers (n,) of the images to show: none where no image is of the class that is wanted."""
    shown = np.arange(len(labels)) if wanted == "all" else np.flatnonzero(labels == run.data["classes"].index(wanted))
    if len(shown) == 0:
        st.info("There is no image of this class here.")
    if order != AS_THEY_COME:
        shown = shown[np.argsort(-errors[order.removeprefix(WORST_FIRST)][shown], kind="stable")]
    return shown


def how_much_is_lost(
    run: Run, losses: dict[str, np.ndarray], colours: dict[str, str], floor: float, pca: float | None, kind: str
) -> None:
    """Squared error per pixel of each way to rebuild, beside the mean image's and PCA's on the same images."""
    on = watched(run, len(next(iter(losses.values())))) + kind
    figure(error_bars(losses, colours, floor, pca), key="errors", alt="Squared error per pixel of each reconstruction")
    dashed = "" if pca is None else f" Dashed: PCA with {run.config.latent_dim} numbers, {pca:.4f}."
    counted = " Each channel of a pixel counts as one." if run.shape[0] > 1 else ""
    st.caption(f"Means over {on}, with 95 % intervals. Dotted: the mean training image.{dashed}{counted}")
    means = {title: float(values.mean()) for title, values in losses.items()}
    beaten = [title for title, mean in means.items() if mean >= floor]
    times = floor / max(means.values())
    compared = (
        f"No better than the mean image ({floor:.4f}): {', '.join(beaten)}."
        if beaten
        else f"The mean image's squared error per pixel is {floor:.4f}, {times:.1f} times the largest of these."
    )
    quantity = Quantity("Squared error per pixel", on, ".4f")
    what_to_notice(together(compared, over_images(quantity, losses)), "errors")
    csv(lambda: pd.DataFrame(losses), f"errors-{run.id}")


def many_answers(run: Run) -> None:
    """One image decoded from many samples of its code: the article's "more diverse"."""
    from vae.analysis.reconstructions import resample, spread
    from vae.learning.randomness import stream

    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted, order = choose(run)
        chosen = st.container(width="content")
        if st.button("Draw again", icon=":material/casino:", help="New samples z = μ + σ·ε of the same image's code."):
            st.session_state["reconstructions.draw"] = st.session_state.get("reconstructions.draw", 0) + 1
        epoch = run_picker.epoch_picker(run)
    images, rows = loaded_models.watched(run.id), rebuilt(run, epoch)
    first = in_order(run, images.labels, squared_errors(images.x, rows), wanted, order)[:STRIP_COLUMNS]
    if len(first) == 0:
        return
    names = numbered(images.labels[first], run.data["classes"])
    st.session_state[IMAGE_KEY] = min(st.session_state.get(IMAGE_KEY, 1), len(first))  # a class may have few
    with chosen:
        place = choose_image("Image, from the left", names, IMAGE_KEY)
    original, draw, shape = images.x[first[place]], st.session_state.get("reconstructions.draw", 0), run.shape
    strip("Original", to_grey(original[None]), shape, SAMPLES, told=names[place])
    for name, model in loaded_models.models(run.id, epoch).items():
        title, colour = VARIANT_TITLES[name], VARIANT_COLOURS[name]
        if not VARIANTS[name].noise:
            answer = to_grey(rows[title][1][first[[place]]])
            strip(f"{title}: no noise, so one answer", answer, shape, SAMPLES, colour)
            continue
        samples = resample(model, original, SAMPLES, stream(run.config.seed, f"resample {draw}", epoch))
        deviation = by_pixel(spread(samples)[None], shape)[0]  # (height · width,)
        told = f"{deviation.mean():.3f} on average and by {deviation.max():.3f} at most"
        strip(f"{title}: {SAMPLES} samples", to_grey(samples), shape, SAMPLES, colour)
        standard = to_grey(deviation[None], ERROR_WHITE)
        strip("Standard deviation of each pixel", standard, one_channel(shape), SAMPLES, colour, told=told)
        st.caption(
            f"Over these {SAMPLES} samples a pixel varies by {told} (standard deviation; {ERROR_WHITE} is drawn white)."
            f"{in_colour(run)}"
        )


lesson_on_a_run(
    "reconstructions.py",
    lesson,
    "The autoencoder decodes the code of an image; the variational autoencoder the mean μ of its codes, or a sample "
    "z = μ + σ·ε.",
)
