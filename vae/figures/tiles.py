"""Many small images as one PNG: one message to the browser instead of a hundred."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

GAP = 2  # pixels of the scaled picture between tiles
BACKGROUND = 128  # mid grey: neither page colour hides the edge of a black image
VEIL, VEIL_COLOUR = 0.6, (92, 110, 160)  # how much of a tinted image is hidden, and by what
WIDTH = 720  # a phone scales it down, a projector little up


def to_grey(images: np.ndarray, white: float = 1.0) -> np.ndarray:
    """Values in [0, `white`], (m, P), as grey levels 0–255, uint8."""
    return (np.clip(images / white, 0, 1) * 255).round().astype(np.uint8)


def painted(images: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Images (m, P), channel by channel → pictures (m, height, width, channels): the one place that knows the order."""
    return images.reshape(-1, *shape).transpose(0, 2, 3, 1)


def by_pixel(values: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Errors or deviations (m, C·P) of images of a `shape`: one for each pixel, (m, P), to be drawn in grey.

    The root mean square over its channels; of grey images their absolute value. In three colours an error would look
    like a colour of the image, and in their mean opposite errors, as those of a wrong hue are, would cancel.
    """
    channels = np.asarray(values).reshape(len(values), shape[0], -1)
    return np.abs(channels[:, 0]) if shape[0] == 1 else np.sqrt(np.square(channels).mean(axis=1))


def one_channel(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """The shape of what `by_pixel` makes of such images."""
    return (1, *shape[1:])


def tile_rows(rows: Sequence[np.ndarray], shape: tuple[int, int, int], columns: int) -> bytes:
    """A PNG with one row of images for each of `rows` ((m, P) uint8), its first `columns` images from left to right.

    Nearest-neighbour scaling: a pixel of the data stays a square.
    """
    channels, height, width = shape
    scale = max(1, (WIDTH - GAP * (columns + 1)) // (columns * width))
    high, wide = height * scale, width * scale
    size = (len(rows) * (high + GAP) + GAP, columns * (wide + GAP) + GAP, channels)
    sheet = np.full(size, BACKGROUND, dtype=np.uint8)
    for i, row in enumerate(rows):
        for j, picture in enumerate(painted(row[:columns], shape)):
            top, left = GAP + i * (high + GAP), GAP + j * (wide + GAP)
            sheet[top : top + high, left : left + wide] = picture.repeat(scale, axis=0).repeat(scale, axis=1)
    return _png(sheet)


def tile_grid(images: np.ndarray, shape: tuple[int, int, int], columns: int, tinted: np.ndarray) -> bytes:
    """A PNG of `images` (m, P) uint8 in rows of `columns`, without gaps; those `tinted` (m,) lie under a veil."""
    _, height, width = shape
    rows = len(images) // columns
    scale = max(1, WIDTH // (columns * width))
    pictures = np.broadcast_to(painted(images, shape), (len(images), height, width, 3))
    veiled = (1 - VEIL) * pictures + VEIL * np.array(VEIL_COLOUR)
    colours = np.where(tinted[:, None, None, None], veiled, pictures).astype(np.uint8)
    sheet = colours.reshape(rows, columns, height, width, 3).transpose(0, 2, 1, 3, 4)
    sheet = sheet.reshape(rows * height, columns * width, 3)
    return _png(sheet.repeat(scale, axis=0).repeat(scale, axis=1))


def _png(sheet: np.ndarray) -> bytes:
    """Of a picture (height, width, 1 or 3)."""
    buffer = io.BytesIO()
    Image.fromarray(sheet.squeeze(-1) if sheet.shape[-1] == 1 else sheet).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
