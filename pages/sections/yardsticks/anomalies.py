"""Does it know what it does not know?"""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pages.shared.on_request import on_request
from vae.store.runs import Run


def anomalies(run: Run, epoch: int) -> None:
    """To be written."""
    on_request("anomalies", run, epoch, "Does it know what it does not know?", "Measure", _shown)


def _shown(table: pd.DataFrame) -> None:
    st.dataframe(table, hide_index=True)
