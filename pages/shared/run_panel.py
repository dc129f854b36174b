"""A run, live or replayed: the same panel on every page that shows one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.components.scale_switch import scale_switch
from pages.state import resources
from pages.state.outage_banner import banner
from pages.text.escape_markdown import escape_markdown
from pages.text.words import duration
from pages.visitors import actions
from vae.analysis.sentences import Quantity, listed
from vae.choices.likelihoods import LIKELIHOODS
from vae.errors import InputError
from vae.figures.curves import loss_curves, shared_ranges
from vae.figures.latent import latent_scatter, plane_title, prior_of
from vae.figures.style import VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.tiles import tile_rows
from vae.metrics import METRICS, compared
from vae.store.runs import Run

from . import code_windows, epochs, which_ingredient
from .csv_button import csv
from .export_panel import take_home
from .image_strips import inline_png
from .share_link import link
from .time_estimates import time_left, waiting_time
from .which_images import decoded, tested, watched

POLL = 0.5  # seconds between looks at a run that is being trained, or is next
PATIENTLY = 2.0  # at one that waits behind others: a class that waits must not slow down those who look around
IMAGES_IN_A_ROW = 10

LINK_TOLD = "Opens this run. A server that does not have it offers to train it, with the same settings and seed."
BADGES: dict[str, tuple[str, Literal["gray", "violet", "green", "yellow", "red"]]] = {
    "queued": (":material/hourglass_top:", "gray"),
    "running": (":material/play_arrow:", "violet"),
    "done": (":material/check:", "green"),
    "stopped": (":material/stop:", "yellow"),
    "interrupted": (":material/power_off:", "yellow"),
    "failed": (":material/error:", "red"),
}


def run_panel(run_id: str) -> None:
    """Status, progress, one epoch slider, and both variants side by side. Polls only while the run is under way."""
    run = resources.run(run_id)
    which_ingredient.answer(run)
    every = POLL if epochs.replaying(run_id) else _pace(run)
    st.fragment(_panel, run_every=every)(run_id, _pace(run))


def _pace(run: Run) -> float | None:
    """Seconds between looks; None once it has ended."""
    if not run.active:
        return None
    return PATIENTLY if resources.places().get(run.id, 0) > resources.jobs().workers else POLL


def _panel(run_id: str, pace: float | None) -> None:
    run, history = resources.progress(run_id)
    if pace and _pace(run) != pace:
        if not run.active:
            resources.forget()
        st.rerun()  # once more as a whole, and then in its new pace, or without polling
    _header(run)
    if run.epoch < 0:
        if run.active:
            st.skeleton(height=380)
        return
    shown = epochs.slider(run)
    curves = history[(history["split"] != "test") & (history["epoch"] <= run.epoch)]
    _side_by_side(run, curves, shown)
    st.markdown(_notice(run, curves[curves["epoch"] == shown].set_index("variant"), resources.snapshot(run.id, shown)))
    if not run.active:
        csv(lambda: history, f"history-{run.id}", "CSV of all epochs")
    if run.status == "done":
        _test_table(run, history[history["split"] == "test"])
        take_home([run])


def _header(run: Run) -> None:
    icon, colour = BADGES[run.status]
    with st.container(horizontal=True, vertical_alignment="center", key="run_header"):
        st.badge(run.status, icon=icon, color=colour)
        st.markdown(f"**{escape_markdown(run.name)}**  ·  run `{run.id}`")
        pressed = _stop_or_resume(run)
        link("train", run.config.query(), LINK_TOLD)
    if pressed:
        try:
            pressed(run.id)
        except InputError as problem:
            st.error(str(problem))
        else:
            st.rerun()
    if run.error:
        (st.error if run.status == "failed" else st.info)(run.error)
    if run.active:
        banner()
        st.progress(max(run.epoch, 0) / run.config.epochs, text=_progress_text(run))


def _stop_or_resume(run: Run) -> Callable[[str], None] | None:
    """A button that stops a run or resumes it; what it does, when it was pressed."""
    if run.active:
        reason, label = actions.refusal(run.visitor, "run", "stop it"), "Stopping…" if run.stop_requested else "Stop"
        refused = run.stop_requested or reason is not None
        if st.button(label, icon=":material/stop:", disabled=refused, help=reason, key="stop"):
            return actions.stop
    elif run.resumable:
        reason = actions.refusal(run.visitor, "run", "resume it")
        shown: dict[str, Any] = {
            "icon": ":material/resume:",
            "type": "primary",
            "disabled": reason is not None,
            "help": reason,
        }
        if st.button("Resume", key="resume", **shown):
            return actions.resume
    return None


def _progress_text(run: Run) -> str:
    if run.status == "queued":
        place, wait = resources.places().get(run.id), waiting_time(run.id)
        if not place:
            return "Starting…"
        about = "" if not wait else f", about {duration(wait)}"
        return f"Waiting for a free worker: number {place} in the queue{about}."
    if run.epoch < 1:
        return "Starting…"
    return f"Epoch {run.epoch} of {run.config.epochs} · about {duration(time_left(run))} left"


def _side_by_side(run: Run, history: pd.DataFrame, epoch: int) -> None:
    """Row by row, so that on a phone each picture of the AE is followed by the same one of the VAE."""
    config, data = run.config, run.data
    pictures, images = resources.snapshot(run.id, epoch), resources.originals(run.id)
    floor = data["floor"][data["watched_split"]][config.reconstruction]
    ranges = shared_ranges(history, floor)
    variants, windows = config.variants, code_windows.of_run(run, epoch)
    if len(variants) > 1:
        scale_switch("scale.run")
    for column, variant in zip(st.columns(len(variants)), variants, strict=True):
        with column:
            _title(variant)
            _figures_now(history, variant, epoch)
            share, prior = float(pictures[variant]["plane_share"][0]), prior_of(pictures[variant], config.latent_dim)
            st.caption(
                f"Means over {watched(run)}. {plane_title(config.latent_dim, share, prior)}, of "
                f"{watched(run, len(images['labels']))}"
            )
            drawing = latent_scatter(
                pictures[variant]["codes"],
                images["labels"],
                data["classes"],
                config.latent_dim,
                windows[variant],
                prior,
            )
            figure(drawing, key=f"latent.{variant}", alt=f"Codes of the {VARIANT_TITLES[variant]}")
    for column, variant in zip(st.columns(len(variants)), variants, strict=True):
        with column:
            drawing = loss_curves(history, variant, config.reconstruction, floor, ranges, config.epochs, epoch)
            figure(drawing, key=f"curves.{variant}", alt=f"Losses of the {VARIANT_TITLES[variant]}")
    for column, variant in zip(st.columns(len(variants)), variants, strict=True):
        with column:
            _reconstructions(images["images"], pictures[variant], run.shape, variant)


def _notice(run: Run, rows: pd.DataFrame, pictures: dict[str, dict[str, np.ndarray]]) -> str:
    """What the numbers of this epoch say, whichever way they come out. `rows`: metrics of the epoch, by variant."""
    variants = run.config.variants
    spreads = {name: pictures[name]["codes"].astype(np.float64).std(axis=0) for name in variants}  # (2,) each
    if run.config.latent_dim == 1:
        spreads = {name: spread[:1] for name, spread in spreads.items()}
    along = ", ".join(
        f"{VARIANT_TITLES[name]} {' × '.join(f'{value:.3g}' for value in spread)}" for name, spread in spreads.items()
    )
    said = [f"Standard deviation of the codes along the axes shown: {along}."]
    if len(variants) > 1:
        rebuilt = {decoded(name): float(rows.loc[name, "reconstruction"]) for name in variants}
        quantity = Quantity(f"Reconstruction in {LIKELIHOODS[run.config.reconstruction].per_image}", watched(run))
        said.append(listed(quantity, rebuilt, seeds=1))
    for name in variants:
        if rows.loc[name, "epoch"] > 0 and rows.loc[name, "active_units"] == 0:
            said.append(f":red[{VARIANT_TITLES[name]}: no latent dimension is in use, so its code has collapsed.]")
    return "**What to notice.** " + " ".join(said)


def _title(variant: str) -> None:
    colour = VARIANT_COLOURS[variant]
    st.html(
        f'<div style="border-top:4px solid {colour};padding-top:.35rem;font-size:1.15rem;font-weight:600">'
        f"{VARIANT_TITLES[variant]}</div>"
    )


def _figures_now(history: pd.DataFrame, variant: str, epoch: int) -> None:
    row = history[(history["variant"] == variant) & (history["epoch"] == epoch)].iloc[0]
    parts = [f"reconstruction **{row.reconstruction:.1f}**"]
    if pd.notna(row.kl):
        parts.append(f"KL **{row.kl:.2f}**")
    parts.append(f"{int(row.active_units)} active unit{'' if row.active_units == 1 else 's'}")
    st.markdown("  ·  ".join(parts))


def _reconstructions(originals: np.ndarray, pictures: dict, shape: tuple[int, int, int], variant: str) -> None:
    rows, names = [originals, pictures["from_mean"]], ["originals", "from the mean μ"]
    if "from_sample" in pictures:
        rows.append(pictures["from_sample"])
        names.append("from a sample z")
    elif variant == "ae":
        names[1] = "reconstructions"
    columns = min(IMAGES_IN_A_ROW, len(originals))
    wrong = [f"{name} {_rmse(originals, row):.3f}" for name, row in zip(names[1:], rows[1:], strict=True)]
    alt = f"{VARIANT_TITLES[variant]}: {', '.join(names)}, {columns} images each. Pixel RMSE {', '.join(wrong)}"
    st.html(inline_png(tile_rows(rows, shape, columns), alt))
    st.caption("Rows: " + " · ".join(names) + ".")


def _rmse(a: np.ndarray, b: np.ndarray) -> float:
    """Of grey levels from 0 to 1, kept as uint8, in the images that are shown."""
    apart = a[:IMAGES_IN_A_ROW].astype(np.float32) - b[:IMAGES_IN_A_ROW].astype(np.float32)
    return float(np.sqrt(np.square(apart / 255).mean()))


def _test_table(run: Run, test: pd.DataFrame) -> None:
    """The test split, reported once, at the end."""
    st.header("On the test images", divider="gray")
    likelihood = LIKELIHOODS[run.config.reconstruction]
    table = test.set_index("variant").loc[list(run.config.variants)]
    table.index = pd.Index([VARIANT_TITLES[name] for name in table.index], name="Model")
    names = {name: METRICS[name].heading(likelihood.per_image) for name in compared()}
    table = table[list(names)].rename(columns=names).map(lambda value: "–" if pd.isna(value) else f"{value:.4g}")
    st.dataframe(table, width="stretch")
    floor = run.data["floor"]["test"]
    st.caption(
        f"Means over {tested(run)}, not used to choose anything. Predicting the mean training image costs "
        f"{floor[run.config.reconstruction]:.2f} ({likelihood.per_image}) or an MSE of {floor['mse']:.4f}. An "
        "autoencoder's reconstruction and a VAE's objective are different quantities: compare reconstructions, not "
        "losses."
    )
