"""Sweeps: what does one setting do, over many runs?"""

import streamlit as st

from pages.shared import sweep_form, sweep_panel

st.title("What does a setting do?")
st.markdown(
    "One run proves little. A **sweep** trains the same pair of models at several settings, each with several seeds, "
    "and shows what moves and what is chance. Points are chosen by a grid, at random, or by Optuna's search."
)
sweep_form.ready_made()
with st.expander("A sweep of your own", icon=":material/tune:", expanded=sweep_form.linked()):
    sweep_form.of_ones_own()
sweep_panel.chosen_sweep()
