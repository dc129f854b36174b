"""Compare: which settings?"""

import streamlit as st

from pages.sections.compare import compared_runs, comparison_panel, rate_distortion, run_table
from pages.shared.export_panel import reproduce_panel, take_home
from pages.state.run_index import every_run

st.title("Which settings?")
st.markdown(
    "Every run there is. Tick some, and they are laid over one another. **Choices are made on validation images**: the "
    "marks and the front below are computed there, among runs of the same images and the same reconstruction loss. The "
    "test images were measured once, at each run's end; their numbers stand alongside."
)
every = every_run()
if every.runs.empty:
    st.info("Nothing is trained yet.", icon=":material/model_training:")
    st.page_link("start.py", label="Train both now, on the first page", icon=":material/home:")
else:
    compared_runs.from_link(every)
    run_table.table()
    compared = comparison_panel.panel()
    runs = [run for settings in compared for run in settings.runs]
    if any(run.status == "done" for run in runs):  # who is still being trained can't be taken home
        st.header("Take home", divider="gray")
        take_home(runs)
    rate_distortion.frontier(compared)
    st.header("Does it come out the same?", divider="gray")
    st.markdown(
        "A capsule holds runs with their numbers. Bring one along, from here or from anywhere: its runs are trained "
        "anew, and told whether they came out the same."
    )
    reproduce_panel()
