"""A link with the settings and the seed of a run: it opens the run if there is one, and else offers to train it.

A run's own link tells every setting. One that tells only a few, without the data set or the seed, fills the form, and
so does one that names a run beside its settings.
"""

from __future__ import annotations

import streamlit as st

from pages.shared import run_picker
from pages.shared.epochs import RUN
from pages.state import resources
from pages.text.escape_markdown import escape_markdown
from vae import naming
from vae.config import RunConfig
from vae.errors import InputError


def described() -> RunConfig | None:
    """What the address says of a run; None where it doesn't tell both data set and seed.

    Raises InputError where that can't be trained.
    """
    asked = {name: st.query_params[name] for name in RunConfig.model_fields if name in st.query_params}
    return RunConfig.parse(asked) if {"dataset", "seed"} <= asked.keys() else None


def open_run() -> RunConfig | None:
    """Select the run that the address describes; what it describes, where there is no such run."""
    if RUN in st.query_params:
        return None
    try:
        config = described()
    except InputError:
        return None  # the form says what is wrong with it
    same = resources.store().same(config) if config else None
    if same is None:
        return config
    run_picker.select(same.id)
    return None


def offer(config: RunConfig, ready: bool) -> bool:
    """What the link asks for, and a button that trains it; whether that was pressed."""
    with st.container(border=True, key="linked"):
        st.markdown(
            f"The link asks for a run that is not in this database: **{escape_markdown(naming.name(config))}**. You "
            "can train it here, with the same settings and the same seed."
        )
        return st.button("Train this run", icon=":material/play_arrow:", key="linked.train", disabled=not ready)
