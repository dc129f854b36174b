"""Which runs a visitor compares: in the link, and remembered from page to page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from pages.state import resources, run_index
from pages.state.run_index import EveryRun
from pages.text.words import listed
from vae import naming
from vae.config import RunConfig
from vae.store.runs import Run

PARAMETER, KEY = "runs", "compare.runs"
MOST_SETTINGS = 8  # told apart by dashes; one is added for each letter of `comparing.LETTERS`
MOST_RUNS = 40  # each of the settings may come with several seeds


@dataclass(frozen=True)
class ComparedSetting:
    """Runs that are equal but for the seed."""

    letter: str
    runs: tuple[Run, ...]  # by seed
    group: str  # "" while it knows no data

    @property
    def config(self) -> RunConfig:
        """Of its first seed."""
        return self.runs[0].config

    @property
    def shown(self) -> Run:
        """The one whose pictures are shown: the first seed that has learnt something, if there is one."""
        return next((run for run in self.runs if run.epoch >= 0), self.runs[0])

    @property
    def title(self) -> str:
        """Of one run its name, as its owner wrote it: for plain text only. Of several what they share."""
        if len(self.runs) == 1:
            return self.runs[0].name
        return naming.experiment(self.config)


def ids() -> list[str]:
    """Of the chosen runs, in the order in which they were chosen."""
    return list(st.session_state.get(KEY, ()))


def standing(every: EveryRun) -> dict[str, str]:
    """How each of the chosen runs stands. Parts of the page that look by themselves must not differ in it."""
    return {run_id: every.runs["status"].iat[every.place[run_id]] for run_id in ids() if run_id in every.place}


def choose(run_ids: Sequence[str]) -> None:
    """Compare these from now on, also after a reload."""
    st.session_state[KEY] = list(dict.fromkeys(run_ids))
    if st.session_state[KEY]:
        st.query_params[PARAMETER] = ",".join(st.session_state[KEY])
    else:
        st.query_params.pop(PARAMETER, None)


def from_link(every: EveryRun) -> None:
    """Take over what the link names, else what was chosen before. Runs that are not there are told in a sentence."""
    link = st.query_params.get(PARAMETER)
    asked = [word.strip() for word in link.split(",")] if link is not None else ids()
    asked = [run_id for run_id in asked if run_id]
    if any(run_id not in every.place for run_id in asked):  # a shared read may be older than the run
        run_index.forget()
        every = run_index.every_run()
    missing = [run_id for run_id in asked if run_id not in every.place]
    if missing and link is not None:
        # What a link holds may be anything: only what an id may consist of is repeated, the rest would be markdown.
        named = listed([re.sub("[^0-9A-Za-z]", "?", run_id[:12]) for run_id in missing[:5]])
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        st.warning(f"Not among the runs of this database, or deleted: {named}{more}.")
    choose([run_id for run_id in asked if run_id in every.place])


def settings(every: EveryRun) -> tuple[list[ComparedSetting], int]:
    """What is compared, and how many chosen runs are not, because they are too many."""
    from vae.analysis.comparing import LETTERS, fold

    picked = [run_id for run_id in ids() if run_id in every.place]
    runs = {run_id: resources.run(run_id) for run_id in picked[:MOST_RUNS]}
    groups = every.runs["group"]
    found = []
    folded = fold({run_id: run.config for run_id, run in runs.items()})
    for letter, of_one in zip(LETTERS, folded, strict=False):
        of_one.sort(key=lambda run_id: runs[run_id].config.seed)
        found.append(ComparedSetting(letter, tuple(runs[run_id] for run_id in of_one), groups[every.place[of_one[0]]]))
    return found, len(picked) - sum(len(setting.runs) for setting in found)
