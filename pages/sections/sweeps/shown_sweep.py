"""Which sweep is shown, and all that is known of it now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from pages.state import resources
from pages.state.shared_reads import shared_for
from pages.text.escape_markdown import escape_markdown
from vae.errors import InputError
from vae.sweeps import stored
from vae.sweeps.stored import Sweep

from .form import KEY

OFFERED = 40
FRESH = 0.4  # seconds a look is shared between visitors
PICKED = "picked_sweep"


@dataclass(frozen=True)
class ShownSweep:
    """One look at a sweep. Shared between visitors: never changed."""

    sweep: Sweep
    trials: list[Any]  # its points, as Optuna has them
    members: list[stored.Member]  # its runs
    results: pd.DataFrame  # `stored.results`

    @property
    def done(self) -> pd.DataFrame:
        """Results of the runs that are done."""
        return self.results[self.results["status"] == "done"]


@shared_for(FRESH)
def _listed() -> list[Sweep]:
    return stored.listed(resources.store(), OFFERED)


@shared_for(FRESH, most=10)
def look(sweep_id: str) -> ShownSweep:
    """As it is now."""
    from vae.sweeps.driver import params_by_number, points

    sweep = stored.find(resources.store(), sweep_id)
    trials = points(resources.store(), sweep)
    members = stored.members(resources.store(), sweep_id)
    return ShownSweep(sweep, trials, members, stored.results(resources.store(), sweep_id, params_by_number(trials)))


def forget() -> None:
    """After something was done to a sweep, or one has ended."""
    _listed.clear()
    look.clear()
    resources.forget()


def choose() -> str | None:
    """The sweep of the link, or one chosen among the newest: its id, None where there is none."""
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
        return None
    st.session_state[PICKED] = chosen or next(iter(there))
    return st.selectbox(
        "Sweep",
        list(there),
        label_visibility="collapsed",
        format_func=lambda name: f"{there[name].name} · {there[name].created_at:%d %b, %H:%M} UTC · {name}",
        key=PICKED,
        on_change=lambda: st.query_params.update({KEY: st.session_state[PICKED]}),
    )
