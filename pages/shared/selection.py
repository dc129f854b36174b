"""Which run a visitor looks at: in the link, and remembered from page to page."""

from __future__ import annotations

import streamlit as st

from vae.errors import InputError

from . import resources

KEY = "run"


def select(run_id: str) -> None:
    """Look at this run from now on, also after a reload."""
    st.session_state[KEY] = run_id
    st.query_params[KEY] = run_id


def selected() -> str | None:
    """The run to show, or None. A link to a run that is not there is told in a sentence."""
    run_id = st.query_params.get(KEY) or st.session_state.get(KEY)
    if not run_id:
        return None
    try:
        resources.run(run_id)
    except InputError as error:
        st.warning(str(error))
        st.session_state.pop(KEY, None)
        st.query_params.pop(KEY, None)
        return None
    select(run_id)
    return run_id
