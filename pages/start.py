"""Start: what is this?"""

import streamlit as st

from pages._lessons import LESSONS
from pages.shared import run_picker, train_again
from pages.shared.network_diagram import networks
from pages.shared.run_panel import BADGES, run_panel
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from vae.config import PRESETS
from vae.errors import InputError

RECENT = 6

st.title("Two models, one difference")
st.markdown(
    "A plain **autoencoder** and a **variational autoencoder** learn the same images, side by side, from the same "
    "starting weights. Watch how they lay out their codes, and measure what that changes."
)
if st.button("Train both now", type="primary", icon=":material/play_arrow:", help=PRESETS["quick"].description):
    try:
        train_again.train(PRESETS["quick"].config, "start")
    except InputError as error:
        st.error(str(error))
train_again.question(PRESETS["quick"].config, "start")

run_id = run_picker.selected()
if run_id:
    run_panel(run_id)
else:
    networks(PRESETS["quick"].config)

st.header("The way through", divider="gray")
for number, lesson in enumerate(LESSONS[1:], start=1):
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link(lesson.file, label=f"{number}. {lesson.title}", icon=lesson.icon)
        st.markdown(lesson.question)

recent = resources.recent(RECENT)
if recent:
    st.header("Recent runs", divider="gray")
    for run in recent:
        icon, colour = BADGES[run.status]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.badge(run.status, icon=icon, color=colour)
            st.page_link("train.py", label=escape_markdown(run.name), query_params={"run": run.id})
            st.caption(f"{run.created_at:%d %b, %H:%M} UTC · epoch {max(run.epoch, 0)} of {run.config.epochs}")
