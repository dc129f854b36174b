"""Grey images drawn as black and white ones: a pixel of grey level g is 1 with probability g."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..choices.binarisations import BINARISATIONS
from .images import SPLIT_SEED, Images

CHUNK = 2000  # images drawn at a time


def binarised(images: Images, binarisation: str) -> Images:
    """`images` as models with this `binarisation` see them when nothing is learnt: drawn once, the same for all runs.

    An image's draw depends on nothing but its place in the data set, so runs of all seeds, sizes and splits are
    measured on the same pixels (static binarisation; Larochelle & Murray 2011 fixed MNIST's). Of "none" the images
    themselves.
    """
    if not BINARISATIONS[binarisation].binary:
        return images
    white = images.white
    return replace(images, train_x=_drawn(images.train_x, white, 0), test_x=_drawn(images.test_x, white, 1))


def _drawn(x: np.ndarray, white: int, part: int) -> np.ndarray:
    """(N, P) → the same shape and kind, each pixel 0 or `white`."""
    draws, found = np.random.default_rng([SPLIT_SEED, part]), np.zeros_like(x)
    for start in range(0, len(x), CHUNK):
        rows = slice(start, start + CHUNK)
        # Of the whole numbers below `white`, x are less than x.
        found[rows][draws.integers(0, white, x[rows].shape, dtype=np.uint8) < x[rows]] = white
    return found
