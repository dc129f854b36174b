"""What can be done with chosen runs: rename, tag, note, delete and undo that, train again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from pages.shared import similar_runs
from pages.state.run_index import EveryRun, forget
from pages.text.words import plural
from pages.visitors import actions
from pages.visitors.visitor import may_change
from vae.config import RunConfig
from vae.errors import InputError
from vae.store.runs import Run

from . import compared_runs

DELETED, TOLD = "compare.deleted", "compare.told"  # ids that can be brought back; what was done, in a sentence
ALL = "all"
MOST_SEEDS = 5


def buttons(every: EveryRun, runs: Sequence[Run]) -> None:
    """Buttons for the chosen runs, one below another, in a popover."""
    mine = [run for run in runs if may_change(run.visitor)]
    refused = None if mine else actions.NOT_YOURS["run"].format("rename or delete it")
    with st.container(horizontal=True):
        if st.button("Rename, tag, note", icon=":material/edit:", disabled=not mine, help=refused):
            describe(every, mine)
        shown: dict[str, Any] = {"disabled": not mine, "help": refused or "You can undo it."}
        if st.button("Delete", icon=":material/delete:", **shown):
            _delete(runs)
    st.markdown("**Train again**")
    _train_again(runs)


def told(every: EveryRun) -> None:
    """What was just done, and a button that undoes a deletion."""
    if said := st.session_state.pop(TOLD, None):
        st.toast(said)
    gone: list[str] = st.session_state.get(DELETED, [])
    if gone:
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(f":material/delete: {plural(len(gone), 'run')} deleted.")
            st.button("Undo", icon=":material/undo:", key="compare.undo", on_click=_restore)
            st.button("Dismiss", type="tertiary", key="compare.dismiss", on_click=_dismiss)


def _delete(runs: Sequence[Run]) -> None:
    try:
        ended = actions.delete([run.id for run in runs])
    except InputError as problem:
        st.error(str(problem))
        return
    if ended:
        st.session_state[DELETED] = ended
        compared_runs.choose([run_id for run_id in compared_runs.ids() if run_id not in ended])
        forget()
    left = [run for run in runs if run.id not in ended]
    said = []
    if under_way := sum(may_change(run.visitor) for run in left):
        said.append(f"{plural(under_way, 'run')} not deleted: still queued or running. Stop it in Train first.")
    if under_way < len(left):
        said.append(f"{plural(len(left) - under_way, 'run')} of other people not deleted.")
    if said:
        st.session_state[TOLD] = " ".join(said)
    st.rerun()


def _restore() -> None:
    gone = st.session_state.pop(DELETED, [])
    back = actions.restore(gone)
    forget()
    compared_runs.choose([*compared_runs.ids(), *gone])
    st.session_state[TOLD] = f"{plural(back, 'run')} restored."
    st.rerun()  # as a whole: the table shows them again


def _dismiss() -> None:
    st.session_state.pop(DELETED, None)


def _train_again(runs: Sequence[Run]) -> None:
    """The same settings once more, with the same seeds or with new ones."""
    from vae.analysis.comparing import fold
    from vae.analysis.intervals import SEEDS_FOR_A_VERDICT

    which_seeds = st.radio(
        "Seeds",
        ("new", "same"),
        format_func={"new": "New seeds", "same": "The same seeds"}.__getitem__,
        captions=(
            f"A conclusion needs {SEEDS_FOR_A_VERDICT} seeds of each setting.",
            "On this machine they give the same numbers.",
        ),
        key="compare.again",
    )
    configs = [run.config for run in runs]
    if which_seeds == "new":
        each = st.slider("New seeds of each setting", 1, MOST_SEEDS, 2, key="compare.seeds")
        settings = fold({run.id: run.config for run in runs})
        by_id = {run.id: run.config for run in runs}
        configs = [config for of_one in settings for config in _unused(by_id[of_one[0]], each)]
    if st.button(f"Queue {plural(len(configs), 'run')}", type="primary", icon=":material/play_arrow:"):
        queued = similar_runs.queue(configs)
        forget()
        if queued is not None:
            compared_runs.choose([*compared_runs.ids(), *queued])
            st.session_state[TOLD] = f"{plural(len(queued), 'run')} queued and chosen."
            st.rerun()


def _unused(config: RunConfig, count: int) -> list[RunConfig]:
    """`config` with the least seeds that no run of it has."""
    used = set(similar_runs.seeds_of(config))
    seeds: list[int] = []
    seed = 0
    while len(seeds) < count:
        if seed not in used:
            seeds.append(seed)
        seed += 1
    return [config.model_copy(update={"seed": seed}) for seed in seeds]


@st.dialog("Rename, tag, note", width="medium")
def describe(every: EveryRun, runs: Sequence[Run]) -> None:
    """`describe_form` over the page."""
    describe_form(every, runs)


def describe_form(every: EveryRun, runs: Sequence[Run]) -> None:
    """Of one run its name, tags and note; of all together tags that each of them gets."""
    by_id = {run.id: run for run in runs}
    options = [*by_id, ALL] if len(runs) > 1 else list(by_id)
    which = st.selectbox(
        "Run",
        options,
        format_func=lambda run_id: (
            f"All {len(runs)} of them: add tags" if run_id == ALL else f"{by_id[run_id].name} · {run_id}"
        ),
    )
    of_one = by_id.get(which)
    known = sorted({*every.tags, *(tag for run in runs for tag in run.tags)})
    if of_one:
        name = st.text_input("Name", of_one.name, max_chars=200, key=f"compare.name.{which}")
    tags = st.multiselect(
        "Tags",
        known,
        default=list(of_one.tags) if of_one else [],
        accept_new_options=True,
        max_selections=20,
        placeholder="Choose, or type a new one",
        key=f"compare.tags.{which}",
    )
    if of_one:
        note = st.text_area("Note", of_one.note or "", max_chars=5000, key=f"compare.note.{which}")
    if st.button("Save", type="primary", icon=":material/check:"):
        try:
            if of_one:
                actions.describe(which, name=name, tags=tags, note=note)
            else:
                for run in runs:
                    words = {"name": run.name, "note": run.note or ""}
                    actions.describe(run.id, tags=[*run.tags, *tags], **words)
        except InputError as problem:
            st.error(str(problem))
            return
        forget()
        st.rerun()
