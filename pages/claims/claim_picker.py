"""Which claim is looked at: in the address, and remembered."""

from __future__ import annotations

import streamlit as st

from pages.rooms.room_panel import room_bar
from vae.argument.claims import ARTICLE, CLAIMS

KEY = "claim"  # in the address; without it all claims are shown
PICKED = "claims.picked"
ALL = 0


def shown() -> int:
    """A number of CLAIMS, or ALL. Below the page's question: the article, and what to choose among."""
    asked = st.query_params.get(KEY, "")
    number = int(asked) if asked in {str(number) for number in CLAIMS} else ALL
    if asked and not number:
        st.query_params.pop(KEY)
    st.session_state[PICKED] = number
    with st.container(horizontal=True, vertical_alignment="center", key="hidden_when_presenting_claims"):
        st.segmented_control(
            "Claim",
            [ALL, *CLAIMS],
            format_func=lambda number: str(number) if number else "All claims",
            required=True,
            label_visibility="collapsed",
            key=PICKED,
            on_change=lambda: show(st.session_state[PICKED]),
        )
        article()
        room_bar()
    return number


def show(number: int) -> None:
    """Look at this claim from now on, also after a reload."""
    if number in CLAIMS:
        st.query_params[KEY] = str(number)
    else:
        st.query_params.pop(KEY, None)


def article() -> None:
    """What all of this is about."""
    st.markdown(f"The article: {ARTICLE.cited}", width="content")
