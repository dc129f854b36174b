"""Server: what is running?"""

import streamlit as st

from pages.shared import clean_up, server_board

REFRESH = 2  # seconds


def now() -> None:
    """All that changes by itself."""
    board = server_board.board()
    server_board.numbers(board)
    left, right = st.columns(2, gap="large")
    with left:
        server_board.under_way(board)
        server_board.queue(board)
    with right:
        server_board.workers(board)
        server_board.kept(board)
    server_board.wrong(board, with_log=clean_up.may_administer())
    server_board.about(board)


st.title("What is running?")
st.fragment(now, run_every=REFRESH)()
if clean_up.may_administer():
    st.fragment(clean_up.clean_up)()
