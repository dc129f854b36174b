"""Codes against the factors that images were made from: scores for each β, and what each dimension does."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared import similar_runs
from pages.shared.csv_button import csv
from pages.state import background_measurements, loaded_models, resources
from vae.analysis.sentences import conclusion
from vae.choices.variants import VARIANTS
from vae.datasets import DATASETS
from vae.figures.factors import SCORE_TITLES, scores_by_beta
from vae.figures.style import VARIANT_TITLES
from vae.store.runs import Run

from .dimension_traversals import every_dimension

POLL = 0.5


def known_factors(run: Run, epoch: int) -> None:
    """Scores and traversals where the factors are known; else one sentence on where they are."""
    names = resources.dataset(run.config.dataset).factors
    if not names:
        titles = " or ".join(f"**{dataset.title}**" for dataset in DATASETS.values() if dataset.factors)
        st.markdown(
            f"That can be scored where it is known what the images were made from: choose the data set {titles} on the "
            "Train page."
        )
        return
    st.markdown(
        f"Each of these images was made from {len(names)} factors: {', '.join(names)}. Does each of them have a "
        "dimension of the code to itself, and does β help?"
    )
    family = _family(run)
    if not family:
        st.info("This run holds no variational autoencoder: choose one that does.")
        return
    waiting = _waiting(family, _states(run, family, epoch))
    st.fragment(_scores, run_every=POLL if waiting else None)(run, epoch, waiting)
    at = {beta: similar_runs.epoch_of(member, run, epoch) for beta, member in family.items()}
    there = {beta: (member.id, at[beta]) for beta, member in family.items() if _has(member, at[beta])}
    if there:
        st.fragment(every_dimension)(run, there)


def _family(run: Run) -> dict[float, Run]:
    """Runs with this VAE by β: this one, and those of the sweep that are there, all of one seed."""
    this_one = {run.config.beta: run} if "vae" in run.config.variants else {}
    return dict(sorted((similar_runs.found(similar_runs.with_every_beta(run)) | this_one).items()))


def _has(run: Run, epoch: int) -> bool:
    return run.epoch >= 0 and epoch in loaded_models.kept_epochs(run.id, run.epoch)


def _states(run: Run, family: dict[float, Run], epoch: int) -> dict[float, background_measurements.Measurement]:
    """Measurements of the members that have the epoch that goes with this run's, by β."""
    at = {beta: similar_runs.epoch_of(member, run, epoch) for beta, member in family.items()}
    return {
        beta: background_measurements.of("disentanglement", member.id, at[beta])
        for beta, member in family.items()
        if _has(member, at[beta])
    }


def _waiting(family: dict[float, Run], states: dict[float, background_measurements.Measurement]) -> bool:
    unfinished = any(state.table is None and not state.problem for state in states.values())
    return unfinished or any(run.active for run in family.values())


def _scores(run: Run, epoch: int, was_waiting: bool) -> None:
    """Polls only while something is trained or measured."""
    family = _family(run)
    states = _states(run, family, epoch)
    if was_waiting and not _waiting(family, states):
        st.rerun()  # once more as a whole, and then without polling
    for beta, state in states.items():
        if state.problem:
            st.error(f"β = {beta:g}: {state.problem}")
            if st.button("Try again", key=f"factors.again.{beta:g}"):
                background_measurements.forget_failed(
                    "disentanglement", family[beta].id, similar_runs.epoch_of(family[beta], run, epoch)
                )
                st.rerun()
        elif state.table is None:
            st.progress(state.share, text=f"β = {beta:g}: {state.what}")
    for beta, member in family.items():
        if beta not in states:
            st.caption(f"β = {beta:g}: {_lacking(member, epoch)}.")
    tables = {beta: state.table.assign(beta=beta) for beta, state in states.items() if state.table is not None}
    if not tables:
        return
    whole = pd.concat(tables.values(), ignore_index=True)
    vae = whole[whole["variant"] == "vae"]
    left, right = st.columns(2, gap="medium")
    with left:
        st.dataframe(_shown(whole), hide_index=True, width="stretch")
        st.markdown(f"**What to notice.** {notice(vae)}")
        with st.popover("How is it measured?", type="tertiary"):
            alike = all(similar_runs.epoch_of(member, run, epoch) == epoch for member in family.values())
            of = f"epoch {epoch}" if alike else "its last epoch"
            st.markdown(_measured(whole, vae, of, resources.dataset(run.config.dataset).grid))
    with right:
        figure(scores_by_beta(vae), key="factors", alt="Scores of the codes against the known factors, by β")
    csv(lambda: whole.drop(columns="beta").assign(beta=_paid(whole)), f"disentanglement-{run.id}-epoch-{epoch}")


def _measured(whole: pd.DataFrame, vae: pd.DataFrame, epoch: str, grid: str) -> str:
    chance = vae.groupby("score")["chance"].max()
    return (
        f"Of the encoder at {epoch}, on all {whole['n'].iloc[0]:,} images, also those that it did not learn "
        f"from: {grid}.\n\n"
        "**MIG**: the gap between the two dimensions that know most about a factor, as a share of its entropy, "
        "averaged over factors. Histograms of 20 bins; of the means μ, and of one sample z for each image. "
        "Chen et al. 2018, arXiv 1802.04942.\n\n"
        "**FactorVAE score**: how often the dimension that varies least tells which factor was held fixed. Of the "
        "means. Kim and Mnih 2018, arXiv 1802.05983.\n\n"
        f"Both are 1 at best; their scales differ. Dotted: by chance, MIG at most {chance['mig']:.4f} and FactorVAE "
        f"{chance['factor_vae']:.2f}. MIG of means also counts what the noise hides from the decoder; MIG of samples "
        "doesn't. No score sees what the pictures have lost: look at them under Other β."
    )


def _lacking(run: Run, epoch: int) -> str:
    if run.status == "queued":
        return "waiting for a worker"
    return f"training, epoch {max(run.epoch, 0)}" if run.active else f"no weights of epoch {epoch} were kept"


def _paid(table: pd.DataFrame) -> pd.Series:
    """What each row's variant pays for a nat of KL; nothing where it pays none."""
    return table["beta"].where(table["variant"].map(lambda name: VARIANTS[name].kl))


def _shown(whole: pd.DataFrame) -> pd.DataFrame:
    """One row per variant and β, one column per score: this run's other variants first, then the VAE by β."""
    found: dict[bool, list[dict[str, str]]] = {False: [], True: []}
    for (beta, name), rows in whole.groupby(["beta", "variant"], sort=False):
        short = "VAE" if name == "vae" else VARIANT_TITLES[name]
        title = f"{short}, β = {beta:g}" if VARIANTS[name].kl else short
        values = rows.set_index(["score", "codes"])["value"]
        cells = {said: f"{values[key]:.3f}" if key in values else "–" for key, said in SCORE_TITLES.items()}
        found[name == "vae"].append({"Codes of": title} | cells)
    return pd.DataFrame(found[False] + found[True])


def notice(vae: pd.DataFrame) -> str:
    """Where each score is highest, in the digits shown, whichever way they come out.

    `vae`: rows of `disentangle.scores` with beta, of one seed.
    """
    said, highest = [], []
    for (score, codes), title in SCORE_TITLES.items():
        values = vae[(vae["score"] == score) & (vae["codes"] == codes)].set_index("beta")["value"].round(3)
        at = [float(beta) for beta in values.index[values == values.max()]]
        if len(at) > 1 or len(values) == 1:
            said.append(f"{title}: {values.max():.3f}" + f" at {_betas(at)}" * (len(values) > len(at)))
            continue
        low = values.idxmin()
        highest += at
        said.append(f"{title}: {values.max():.3f} at β = {at[0]:g}, down to {values[low]:.3f} at β = {low:g}")
    listed = f"In this one seed, {'; '.join(said)}."
    if len(set(vae["beta"])) == 1:
        return f"{listed} {conclusion(1)} Train with every β, under Other β, to compare."
    if len(set(highest)) > 1:
        told = "The scores are highest at different β."
    elif len(highest) == len(SCORE_TITLES):
        told = "The scores are highest at the same β."
    else:
        told = "Not every score is highest at a single β." if highest else "No score tells one β from another."
    return f"{listed} {told} {conclusion(1)} Another score may judge otherwise."


def _betas(found: list[float]) -> str:
    return ", ".join(f"β = {beta:g}" for beta in found)
