"""What stands in the way at the moment, in a sentence, and looking again without anybody's click."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from vae.errors import InputError
from vae.store.outages import sentence

from . import resources

AGAIN = 2.0  # seconds between looks whether the database is back


def banner() -> None:
    """What keeps runs from being trained or recorded; nothing while all is well."""
    if said := resources.jobs().trouble:
        st.warning(said, icon=":material/cloud_off:")


def guarded(page: Callable[[], None]) -> None:
    """Draw a page. When the database can't be used, say why, and draw it again as soon as it can."""
    try:
        resources.store()
    except InputError as problem:
        _wait(str(problem))
        return
    try:
        banner()
        page()
    except Exception as problem:
        said = sentence(problem)
        if said is None:
            raise
        _wait(said)


def _wait(said: str) -> None:
    st.error(f"{said} This page looks again by itself.", icon=":material/database_off:")
    st.fragment(_look_again, run_every=AGAIN)()


def _look_again() -> None:
    try:
        with resources.store().engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1 FROM runs LIMIT 1")
    except Exception as problem:
        if sentence(problem) is None and not isinstance(problem, InputError):
            raise
        return
    st.rerun()
