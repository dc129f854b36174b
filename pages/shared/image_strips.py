"""A named row of images."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import numpy as np
import streamlit as st

from vae.figures.style import NEUTRAL
from vae.figures.tiles import tile_rows

LABELLED_TILES = """
.labelled-tiles {
  display: grid; gap: .35rem;
  grid-template-columns: repeat(auto-fill, minmax(max(3.2rem, var(--width)), 1fr));
}
.labelled-tiles figure { margin: 0; }
.labelled-tiles figcaption {
  font-size: clamp(.72rem, 1.1vw, 1.4rem); line-height: 1.25; text-align: center;
  overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
}
"""


def inline_png(png: bytes, alt: str, width: str = "100%") -> str:
    """An <img> that carries its bytes.

    A file beside the page would be gone before a slow browser asks for it, while polls go on.
    """
    source = f"data:image/png;base64,{base64.b64encode(png).decode()}"
    return f'<img src="{source}" alt="{escape(alt)}" style="width:{width};image-rendering:pixelated">'


def labelled_tiles(
    images: np.ndarray, names: Sequence[str] | None, shape: tuple[int, int, int], columns: int, what: str
) -> str:
    """Markup of `images` (m, P) uint8 in rows of `columns`, each with its name below; `what` is said of all of them."""
    tiles = []
    for place, image in enumerate(images):
        name = f"{names[place]}" if names else ""
        png = tile_rows([image[None]], shape, 1)
        below = f'<figcaption title="{escape(name)}">{escape(name)}</figcaption>' if name else ""
        tiles.append(f"<figure>{inline_png(png, name or f'image {place + 1}')}{below}</figure>")
    width = f"--width: calc({100 / columns:.3f}% - .4rem)"  # of a tile, on a wide page
    group = f'<div class="labelled-tiles" role="group" aria-label="{escape(what)}" style="{width}">'
    return f"<style>{LABELLED_TILES}</style>{group}{''.join(tiles)}</div>"


def numbered(labels: np.ndarray, classes: Sequence[str]) -> list[str]:
    """What images with `labels` (m,) are called: the place, and the class where there are several."""
    names = [f"Image {place}" for place in range(1, len(labels) + 1)]
    if len(classes) < 2:
        return names
    return [f"{name}, class {classes[label]}" for name, label in zip(names, labels, strict=True)]


def choose_image(label: str, names: Sequence[str], key: str, first: int = 1) -> int:
    """A choice among images by their `names`; the row of the chosen one. `first` and what `key` holds count from 1."""
    places = list(range(1, len(names) + 1))
    at = min(first, len(names)) - 1
    return st.selectbox(label, places, index=at, format_func=lambda place: names[place - 1], key=key, width=190) - 1


def strip(
    title: str,
    images: np.ndarray,
    shape: tuple[int, int, int],
    columns: int,
    colour: str = NEUTRAL,
    *,
    told: str = "",
) -> None:
    """`images` (m, P) uint8 in a row of `columns` places, under their title in the variant's colour.

    `told` is what they show, for those who can't see them.
    """
    width = f"{100 * min(len(images), columns) / columns:.3f}%"
    png = tile_rows([images], shape, min(len(images), columns))
    st.html(
        f'<div style="border-left:4px solid {colour};padding-left:.55rem">'
        f'<div style="font-size:max(.86rem,var(--least-type,0px));margin-bottom:.15rem">{escape(title)}</div>'
        f"{inline_png(png, f'{title}: {told}' if told else title, width)}</div>"
    )


def heading(title: str, colour: str) -> None:
    """A line of text in the variant's colour, above a picture."""
    st.html(f'<div style="border-left:4px solid {colour};padding-left:.55rem;font-weight:600">{escape(title)}</div>')
