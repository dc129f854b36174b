"""Curves of the chosen runs in one chart, seeds folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared.csv_button import csv
from pages.state import resources
from pages.state.run_index import every_run
from pages.text.terms import explain
from pages.text.what_to_notice import what_to_notice
from vae.analysis.sentences import conclusion, together
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS
from vae.figures.comparing import overlaid
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.metrics import METRICS, compared

from .compared_runs import ComparedSetting

# Those that are measured after every epoch; a model's own objective last: it compares with little.
CURVE_MEASURES = {name: METRICS[name].title for name in (*compared(), "loss") if not METRICS[name].test_only}
IN_A_ROW = 2  # figures beside one another
MEASURE = "compare.measure"


@st.cache_data(max_entries=30, show_spinner=False)
def _read(ids: tuple[str, ...], state: tuple) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Histories and test rows of these runs; `state` tells apart what they were when they were read."""
    from vae.store.overview import histories, tested

    return histories(resources.store(), ids), tested(resources.store(), ids)


def read(found: Sequence[ComparedSetting]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Watched histories and test rows of all chosen runs, with the columns name (a letter), seed and group added."""
    runs = [run for setting in found for run in setting.runs]
    # The pulse of a run that has ended moves with what is measured of it.
    states = tuple((run.epoch, run.attempt, run.status, 0 if run.active else run.pulse) for run in runs)
    both = _read(tuple(run.id for run in runs), states)
    about = pd.DataFrame(
        [(run.id, setting.letter, run.config.seed, setting.group) for setting in found for run in setting.runs],
        columns=["id", "name", "seed", "group"],
    )
    history, test = (rows.merge(about, on="id") for rows in both)
    learnt = history.groupby("id")["epoch"].transform("max") > 0
    return history[(history["epoch"] > 0) | ~learnt], test  # the untrained epoch towers over the rest


def panels(
    found: Sequence[ComparedSetting], measure: str, groups: Mapping[str, str]
) -> dict[str, set[tuple[str, str]]]:
    """What may share a pair of axes: title → pairs of letter and variant. Different quantities never do.

    Under different β the objectives of two VAEs are different quantities too, and an AE's is another again.
    """
    shared: dict[str, tuple[str, set[tuple[str, str]]]] = {}  # by what has to be the same
    for setting in found:
        for variant in setting.config.variants if setting.group else ():
            title, key = groups[setting.group], setting.group
            if not METRICS[measure].of_loss:  # the loss, the last word of a group, plays no part
                key = setting.group.rpartition(" ")[0]
                losses = {likelihood.title for likelihood in LIKELIHOODS.values()}
                title = " · ".join(part for part in title.split(" · ") if part not in losses)
            if measure == "loss":
                objective = VARIANT_TITLES[variant] + (f", β {setting.config.beta:g}" if VARIANTS[variant].kl else "")
                title, key = f"{title} · {objective}", f"{key} {objective}"
            if key not in shared and title in [other for other, _ in shared.values()]:
                title += f" ({setting.letter})"  # other images under the same name
            shared.setdefault(key, (title, set()))[1].add((setting.letter, variant))
    return dict(shared.values())


def overlaid_curves(found: Sequence[ComparedSetting]) -> None:
    """Every chosen run, epoch by epoch, on the images it was watched on."""
    from vae.analysis.comparing import over_seeds

    history, _ = read(found)
    groups = every_run().groups
    if history.empty:
        st.caption("None of these runs has finished an epoch yet.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.session_state.setdefault(MEASURE, "reconstruction")
        measure = st.selectbox(
            "Measure",
            list(CURVE_MEASURES),
            format_func=CURVE_MEASURES.__getitem__,
            key=MEASURE,
            persist_state="session",
            width=220,
        )
        present = [name for name in VARIANT_COLOURS if name in set(history["variant"])]
        shown = st.pills(
            "Variants",
            present,
            selection_mode="multi",
            default=present,
            format_func=VARIANT_TITLES.__getitem__,
            key=f"compare.variants.{'.'.join(present)}",
        )
    curves = over_seeds(history[history["variant"].isin(shown)], measure, ("name", "variant"))
    reconstruction = {setting.letter: setting.config.reconstruction for setting in found}
    axes: list[tuple[str, pd.DataFrame]] = []
    columns = st.columns(IN_A_ROW) if len(panels(found, measure, groups)) > 1 else [st.container()]
    for title, pairs in panels(found, measure, groups).items():
        rows = curves[[pair in pairs for pair in zip(curves["name"], curves["variant"], strict=True)]]
        if rows.empty:
            continue
        axis = METRICS[measure].heading(LIKELIHOODS[reconstruction[rows["name"].iloc[0]]].per_image)
        with columns[len(axes) % len(columns)]:
            st.html(f"<div style='font-size:.9rem;opacity:.75'>{escape(title)}</div>")
            figure(
                overlaid(rows, axis),
                key=f"compare.curves.{len(axes)}",
                alt=f"{CURVE_MEASURES[measure]} per epoch: {title}",
            )
        axes.append((title, rows))
    if not axes:
        st.caption("None of the variants shown has this measure.")
        return
    what_to_notice(notice(axes, measure), "curves")
    st.caption(_legend(found, measure))
    with st.container(horizontal=True):
        csv(lambda: curves.assign(measure=measure), f"curves-{measure}")
        explain("nats", "active units")


def _legend(found: Sequence[ComparedSetting], measure: str) -> str:
    said = [
        "Colour and marker show the variant, the line style shows the setting. On validation images (training images "
        "where none are set aside)."
    ]
    if any(len(setting.runs) > 1 for setting in found):
        said.append("Of several seeds the line is the mean; the band reaches from the lowest seed to the highest.")
    if measure == "reconstruction":
        said.append("Variants with noise decode a sample z, the others the mean μ.")
    if measure == "loss":
        said.append(
            "An autoencoder's objective and those of VAEs with different β are different quantities, so each has its "
            "own axes."
        )
    return " ".join(said)


def notice(axes: Sequence[tuple[str, pd.DataFrame]], measure: str) -> str:
    """Where the curves of each pair of axes, title and rows, end: in the order of the settings, which ranks nothing."""
    said = [f"{CURVE_MEASURES[measure]} at the last epoch."]
    for title, curves in axes:
        last = curves.loc[curves.groupby(["name", "variant"])["epoch"].idxmax()].sort_values("name", kind="stable")
        alike = len(set(last["epoch"])) == 1
        parts = []
        for variant in [name for name in VARIANT_COLOURS if name in set(last["variant"])]:
            ends = ", ".join(
                f"{end.name} {end.value:.4g}" + ("" if alike else f" (epoch {end.epoch})")
                for end in last[last["variant"] == variant].itertuples()
            )
            parts.append(f"{VARIANT_TITLES[variant]} {ends}")
        said.append((f"{title}: " if len(axes) > 1 else "") + "; ".join(parts) + ".")
    if measure == "kl":
        said.append("A low KL is not good by itself: a code that says nothing has a KL of 0.")
    several = [curves for _, curves in axes if len(curves[["name", "variant"]].drop_duplicates()) > 1]
    return together(*said, conclusion(min(int(curves["seeds"].min()) for curves in several)) if several else "")
