"""Links that hold all settings a result depends on: opened on any server, they ask for the same numbers."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

import streamlit as st


def address(page: str, query: Mapping[str, str]) -> str:
    """The full address of a page of this server, as the visitor's browser knows it."""
    here = urlsplit(st.context.url or "http://localhost:8501/")
    folder = here.path.rstrip("/").rpartition("/")[0] if here.path.strip("/") else ""
    return f"{here.scheme}://{here.netloc}{folder}/{page}?{urlencode(query)}"


def link(page: str, query: Mapping[str, str], what: str) -> None:
    """A button that shows the link, to be copied."""
    with st.popover("Link", icon=":material/link:"):
        st.caption(what)
        st.code(address(page, query), language=None, wrap_lines=True)
