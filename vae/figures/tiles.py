"""Many small images as one PNG: one message to the browser instead of a hundred."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

GAP = 2  # pixels of the scaled picture between tiles
BACKGROUND = 128  # mid grey: neither page colour hides the edge of a black image
WIDTH = 720  # a phone scales it down, a projector little up


def to_grey(images: np.ndarray, white: float = 1.0) -> np.ndarray:
    """Values in [0, `white`], (m, P), as grey levels 0–255, uint8."""
    return (np.clip(images / white, 0, 1) * 255).round().astype(np.uint8)


def tile_rows(rows: Sequence[np.ndarray], shape: tuple[int, int], columns: int) -> bytes:
    """A PNG with one row of images for each of `rows` ((m, P) uint8), its first `columns` images from left to right.

    Nearest-neighbour scaling: a pixel of the data stays a square.
    """
    height, width = shape
    scale = max(1, (WIDTH - GAP * (columns + 1)) // (columns * width))
    high, wide = height * scale, width * scale
    sheet = np.full((len(rows) * (high + GAP) + GAP, columns * (wide + GAP) + GAP), BACKGROUND, dtype=np.uint8)
    for i, row in enumerate(rows):
        for j, image in enumerate(row[:columns]):
            top, left = GAP + i * (high + GAP), GAP + j * (wide + GAP)
            grown = image.reshape(height, width).repeat(scale, axis=0).repeat(scale, axis=1)
            sheet[top : top + high, left : left + wide] = grown
    buffer = io.BytesIO()
    Image.fromarray(sheet).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
