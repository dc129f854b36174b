"""Sweeps: what does one setting do, over many runs?"""

import streamlit as st

from pages.sections.sweeps import form, results

st.title("What does a setting do?")
st.markdown(
    "One run proves little. A **sweep** trains the same pair of models at several settings, each with several seeds, "
    "and shows what moves and what is chance. Points are chosen by a grid, at random, or by Optuna's search."
)
form.ready_made()
with st.expander("A sweep of your own", icon=":material/tune:", expanded=form.linked()):
    form.of_ones_own()
results.chosen_sweep()
