"""A sweep, live or ended: what is done, what it shows, and Optuna's own plots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from pages.shared.csv_button import csv
from pages.shared.export_panel import take_home
from pages.shared.run_panel import BADGES
from pages.shared.share_link import link
from pages.shared.time_estimates import time_left_together
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from pages.text.words import duration, plural
from pages.visitors import actions
from vae.analysis.effects import in_words, steps, with_intervals
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS
from vae.config import FIELD_TEXTS, RunConfig
from vae.errors import InputError
from vae.figures.style import VARIANT_TITLES
from vae.figures.sweeps import against, drawn_points
from vae.metrics import METRICS, compared
from vae.store.runs import ACTIVE
from vae.sweeps import stored
from vae.sweeps.spec import SAMPLERS, Range, SweepSpec
from vae.sweeps.stored import Sweep

from .form import ASKED, KEY, link_to
from .points import optuna_view, points_table

POLL = 1.0
SWEEPS_OFFERED = 40  # sweeps offered
FRESH = 0.4
SPLITS = {"watched": "validation images", "test": "test images"}


@st.cache_resource(ttl=FRESH, show_spinner=False)
def _listed() -> list[Sweep]:
    return stored.listed(resources.store(), SWEEPS_OFFERED)


@st.cache_resource(ttl=FRESH, max_entries=10, show_spinner=False)
def _read(sweep_id: str) -> tuple[Sweep, list[Any], list[stored.Member], pd.DataFrame]:
    """A sweep, its points, its runs and their results; never changed."""
    from vae.sweeps.driver import params_by_number, points

    sweep = stored.find(resources.store(), sweep_id)
    trials = points(resources.store(), sweep)
    members = stored.members(resources.store(), sweep_id)
    return sweep, trials, members, stored.results(resources.store(), sweep_id, params_by_number(trials))


def chosen_sweep() -> None:
    """The sweep of the link, or one chosen among the newest."""
    there = {sweep.id: sweep for sweep in _listed()}
    chosen = st.query_params.get(KEY)
    if chosen and chosen not in there:
        try:
            there = {chosen: stored.find(resources.store(), chosen), **there}
        except InputError as problem:
            st.warning(escape_markdown(str(problem)))
            st.query_params.pop(KEY, None)
            chosen = None
    if not there:
        st.info("No sweep yet: press one of the buttons above.", icon=":material/grid_view:")
        return
    st.session_state["picked_sweep"] = chosen or next(iter(there))
    picked = st.selectbox(
        "Sweep",
        list(there),
        format_func=lambda name: f"{there[name].name} · {there[name].created_at:%d %b, %H:%M} UTC · {name}",
        key="picked_sweep",
        on_change=lambda: st.query_params.update({KEY: st.session_state["picked_sweep"]}),
    )
    running = there[picked].status == "running"
    st.fragment(_panel, run_every=POLL if running else None)(picked, running)


def _panel(sweep_id: str, was_running: bool) -> None:
    sweep, trials, members, results = _read(sweep_id)
    if was_running and sweep.status != "running":
        _listed.clear()
        resources.forget()
        st.rerun()
    _header(sweep, trials, members)
    done = results[results["status"] == "done"]
    if done.empty:
        st.skeleton(height=320) if sweep.status == "running" else st.info("No run of this sweep has ended well.")
        return
    _effects(sweep, done)
    points_table(sweep, trials, results)
    if sweep.status != "running":
        take_home([resources.run(member.run_id) for member in members if member.status == "done"])
    optuna_view(sweep, trials)


def _header(sweep: Sweep, trials: list[Any], members: list[stored.Member]) -> None:
    icon, colour = BADGES[sweep.status]
    ended = sum(member.status == "done" for member in members)
    total = sweep.spec.size * sweep.spec.seeds
    with st.container(horizontal=True, vertical_alignment="center", key="sweep_header"):
        st.badge(sweep.status, icon=icon, color=colour)
        st.markdown(f"**{ended} of {total} runs done**")
        st.caption(_what(sweep))
        pressed = _stop_or_resume(sweep, trials)
        link("sweeps", {ASKED: link_to(sweep.spec)}, "This sweep's settings, to be run anywhere.")
    if pressed:
        try:
            pressed(sweep)
        except InputError as problem:
            st.error(str(problem))
        else:
            _changed()
    if sweep.error:
        st.error(escape_markdown(sweep.error))
    if sweep.status == "running":
        to_come = _to_come(sweep, trials, members)
        share = 1 - sum(share for _, share in to_come) / total
        st.progress(min(1.0, max(0.0, share)), text=f"about {duration(time_left_together(to_come))} left")
    _lost(trials)


def _lost(trials: list[Any]) -> None:
    """Points that have no values, each with its reason."""
    from vae.sweeps.driver import lost, reason_of

    failed = lost(trials)
    if not failed:
        return
    title = f"{len(failed)} of {plural(len(trials), 'point')} failed or were given up"
    with st.expander(title, icon=":material/error:"):
        for trial in failed:
            st.markdown(escape_markdown(f"Point {trial.number} ({_params(trial.params)}): {reason_of(trial)}"))


def _to_come(sweep: Sweep, trials: list[Any], members: list[stored.Member]) -> list[tuple[RunConfig, float]]:
    """Runs that are not over, those of points still to be chosen included: config, and the share of epochs to come."""
    spec, params = sweep.spec, {trial.number: trial.params for trial in trials}
    to_come = []
    for member in members:
        if member.status in ACTIVE:
            config = spec.config(params.get(member.number, {}), member.seed)
            to_come.append((config, 1 - max(member.epoch, 0) / config.epochs))
    grid = list(spec.grid()) if spec.sampler == "grid" else []
    for number in range(len(trials), spec.size):
        config = spec.config(grid[number] if grid else {}, spec.base.seed)
        to_come += [(config, 1.0)] * spec.seeds
    return to_come


def _stop_or_resume(sweep: Sweep, trials: list[Any]) -> Callable[[Sweep], None] | None:
    """A button that stops a sweep or resumes it; what it does, when it was pressed."""
    if sweep.status == "running":
        reason = actions.refusal(sweep.visitor, "sweep", "stop it")
        if st.button("Stop", icon=":material/stop:", key="sweep.stop", disabled=bool(reason), help=reason):
            return actions.stop_sweep
    elif sweep.status in ("stopped", "failed") and not _all_ended(trials, sweep.spec):
        reason = actions.refusal(sweep.visitor, "sweep", "resume it")
        shown: dict[str, Any] = {
            "icon": ":material/resume:",
            "type": "primary",
            "disabled": bool(reason),
            "help": reason,
        }
        if st.button("Resume", key="sweep.resume", **shown):
            return actions.resume_sweep
    return None


def _all_ended(trials: list[Any], spec: SweepSpec) -> bool:
    """Whether every point is over, so that there is nothing to go on with."""
    return len(trials) == spec.size and all(trial.state.is_finished() for trial in trials)


def _changed() -> None:
    _listed.clear()
    _read.clear()
    resources.forget()
    st.rerun()


def _what(sweep: Sweep) -> str:
    spec = sweep.spec
    seeds = f"{spec.seeds} seed{'s' * (spec.seeds > 1)} from {spec.base.seed}"
    data = resources.catalogue().get(spec.base.dataset)
    of, sampler = data.title if data else spec.base.dataset, SAMPLERS[spec.sampler].title
    return escape_markdown(f"{of}, {spec.size} points ({sampler}), {seeds}, {spec.base.epochs} epochs")


def _effects(sweep: Sweep, done: pd.DataFrame) -> None:
    """A measure against a setting, both variants, with the interval over seeds."""
    spec, settings = sweep.spec, _columns(sweep, done)
    titles = {column: FIELD_TEXTS[name].title for name, column in settings.items()}
    measures = _measures(spec, done)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        column = st.selectbox(
            "Setting", list(titles), format_func=titles.__getitem__, key=f"sweep.setting.{sweep.id}", width=260
        )
        measure = st.selectbox(
            "Measure", list(measures), format_func=measures.__getitem__, key=f"sweep.measure.{sweep.id}", width=320
        )
        split = st.segmented_control(
            "On", list(SPLITS), format_func=SPLITS.__getitem__, default="watched", required=True, key="sweep.split"
        )
    rows = done[(done["split"] == "test") == (split == "test")]
    name = next(name for name, mine in settings.items() if mine == column)
    others = [other for other in settings.values() if other != column]
    shown = with_intervals(rows, ["variant", column, *others], measure)
    if any(isinstance(values, Range) for values in spec.over.values()):
        log = isinstance(values := spec.over[name], Range) and values.log
        drawing = drawn_points(shown, column, titles[column], measures[measure], log)
    else:
        drawing = against(shown, column, titles[column], measures[measure], {other: titles[other] for other in others})
    figure(drawing, key="sweep.effect", alt=f"{measures[measure]} against {titles[column]}")
    if others or isinstance(spec.over[name], Range):
        st.caption("Each line or dot is one combination of the other settings; the hover names it.")
    else:
        idle = [variant for variant in spec.base.variants if name in VARIANTS[variant].idle_fields]
        said = in_words(steps(rows, column, measure), VARIANT_TITLES, titles[column], idle)
        if said:
            seeds = int(shown["seeds"].max())
            st.markdown(
                f"**What to notice.** {measures[measure]}, from one value of “{titles[column]}” to the next. "
                f"{'. '.join(said)}."
            )
            st.caption(
                f"Band: 95 % interval of the mean over up to {seeds} seeds (Student's t). Steps are compared seed by "
                "seed: “no clear difference” means that the 95 % interval of the difference holds 0."
            )
    if split == "test":
        st.caption("Settings are chosen on validation images; the test images are for reporting the choice.")
    csv(lambda: shown, f"sweep-{sweep.id}-{measure}-{split}")


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


def _columns(sweep: Sweep, table: pd.DataFrame) -> dict[str, str]:
    """Swept field → its column: a swept loss has another name than the metric."""
    return {name: f"{name}_setting" if f"{name}_setting" in table.columns else name for name in sweep.spec.over}


def _params(params: dict[str, Any]) -> str:
    return ", ".join(f"{FIELD_TEXTS[name].title} {value}" for name, value in params.items())
