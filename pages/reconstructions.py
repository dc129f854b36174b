"""Reconstructions: what survives the bottleneck?"""

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared import run_picker
from pages.shared.csv_button import csv
from pages.shared.image_strips import choose_image, numbered, strip
from pages.shared.lesson_frame import lesson_on_a_run
from pages.shared.which_images import watched
from pages.state import loaded_models
from pages.text.escape_markdown import escape_markdown
from vae.analysis.sentences import Quantity, over_images, together
from vae.choices.variants import VARIANTS
from vae.figures.errors import error_bars
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.tiles import to_grey
from vae.store.runs import Run

STRIP_COLUMNS = 12
SAMPLES = 16
AS_THEY_COME = "as they come"
IMAGE_KEY = "reconstructions.image"
ERROR_WHITE = 0.5  # what an error map or a standard deviation shows as white; black to white in an image is 1


def lesson(run: Run) -> None:
    """All below the run picker; it runs again by itself when one of its controls is moved."""
    epoch = run_picker.epoch_picker(run)
    images, rebuilt = loaded_models.watched(run.id), loaded_models.rebuilt(run.id, epoch)
    rows: dict[str, tuple[str, np.ndarray]] = {}  # title → variant, (N, P)
    for name in run.config.variants:
        title, both = VARIANT_TITLES[name], rebuilt[name].from_sample is not None
        rows[f"{title}, from the mean" if both else title] = (name, rebuilt[name].from_mean)
        if both:
            rows[f"{title}, from a sample"] = (name, rebuilt[name].from_sample)
    errors = {title: np.square(outputs - images.x).mean(axis=1) for title, (_, outputs) in rows.items()}  # (N,) each

    shown, kind, maps = choose(run, images.labels, errors)
    if len(shown) == 0:
        st.info("None of these images is of this class.")
        return
    first, shape = shown[:STRIP_COLUMNS], run.shape
    names = numbered(images.labels[first], run.data["classes"])
    strip("Original", to_grey(images.x[first]), shape, STRIP_COLUMNS, told="; ".join(names))
    for title, (name, outputs) in rows.items():
        told = "squared error per pixel " + ", ".join(f"{error:.4f}" for error in errors[title][first])
        strip(title, to_grey(outputs[first]), shape, STRIP_COLUMNS, VARIANT_COLOURS[name], told=told)
        if maps:
            gaps = np.abs(outputs - images.x)[first]  # (n, P)
            largest = "largest of an image's pixels " + ", ".join(f"{gap:.3f}" for gap in gaps.max(axis=1))
            strip("its absolute error", to_grey(gaps, ERROR_WHITE), shape, STRIP_COLUMNS, told=largest)
    if maps:
        st.caption(f"In an error map, white is an error of {ERROR_WHITE} or more; black to white in an image is 1.")

    floor = float(np.square(images.mean_image - images.x[shown]).mean())
    losses = {title: values[shown] for title, values in errors.items()}
    how_much_is_lost(run, losses, {title: VARIANT_COLOURS[name] for title, (name, _) in rows.items()}, floor, kind)
    from_mean = {name: rebuilt[name].from_mean[first] for name in run.config.variants}
    many_answers(run, epoch, images.x[first], names, from_mean)


def choose(run: Run, labels: np.ndarray, errors: dict[str, np.ndarray]) -> tuple[np.ndarray, str, bool]:
    """Row numbers to show in their order, what they are in words, and whether error maps are wanted."""
    classes, orders = run.data["classes"], [AS_THEY_COME, *(f"worst first: {title}" for title in errors)]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        wanted = "all"
        if len(classes) > 1:
            wanted = st.selectbox("Class", ["all", *classes], key="reconstructions.class", width=160)
        order = st.selectbox("Order", orders, key="reconstructions.order", width=400)
        maps = st.toggle("Error maps", key="reconstructions.maps")
    shown = np.arange(len(labels)) if wanted == "all" else np.flatnonzero(labels == classes.index(wanted))
    if order != AS_THEY_COME:
        shown = shown[np.argsort(-errors[order.removeprefix("worst first: ")][shown], kind="stable")]
    return shown, "" if wanted == "all" else f" of class {escape_markdown(wanted)}", maps


def how_much_is_lost(run: Run, losses: dict[str, np.ndarray], colours: dict[str, str], floor: float, kind: str) -> None:
    """Squared error per pixel of each way to rebuild, beside the mean image's on the same images."""
    st.header("How much is lost", divider="gray")
    on = watched(run, len(next(iter(losses.values())))) + kind
    figure(error_bars(losses, colours, floor), key="errors", alt="Squared error per pixel of each reconstruction")
    st.caption(
        f"Means over {on}, with the 95 % interval of each by itself. The dotted line is what predicting the mean "
        "training image costs on the same images."
    )
    csv(lambda: pd.DataFrame(losses), f"errors-{run.id}")
    means = {title: float(values.mean()) for title, values in losses.items()}
    beaten = [title for title, mean in means.items() if mean >= floor]
    times = floor / max(means.values())
    compared = (
        f"No better than the mean image ({floor:.4f}): {', '.join(beaten)}."
        if beaten
        else f"The mean image's squared error per pixel is {floor:.4f}, {times:.1f} times the largest of these."
    )
    quantity = Quantity("Squared error per pixel", on, ".4f")
    st.markdown(f"**What to notice.** {together(compared, over_images(quantity, losses))}")


def many_answers(
    run: Run, epoch: int, originals: np.ndarray, names: list[str], from_mean: dict[str, np.ndarray]
) -> None:
    """One image decoded from many samples of its code: the article's "more diverse"."""
    from vae.analysis.reconstructions import resample, spread
    from vae.learning.randomness import stream

    st.header("One image, many answers", divider="gray")
    st.session_state[IMAGE_KEY] = min(st.session_state.get(IMAGE_KEY, 1), len(originals))  # a class may have few
    with st.container(horizontal=True, vertical_alignment="bottom"):
        place = choose_image("Image, from the left", names, IMAGE_KEY)
        if st.button("Draw again", icon=":material/casino:", help="New samples z = μ + σ·ε of the same image's code."):
            st.session_state["reconstructions.draw"] = st.session_state.get("reconstructions.draw", 0) + 1
    draw, shape = st.session_state.get("reconstructions.draw", 0), run.shape
    strip("Original", to_grey(originals[[place]]), shape, SAMPLES, told=names[place])
    for name, model in loaded_models.models(run.id, epoch).items():
        title, colour = VARIANT_TITLES[name], VARIANT_COLOURS[name]
        if not VARIANTS[name].noise:
            strip(f"{title}: no noise, so one answer", to_grey(from_mean[name][[place]]), shape, SAMPLES, colour)
            continue
        samples = resample(model, originals[place], SAMPLES, stream(run.config.seed, f"resample {draw}", epoch))
        deviation = spread(samples)  # (P,)
        told = f"{deviation.mean():.3f} on average and by {deviation.max():.3f} at most"
        strip(f"{title}: {SAMPLES} samples", to_grey(samples), shape, SAMPLES, colour)
        standard = to_grey(deviation[None], ERROR_WHITE)
        strip("Standard deviation of each pixel", standard, shape, SAMPLES, colour, told=told)
        st.caption(
            f"Over these {SAMPLES} samples a pixel varies by {told} (standard deviation; {ERROR_WHITE} is drawn white)."
        )


lesson_on_a_run(
    "reconstructions.py",
    lesson,
    "Each image goes through a code of a few numbers and back. The autoencoder decodes the code itself; the "
    "variational autoencoder may decode the mean μ of its distribution, or a sample z = μ + σ·ε of it.",
)
