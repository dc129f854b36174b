"""Data: what do they learn from?"""

import streamlit as st

from pages.components.lazy_tabs import lazy_tabs
from pages.sections.data import dataset_summary, uploads
from pages.shared.dataset_download import offer_download
from pages.shared.page_head import page_head
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from vae.config import shown
from vae.datasets import Images
from vae.errors import InputError
from vae.store import uploaded_images

CHOICE, PARAMETER = "data.dataset", "dataset"  # the control, and the address
LINKED = "data.linked"  # what the address said when this page was last drawn
FIRST = "digits"


def chosen() -> str:
    """Name of the data set that is looked at: any of the catalogue."""
    known = resources.catalogue()
    asked = st.query_params.get(PARAMETER)
    if asked is not None and asked not in known:
        st.warning(f"There is no data set called {escape_markdown(shown(repr(asked)))} here.")
        st.query_params.pop(PARAMETER)
    elif asked is not None and st.session_state.get(LINKED) != asked:  # a link comes before what was chosen earlier
        st.session_state[CHOICE] = asked
    if st.session_state.get(CHOICE) not in known:
        st.session_state[CHOICE] = FIRST
    name = st.selectbox(
        "Data set",
        list(known),
        label_visibility="collapsed",
        format_func=lambda entry: known[entry].title,
        key=CHOICE,
        persist_state="session",
    )
    st.session_state[LINKED] = name
    if name != st.query_params.get(PARAMETER, FIRST):
        st.query_params[PARAMETER] = name
    return name


def loaded(name: str) -> Images | None:
    """Its images; where there are none, a sentence says why, and what helps."""
    settings = resources.settings()
    if not resources.catalogue()[name].available(settings.data_dir):
        offer_download(name)
        return None
    try:
        return uploaded_images.load(resources.store(), name, settings.data_dir)
    except InputError as problem:
        st.error(escape_markdown(str(problem)))
        return None


def some_images() -> None:
    """A contact sheet, and numbers beside it."""
    if images := loaded(name):
        beside, below = dataset_summary.samples(images, "data")
        with beside:
            dataset_summary.in_numbers(images)
        with below:
            dataset_summary.what_to_beat(images)


def classes() -> None:
    """How many images each class has, and their means."""
    if images := loaded(name):
        left, right = st.columns(2, gap="large")
        with left:
            dataset_summary.class_counts(images, "data")
        with right:
            dataset_summary.mean_images(images)


def own_images() -> None:
    """Bring images, and see which are kept."""
    uploads.upload()
    uploads.listed()


with page_head(
    "data.py",
    "Both models see these images and nothing else. They never see the labels: those only colour the figures and check "
    "what is drawn.",
):
    name = chosen()
lazy_tabs({"Images": st.fragment(some_images), "Classes": classes, "Your own images": own_images}, "data.view")
