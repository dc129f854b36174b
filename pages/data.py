"""Data: what do they learn from?"""

import streamlit as st

from pages.sections.data import dataset_summary, uploads
from pages.shared.dataset_download import offer_download
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from vae.config import shown
from vae.errors import InputError
from vae.store import uploaded_images

CHOICE, PARAMETER = "data.dataset", "dataset"  # the control, and the address
LINKED = "data.linked"  # what the address said when this page was last drawn
FIRST = "digits"


def one_data_set() -> None:
    """Any of the catalogue, looked at from all sides."""
    known, settings = resources.catalogue(), resources.settings()
    asked = st.query_params.get(PARAMETER)
    if asked is not None and asked not in known:
        st.warning(f"There is no data set called {escape_markdown(shown(repr(asked)))} here.")
        st.query_params.pop(PARAMETER)
    elif asked is not None and st.session_state.get(LINKED) != asked:  # a link comes before what was chosen earlier
        st.session_state[CHOICE] = asked
    if st.session_state.get(CHOICE) not in known:
        st.session_state[CHOICE] = FIRST
    name = st.selectbox(
        "Data set", list(known), format_func=lambda entry: known[entry].title, key=CHOICE, persist_state="session"
    )
    st.session_state[LINKED] = name
    if name != st.query_params.get(PARAMETER, FIRST):
        st.query_params[PARAMETER] = name
    if not known[name].available(settings.data_dir):
        offer_download(name)
        return
    try:
        images = uploaded_images.load(resources.store(), name, settings.data_dir)
    except InputError as problem:
        st.error(escape_markdown(str(problem)))
        return
    dataset_summary.samples(images, "data")
    left, right = st.columns(2, gap="large")
    with left:
        st.header("How many of each", divider="gray")
        dataset_summary.class_counts(images, "data")
        dataset_summary.mean_images(images)
    with right:
        st.header("In numbers", divider="gray")
        dataset_summary.in_numbers(images)


st.title("What do they learn from?")
st.markdown(
    "Both models see the same images and nothing else. Labels are never shown to them: they only colour the figures "
    "and judge what is drawn."
)
st.fragment(one_data_set)()
st.header("Your own images", divider="gray")
uploads.upload()
uploads.listed()
