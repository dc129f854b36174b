"""Sweeps: what does one setting do, over many runs?"""

import streamlit as st

from pages.components.lazy_tabs import lazy_tabs
from pages.sections.sweeps import form, shown_sweep, views
from pages.shared.page_head import page_head

with page_head("sweeps.py"):
    chosen = shown_sweep.choose()
if chosen:
    form.open_wanted()
    lazy_tabs(views.views(chosen) | {form.NEW: form.ask}, form.VIEW)
else:
    form.ask()
    st.info("No sweep yet. Choose what to vary, then press **Run this sweep**.", icon=":material/grid_view:")
