"""A page with five screens, for tests of present mode: what it was asked for is told on it, one after the other."""

import streamlit as st

from pages.components import present

SCREENS = 5

st.set_page_config(layout="wide")
position = st.session_state.setdefault("position", 1)
log = st.session_state.setdefault("log", [])
present.dress()
move = present.present(position, SCREENS)
if move is not None:
    log.append(move)
if isinstance(move, int):
    st.session_state.position = move
    st.rerun()
st.title(f"Screen {position}")
st.write(f"asked: {log}")
st.caption("small")
st.text_input("Words")
st.slider("Size", 0, 10)
if st.button("Press"):
    log.append("pressed")
    st.rerun()
with st.container(key="hidden_when_presenting"):
    st.write("never in front of a class")
