"""What all visitors share: settings, the run store, the dispatcher of jobs, and short-lived reads of runs."""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from functools import lru_cache

import numpy as np
import pandas as pd
import streamlit as st

from vae import logs
from vae.config import RunConfig
from vae.datasets import Dataset
from vae.errors import InputError
from vae.runs.dispatcher import Jobs
from vae.runs.process_health import versions
from vae.settings import Settings
from vae.store import rooms, uploaded_images
from vae.store.cleanup import steady_now
from vae.store.runs import Run, Store
from vae.store.sizes import database_version
from vae.store.tensor_bytes import unpack
from vae.sweeps import stored
from vae.sweeps.driver import Sweeper, check_all
from vae.sweeps.spec import SweepSpec

from .shared_reads import shared_for

log = logging.getLogger(__name__)

HEAD_START = 0.6  # seconds a click waits for the first pictures of its run
LOOK = 0.03  # seconds between looks meanwhile
DELETED_KEPT = dt.timedelta(days=30)  # runs that were deleted can be restored for so long
FRESH = 0.4  # seconds a read is shared between visitors who watch the same run

_lock = threading.Lock()
_jobs: Jobs | None = None
_sweeper: Sweeper | None = None


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Raises InputError when the environment is wrong; asked again at the next visit."""
    return Settings.from_environment()


@lru_cache(maxsize=1)
def store() -> Store:
    """Raises InputError when the database can't be used."""
    return Store(settings().database_url)


def jobs() -> Jobs:
    """The one dispatcher of this process, started when first needed."""
    global _jobs, _sweeper
    with _lock:
        if _jobs is None:
            _jobs = Jobs(store(), settings()).start()
            _sweeper = Sweeper(store(), settings(), _jobs).start()
        return _jobs


def submit(config: RunConfig, visitor: str) -> str:
    """Queue a run, and give it a moment to record its first pictures, so that the page opens on them.

    Raises InputError when it can't be trained here.
    """
    run_id = jobs().submit(config, visitor)
    waits_long = jobs().position(run_id) > jobs().workers
    deadline = time.monotonic() + (0 if waits_long else HEAD_START)
    while time.monotonic() < deadline:
        current = store().run(run_id)
        if current.epoch >= 0 or not current.active:
            break
        time.sleep(LOOK)
    forget()
    return run_id


@logs.refusals(log)
def ask_for(spec: SweepSpec, name: str, visitor: str) -> str:
    """Ask for a sweep and return its id. Raises InputError when it can't be trained here, or not now."""
    check_all(store(), spec, settings())
    return stored.create(store(), spec, name, jobs().owner, visitor, settings().max_sweeps_per_visitor)


def start() -> None:
    """Bring the workers up with the server. A wrong environment is told on the page, which then tries again."""
    logs.configure()
    try:
        told = settings()
        logs.configure(told.log, told.log_level or "INFO")
        log.info("the server starts", extra=versions() | {"database": database_version(store())})
        jobs()
        store().purge(steady_now() - DELETED_KEPT)
        rooms.purge(store())
    except InputError as error:
        log.error("%s", error)


def close() -> None:
    """End the workers with the server."""
    global _jobs, _sweeper
    with _lock:
        if _sweeper is not None:
            _sweeper.close()
        if _jobs is not None:
            _jobs.close()
        _jobs = _sweeper = None
    log.info("the server ends")


@st.cache_data(ttl=FRESH, max_entries=200, show_spinner=False)
def run(run_id: str) -> Run:
    """Raises InputError when there is no such run."""
    return store().run(run_id)


@st.cache_data(ttl=FRESH, max_entries=30, show_spinner=False)
def progress(run_id: str) -> tuple[Run, pd.DataFrame]:
    """A run and its rows of `metrics`, read in this order: the rows hold at least the epochs the run speaks of."""
    current = store().run(run_id)
    return current, store().history(run_id)


@st.cache_data(max_entries=500, show_spinner=False)
def snapshot(run_id: str, epoch: int) -> dict[str, dict[str, np.ndarray]]:
    """Pictures by variant of a recorded epoch; they never change once written."""
    return {variant: unpack(payload) for variant, payload in store().snapshots(run_id, epoch).items()}


@st.cache_data(max_entries=100, show_spinner=False)
def originals(run_id: str) -> dict[str, np.ndarray]:
    """The watched images, (m, P) uint8, and labels, of a run that has recorded an epoch."""
    return unpack(store().originals(run_id))


@shared_for(FRESH)
def places() -> dict[str, int]:
    """Each waiting run's place in the queue, 1 for the next; never changed."""
    return {run_id: place for place, run_id in enumerate(jobs().waiting(), start=1)}


@shared_for(FRESH, most=50)
def asked_by(visitor: str) -> set[str]:
    """Ids of a visitor's runs; never changed."""
    return store().asked_by(visitor)


@st.cache_data(ttl=FRESH, max_entries=10, show_spinner=False)
def recent(limit: int) -> list[Run]:
    """The newest runs."""
    return store().runs(limit)


@shared_for(FRESH)
def catalogue() -> dict[str, Dataset]:
    """All data sets that a run may learn from, by the name that a config gives them; never changed."""
    return uploaded_images.catalogue(store())


def dataset(name: str) -> Dataset:
    """One of the catalogue. Raises InputError when there is none of this name."""
    return catalogue()[name] if name in catalogue() else uploaded_images.lookup(store(), name)


def forget() -> None:
    """Drop shared reads after a change, so that whoever made it sees it at once."""
    for read in (run, progress, places, asked_by, recent, catalogue):
        read.clear()
