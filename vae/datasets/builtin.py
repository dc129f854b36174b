"""Data sets that come with the program and need no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .images import SPLIT_SEED, Images

DIGITS_TEST_SIZE = 297  # scikit-learn names no test set; 1,500 of the 1,797 images are left for training


def load_digits(data_dir: Path) -> Images:
    """8×8 handwritten digits, grey levels 0–16 (UCI optical recognition, by way of scikit-learn)."""
    from sklearn.datasets import load_digits as load  # imported here: the first page must paint without it

    bunch = load()
    order = np.random.default_rng(SPLIT_SEED).permutation(len(bunch.data))
    x, y = bunch.data[order].astype(np.uint8), bunch.target[order].astype(np.uint8)
    test, train = slice(0, DIGITS_TEST_SIZE), slice(DIGITS_TEST_SIZE, None)
    return Images(
        name="digits",
        shape=(1, 8, 8),
        white=16,
        classes=tuple("0123456789"),
        train_x=x[train],
        train_y=y[train],
        test_x=x[test],
        test_y=y[test],
    )
