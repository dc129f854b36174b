"""Images whose factors are known, because they are drawn here: every combination of shape, scale, rotation and place.

In the manner of dSprites (Matthey et al. 2017), small enough to be drawn in a moment. Only +, −, ×, ÷, √, min and max
are used, which every processor rounds alike, so that the images are the same everywhere, to the bit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .images import SPLIT_SEED, Factors, Images

SIDE = 32  # pixels
SHAPES = ("heart", "moon", "arrow")  # none looks the same after a turn by less than a full one
SCALES = (5.0, 6.0, 7.0, 8.0)  # radius of the disc that a shape lies in, pixels
TURNS = 8  # rotations by 45°; a full circle, which no single number can follow without a jump
PLACES = 8  # along either axis
STEP = 2  # pixels from one place to the next: whole ones, so that a moved image is the same image moved
NAMES = ("shape", "scale", "rotation", "x", "y")
SIZES = (len(SHAPES), len(SCALES), TURNS, PLACES, PLACES)
IMAGES = int(np.prod(SIZES))  # 6,144
TEST_SIZE = IMAGES // 6


def load_shapes(data_dir: Path) -> Images:
    """All combinations in random order; a sixth of them are the test images."""
    order = np.random.default_rng(SPLIT_SEED).permutation(IMAGES)
    values = np.stack(np.unravel_index(np.arange(IMAGES), SIZES), axis=1).astype(np.uint8)[order]  # (N, K)
    x = draw()[order]
    test, train = slice(0, TEST_SIZE), slice(TEST_SIZE, None)
    return Images(
        name="shapes",
        shape=(1, SIDE, SIDE),
        white=255,
        classes=SHAPES,
        train_x=x[train],
        train_y=values[train, 0].copy(),
        test_x=x[test],
        test_y=values[test, 0].copy(),
        factors=Factors(NAMES, SIZES, values[train], values[test]),
    )


def draw() -> np.ndarray:
    """Every image, (N, P) uint8: the last factor changes fastest."""
    reach = SIDE - STEP * (PLACES - 1)  # pixels of the square that a shape in the first place has to itself
    towers = np.stack([_drawn(shape, scale, reach) for shape in SHAPES for scale in SCALES])  # (S·R, turns, h, w)
    towers = towers.reshape(*SIZES[:3], reach, reach)
    images = np.zeros((*SIZES, SIDE, SIDE), dtype=np.uint8)
    for i in range(PLACES):
        for j in range(PLACES):
            left, top = STEP * i, STEP * j
            images[:, :, :, i, j, top : top + reach, left : left + reach] = towers
    return images.reshape(IMAGES, SIDE * SIDE)


def _drawn(shape: str, scale: float, side: int) -> np.ndarray:
    """One shape in the middle of a square, in every rotation: (turns, side, side) uint8.

    A pixel's grey is how far its centre lies inside the outline, from half a pixel outside (black) to half a pixel
    inside (white): an edge without steps.
    """
    diagonal = np.sqrt(0.5)
    eighths = np.array([1, diagonal, 0, -diagonal, -1, -diagonal, 0, diagonal])  # cos of 0°, 45°, …
    cos, sin = eighths[:, None, None], np.roll(eighths, 2)[:, None, None]
    centres = np.arange(side) - (side - 1) / 2
    right, down = centres[None, None, :] / scale, centres[None, :, None] / scale  # in radii
    across, up = right * cos + down * sin, right * sin - down * cos  # the shape's own axes
    outside = _DISTANCES[shape](across, up) * scale  # pixels, below 0 inside
    return np.round(np.clip(0.5 - outside, 0, 1) * 255).astype(np.uint8)


# Distances to an outline in a disc of radius 1, upright, below 0 inside; near the outline exact, but for its corners.


def _disc(x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
    return np.sqrt(x * x + y * y) - radius


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A square on its corner, and a half disc on each of its upper sides."""
    half = 0.5  # of the square's side
    y = y + 0.22  # the middle of the square lies below the middle of the heart
    side = np.sqrt(0.5)
    u, v = (x + y) * side, (y - x) * side  # along the square's sides
    square = np.maximum(np.abs(u), np.abs(v)) - half
    return np.minimum(square, np.minimum(_disc(u - half, v, half), _disc(u, v - half, half)))


def _moon(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A disc without another disc."""
    return np.maximum(_disc(x, y, 0.95), -_disc(x - 0.5, y, 0.75))


def _arrow(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """A triangle on a bar, pointing up."""
    side = np.sqrt(0.5)
    head = np.maximum((np.abs(x) + y - 0.95) * side, 0.15 - y)
    shaft = np.maximum(np.abs(x) - 0.28, np.maximum(y - 0.2, -0.9 - y))
    return np.minimum(head, shaft)


_DISTANCES = {"heart": _heart, "moon": _moon, "arrow": _arrow}
