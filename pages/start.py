"""Start: what is this?"""

import streamlit as st

from pages.claims import overview
from pages.shared import run_picker
from pages.shared.network_diagram import networks
from pages.shared.page_head import page_head
from pages.stage import ready_trained
from pages.stage.first_run import CONFIG, train_both_now
from pages.stage.run_panel import run_header, run_results, run_stage

place = page_head(
    "start.py",
    "A plain **autoencoder** and a **variational autoencoder** learn the same images from the same starting weights. "
    "Move over a space: both decoders draw what is there.",
)
button, header = st.columns([2, 7], vertical_alignment="center")
told = st.container()
with button:
    train_both_now("start", told)
with told:
    run_id = run_picker.selected()
run_picker.switch(place, run_id)
if run_id:
    with header:
        run_header(run_id)
    run_stage(run_id)
    run_results(run_id)
else:
    with header:
        ready_trained.offer()
    networks(CONFIG)

st.header("The article, claim by claim", divider="gray")
overview.on_start(run_id)
if run_id:
    ready_trained.offer()
