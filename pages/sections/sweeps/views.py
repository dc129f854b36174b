"""A sweep from several sides, live or ended: how it stands, and one view below that."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import streamlit as st

from pages.shared.export_panel import take_home
from pages.shared.share_link import link
from pages.shared.time_estimates import time_left_together
from pages.stage.run_panel import BADGES
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from pages.text.words import duration, plural
from pages.visitors import actions
from vae.config import FIELD_TEXTS, RunConfig
from vae.errors import InputError
from vae.store.runs import ACTIVE
from vae.sweeps.spec import SAMPLERS, SweepSpec
from vae.sweeps.stored import Sweep

from .effects import effects
from .form import ASKED, POINTS, RESULTS, link_to
from .points import optuna_plots, points_table, says_more
from .shown_sweep import ShownSweep, forget, look

POLL = 1.0  # seconds between looks while it runs


def views(sweep_id: str) -> dict[str, Callable[[], None]]:
    """What there is to see of it, by title. Each looks again by itself while the sweep runs."""
    found: dict[str, Callable[[ShownSweep], None]] = {RESULTS: effects, POINTS: points_table}
    if says_more(look(sweep_id).sweep.spec):
        found["Optuna's plots"] = optuna_plots
    found["Download"] = _download
    return {title: partial(_live, draw, sweep_id) for title, draw in found.items()}


def _live(draw: Callable[[ShownSweep], None], sweep_id: str) -> None:
    running = look(sweep_id).sweep.status == "running"
    st.fragment(_view, run_every=POLL if running else None)(draw, sweep_id, running)


def _view(draw: Callable[[ShownSweep], None], sweep_id: str, was_running: bool) -> None:
    shown = look(sweep_id)
    if was_running and shown.sweep.status != "running":
        forget()
        st.rerun()
    _header(shown)
    if not shown.done.empty:
        draw(shown)
    elif shown.sweep.status == "running":
        st.skeleton(height=320)
    else:
        st.info("No run of this sweep is done.")


def _download(shown: ShownSweep) -> None:
    if shown.sweep.status == "running":
        st.caption("The runs can be downloaded when the sweep has ended.")
    else:
        take_home([resources.run(member.run_id) for member in shown.members if member.status == "done"])


def _header(shown: ShownSweep) -> None:
    sweep = shown.sweep
    icon, colour = BADGES[sweep.status]
    ended = sum(member.status == "done" for member in shown.members)
    total = sweep.spec.size * sweep.spec.seeds
    with st.container(horizontal=True, vertical_alignment="center", key="sweep_header"):
        st.badge(sweep.status, icon=icon, color=colour)
        st.markdown(f"**{ended} of {total} runs done**")
        st.caption(_what(sweep))
        pressed = _stop_or_resume(shown)
        link("sweeps", {ASKED: link_to(sweep.spec)}, "This sweep's settings, to be run on any server.")
    if pressed:
        try:
            pressed(sweep)
        except InputError as problem:
            st.error(str(problem))
        else:
            forget()
            st.rerun()
    if sweep.error:
        st.error(escape_markdown(sweep.error))
    if sweep.status == "running":
        to_come = _to_come(shown)
        share = 1 - sum(share for _, share in to_come) / total
        st.progress(min(1.0, max(0.0, share)), text=f"about {duration(time_left_together(to_come))} left")
    _lost(shown.trials)


def _lost(trials: list[Any]) -> None:
    """Points that have no values, each with its reason."""
    from vae.sweeps.driver import lost, reason_of

    failed = lost(trials)
    if not failed:
        return
    title = f"{len(failed)} of {plural(len(trials), 'point')} failed or were stopped early"
    with st.expander(title, icon=":material/error:"):
        for trial in failed:
            st.markdown(escape_markdown(f"Point {trial.number} ({_params(trial.params)}): {reason_of(trial)}"))


def _to_come(shown: ShownSweep) -> list[tuple[RunConfig, float]]:
    """Runs that are not over, those of points still to be chosen included: config, and the share of epochs to come."""
    spec, params = shown.sweep.spec, {trial.number: trial.params for trial in shown.trials}
    to_come = []
    for member in shown.members:
        if member.status in ACTIVE:
            config = spec.config(params.get(member.number, {}), member.seed)
            to_come.append((config, 1 - max(member.epoch, 0) / config.epochs))
    grid = list(spec.grid()) if spec.sampler == "grid" else []
    for number in range(len(shown.trials), spec.size):
        config = spec.config(grid[number] if grid else {}, spec.base.seed)
        to_come += [(config, 1.0)] * spec.seeds
    return to_come


def _stop_or_resume(shown: ShownSweep) -> Callable[[Sweep], None] | None:
    """A button that stops a sweep or resumes it; what it does, when it was pressed."""
    sweep = shown.sweep
    if sweep.status == "running":
        reason = actions.refusal(sweep.visitor, "sweep", "stop it")
        if st.button("Stop", icon=":material/stop:", key="sweep.stop", disabled=bool(reason), help=reason):
            return actions.stop_sweep
    elif sweep.status in ("stopped", "failed") and not _all_ended(shown.trials, sweep.spec):
        reason = actions.refusal(sweep.visitor, "sweep", "resume it")
        options: dict[str, Any] = {"icon": ":material/resume:", "disabled": bool(reason), "help": reason}
        if st.button("Resume", key="sweep.resume", type="primary", **options):
            return actions.resume_sweep
    return None


def _all_ended(trials: list[Any], spec: SweepSpec) -> bool:
    """Whether every point is over, so that there is nothing to go on with."""
    return len(trials) == spec.size and all(trial.state.is_finished() for trial in trials)


def _what(sweep: Sweep) -> str:
    spec = sweep.spec
    seeds = f"{spec.seeds} seed{'s' * (spec.seeds > 1)} from {spec.base.seed}"
    data = resources.catalogue().get(spec.base.dataset)
    of, sampler = data.title if data else spec.base.dataset, SAMPLERS[spec.sampler].title
    return escape_markdown(f"{of}, {spec.size} points ({sampler}), {seeds}, {spec.base.epochs} epochs")


def _params(params: dict[str, Any]) -> str:
    return ", ".join(f"{FIELD_TEXTS[name].title} {value}" for name, value in params.items())
