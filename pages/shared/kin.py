"""Runs that are like another but for a setting or two: found among those that are there, or queued."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

import streamlit as st

from vae.config import RunConfig
from vae.errors import InputError
from vae.runs.store import Run

from . import acts, resources
from .plain import plain

LOOKED_THROUGH = 1000  # the newest runs
FRESH = 1.0  # seconds a look is shared between visitors
Name = TypeVar("Name")


@st.cache_resource(ttl=FRESH, show_spinner=False)
def _known() -> list[Run]:
    """Done or under way; never changed."""
    return resources.store().runs(LOOKED_THROUGH, ("queued", "running", "done"))


def seeds_of(config: RunConfig) -> dict[int, Run]:
    """Runs with this configuration but for the seed, by seed."""
    from vae.measuring import siblings

    return siblings(_known(), config)


def found(configs: Mapping[Name, RunConfig]) -> dict[Name, Run]:
    """Those of `configs` that were trained, or are being trained, under their names."""
    runs = {name: seeds_of(config).get(config.seed) for name, config in configs.items()}
    return {name: run for name, run in runs.items() if run is not None}


def queue(configs: Iterable[RunConfig]) -> list[str] | None:
    """Ids of the queued runs; None when one was refused, which is said, and stays queued what came before it."""
    ids: list[str] | None = []
    for config in configs:
        try:
            ids.append(acts.queue(config))
        except InputError as problem:
            st.error(plain(str(problem)))
            ids = None
            break
    resources.forget()
    _known.clear()
    return ids


def offer(label: str, configs: Mapping[Name, RunConfig], icon: str = ":material/play_arrow:") -> None:
    """A button that queues those of `configs` that are not there yet."""
    there = found(configs)
    if (
        st.button(label, icon=icon)
        and queue(config for name, config in configs.items() if name not in there) is not None
    ):
        st.rerun()
