"""A sweep, live or ended: what is done, what it shows, and Optuna's own plots."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from pages.components.figure import figure
from vae.analysis.effects import in_words, steps, with_intervals
from vae.config import RunConfig
from vae.errors import InputError
from vae.figures.curves import UNITS
from vae.figures.style import VARIANT_TITLES
from vae.figures.sweeps import against, drawn, dressed
from vae.runs import sweeps
from vae.runs.sweep_spec import OBJECTIVES, Range
from vae.runs.sweeps import Sweep

from . import acts, resources
from .downloads import csv
from .live import BADGES
from .plain import plain
from .share import link
from .sweep_form import ASKED, KEY, link_to
from .take_home import take_home

POLL = 1.0
SHOWN = 40  # sweeps offered
FRESH = 0.4
PLOTS = {
    "parallel": "Parallel coordinates",
    "importance": "Importance",
    "slice": "Slices",
    "contour": "Contour",
    "front": "Pareto front",
}
MEASURES = {
    "mse_from_mean": "MSE per pixel, rebuilt from μ",
    "mse_from_sample": "MSE per pixel, rebuilt from a sample",
    "reconstruction": "Reconstruction",
    "kl": "KL (nats / image)",
    "active_units": "Active units",
}
SPLITS = {"watched": "validation images", "test": "test images"}


@st.cache_resource(ttl=FRESH, show_spinner=False)
def _listed() -> list[Sweep]:
    return sweeps.listed(resources.store(), SHOWN)


@st.cache_resource(ttl=FRESH, max_entries=10, show_spinner=False)
def _read(sweep_id: str) -> tuple[Sweep, list[Any], list[sweeps.Member], pd.DataFrame]:
    """A sweep, its points, its runs and their results; never changed."""
    from vae.sweeping import params_by_number, points

    sweep = sweeps.find(resources.store(), sweep_id)
    trials = points(resources.store(), sweep)
    members = sweeps.members(resources.store(), sweep_id)
    return sweep, trials, members, sweeps.results(resources.store(), sweep_id, params_by_number(trials))


def chosen_sweep() -> None:
    """The sweep of the link, or one chosen among the newest."""
    there = {sweep.id: sweep for sweep in _listed()}
    chosen = st.query_params.get(KEY)
    if chosen and chosen not in there:
        try:
            there = {chosen: sweeps.find(resources.store(), chosen), **there}
        except InputError as problem:
            st.warning(plain(str(problem)))
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
    _points(sweep, trials, results)
    if sweep.status != "running":
        take_home([resources.run(member.run_id) for member in members if member.status == "done"])
    _optuna(sweep, trials)


def _header(sweep: Sweep, trials: list[Any], members: list[sweeps.Member]) -> None:
    icon, colour = BADGES[sweep.status]
    ended = sum(member.status == "done" for member in members)
    total = sweep.spec.size * sweep.spec.seeds
    with st.container(horizontal=True, vertical_alignment="center", key="sweep_header"):
        st.badge(sweep.status, icon=icon, color=colour)
        st.markdown(f"**{ended} of {total} runs done**")
        st.caption(_what(sweep))
        pressed = _deed(sweep)
        link("sweeps", {ASKED: link_to(sweep.spec)}, "This sweep's settings, to be run anywhere.")
    if pressed:
        try:
            pressed(sweep)
        except InputError as problem:
            st.error(str(problem))
        else:
            _changed()
    if sweep.error:
        st.error(plain(sweep.error))
    if sweep.status == "running":
        epochs = sum(max(member.epoch, 0) for member in members) / (total * sweep.spec.base.epochs)
        st.progress(min(1.0, max(ended / total, epochs)))
    lost = [trial for trial in trials if trial.state.name in ("FAIL", "PRUNED")]
    for trial in lost[:3]:
        st.caption(plain(f"Point {trial.number} ({_params(trial.params)}): {trial.user_attrs.get('reason', 'failed')}"))


def _deed(sweep: Sweep) -> Callable[[Sweep], None] | None:
    """A button that stops a sweep or resumes it; what it does, when it was pressed."""
    if sweep.status == "running":
        reason = acts.refusal(sweep.visitor, "sweep", "stop it")
        if st.button("Stop", icon=":material/stop:", key="sweep.stop", disabled=bool(reason), help=reason):
            return acts.stop_sweep
    elif sweep.status in ("stopped", "failed"):
        reason = acts.refusal(sweep.visitor, "sweep", "resume it")
        shown = {"icon": ":material/resume:", "type": "primary", "disabled": bool(reason), "help": reason}
        if st.button("Resume", key="sweep.resume", **shown):
            return acts.resume_sweep
    return None


def _changed() -> None:
    _listed.clear()
    _read.clear()
    resources.forget()
    st.rerun()


def _what(sweep: Sweep) -> str:
    spec = sweep.spec
    seeds = f"{spec.seeds} seed{'s' * (spec.seeds > 1)} from {spec.base.seed}"
    return f"{spec.base.dataset}, {spec.size} points ({spec.sampler}), {seeds}, {spec.base.epochs} epochs"


def _effects(sweep: Sweep, done: pd.DataFrame) -> None:
    """A measure against a setting, both variants, with the interval over seeds."""
    spec, settings = sweep.spec, _columns(sweep, done)
    titles = {column: RunConfig.model_fields[name].title for name, column in settings.items()}
    measures = {name: title for name, title in MEASURES.items() if done[name].notna().any()}
    if {"reconstruction", "dataset"} & set(spec.over):
        measures.pop("reconstruction")  # what two losses cost can't be compared
    with st.container(horizontal=True, vertical_alignment="bottom"):
        column = st.selectbox(
            "Setting", list(titles), format_func=titles.get, key=f"sweep.setting.{sweep.id}", width=260
        )
        measure = st.selectbox(
            "Measure", list(measures), format_func=measures.get, key=f"sweep.measure.{sweep.id}", width=320
        )
        split = st.segmented_control(
            "On", list(SPLITS), format_func=SPLITS.get, default="watched", required=True, key="sweep.split"
        )
    rows = done[(done["split"] == "test") == (split == "test")]
    unit = f" ({UNITS[spec.base.reconstruction]})" if measure == "reconstruction" else ""
    name = next(name for name, mine in settings.items() if mine == column)
    others = [other for other in settings.values() if other != column]
    shown = with_intervals(rows, ["variant", column, *others], measure)
    if any(isinstance(values, Range) for values in spec.over.values()):
        log = isinstance(spec.over[name], Range) and spec.over[name].log
        drawing = drawn(shown, column, titles[column], measures[measure] + unit, log)
    else:
        drawing = against(shown, column, titles[column], measures[measure] + unit, others)
    figure(drawing, key="sweep.effect", alt=f"{measures[measure]} against {titles[column]}")
    if others or isinstance(spec.over[name], Range):
        st.caption("Each line or dot is one combination of the other settings; the hover names it.")
    else:
        said = in_words(steps(rows, column, measure), VARIANT_TITLES)
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


def _columns(sweep: Sweep, table: pd.DataFrame) -> dict[str, str]:
    """Swept field → its column: a swept loss has another name than the metric."""
    return {name: f"{name}_setting" if f"{name}_setting" in table.columns else name for name in sweep.spec.over}


def _points(sweep: Sweep, trials: list[Any], results: pd.DataFrame) -> None:
    st.header("Points", divider="gray")
    best = _best(sweep, trials)
    from vae.sweeping import values_of

    rows = []
    for trial in trials:
        rows.append(
            {"": "★" if trial.number in best else "", "Point": trial.number}
            | {RunConfig.model_fields[name].title: str(value) for name, value in trial.params.items()}
            | dict.fromkeys(sweep.spec.objectives)
            | values_of(trial, sweep.spec)
            | {"State": {"complete": "done", "fail": "failed"}.get(trial.state.name.lower(), trial.state.name.lower())}
        )
    narrow = {"": st.column_config.TextColumn(width=30), "Point": st.column_config.NumberColumn(width=60)}
    height = min(420, 38 + 35 * len(rows))
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", height=height, column_config=narrow)
    sought = {"minimize": "least", "maximize": "most"}
    judged = " and ".join(f"{sought[OBJECTIVES[name][0]]} {name}" for name in sweep.spec.objectives)
    what = "not beaten in both" if len(sweep.spec.objectives) > 1 else "best so far"
    st.caption(
        f"Sought: {judged} of the {VARIANT_TITLES[sweep.spec.of].lower()}, on validation images, mean over seeds. "
        f"★ {what}; a mean over seeds has an interval too, so a neighbour may be as good."
    )
    csv(lambda: results, f"sweep-{sweep.id}", "CSV of all runs")


def _best(sweep: Sweep, trials: list[Any]) -> set[int]:
    if not any(trial.state.name == "COMPLETE" for trial in trials):
        return set()
    from vae.sweeping import study_of

    return {trial.number for trial in study_of(resources.store(), sweep).best_trials}


def _optuna(sweep: Sweep, trials: list[Any]) -> None:
    complete = [trial for trial in trials if trial.state.name == "COMPLETE"]
    names, one, two = dict(PLOTS), len(sweep.spec.over) == 1, len(sweep.spec.objectives) == 2
    if len(complete) < 2 or (one and not two and sweep.spec.sampler == "grid"):
        return  # the first figure shows it all
    if one:
        for name in ("importance", "contour"):  # nothing to weigh against each other
            names.pop(name)
    if not two:
        names.pop("front")
    st.header("Optuna's view", divider="gray")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = st.segmented_control(
            "Plot", list(names), format_func=names.get, default=next(iter(names)), required=True, key="sweep.plot"
        )
        objective = 0
        if two and which != "front":
            chosen = st.segmented_control(
                "Objective", sweep.spec.objectives, default=sweep.spec.objectives[0], required=True, key="sweep.of"
            )
            objective = sweep.spec.objectives.index(chosen)
    drawing = _plot(sweep.id, which, objective, len(complete))
    if drawing is None:
        st.caption("The values so far are too alike for this plot.")
    else:
        figure(drawing, key=f"sweep.optuna.{which}", alt=names[which])


@st.cache_resource(max_entries=40, show_spinner=False)
def _plot(sweep_id: str, which: str, objective: int, complete: int) -> Any:
    """One of Optuna's figures; `complete`, the number of finished points, tells apart a sweep that has gone on."""
    from optuna import visualization

    from vae.sweeping import study_of, values_of

    sweep = sweeps.find(resources.store(), sweep_id)
    study, names = study_of(resources.store(), sweep), list(sweep.spec.objectives)
    if which == "front":
        return dressed(visualization.plot_pareto_front(study, target_names=names))
    make = {
        "parallel": visualization.plot_parallel_coordinate,
        "importance": visualization.plot_param_importances,
        "slice": visualization.plot_slice,
        "contour": visualization.plot_contour,
    }[which]
    try:
        name = names[objective]
        return dressed(make(study, target=lambda trial: values_of(trial, sweep.spec)[name], target_name=name))
    except (RuntimeError, ValueError):  # importance of values without any spread
        return None


def _params(params: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in params.items())
