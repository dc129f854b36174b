"""Data: what do they learn from?"""

import streamlit as st

from pages.shared import own_images, portrait, resources
from pages.shared.obtain import offer_download
from pages.shared.plain import plain
from vae.errors import InputError
from vae.runs import uploads

CHOICE = "data.dataset"


def one_data_set() -> None:
    """Any of the catalogue, looked at from all sides."""
    known, settings = resources.catalogue(), resources.settings()
    if st.session_state.get(CHOICE) not in known:
        st.session_state[CHOICE] = (
            st.query_params.get("dataset") if st.query_params.get("dataset") in known else "digits"
        )
    name = st.selectbox(
        "Data set", list(known), format_func=lambda entry: known[entry].title, key=CHOICE, persist_state="session"
    )
    if not known[name].available(settings.data_dir):
        offer_download(name)
        return
    try:
        images = uploads.load(resources.store(), name, settings.data_dir)
    except InputError as problem:
        st.error(plain(str(problem)))
        return
    portrait.samples(images, "data")
    left, right = st.columns(2, gap="large")
    with left:
        st.header("How many of each", divider="gray")
        portrait.class_counts(images, "data")
        portrait.mean_images(images)
    with right:
        st.header("In numbers", divider="gray")
        portrait.in_numbers(images)


st.title("What do they learn from?")
st.markdown(
    "Both models see the same images and nothing else. Labels are never shown to them: they only colour the figures "
    "and judge what is drawn."
)
st.fragment(one_data_set)()
st.header("Your own images", divider="gray")
own_images.upload()
own_images.listed()
