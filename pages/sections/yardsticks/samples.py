"""How near do drawn pictures come to real ones?"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.on_request import on_request
from vae.store.runs import Run


def samples(run: Run, epoch: int) -> None:
    """To be written."""
    on_request("samples", run, epoch, "How near do drawn pictures come to real ones?", "Measure", _shown)


def _shown(table: pd.DataFrame) -> None:
    st.dataframe(table, hide_index=True)
