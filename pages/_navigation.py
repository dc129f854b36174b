"""The frame of every page: title, logo, navigation. Started by dashboard.py."""

from pathlib import Path

import streamlit as st

from pages._lessons import LESSONS
from pages.components import present
from pages.components.figure import preload
from pages.components.history import one_entry_a_page
from pages.components.logo import LOGO, MARK
from pages.shared import predict
from pages.state.outage_banner import guarded
from pages.visitors import sign_in, visitor

st.set_page_config(page_title="Latent Twins", page_icon=MARK, layout="wide")
st.logo(LOGO, size="large")
# `st.html` takes a path to a file of styles, too.
st.html(Path(__file__).parent / "style.css")
present.dress()
one_entry_a_page()
pages = [
    st.Page(
        lesson.file,
        title=lesson.title,
        icon=lesson.icon,
        default=number == 0,
        visibility="visible" if lesson.in_bar else "hidden",
    )
    for number, lesson in enumerate(LESSONS)
]
outside = sign_in.needed()
page = st.navigation(pages, position="hidden" if outside else "top")
if outside:
    sign_in.page()
else:
    if visitor.signed_in():
        sign_in.sign_out()
    guarded(page.run)
    present.frame()
    with st.container(horizontal=True, horizontal_alignment="right", key="below"):
        predict.ask_again()
        present.begin()
        for lesson in LESSONS:
            if not lesson.in_bar and page.title != lesson.title:
                st.page_link(lesson.file, label=lesson.title, icon=lesson.icon)
predict.keep()
preload()
