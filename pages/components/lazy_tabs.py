"""Tabs that are made when they are opened."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import streamlit as st


def lazy_tabs(contents: Mapping[str, Callable[[], object]], key: str) -> None:
    """A tab for each of `contents`, by title. Only the open one is made, so that no page waits for what it hides."""
    if (title := st.session_state.pop(next_tab(key), None)) in contents:
        st.session_state[key] = title
    for tab, show in zip(st.tabs(list(contents), key=key, on_change="rerun"), contents.values(), strict=True):
        if tab.open:
            with tab:
                show()


def open_tab(key: str, title: str) -> None:
    """Show this one of the tabs with `key` when they are made again: a widget's state can't be set once it is there."""
    st.session_state[next_tab(key)] = title


def next_tab(key: str) -> str:
    """Where the session keeps the title of the tab that is to be open; one that there isn't is passed over."""
    return f"{key}.next"
