"""Compare: which settings?"""

import streamlit as st

from pages.sections.compare import compared_runs, comparison_panel, run_table
from pages.shared.page_head import page_head
from pages.state.run_index import every_run

page_head(
    "compare.py",
    "Tick runs to show them in one chart. **Choose by validation images**: the test images were measured only once, at "
    "the end of each run.",
)
every = every_run()
if every.runs.empty:
    st.info("Nothing is trained yet.", icon=":material/model_training:")
    st.page_link("start.py", label="Train both now, on the first page", icon=":material/home:")
else:
    compared_runs.from_link(every)
    left, right = st.columns([5, 6], gap="medium")
    with left:
        run_table.table()
    with right:
        comparison_panel.panel()
