"""What a data set looks like on the whole: counts, mean images, grey levels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .images import Images

CHUNK = 4096  # images at a time: a sum over 60,000 of them needs no copy of all


@dataclass(frozen=True)
class Summary:
    """Of the training images, unless it says otherwise; grey levels as models see them, from 0 to 1."""

    train_counts: np.ndarray  # (C,) images of each class
    test_counts: np.ndarray  # (C,)
    mean_image: np.ndarray  # (P,) float32
    class_means: np.ndarray  # (C, P) float32; 0 for a class without training images
    mean: float  # of all pixels
    std: float


def summarise(images: Images) -> Summary:
    """Sums of whole numbers, so the result is exact up to its last rounding."""
    classes = max(len(images.classes), 1)
    sums, squares = np.zeros((classes, images.pixels), np.int64), 0
    for start in range(0, len(images.train_x), CHUNK):
        x, y = images.train_x[start : start + CHUNK], images.train_y[start : start + CHUNK]
        for label in np.unique(y):
            sums[label] += x[y == label].sum(axis=0, dtype=np.int64)
        squares += int(np.einsum("np,np->", x, x, dtype=np.int64))
    counts = np.bincount(images.train_y, minlength=classes)
    count = len(images.train_x) * images.pixels
    mean = sums.sum() / count
    return Summary(
        train_counts=counts,
        test_counts=np.bincount(images.test_y, minlength=classes),
        mean_image=(sums.sum(axis=0) / (len(images.train_x) * images.white)).astype(np.float32),
        class_means=(sums / (np.maximum(counts, 1)[:, None] * images.white)).astype(np.float32),
        mean=float(mean / images.white),
        std=float(max(squares / count - mean**2, 0) ** 0.5 / images.white),
    )
