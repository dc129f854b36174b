"""Many paths between images, over seeds: how much longer than straight, and what the article leads us to expect."""

from __future__ import annotations

import numpy as np
import streamlit as st

from pages.shared import similar_runs
from pages.state import loaded_models
from vae.analysis.expectations import sentence
from vae.analysis.sentences import Quantity, differences, over_seeds, together
from vae.figures.style import VARIANT_TITLES
from vae.store.runs import Run

from . import generated_images

POLL = 0.5


def many_paths(run: Run, epoch: int) -> None:
    """One path is one path: the mean over many pairs of images, in every seed there is. Polls while one is trained."""
    if {"ae", "vae"} <= set(run.config.variants) and len(loaded_models.watched(run.id).x) > 1:
        active = similar_runs.under_way([run.config])
        st.fragment(_panel, run_every=POLL if active else None)(run, epoch, active)


def _panel(run: Run, epoch: int, was_active: bool) -> None:
    if was_active and not similar_runs.under_way([run.config]):
        st.rerun()
    by_seed = _by_seed(run, epoch)
    pairs = min(len(ratios["ae"]) for ratios in by_seed.values())
    quantity = Quantity(
        "Path length ÷ straight distance", f"straight lines between {pairs} pairs of {run.watched_images} images"
    )
    values = {
        VARIANT_TITLES[name]: {seed: _mean(ratios[name]) for seed, ratios in by_seed.items()} for name in ("vae", "ae")
    }
    st.markdown(
        "**Over many paths.** "
        + together(
            over_seeds(quantity, values),
            sentence("path", {"": differences(quantity, values).get(VARIANT_TITLES["ae"])}),
        )
    )
    if run.status == "done":
        similar_runs.offer_seeds([run.config], key="sampling.seeds")


def _mean(ratios: np.ndarray) -> float:
    """Of the paths that lead from one picture to another; NaN where a collapsed model has none."""
    there = ratios[np.isfinite(ratios)]
    return float(there.mean()) if len(there) else float("nan")


def _by_seed(run: Run, epoch: int) -> dict[int, dict[str, np.ndarray]]:
    """`generated_images.detours` of this run and of those that are done and differ from it in their seed alone."""
    others = [
        other
        for seed, other in similar_runs.seeds_of(run.config).items()
        if seed != run.config.seed and other.status == "done"
    ]
    at = {other.id: similar_runs.epoch_of(other, run, epoch) for other in [run, *others]}
    family = [run, *(other for other in others if at[other.id] in loaded_models.kept_epochs(other.id, other.epoch))]
    return {
        member.config.seed: generated_images.detours(member.id, at[member.id])
        for member in family[: similar_runs.MOST_SEEDS]
    }
