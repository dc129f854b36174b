"""The same VAE trained with every estimator: curves that land together, or don't."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from vae.config import RunConfig
from vae.figures.curves import UNITS
from vae.figures.race import race_curves
from vae.figures.trick import WAY_TITLES, legend
from vae.runs.store import Run

from . import kin, resources
from .downloads import csv

POLL = 0.5
SAMPLES = 2  # per image, for every estimator: the least that a leave-one-out baseline takes, and the same for all


def configs(run: Run) -> dict[str, RunConfig]:
    """The run's VAE, by way; all else is the same for all four, down to the seed."""
    from vae.analysis.gradients import WAYS

    shared = {"variants": ("vae",), "samples": SAMPLES}
    return {name: run.config.model_copy(update=shared | vars(way)) for name, way in WAYS.items()}


def train_all(run: Run) -> None:
    """A button, and the curves of what it has trained."""
    wanted = configs(run)
    found = kin.found(wanted)
    if len(found) < len(wanted):
        st.markdown(
            f"One click queues this run's VAE with each estimator: same weights, same batches, {SAMPLES} samples per "
            "image and step for all."
        )
        kin.offer("Train with every estimator", wanted)
    if found:
        active = any(it.active for it in found.values())
        st.fragment(_panel, run_every=POLL if active else None)(run, active)


def _panel(run: Run, was_active: bool) -> None:
    found = kin.found(configs(run))
    if was_active and not any(it.active for it in found.values()):
        st.rerun()
    histories = []
    for name, it in found.items():
        current, history = resources.progress(it.id)
        if current.active:
            st.progress(max(current.epoch, 0) / current.config.epochs, text=f"{WAY_TITLES[name]}: {current.status}")
        histories.append(history.assign(way=name))
    history = pd.concat(histories, ignore_index=True)
    started = [it for it in found.values() if resources.run(it.id).data]
    if not started:
        return
    data = resources.run(started[0].id).data
    floor = data["floor"][data["watched_split"]][run.config.reconstruction]
    watched = history[(history["split"] != "test") & (history["epoch"] > 0)]
    st.html(f"<div>{legend(list(found))}</div>")
    unit = UNITS[run.config.reconstruction]
    figure(race_curves(watched, floor, unit, run.config.epochs), key="race", alt="Losses with every estimator")
    st.caption(
        f"{run.watched_images.capitalize()} images. The dotted line is what predicting the mean training image costs."
    )
    csv(lambda: history, f"estimators-{run.id}")
    ended = history[history["split"] == "test"].set_index("way")
    if len(ended) == len(WAY_TITLES):
        _notice(ended, data["floor"]["test"][run.config.reconstruction], unit)


def _notice(ended: pd.DataFrame, floor: float, unit: str) -> None:
    names = {
        "loss": f"Loss ({unit})",
        "reconstruction": "Reconstruction",
        "kl": "KL (nats)",
        "active_units": "Active units",
    }
    table = ended.loc[[way for way in WAY_TITLES if way in ended.index], list(names)].rename(columns=names)
    table.index = pd.Index([WAY_TITLES[way] for way in table.index], name="Estimator")
    st.dataframe(table.map(lambda value: "–" if pd.isna(value) else f"{value:.4g}"), width="stretch")
    order = ", ".join(f"{WAY_TITLES[way]} {loss:.2f}" for way, loss in ended["loss"].sort_values().items())
    loss, above = ended["loss"], ended.loc["detached", "reconstruction"] - floor
    beside = " and ".join(
        f"{loss[way] - loss['pathwise']:+.2f} {words}"
        for way, words in (("score_function", "by the score function"), ("score_function_loo", "with its baseline"))
    )
    st.markdown(
        f"**What to notice.** Loss on the test images after the same epochs, least first: {order}. Beside the trick "
        f"that is {beside}. Detached, the encoder learns nothing from reconstruction, which ends {abs(above):.2f} "
        f"{'above' if above > 0 else 'below'} the {floor:.2f} of the mean image. One seed only."
    )
