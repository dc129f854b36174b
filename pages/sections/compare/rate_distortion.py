"""Rate against distortion of all comparable runs: which settings are not worse than another one in both?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared import similar_runs
from pages.shared.csv_button import csv
from pages.state import resources
from pages.state.run_index import EveryRun, every_run
from pages.text.what_to_notice import what_to_notice
from pages.text.words import plural
from vae.analysis.intervals import SEEDS_FOR_A_VERDICT
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS
from vae.figures.comparing import plane
from vae.figures.style import VARIANT_COLOURS, VARIANT_MARKS, VARIANT_TITLES
from vae.store.runs import Run

from .compared_runs import ComparedSetting

ALEMI = "[Alemi et al. 2018](https://arxiv.org/abs/1711.00464)"


def frontier(found: Sequence[ComparedSetting]) -> None:
    """The plane, with the chosen settings named."""
    letters = {setting.runs[0].id: setting.letter for setting in found}
    every = every_run()
    groups = every.groups
    if not groups:
        st.caption("No run has finished an epoch yet.")
        return
    group = next(iter(groups))
    if len(groups) > 1:
        chosen_groups = [every.runs["group"].iloc[every.place[run_id]] for run_id in letters if run_id in every.place]
        names = list(groups)
        first = next((names.index(name) for name in chosen_groups if name in groups), 0)
        group = st.selectbox(
            "Runs of",
            names,
            index=first,
            format_func=groups.__getitem__,
            key=f"compare.plane.{first}.{len(names)}",
            width=320,
            help="Only runs with the same data set, validation images and reconstruction loss can be compared.",
        )
    rows = in_group(every, group)
    if rows.empty:
        st.caption("None of these runs has finished an epoch yet.")
        return
    if len(set(rows["settings"])) == 1 and "vae" in set(rows["variant"]):
        _one_setting(resources.run(rows["id"].iloc[0]))
        return
    present = [name for name in VARIANT_COLOURS if name in set(rows["variant"])]
    if len(present) > 1:
        shown = st.pills(
            "Variants",
            present,
            selection_mode="multi",
            default=present,
            format_func=VARIANT_TITLES.__getitem__,
            key=f"compare.plane.variants.{'.'.join(present)}",
            width="content",
        )
        rows = rows[rows["variant"].isin(shown or present)]
    from vae.analysis.comparing import rate_distortion

    folded = rate_distortion(rows)
    named = {row.settings: letters[row.id] for row in rows.itertuples() if row.id in letters}
    words = describe(every.runs[every.runs["group"] == group])
    reconstruction = every.runs.loc[every.runs["group"] == group, "reconstruction"].iloc[0]
    _legend(folded)
    figure(
        plane(folded, rows, words, named, LIKELIHOODS[reconstruction].per_image),
        key="compare.plane",
        alt="Reconstruction against KL, all runs, with the Pareto front",
    )
    what_to_notice(notice(folded, words_of_front(every.runs)), "front")
    st.caption(
        "On **validation** images (training images where none are set aside), at each run's last epoch. Large points: "
        "settings, means over seeds. Small points: single seeds. Dotted line: the Pareto front, where no other setting "
        f"has both a lower rate and a lower distortion. Rate: KL; distortion: reconstruction loss ({ALEMI})."
    )
    csv(lambda: front_table(folded, every.runs), "rate-distortion")


def _one_setting(run: Run) -> None:
    """Why there is no curve yet, and what makes one."""
    betas = ", ".join(f"{beta:g}" for beta in similar_runs.BETAS)
    st.markdown(
        "All these runs have the same settings (apart from the seed): one point, not a curve. Each β gives another "
        f"trade-off between reconstruction and KL. Train this VAE with β = {betas} to see them."
    )
    similar_runs.offer("Train with every β", similar_runs.with_every_beta(run))


def in_group(every: EveryRun, group: str) -> pd.DataFrame:
    """The group's points, trained for an epoch at least, with the settings of their runs."""
    about = every.runs.loc[every.runs["group"] == group, ["id", "settings"]]
    return every.points[every.points["epoch"] > 0].merge(about, on="id")


def describe(runs: pd.DataFrame) -> dict[str, str]:
    """What the pointer says of settings: what a reader would ask first, and the name where there is one run."""
    said = {}
    for settings, rows in runs.groupby("settings", sort=False):
        run = rows.iloc[0]
        said[settings] = (
            f"{run['name']} · run {run['id']}"
            if len(rows) == 1
            else f"{_short(run)} · {run['hidden'] or 'no hidden layer'}"
        )
    return said


def words_of_front(runs: pd.DataFrame) -> dict[str, str]:
    """Settings in a few words that come from no visitor."""
    return {run["settings"]: _short(run) for _, run in runs.drop_duplicates("settings").iterrows()}


def _short(run: pd.Series) -> str:
    return f"{run['latent_dim']}-D, β {run['beta']:g}"


def front_table(folded: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The plane in numbers, with the settings as columns, and the test numbers beside those of the validation."""
    about = ["dataset", "reconstruction", "latent_dim", "hidden", "beta", "epochs", "estimator"]
    named = runs.drop_duplicates("settings")[["settings", *about]].rename(columns={"reconstruction": "loss"})
    tests = [
        runs.groupby("settings")[[f"{variant}_test_kl", f"{variant}_test_reconstruction"]]
        .mean()
        .set_axis(["test_rate", "test_distortion"], axis=1)
        .reset_index()
        .assign(variant=variant)
        for variant in ("ae", "vae")
    ]
    with_test = folded.merge(pd.concat(tests), on=["settings", "variant"], how="left")
    return with_test.merge(named, on="settings").drop(columns=["settings"])


def _legend(folded: pd.DataFrame) -> None:
    said = [
        f"<span style='color:{VARIANT_COLOURS[name]};font-weight:600'>{VARIANT_MARKS[name]}</span> "
        + VARIANT_TITLES[name]
        + (
            ""
            if VARIANTS[name].noise and VARIANTS[name].has_logvar
            else " (decodes the mean: not part of the front)"
            if VARIANTS[name].has_logvar
            else " (no rate: at the right edge)"
        )
        for name in VARIANT_COLOURS
        if name in set(folded["variant"])
    ]
    st.html(f"<div style='font-size:.9rem'>{' &nbsp;&nbsp; '.join(said)}</div>")


def notice(folded: pd.DataFrame, words: Mapping[str, str]) -> str:
    """The front in numbers, whichever way they come out."""
    rated = folded[folded["samples"] & folded["rate"].notna()]
    if rated.empty:
        return "No variant here samples its code, so none has a rate, and there is no front."
    front = rated[rated["front"]].sort_values("rate")
    low, high = front.iloc[0], front.iloc[-1]
    said = [
        f"{len(front)} of {plural(len(rated), 'point')} with a rate {'is' if len(front) == 1 else 'are'} on the front."
    ]
    if len(front) > 1:
        said.append(
            f"It runs from a KL of {low['rate']:.2f} and a reconstruction of {low['distortion']:.2f} "
            f"({words[low['settings']]}) to {high['rate']:.2f} and {high['distortion']:.2f} "
            f"({words[high['settings']]})."
        )
    total = rated["rate"] + rated["distortion"]
    least = rated.loc[total.idxmin()]
    said.append(
        f"The lowest sum of both, the bound at β = 1, is {total.min():.2f} "
        f"({words[least['settings']]}, {plural(int(least['seeds']), 'seed')})."
    )
    seeds = int(rated["seeds"].min())
    autoencoders = folded[folded["variant"] == "ae"]
    if len(autoencoders):
        lowest = autoencoders.loc[autoencoders["distortion"].idxmin()]
        seeds = min(seeds, int(autoencoders["seeds"].min()))
        gap = lowest["distortion"] - rated["distortion"].min()
        said.append(
            f"The lowest reconstruction of an autoencoder (it has no KL cost) is {lowest['distortion']:.2f}: "
            + (
                f"{abs(gap):.2f} {'above' if gap > 0 else 'below'}"
                if f"{gap:.2f}" not in ("0.00", "-0.00")
                else "equal to"
            )
            + " the lowest with a rate."
        )
    if len(folded) > 1 and seeds < SEEDS_FOR_A_VERDICT:
        said.append(f"Some of these have {plural(seeds, 'seed')} only: not enough to conclude.")
    return " ".join(said)
