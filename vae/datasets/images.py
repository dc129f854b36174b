"""What a data set is once it is in memory, and how it is split."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..config import RunConfig, shown
from ..errors import InputError

CLASSES_LISTED = 20  # in a sentence on one that isn't there
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

    def class_named(self, held_out_class: str) -> int:
        """The index of a class. Raises InputError for one that these images don't have."""
        if len(self.classes) < 2:
            raise InputError(
                f"held_out_class is {shown(repr(held_out_class))}, but the images of {self.name} have no classes, so "
                "none can be kept from training."
            )
        if held_out_class not in self.classes:
            rest = len(self.classes) - CLASSES_LISTED
            listed = ", ".join(map(shown, self.classes[:CLASSES_LISTED])) + (f" and {rest} more" if rest > 0 else "")
            raise InputError(
                f"held_out_class is {shown(repr(held_out_class))}, but the classes of {self.name} are {listed}."
            )
        return self.classes.index(held_out_class)

    def tested_without(self, held_out_class: str) -> Images:
        """The same with the test images of the other classes alone: those that a run is measured on. "": as it is.

        Another hash, as the images are others. Raises InputError as `class_named`.
        """
        if not held_out_class:
            return self
        kept = self.test_y != self.class_named(held_out_class)
        factors = self.factors and replace(self.factors, test=self.factors.test[kept])
        return replace(self, test_x=self.test_x[kept], test_y=self.test_y[kept], factors=factors)

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


def split(
    images: Images, validation_size: int, train_limit: int = 0, seed: int = SPLIT_SEED, held_out_class: str = ""
) -> Split:
    """Set `validation_size` training images aside, then keep `train_limit` of the rest (0: all).

    With a `held_out_class` both are of the other classes: the class is taken out first, so that both are as many as
    were asked for. Raises InputError when the data set has too few images, or no such class.
    """
    order = np.random.default_rng(seed).permutation(len(images.train_x)).astype(np.int32)
    if held_out_class:
        place = images.class_named(held_out_class)
        order = order[images.train_y[order] != place]
        if not (images.test_y != place).any():
            raise InputError(f"All test images of {images.name} are of class {held_out_class}: it can't be left out.")
    total = len(order)
    if validation_size >= total:
        of_others = f" of classes other than {held_out_class}" if held_out_class else ""
        raise InputError(
            f"validation_size is {validation_size:,}, but {images.name} has only {total:,} training images{of_others}, "
            "and some must be left to learn from."
        )
    validation, rest = order[:validation_size], order[validation_size:]
    return Split(train=rest[: train_limit or None], validation=validation)


def split_for(config: RunConfig, images: Images) -> Split:
    """As a run of this config splits its images. Raises InputError as `split`."""
    return split(images, config.validation_size, config.train_limit, held_out_class=config.held_out_class)
