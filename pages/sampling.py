"""Sample: what do codes that come from no image look like?"""

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.sections.sampling import generated_images
from pages.sections.sampling.path_lengths import many_paths
from pages.shared import latent_traversals, run_picker
from pages.shared.csv_button import csv
from pages.shared.image_strips import choose_image, heading, inline_png, numbered, strip
from pages.shared.lesson_frame import lesson_on_a_run
from pages.state import loaded_models
from vae.analysis.sentences import Mean, Quantity, over_drawn
from vae.choices.variants import VARIANTS
from vae.figures.paths import step_sizes
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.tiles import tile_rows, to_grey
from vae.store.runs import Run

PICTURE_ROWS, PICTURE_COLUMNS = 3, 10  # of drawn pictures
COMPONENTS = 10
CHOICE = 12  # watched images to choose ends and traversals from
STEPS = 11
MOST_DIMENSIONS = 12
REACH, TRAVERSED = 3.0, 9  # standard deviations either way, and pictures in a row
DRAW = "sampling.draw"


def lesson(run: Run) -> None:
    """All below the run picker; it runs again by itself when one of its controls is moved."""
    epoch = run_picker.epoch_picker(run)
    new_images(run, epoch)
    between(run, epoch)
    every_dimension(run, epoch)


def new_images(run: Run, epoch: int) -> None:
    """Pictures of codes drawn from N(0, I) and from what was fitted to the codes, judged by the same measures."""
    st.header("New images", divider="gray")
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
    draw, shape = st.session_state.get(DRAW, 0), run.shape
    components = generated_images.affordable(run.id, epoch, COMPONENTS)
    found = generated_images.pictures(run.id, epoch, source, components, draw, loaded_models.JUDGED)
    for column, (name, x) in zip(st.columns(len(found)), found.items(), strict=True):
        with column:
            rows = to_grey(x[: PICTURE_ROWS * PICTURE_COLUMNS]).reshape(PICTURE_ROWS, PICTURE_COLUMNS, -1)
            heading(VARIANT_TITLES[name], VARIANT_COLOURS[name])
            st.html(
                inline_png(tile_rows(list(rows), shape, PICTURE_COLUMNS), f"{VARIANT_TITLES[name]}: pictures drawn")
            )
    untrained = [VARIANT_TITLES[name] for name in found if not VARIANTS[name].kl]
    if source == "prior" and untrained:
        st.warning(
            f"This test is unfair to: {' and '.join(untrained)}. Nothing in the training makes those codes follow "
            "N(0, I). Compare with what is fitted to the codes."
        )
    if source == "mixture":
        few = f" (fewer than {COMPONENTS}: there are too few codes for more)" if components < COMPONENTS else ""
        st.caption(f"{components} Gaussians with full covariances{few}, fitted to codes of training images by EM.")
    judged(run, epoch, components, draw, source)


def judged(run: Run, epoch: int, components: int, draw: int, source: str) -> None:
    """Distance to the nearest real image and the classifier's confidence, of every source beside real images."""
    table = generated_images.quality(run.id, epoch, components, draw)
    reference = loaded_models.reference_classifier(run.id)
    rows = {}
    for row in table.to_dict("records"):
        title = "Real test images" if row["variant"] == "real" else VARIANT_TITLES[row["variant"]]
        whence = generated_images.SOURCES.get(row["source"])
        near = f"{row['nearest_distance']:.4f} ± {row['nearest_half_interval']:.4f}"
        rows[f"{title}, {whence}" if whence else title] = {
            "Nearest training image (pixel RMSE)": near,
            "Classifier's confidence": "–" if row["confidence"] is None else f"{row['confidence']:.1%}",
        }
    st.dataframe(pd.DataFrame.from_dict(rows, orient="index").rename_axis("Pictures"), width="stretch")
    trust = f" The classifier is right on {reference.accuracy:.1%} of the test images." if reference else ""
    st.caption(
        f"{loaded_models.JUDGED} pictures of each and {table['n'].iloc[0]} real test images; ± is the 95 % interval "
        "of the mean over them. A small distance is not always good: "
        f"a blurred average is near to many images, and a copy is nearest.{trust}"
    )
    here = table[table["source"] == source].set_index("variant")
    real = table.loc[table["variant"] == "real", "nearest_distance"].item()
    means = {
        VARIANT_TITLES[row.Index]: Mean(row.nearest_distance, row.nearest_half_interval / 1.96, row.n)
        for row in here.itertuples()
    }
    on = f"{loaded_models.JUDGED} pictures of each, drawn from {generated_images.SOURCES[source]}"
    quantity = Quantity("Distance to the nearest training image in pixel RMSE", on, ".4f")
    st.markdown(f"**What to notice.** Of real test images it is {real:.4f}. {over_drawn(quantity, means)}")
    csv(lambda: table, f"samples-{run.id}-epoch-{epoch}")


def between(run: Run, epoch: int) -> None:
    """A path from one image to another, by each model."""
    st.header("Between two images", divider="gray")
    images, shape = loaded_models.watched(run.id), run.shape
    names = numbered(images.labels[:CHOICE], run.data["classes"])
    strip("Images, numbered from the left", to_grey(images.x[:CHOICE]), shape, CHOICE, told="; ".join(names))
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
        count = st.slider("Pictures", 3, 21, STEPS, 2, key="sampling.steps", width=220)
    paths = generated_images.paths(run.id, epoch, a, b, count)
    for name, path in paths[kind].items():
        told = f"{count} pictures from {names[a]} to {names[b]}, pixel RMSE of the steps {path.pixel_length:.4f} in all"
        strip(VARIANT_TITLES[name], to_grey(path.images), shape, count, VARIANT_COLOURS[name], told=told)
    step = st.slider("Along the way", 1, count, (count + 1) // 2, key=f"sampling.place.{count}") - 1
    for column, (name, path) in zip(st.columns(len(paths[kind])), paths[kind].items(), strict=True):
        with column:
            strip(
                f"{VARIANT_TITLES[name]}, picture {step + 1}",
                to_grey(path.images[[step]]),
                shape,
                3,
                VARIANT_COLOURS[name],
            )
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
        "pixel_length": f"Length over {count} pictures",
        "pullback_length": "Length of the path (pullback metric)",
        "ends_apart": "Distance between the two ends",
        "largest_step": "Largest step",
    }
    st.dataframe(shown[list(headings)].rename(columns=headings).round(4), hide_index=True, width="stretch")
    st.caption(
        "All in pixel RMSE. The pullback metric measures the path itself, ∫ ‖J ż‖ dt: what the sum over pictures tends "
        "to with ever more of them. No path can be shorter than its ends are apart. The geodesic is a local minimum, "
        "found from the straight line."
    )
    of_kind = table[table["way"] == kind].set_index("variant")
    detour = ", ".join(
        f"{VARIANT_TITLES[name]} {row.pullback_length / row.ends_apart:.2f}" if row.ends_apart > 0 else "–"
        for name, row in of_kind.iterrows()
    )
    if a == b:
        st.info("Both ends are the same image: choose another one to go somewhere.")
    else:
        st.markdown(f"**What to notice.** Path length ÷ straight distance, of this one path: {detour}.")
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


def every_dimension(run: Run, epoch: int) -> None:
    """Each dimension of one image's code moved by itself."""
    st.header("Each dimension by itself", divider="gray")
    names = numbered(loaded_models.watched(run.id).labels[:CHOICE], run.data["classes"])
    image = choose_image("Image", names, "sampling.traversed")
    found = latent_traversals.traversals(run.id, epoch, image, MOST_DIMENSIONS, REACH, TRAVERSED)
    for column, (name, traversal) in zip(st.columns(len(found)), found.items(), strict=True):
        with column:
            heading(VARIANT_TITLES[name], VARIANT_COLOURS[name])
            png = tile_rows(list(to_grey(traversal.images)), run.shape, TRAVERSED)
            st.html(inline_png(png, f"{VARIANT_TITLES[name]}: every dimension moved by itself"))
            listed = ", ".join(str(dimension + 1) for dimension in traversal.dimensions)
            st.caption(f"Rows: dimension{'s' * (len(traversal.dimensions) > 1)} {listed}.")
    if run.config.latent_dim > MOST_DIMENSIONS:
        st.caption(f"The {MOST_DIMENSIONS} of {run.config.latent_dim} dimensions along which codes vary most.")
    st.caption(
        f"From −{REACH:g} to +{REACH:g} standard deviations of the codes about the image's own code, the middle."
    )


lesson_on_a_run(
    "sampling.py",
    lesson,
    "A code need not come from an image. Draw codes and decode them, walk from one image to another, move one "
    "dimension at a time, and see what each decoder makes of places it was never trained on.",
)
