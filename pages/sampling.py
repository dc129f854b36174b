"""Sample: what do codes that come from no image look like?"""

from functools import partial

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.components.in_columns import in_columns
from pages.components.lazy_tabs import lazy_tabs
from pages.sections.sampling import generated_images
from pages.sections.sampling.path_lengths import many_paths
from pages.shared import latent_traversals, run_picker
from pages.shared.csv_button import csv
from pages.shared.image_strips import choose_image, heading, inline_png, numbered, strip
from pages.shared.lesson_frame import lesson_on_a_run
from pages.state import loaded_models
from pages.text.terms import explain
from pages.text.what_to_notice import what_to_notice
from pages.text.words import listed
from vae.analysis.sentences import Mean, Quantity, over_drawn
from vae.choices.variants import VARIANTS
from vae.figures.paths import step_sizes
from vae.figures.style import VARIANT_COLOURS, VARIANT_SHORT, VARIANT_TITLES
from vae.figures.tiles import tile_rows, to_grey
from vae.store.runs import Run

PICTURE_ROWS, PICTURE_COLUMNS = 4, 6  # of drawn pictures
COMPONENTS = 10
CHOICE = 12  # watched images to choose ends and traversals from
STEPS = 11
MOST_DIMENSIONS = 12
REACH, TRAVERSED = 3.0, 9  # standard deviations either way, and pictures in a row
DRAW = "sampling.draw"


def lesson(run: Run) -> None:
    """All below the run picker; it runs again by itself when one of its controls is moved."""
    lazy_tabs(
        {
            "New images": partial(new_images, run),
            "Between two images": partial(between, run),
            "Each dimension by itself": partial(every_dimension, run),
        },
        "sampling.tab",
    )


def new_images(run: Run) -> None:
    """Pictures of codes drawn from N(0, I) and from what was fitted to the codes, judged by the same measures."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        source = st.segmented_control(
            "Draw codes from",
            list(generated_images.SOURCES),
            format_func=generated_images.SOURCES.__getitem__,
            default="prior",
            required=True,
            key="sampling.source",
            persist_state="session",
        )
        if st.button("Draw again", icon=":material/casino:"):
            st.session_state[DRAW] = st.session_state.get(DRAW, 0) + 1
        epoch = run_picker.epoch_picker(run)
        explain("reference classifier")
    draw, shape = st.session_state.get(DRAW, 0), run.shape
    components = generated_images.affordable(run.id, epoch, COMPONENTS)
    found = generated_images.pictures(run.id, epoch, source, components, draw, loaded_models.JUDGED)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        for column, (name, x) in zip(in_columns(len(found)), found.items(), strict=True):
            with column:
                rows = to_grey(x[: PICTURE_ROWS * PICTURE_COLUMNS]).reshape(PICTURE_ROWS, PICTURE_COLUMNS, -1)
                heading(VARIANT_TITLES[name], VARIANT_COLOURS[name])
                png = tile_rows(list(rows), shape, PICTURE_COLUMNS)
                st.html(inline_png(png, f"{VARIANT_TITLES[name]}: pictures drawn"))
        untrained = [VARIANT_TITLES[name] for name in found if not VARIANTS[name].kl]
        if source == "prior" and untrained:
            st.warning(
                f"This test is unfair to: {listed(untrained)}. No term of their loss makes those codes follow N(0, I)."
            )
    table = generated_images.quality(run.id, epoch, components, draw)
    with right:
        judged(run, table)
    few = f", fewer than {COMPONENTS}: there are too few codes for more" if components < COMPONENTS else ""
    mixture = f" The mixture has {components} Gaussians with full covariances{few}." if source == "mixture" else ""
    what_to_notice(f"{notice(table, source)}{mixture}", "samples")
    csv(lambda: table, f"samples-{run.id}-epoch-{epoch}")


def judged(run: Run, table: pd.DataFrame) -> None:
    """Distance to the nearest real image and the classifier's confidence, of every source beside real images."""
    rows = {}
    for row in table.to_dict("records"):
        title = "Real test images" if row["variant"] == "real" else VARIANT_SHORT[row["variant"]]
        source = generated_images.SOURCES.get(row["source"])
        rows[f"{title}, {source}" if source else title] = {
            "Nearest training image": f"{row['nearest_distance']:.4f} ± {row['nearest_half_interval']:.4f}",
            "Confidence": "–" if row["confidence"] is None else f"{row['confidence']:.1%}",
        }
    st.dataframe(pd.DataFrame.from_dict(rows, orient="index").rename_axis("Pictures"), width="stretch")
    reference = loaded_models.reference_classifier(run.id)
    trust = f"; it is right on {reference.accuracy:.1%} of the test images" if reference else ""
    st.caption(
        f"Nearest: pixel RMSE, mean ± 95 % interval over {loaded_models.JUDGED} pictures of each and "
        f"{table['n'].iloc[0]} real test images. A small distance is not always good: a blurred average is near to "
        f"many images, and a copy is nearest. Confidence: of the reference classifier{trust}."
    )


def notice(table: pd.DataFrame, source: str) -> str:
    """The distances of one source, beside that of real images; `table`: `generated_images.quality`."""
    here = table[table["source"] == source].set_index("variant")
    real = table.loc[table["variant"] == "real", "nearest_distance"].item()
    means = {
        VARIANT_TITLES[row.Index]: Mean(row.nearest_distance, row.nearest_half_interval / 1.96, row.n)
        for row in here.itertuples()
    }
    on = f"{loaded_models.JUDGED} pictures of each, drawn from {generated_images.SOURCES[source]}"
    quantity = Quantity("Distance to the nearest training image in pixel RMSE", on, ".4f")
    return f"Of real test images it is {real:.4f}. {over_drawn(quantity, means)}"


def between(run: Run) -> None:
    """A path from one image to another, by each model."""
    images, shape = loaded_models.watched(run.id), run.shape
    names = numbered(images.labels[:CHOICE], run.data["classes"])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        a = choose_image("From image", names, "sampling.from")
        b = choose_image("To image", names, "sampling.to", 4)
        kind = st.segmented_control(
            "Way",
            list(generated_images.PATHS),
            format_func=generated_images.PATHS.__getitem__,
            default="line",
            required=True,
            key="sampling.way",
        )
        epoch = run_picker.epoch_picker(run)
    left, right = st.columns([5, 3], gap="medium")
    with left:
        strip("Images, numbered from the left", to_grey(images.x[:CHOICE]), shape, CHOICE, told="; ".join(names))
        paths = generated_images.paths(run.id, epoch, a, b, STEPS)
        for name, path in paths[kind].items():
            told = f"{STEPS} pictures from {names[a]} to {names[b]}, pixel RMSE {path.pixel_length:.4f} in all steps"
            strip(VARIANT_TITLES[name], to_grey(path.images), shape, STEPS, VARIANT_COLOURS[name], told=told)
        step = st.slider("Along the way", 1, STEPS, (STEPS + 1) // 2, key="sampling.place") - 1
    with right:
        for column, (name, path) in zip(in_columns(len(paths[kind])), paths[kind].items(), strict=True):
            with column:
                title = f"{VARIANT_SHORT[name]}, picture {step + 1}"
                strip(title, to_grey(path.images[[step]]), shape, 1, VARIANT_COLOURS[name])
        figure(
            step_sizes({name: path.steps for name, path in paths[kind].items()}),
            key="steps",
            alt="How far each step moves the picture",
        )
    table = lengths(paths)
    shown = table.assign(variant=table["variant"].map(VARIANT_TITLES), way=table["way"].map(generated_images.PATHS))
    headings = {
        "variant": "Model",
        "way": "Way",
        "pixel_length": f"Length over {STEPS} pictures",
        "pullback_length": "Length of the path (pullback metric)",
        "ends_apart": "Distance between the two ends",
        "largest_step": "Largest step",
    }
    st.dataframe(shown[list(headings)].rename(columns=headings).round(4), hide_index=True, width="stretch")
    st.caption(
        "All in pixel RMSE. The pullback metric measures the path itself, ∫ ‖J ż‖ dt: the sum over ever more pictures. "
        "No path is shorter than the distance between its two ends. The geodesic is a local minimum, found from the "
        "straight line."
    )
    explain("slerp", "pullback metric")
    of_kind = table[table["way"] == kind].set_index("variant")
    detour = ", ".join(
        f"{VARIANT_TITLES[name]} {row.pullback_length / row.ends_apart:.2f}" if row.ends_apart > 0 else "–"
        for name, row in of_kind.iterrows()
    )
    if a == b:
        st.info("Both ends are the same image: choose another one to go somewhere.")
    else:
        what_to_notice(f"Path length ÷ straight distance, of this one path: {detour}.", "detour")
    many_paths(run, epoch)
    csv(lambda: every_step(paths), f"paths-{run.id}-epoch-{epoch}")


def lengths(paths: dict[str, dict[str, generated_images.Path]]) -> pd.DataFrame:
    """One row per way and variant."""
    return pd.DataFrame(
        {
            "variant": name,
            "way": kind,
            "pixel_length": path.pixel_length,
            "pullback_length": path.pullback_length,
            "ends_apart": path.ends_apart,
            "largest_step": float(path.steps.max()),
        }
        for kind, found in paths.items()
        for name, path in found.items()
    )


def every_step(paths: dict[str, dict[str, generated_images.Path]]) -> pd.DataFrame:
    """The bars of all ways, one row per step, beside the lengths."""
    steps = [
        pd.DataFrame({"variant": name, "way": kind, "step": range(1, len(path.steps) + 1), "rmse": path.steps})
        for kind, found in paths.items()
        for name, path in found.items()
    ]
    return pd.concat(steps).merge(lengths(paths))


def every_dimension(run: Run) -> None:
    """Each dimension of one image's code moved by itself."""
    names = numbered(loaded_models.watched(run.id).labels[:CHOICE], run.data["classes"])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        image = choose_image("Image", names, "sampling.traversed")
        epoch = run_picker.epoch_picker(run)
    found = latent_traversals.traversals(run.id, epoch, image, MOST_DIMENSIONS, REACH, TRAVERSED)
    for column, (name, traversal) in zip(in_columns(len(found)), found.items(), strict=True):
        with column:
            heading(VARIANT_TITLES[name], VARIANT_COLOURS[name])
            png = tile_rows(list(to_grey(traversal.images)), run.shape, TRAVERSED)
            st.html(inline_png(png, f"{VARIANT_TITLES[name]}: every dimension moved by itself"))
            listed = ", ".join(str(dimension + 1) for dimension in traversal.dimensions)
            st.caption(f"Rows: dimension{'s' * (len(traversal.dimensions) > 1)} {listed}.")
    which = f"The {MOST_DIMENSIONS} of {run.config.latent_dim} dimensions along which codes vary most. "
    st.caption(
        which * (run.config.latent_dim > MOST_DIMENSIONS)
        + f"From −{REACH:g} to +{REACH:g} standard deviations of the codes about the image's own code, the middle."
    )


lesson_on_a_run(
    "sampling.py",
    lesson,
    "A code need not come from an image: draw one at random, go from one image to another, or move one dimension.",
)
