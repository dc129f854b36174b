"""Start: what is this?"""

import streamlit as st

from pages._lessons import LESSONS
from pages.shared import run_picker, train_again
from pages.shared.network_diagram import networks
from pages.shared.page_head import page_head
from pages.stage.run_panel import run_header, run_results, run_stage
from vae.config import FIRST, PRESETS
from vae.errors import InputError

place = page_head(
    "start.py",
    "A plain **autoencoder** and a **variational autoencoder** learn the same images from the same starting weights. "
    "Move over a space: both decoders draw what is there.",
)
button, header = st.columns([2, 7], vertical_alignment="center")
told = st.container()
with button:
    pressed = st.button(
        "Train both now",
        type="primary",
        icon=":material/play_arrow:",
        help=PRESETS[FIRST].description,
        width="stretch",
    )
if pressed:
    try:
        train_again.train(PRESETS[FIRST].config, "start")
    except InputError as error:
        told.error(str(error))
with told:
    train_again.question(PRESETS[FIRST].config, "start")
    run_id = run_picker.selected()
run_picker.switch(place, run_id)
if run_id:
    with header:
        run_header(run_id)
    run_stage(run_id)
    run_results(run_id)
else:
    networks(PRESETS[FIRST].config)

st.header("The way through", divider="gray")
for number, lesson in enumerate(LESSONS[1:], start=1):
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(lesson.file, label=f"{number}. {lesson.title}", icon=lesson.icon)
        st.markdown(lesson.question)
