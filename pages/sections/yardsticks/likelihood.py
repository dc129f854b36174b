"""How probable are images that the model has never seen?"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.on_request import on_request
from vae.store.runs import Run


def likelihood(run: Run, epoch: int) -> None:
    """To be written."""
    on_request("likelihood", run, epoch, "How probable are images that the model has never seen?", "Measure", _shown)


def _shown(table: pd.DataFrame) -> None:
    st.dataframe(table, hide_index=True)
