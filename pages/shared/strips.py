"""A named row of images."""

from __future__ import annotations

import base64
from html import escape

import numpy as np
import streamlit as st

from vae.figures.style import NEUTRAL
from vae.figures.tiles import tile_rows


def inline_png(png: bytes, alt: str, width: str = "100%") -> str:
    """An <img> that carries its bytes.

    A file beside the page would be gone before a slow browser asks for it, while polls go on.
    """
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return f'<img src="{source}" alt="{escape(alt)}" style="width:{width};image-rendering:pixelated">'


def strip(title: str, images: np.ndarray, shape: tuple[int, int], columns: int, colour: str = NEUTRAL) -> None:
    """`images` (m, P) uint8 in a row of `columns` places, under their title in the variant's colour."""
    width = f"{100 * min(len(images), columns) / columns:.3f}%"
    png = tile_rows([images], shape, min(len(images), columns))
    st.html(
        f'<div style="border-left:4px solid {colour};padding-left:.55rem">'
        f'<div style="font-size:.86rem;margin-bottom:.15rem">{escape(title)}</div>{inline_png(png, title, width)}</div>'
    )


def heading(title: str, colour: str) -> None:
    """A line of text in the variant's colour, above a picture."""
    st.html(f'<div style="border-left:4px solid {colour};padding-left:.55rem;font-weight:600">{escape(title)}</div>')
