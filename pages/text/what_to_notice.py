"""What follows from a picture, in words; a teacher's link can hide it."""

from __future__ import annotations

import streamlit as st


def what_to_notice(text: str, key: str, title: str = "What to notice.") -> None:
    """Markdown after a bold `title`. Each on a page has a `key` of its own."""
    with st.container(key=f"verdict-{key}"):
        st.markdown(f"**{title}** {text}")
