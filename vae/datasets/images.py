"""What a data set is once it is in memory, and how it is split."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..errors import InputError

Shape = tuple[int, int, int]  # of an image: channels, height, width
SPLIT_SEED = (
    20131220  # the day arXiv 1312.6114 appeared. One split for all runs, so that runs compare on the same images.
)


def stored_shape(shape: Shape) -> list[int]:
    """As runs, uploads and capsules keep it: grey images have no number for their one channel, as ever."""
    return list(shape[1:] if shape[0] == 1 else shape)


def image_shape(stored: Sequence[int]) -> Shape:
    """What `stored_shape` made, back again."""
    channels, height, width = (1, *stored)[-3:]
    return channels, height, width


@dataclass(frozen=True)
class Factors:
    """What each image of a generated data set was made from: K factors v, (N, K), each a whole number below its size.

    The factors stand where the images stand: `train[i]` made `Images.train_x[i]`.
    """

    names: tuple[str, ...]  # (K,)
    sizes: tuple[int, ...]  # (K,) how many values each takes
    train: np.ndarray  # (N, K) uint8, a row for each of `Images.train_x`
    test: np.ndarray  # (M, K) uint8, a row for each of `Images.test_x`


@dataclass(frozen=True)
class Images:
    """A whole data set: images as whole numbers from 0 to `white`, channel by channel and row by row."""

    name: str
    shape: Shape
    white: int  # the level that becomes 1.0
    classes: tuple[str, ...]
    train_x: np.ndarray  # (N, P) uint8, P = channels · height · width
    train_y: np.ndarray  # (N,) uint8, index into classes
    test_x: np.ndarray
    test_y: np.ndarray
    factors: Factors | None = None  # known only where the images were generated
    names_in_hash: bool = False  # of the classes: so for images of one's own, whose owner may correct them

    @property
    def pixels(self) -> int:
        return math.prod(self.shape)

    @cached_property
    def hash(self) -> str:
        """SHA-256 of every pixel, label and factor, so that a result can name the data it was measured on.

        With `names_in_hash` of the classes' names, too: then the same images with corrected names are other data.
        """
        digest = hashlib.sha256(f"{tuple(stored_shape(self.shape))}{self.white}".encode())
        for array in (self.train_x, self.train_y, self.test_x, self.test_y):
            digest.update(np.ascontiguousarray(array).data)
        if self.names_in_hash:
            digest.update(json.dumps(self.classes).encode())
        if self.factors:
            digest.update(f"{self.factors.names}{self.factors.sizes}".encode())
            for values in (self.factors.train, self.factors.test):
                digest.update(np.ascontiguousarray(values).data)
        return digest.hexdigest()


@dataclass(frozen=True)
class Split:
    """Row numbers into `Images.train_x`; the test images are a set of their own."""

    train: np.ndarray  # (n,) int32
    validation: np.ndarray  # (m,) int32, disjoint from train

    @property
    def hash(self) -> str:
        return hashlib.sha256(self.train.tobytes() + b"|" + self.validation.tobytes()).hexdigest()


def split(images: Images, validation_size: int, train_limit: int = 0, seed: int = SPLIT_SEED) -> Split:
    """Set `validation_size` training images aside, then keep `train_limit` of the rest (0: all).

    Raises InputError when the data set has too few images.
    """
    total = len(images.train_x)
    if validation_size >= total:
        raise InputError(
            f"validation_size is {validation_size:,}, but {images.name} has only {total:,} training images, "
            "and some must be left to learn from."
        )
    order = np.random.default_rng(seed).permutation(total).astype(np.int32)
    validation, rest = order[:validation_size], order[validation_size:]
    return Split(train=rest[: train_limit or None], validation=validation)
