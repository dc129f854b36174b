"""Freeing space, for whoever runs the server: what would be deleted, and then a button that deletes it."""

from __future__ import annotations

import streamlit as st

from pages.state import resources, run_index
from pages.text.words import plural
from pages.visitors.visitor import may_administer
from vae.errors import InputError
from vae.runs.process_health import readable
from vae.store import cleanup

from . import status

PLAN = "server.plan"  # what was found for the form as it stood, in the session
TOLD = "server.told"


def clean_up() -> None:
    """Controls, what they would do, and a button to confirm it."""
    if said := st.session_state.pop(TOLD, None):
        st.success(said, icon=":material/check:")
    st.markdown(
        "This deletes ended runs for good, the oldest first. Runs that are queued or running, or belong to a running "
        "sweep, are kept."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        days = st.number_input("Ended more than … days ago", 1, 10_000, None, key="server.days", width=230)
        megabytes = st.number_input("Keep at most … MB of runs", 1, 10**6, None, key="server.mb", width=230)
        deleted = st.checkbox("Also deleted runs (no undo)", key="server.deleted")
        if st.button("Show what would be deleted", icon=":material/search:"):
            st.session_state[PLAN] = ((days, megabytes, deleted), _planned(days, megabytes, deleted))
    asked, planned = st.session_state.get(PLAN, (None, None))
    if planned is not None and asked == (days, megabytes, deleted):
        _confirm(planned)
    if resources.store().engine.dialect.name == "sqlite":
        unused = status.database().unused
        if unused and st.button(f"Give {readable(unused)} back to the disk", icon=":material/compress:"):
            _vacuum()


def _planned(days: int | None, megabytes: int | None, deleted: bool) -> cleanup.Plan:
    return cleanup.plan(resources.store(), days, megabytes, deleted)


def _confirm(planned: cleanup.Plan) -> None:
    if planned.future:
        st.caption(
            f"{plural(planned.future, 'run')} are kept: their dates are in the future, so their age is not known."
        )
    if not planned.count:
        st.info("Nothing would be deleted.")
        return
    st.warning(
        f"**{plural(planned.count, 'run')}** would be deleted, about {readable(planned.size)}"
        + (f"; {plural(len(planned.deleted), 'run')} of them could still be restored." if planned.deleted else ".")
    )
    if st.button(f"Delete {plural(planned.count, 'run')} for good", type="primary", icon=":material/delete_forever:"):
        if not may_administer():  # asked again: the page may have been open for long
            return
        count, size = cleanup.clean(resources.store(), planned)
        del st.session_state[PLAN]
        _told(f"{plural(count, 'run')} deleted, {readable(size)}.")


def _vacuum() -> None:
    if not may_administer():
        return
    try:
        with st.spinner("Writing the file again …"):
            smaller = cleanup.vacuum(resources.store())
    except InputError as problem:
        st.error(str(problem))
    else:
        _told(f"The database is {readable(smaller)} smaller.")


def _told(sentence: str) -> None:
    st.session_state[TOLD] = sentence
    status.forget()
    run_index.forget()
    st.rerun()
