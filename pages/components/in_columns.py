"""Models beside one another, as many as can be read."""

from __future__ import annotations

import math

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

MOST = 4  # in a row


def in_columns(count: int) -> list[DeltaGenerator]:
    """A column for each of `count` things, in as few rows as MOST allows, all of them as long as one another."""
    rows = math.ceil(count / MOST)
    in_a_row = math.ceil(count / max(rows, 1))
    return [column for _ in range(rows) for column in st.columns(in_a_row)][:count]
