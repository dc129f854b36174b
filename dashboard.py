"""Latent Twins. Start it with `streamlit run dashboard.py`."""

import gc
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import streamlit as st

from pages.components.figure import ROUTE
from pages.shared import resources


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
    resources.start()
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()
    yield
    resources.close()


app = st.App("pages/_navigation.py", lifespan=lifespan, routes=[ROUTE])
