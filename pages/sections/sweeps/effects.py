"""A measure against a setting of a sweep, both variants, with intervals over seeds."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared.csv_button import csv
from pages.shared.predict import questions
from pages.state import principal_axes
from pages.text.words import plural
from vae.analysis.effects import in_words, short, steps, with_intervals
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS
from vae.config import FIELD_TEXTS
from vae.figures.style import VARIANT_TITLES
from vae.figures.sweeps import against, drawn_points
from vae.metrics import METRICS, compared
from vae.sweeps.spec import Range, SweepSpec

from .shown_sweep import ShownSweep

SPLITS = {"watched": "validation images", "test": "test images"}


def effects(look: ShownSweep) -> None:
    """What to draw and what it says at the left, the figure at the right."""
    sweep, spec, done = look.sweep, look.sweep.spec, look.done
    left, right = st.columns([1, 2], gap="medium")
    with left:
        column, measure, split = _controls(look)
    titles, measures = _titles(look), _measures(spec, done)
    rows = done[(done["split"] == "test") == (split == "test")]
    name = next(name for name, mine in _columns(look).items() if mine == column)
    others = [other for other in titles if other != column]
    shown = with_intervals(rows, ["variant", column, *others], measure)
    pca: dict[int, float] = {}
    if any(isinstance(values, Range) for values in spec.over.values()):
        log = isinstance(values := spec.over[name], Range) and values.log
        drawing = drawn_points(shown, column, titles[column], measures[measure], log)
    else:
        named = {other: titles[other] for other in others}
        if list(titles) == ["latent_dim"]:
            pca = _pca(look, measure, split)
        drawing = against(shown, column, titles[column], measures[measure], named, pca)
    one_setting = not others and not isinstance(spec.over[name], Range)
    found = steps(rows, column, measure) if one_setting else None

    def show() -> None:
        with right:
            figure(drawing, key="sweep.effect", alt=f"{measures[measure]} against {titles[column]}")
        with left:
            if found is None:
                st.caption("Each line or dot is one combination of the other settings. Point at it to see which.")
            else:
                _notice(spec, found, int(shown["seeds"].max()))
            if pca:
                st.caption("Dashed: PCA of the training images, with as many numbers as the code. It has no sample.")
            if split == "test":
                st.caption("Choose settings by the validation images. Test images are for reporting the choice.")
            csv(lambda: shown, f"sweep-{sweep.id}-{measure}-{split}")

    if found is None or sweep.status == "running" or not _comparable(spec, found):
        show()
        return
    words = {
        "setting": titles[column],
        "measure": measures[measure],
        "first": short(found["start"].iloc[0]),
        "start": short(found["start"].iloc[-1]),
        "last": short(found["end"].iloc[-1]),
    }
    with right:
        questions.before("last step", show, lambda: found, spec.base, words, f"{name} {measure}")


def _pca(look: ShownSweep, measure: str, split: str) -> dict[int, float]:
    """What PCA loses by the size of the code: where a squared error per pixel is drawn, and the images are here."""
    if not measure.startswith("mse_"):
        return {}
    ended = next(member for member in look.members if member.status == "done")
    return principal_axes.by_size(ended.run_id, split, look.done["latent_dim"].unique())


def _controls(look: ShownSweep) -> tuple[str, str, str]:
    """Column of the setting, name of the measure, and of the images."""
    titles, measures = _titles(look), _measures(look.sweep.spec, look.done)
    column = next(iter(titles))
    if len(titles) > 1:
        key = f"sweep.setting.{look.sweep.id}"
        column = st.selectbox("Setting", list(titles), format_func=titles.__getitem__, key=key)
    measure = st.selectbox(
        "Measure", list(measures), format_func=measures.__getitem__, key=f"sweep.measure.{look.sweep.id}"
    )
    split = st.segmented_control(
        "On", list(SPLITS), format_func=SPLITS.__getitem__, default="watched", required=True, key="sweep.split"
    )
    return column, measure, split


def _idle(spec: SweepSpec) -> list[str]:
    """Variants that the only setting is no part of."""
    (name,) = spec.over
    return [variant for variant in spec.base.variants if name in VARIANTS[variant].idle_fields]


def _comparable(spec: SweepSpec, found: pd.DataFrame) -> bool:
    """Whether there are an autoencoder and a VAE that took these steps, so that one may be asked about both."""
    return {"ae", "vae"} <= set(found["variant"]) and not _idle(spec)


def _notice(spec: SweepSpec, found: pd.DataFrame, seeds: int) -> None:
    """The steps from one value of the only setting to the next, in words."""
    (name,) = spec.over
    said = in_words(found, VARIANT_TITLES, FIELD_TEXTS[name].title, _idle(spec))
    if not said:
        return
    st.markdown("**What to notice.** From one value to the next:\n" + "\n".join(f"- {sentence}." for sentence in said))
    st.caption(
        f"Band: 95 % interval of the mean over {plural(seeds, 'seed')} (Student's t). Steps are compared seed by seed: "
        "“no clear difference” means that the 95 % interval of the difference contains 0."
    )


def _measures(spec: SweepSpec, done: pd.DataFrame) -> dict[str, str]:
    """What may be drawn, with titles: first what every variant has, and what means the same under every loss."""
    incomparable = bool({"reconstruction", "dataset"} & set(spec.over))
    names = sorted(compared(), key=lambda name: (METRICS[name].of_loss, METRICS[name].needs is not None))
    unit = LIKELIHOODS[spec.base.reconstruction].per_image
    return {
        name: METRICS[name].heading(unit)
        for name in names
        if done[name].notna().any() and not (incomparable and METRICS[name].of_loss)
    }


def _columns(look: ShownSweep) -> dict[str, str]:
    """Swept field → its column: a swept loss has another name than the metric."""
    there = look.results.columns
    return {name: f"{name}_setting" if f"{name}_setting" in there else name for name in look.sweep.spec.over}


def _titles(look: ShownSweep) -> dict[str, str]:
    """Column of a swept field → the field's title."""
    return {column: FIELD_TEXTS[name].title for name, column in _columns(look).items()}
