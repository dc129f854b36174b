"""Server: what is running?"""

import streamlit as st

from pages.components.lazy_tabs import lazy_tabs
from pages.sections.server import cleanup, status
from pages.shared.page_head import page_head

REFRESH = 2  # seconds


def now() -> None:
    """What one asks first; it changes by itself."""
    board = status.board()
    status.numbers(board)
    left, right = st.columns(2, gap="large")
    with left:
        status.under_way(board)
        status.queue(board)
    with right:
        status.workers(board)


def storage() -> None:
    """What the database holds."""
    status.kept(status.board())


def problems() -> None:
    """Runs that failed, and warnings."""
    status.wrong(status.board(), with_log=cleanup.may_administer())


page_head("server.py")
st.fragment(now, run_every=REFRESH)()
more = {"Storage": st.fragment(storage, run_every=REFRESH), "Problems": st.fragment(problems, run_every=REFRESH)}
if cleanup.may_administer():
    more["Free up space"] = st.fragment(cleanup.clean_up)
lazy_tabs(more, "server.more")
status.about(status.board())
