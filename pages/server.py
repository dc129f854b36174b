"""Server: what is running?"""

import streamlit as st

from pages.sections.server import cleanup, status

REFRESH = 2  # seconds


def now() -> None:
    """All that changes by itself."""
    board = status.board()
    status.numbers(board)
    left, right = st.columns(2, gap="large")
    with left:
        status.under_way(board)
        status.queue(board)
    with right:
        status.workers(board)
        status.kept(board)
    status.wrong(board, with_log=cleanup.may_administer())
    status.about(board)


st.title("What is running?")
st.fragment(now, run_every=REFRESH)()
if cleanup.may_administer():
    st.fragment(cleanup.clean_up)()
