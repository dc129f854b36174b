"""The numbers behind a figure, as a file."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from vae.exports.csv_tables import for_people


def csv(table: Callable[[], pd.DataFrame], name: str, label: str = "CSV") -> None:
    """A button that downloads `table()` as `name`.csv; it is made when somebody asks for it."""
    st.download_button(
        label,
        lambda: for_people(table()),
        f"{name}.csv",
        "text/csv",
        key=f"csv.{name}",
        type="tertiary",
        icon=":material/download:",
        on_click="ignore",
        help="The numbers of this figure, as a CSV file.",
    )
