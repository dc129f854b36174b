"""What every reader finds in a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..images import SPLIT_SEED, Images
from .labels import classes_of
from .pixels import WHITE

TESTED_ON = 6  # one image in six is held out


@dataclass(frozen=True)
class Found:
    """Images of one size, in the order of the file."""

    images: np.ndarray  # (N, H, W) uint8
    labels: list[str] | None  # N of them

    def data_set(self) -> Images:
        """A sixth of them are held out as test images, by the seed that splits all data sets.

        Raises InputError for labels that can't be classes.
        """
        count, height, width = self.images.shape
        classes, y = classes_of(self.labels, count)
        order = np.random.default_rng(SPLIT_SEED).permutation(count)
        test, train = order[: count // TESTED_ON], order[count // TESTED_ON :]
        x = self.images.reshape(count, height * width)
        return Images(
            name="own images",
            shape=(height, width),
            white=WHITE,
            classes=classes,
            train_x=x[train],
            train_y=y[train],
            test_x=x[test],
            test_y=y[test],
        )
