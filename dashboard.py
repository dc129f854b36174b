"""Latent Twins. Start it with `streamlit run dashboard.py`."""

import gc
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import streamlit as st
from starlette.middleware import Middleware
from starlette.routing import Route

from pages.components import figure
from pages.rooms import routes as rooms
from pages.stage import routes as stage
from pages.state.crash_reports import on_script_error
from pages.visitors.cookie import VisitorCookie

# Visitors have threads of their own. OpenMP's, below them, wait for each other in loops that burn the cores: beside two
# training workers fitting a mixture took over 60 seconds instead of 3. Before anything loads OpenMP.
os.environ.setdefault("OMP_NUM_THREADS", "1")

AFTER_FIRST_PAGE = 3  # seconds: whoever waits for the server to start sees a page before torch is imported


def _warm_up() -> None:
    """Import and read what pages will need while nobody waits for it, then spare the garbage collector its rounds.

    A full collection walks every object of torch and plotly, about 100 ms with the interpreter lock held.
    """
    import plotly.graph_objects
    import sklearn.datasets
    import sklearn.mixture
    from threadpoolctl import threadpool_limits

    import vae.runs.execution  # torch

    del plotly, sklearn, vae
    threadpool_limits(1)  # also for what was loaded, with its threads, before the line above was read
    from pages.state.run_index import every_run
    from vae.errors import InputError

    with suppress(InputError):  # a database that can't be used is told on every page
        every_run()
        _train_the_reference_classifiers()
    gc.collect()
    gc.freeze()


def _train_the_reference_classifiers() -> None:
    """Of the first page's images and the small digits, once for each database: seconds now, a minute before a class."""
    from pages.state import resources
    from vae import datasets, measuring
    from vae.config import FIRST, PRESETS

    for name in (PRESETS[FIRST].config.dataset, "digits"):
        measuring.reference_classifier_of(resources.store(), datasets.load(name, resources.settings().data_dir))


@asynccontextmanager
async def lifespan(_app: st.App) -> AsyncIterator[None]:
    """The workers come up with the server and go with it."""
    from pages.state import malloc_trim, resources

    malloc_trim.start()
    resources.start()
    warm_up = threading.Timer(AFTER_FIRST_PAGE, _warm_up)
    warm_up.daemon = True
    warm_up.start()
    yield
    resources.close()


def _own_routes() -> list[Route]:
    """What is served beside Streamlit's pages, below the same `server.baseUrlPath`."""
    prefix = st.get_option("server.baseUrlPath").strip("/")
    folder = f"/{prefix}" if prefix else ""
    routes = [figure.ROUTE, *stage.ROUTES, *rooms.ROUTES]
    return [Route(f"{folder}{route.path}", route.endpoint, methods=list(route.methods or ())) for route in routes]


app = st.App(
    "pages/_navigation.py",
    lifespan=lifespan,
    routes=_own_routes(),
    middleware=[Middleware(VisitorCookie)],
    on_script_error=on_script_error,
)
