"""The shapes of `shapes`, each painted in one of eight hues: colour images whose factors are known, hue among them.

Hues lie on a circle in the space of red, green and blue, evenly, about mid grey: the mean of the three channels is the
same for all, and from each hue to the next it is equally far, so no hue costs a model more than another. Only +, −, ×,
÷, √ and rounding are used, as in `shapes`, so that the images are the same everywhere, to the bit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import shapes
from .images import SPLIT_SEED, Factors, Images
from .shapes import IMAGES, SHAPES, SIDE, TEST_SIZE

HUES = 8  # by 45°: a full circle from red by orange, lime, green, cyan, blue and violet to magenta
CHANNELS = 3
NAMES = (*shapes.NAMES, "hue")
SIZES = (*shapes.SIZES, HUES)
WHITE = 255


def load_shapes_colour(data_dir: Path) -> Images:
    """Image for image those of `shapes`, in colour: the same order, the same sixth for testing."""
    order = np.random.default_rng(SPLIT_SEED).permutation(IMAGES)
    values = factor_values()[order]  # (N, K)
    x = painted(shapes.draw()[order], colours()[values[:, -1]])
    test, train = slice(0, TEST_SIZE), slice(TEST_SIZE, None)
    return Images(
        name="shapes_colour",
        shape=(CHANNELS, SIDE, SIDE),
        white=WHITE,
        classes=SHAPES,
        train_x=x[train],
        train_y=values[train, 0].copy(),
        test_x=x[test],
        test_y=values[test, 0].copy(),
        factors=Factors(NAMES, SIZES, values[train], values[test]),
    )


def factor_values() -> np.ndarray:
    """(N, K) uint8, in the order of `shapes.draw`: with any three of rotation, x, y and hue every combination once.

    The whole grid would be 49,152 images. Here every image of `shapes` is there in one hue, which is a sum of the other
    factors modulo 8. The numbers of steps are odd, so a factor left out makes the sum any hue equally often (an
    orthogonal array of strength 3): of each shape in each scale, and so no factor tells of another.
    """
    values = np.stack(np.unravel_index(np.arange(IMAGES), shapes.SIZES), axis=1)  # (N, 5)
    shape, scale, rotation, x, y = values.T
    hue = (rotation + 3 * x + 5 * y + len(shapes.SCALES) * shape + scale) % HUES
    return np.column_stack([values, hue]).astype(np.uint8)


def colours() -> np.ndarray:
    """(hues, 3) uint8: red, green and blue of each, half of white plus half of the cosine of its angle from each."""
    diagonal, side = np.sqrt(0.5), np.sqrt(3) / 2
    cos = np.array([1, diagonal, 0, -diagonal, -1, -diagonal, 0, diagonal])  # of 0°, 45°, …
    sin = np.roll(cos, 2)
    angles = np.stack([cos, side * sin - cos / 2, -side * sin - cos / 2], axis=1)  # from 0°, 120° and 240°
    return np.round((0.5 + 0.5 * angles) * WHITE).astype(np.uint8)


def painted(grey: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """Grey images (N, P) in a colour each, (N, 3), on black: (N, 3·P) uint8, channel by channel."""
    products = grey[:, None].astype(np.uint16) * colour[:, :, None]  # (N, 3, P), below 2¹⁶
    return ((products + WHITE // 2) // WHITE).astype(np.uint8).reshape(len(grey), -1)
