"""Latent Twins. Start it with `streamlit run dashboard.py`."""

import gc
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st

from pages.components.figure import ROUTE

AFTER_FIRST_PAGE = 3  # seconds: whoever waits for the server to start sees a page before torch is imported


def _warm_up() -> None:
    """Import what pages will need while nobody waits for it, then take it out of the garbage collector's rounds.

    A full collection walks every object of torch and plotly, about 100 ms with the interpreter lock held.
    """
    import plotly.graph_objects
    import sklearn.datasets

    import vae.runs.execution  # torch

    del plotly, sklearn, vae
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """The workers come up with the server and go with it."""
    from pages.shared import resources  # its caches want a running server

    resources.start()
    warm_up = threading.Timer(AFTER_FIRST_PAGE, _warm_up)
    warm_up.daemon = True
    warm_up.start()
    yield
    resources.close()


app = st.App("pages/_navigation.py", lifespan=lifespan, routes=[ROUTE])
