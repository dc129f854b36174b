"""The same VAE trained with every estimator: curves that land together, or don't."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.sections.the_trick import encoder_gradients
from pages.shared import similar_runs
from pages.shared.csv_button import csv
from pages.shared.which_images import tested, watched
from pages.state import principal_axes, resources
from vae.analysis.expectations import sentence
from vae.analysis.sentences import Quantity, differences, over_seeds, together
from vae.choices.estimators import ESTIMATOR_SETUPS
from vae.choices.likelihoods import LIKELIHOODS
from vae.config import RunConfig
from vae.figures.estimator_comparison import estimator_curves
from vae.figures.trick import ESTIMATOR_TITLES, legend
from vae.metrics import METRICS
from vae.store.runs import Run

POLL = 0.5
SAMPLES = 2  # per image, for every estimator: the least that a leave-one-out baseline takes, and the same for all


def configs(run: Run) -> dict[str, RunConfig]:
    """The run's VAE, by estimator; all else is the same for all four, down to the seed."""
    shared = {"variants": ("vae",), "samples": SAMPLES}
    return {name: run.config.model_copy(update=shared | setup.settings) for name, setup in ESTIMATOR_SETUPS.items()}


def train_all(run: Run, epoch: int) -> None:
    """A button, and the curves of what it has trained; `epoch` is that of the run whose gradients are looked at."""
    wanted = configs(run)
    found = similar_runs.found(wanted)
    if len(found) < len(wanted):
        st.markdown(
            f"One click queues this run's VAE with each estimator: same weights, same batches, {SAMPLES} samples per "
            "image and step for all."
        )
        similar_runs.offer("Train with every estimator", wanted)
    if found:
        active = similar_runs.under_way(wanted.values())
        st.fragment(_panel, run_every=POLL if active else None)(run, epoch, active)


def _panel(run: Run, epoch: int, was_active: bool) -> None:
    found = similar_runs.found(configs(run))
    if was_active and not similar_runs.under_way(configs(run).values()):
        st.rerun()
    histories = []
    for name, trained in found.items():
        current, history = resources.progress(trained.id)
        if current.active:
            st.progress(
                max(current.epoch, 0) / current.config.epochs, text=f"{ESTIMATOR_TITLES[name]}: {current.status}"
            )
        histories.append(history.assign(way=name))
    history = pd.concat(histories, ignore_index=True)
    started = [trained for trained in found.values() if resources.run(trained.id).data]
    if not started:
        return
    data = resources.run(started[0].id).data
    if set(history.loc[history["split"] == "test", "way"]) == set(ESTIMATOR_TITLES):
        encoder_gradients.before(run, epoch, partial(_outcome, run, data, history))
        similar_runs.offer_seeds(list(configs(run).values()), key="race.seeds")
    else:
        _curves(run, data, history)


def _outcome(run: Run, data: dict[str, Any], history: pd.DataFrame) -> None:
    """Once all four have ended."""
    _curves(run, data, history)
    _notice(run, data["floor"]["test"][run.config.reconstruction], history[history["split"] == "test"].set_index("way"))


def _curves(run: Run, data: dict[str, Any], history: pd.DataFrame) -> None:
    floor = data["floor"][data["watched_split"]][run.config.reconstruction]
    curves = history[(history["split"] != "test") & (history["epoch"] > 0)]
    st.html(f"<div>{legend([name for name in ESTIMATOR_TITLES if name in set(history['way'])])}</div>")
    unit = LIKELIHOODS[run.config.reconstruction].per_image
    pca = principal_axes.line(run)
    figure(estimator_curves(curves, floor, unit, run.config.epochs, pca), key="race", alt="Losses with every estimator")
    dashed = "" if pca is None else " Dashed: what PCA costs, with as many numbers as the code."
    st.caption(
        f"Seed {run.config.seed}, means over {watched(run)}. The dotted line is what predicting the mean training "
        f"image costs.{dashed}"
    )
    csv(lambda: history, f"estimators-{run.id}")


def _notice(run: Run, floor: float, ended: pd.DataFrame) -> None:
    unit = LIKELIHOODS[run.config.reconstruction].per_image
    names = {name: METRICS[name].heading(unit) for name in ("loss", "reconstruction", "kl", "active_units")}
    present = [estimator for estimator in ESTIMATOR_TITLES if estimator in ended.index]
    table = ended.loc[present, list(names)].rename(columns=names)
    table.index = pd.Index([ESTIMATOR_TITLES[estimator] for estimator in table.index], name="Estimator")
    st.dataframe(table.map(lambda value: "–" if pd.isna(value) else f"{value:.4g}"), width="stretch")
    above = ended.loc["detached", "reconstruction"] - floor
    quantity = Quantity(f"Loss in {unit}", tested(run))
    # The trick's first: it is expected to be the least.
    values = {ESTIMATOR_TITLES[estimator]: by_seed for estimator, by_seed in _losses(run).items()}
    st.markdown(
        "**What to notice.** Detached, the encoder learns nothing from reconstruction, which ends "
        f"{abs(above):.2f} {'above' if above > 0 else 'below'} the {floor:.2f} of the mean image (seed "
        f"{run.config.seed}). "
        + together(over_seeds(quantity, values), sentence("estimator", differences(quantity, values)))
    )


def _losses(run: Run) -> dict[str, dict[int, float]]:
    """Loss on the test images by estimator and seed, of runs that are done."""
    found: dict[str, dict[int, float]] = {}
    for estimator, config in configs(run).items():
        there = similar_runs.seeds_of(config)
        done = [
            there[seed] for seed in sorted(there, key=lambda seed: seed != run.config.seed) if not there[seed].active
        ]
        found[estimator] = {
            seed_run.config.seed: _test_loss(seed_run.id) for seed_run in done[: similar_runs.MOST_SEEDS]
        }
    return found


def _test_loss(run_id: str) -> float:
    """Of a run with one variant that is done."""
    _, history = resources.progress(run_id)
    return float(history.loc[history["split"] == "test", "loss"].iloc[0])
