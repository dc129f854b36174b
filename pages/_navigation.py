"""The frame of every page: title, logo, navigation. Started by dashboard.py."""

from functools import partial
from pathlib import Path

import streamlit as st

from pages._lessons import LESSONS
from pages.components import present
from pages.components.figure import preload
from pages.components.history import one_entry_a_page
from pages.components.logo import LOGO, MARK
from pages.links import teacher_link
from pages.shared import predict
from pages.state.outage_banner import guarded
from pages.visitors import sign_in, visitor
from vae.argument.claims import ARTICLE

st.set_page_config(page_title="Latent Twins", page_icon=MARK, layout="wide")
st.logo(LOGO, size="large")
# `st.html` takes a path to a file of styles, too.
st.html(Path(__file__).parent / "style.css")
present.dress(teacher_link.hidden())
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
    lesson = next(lesson for lesson in LESSONS if lesson.title == page.title)
    guarded(partial(teacher_link.open_page, lesson, page.run))
    present.frame()
    with st.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center", key="below"):
        if not lesson.cites:
            st.markdown(f":small[The article: {ARTICLE.cited}]", width="content")  # of which pages speak
        predict.ask_again()
        teacher_link.show_everything()
        teacher_link.link_for_slides(lesson, page.url_path)
        present.begin()
        for other in LESSONS:
            if not other.in_bar and other is not lesson:
                st.page_link(other.file, label=other.title, icon=other.icon)
predict.keep()
preload()
