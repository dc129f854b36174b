"""What every reader finds in a file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...errors import InputError
from ..images import SPLIT_SEED, Images
from .labels import classes_of
from .pixels import CHANNELS, WHITE

TESTED_ON = 6  # one image in six is held out
FEWEST_TO_LEARN, FEWEST_TO_TEST = 10, 2  # images of a file with a split of its own


@dataclass(frozen=True)
class Found:
    """Images of one size, in the order of the file."""

    images: np.ndarray  # (N, H, W) uint8, or (N, H, W, 3) where they keep their colours
    labels: list[str] | None  # N of them
    held_out: np.ndarray | None = None  # (N,) bool, the file's own test images; None: it has no split of its own
    notes: tuple[str, ...] = ()  # what was decided for the person who brought it, or left out: a sentence each
    coloured: bool = False  # whether the file has colours, kept or not

    def data_set(self) -> Images:
        """The file's own split where it has one; else a sixth is held out, by the seed that splits all data sets.

        Raises InputError for labels that can't be classes, and for a split of the file's own that leaves too few.
        """
        count, height, width = self.images.shape[:3]
        channels = CHANNELS if self.images.ndim == 4 else 1
        classes, y = classes_of(self.labels, count)
        if self.held_out is None:
            order = np.random.default_rng(SPLIT_SEED).permutation(count)
            test, train = order[: count // TESTED_ON], order[count // TESTED_ON :]
        else:
            test, train = np.flatnonzero(self.held_out), np.flatnonzero(~self.held_out)
            if len(train) < FEWEST_TO_LEARN or len(test) < FEWEST_TO_TEST:
                raise InputError(
                    f"Its own split has {len(train):,} images to learn from and {len(test):,} for testing; at least "
                    f"{FEWEST_TO_LEARN} and {FEWEST_TO_TEST} are needed."
                )
        x = self.images if channels == 1 else self.images.transpose(0, 3, 1, 2)  # channel by channel
        x = x.reshape(count, channels * height * width)
        return Images(
            name="own images",
            shape=(channels, height, width),
            white=WHITE,
            classes=classes,
            train_x=x[train],
            train_y=y[train],
            test_x=x[test],
            test_y=y[test],
            names_in_hash=self.labels is not None,
        )
