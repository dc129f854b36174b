"""A stored run, ready to be judged: its networks, and the images that they are judged on and have learnt from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..choices.variants import VARIANTS, Variant
from ..config import RunConfig
from ..datasets import Images
from ..learning.models import Autoencoder
from ..settings import Settings
from ..store.runs import Run, Store
from ..store.tensor_bytes import unpack
from .stored_runs import ReferenceClassifier, images_of, models_of, reference_classifier_of

MOST_WATCHED = 2000  # validation images, for the numbers by which a sweep chooses


@dataclass(frozen=True)
class Subject:
    """One run at one epoch, and the N images it is judged on."""

    config: RunConfig
    models: Mapping[str, Autoencoder]  # by variant
    images: Images  # the whole data set, binarised as the run is measured on it
    train_rows: np.ndarray  # (n,) row numbers of the training images it learnt from
    x: np.ndarray  # (N, P) in [0, 1], float32
    y: np.ndarray  # (N,) their classes; zeros where the images have none
    classifier: Callable[[], ReferenceClassifier | None]  # trained on the first call; None for images without classes
    headlines_only: bool = False  # whether nobody asks for more than the rows that are metrics: sweeps don't
    # (M, P) of the class that was kept from training, none of which it has seen: test images of it, or where x are
    # validation images, those of the training set. Empty without such a class.
    held_out: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))

    @property
    def seed(self) -> int:
        return self.config.seed

    @property
    def has_classes(self) -> bool:
        return len(self.images.classes) > 1

    def variant(self, name: str) -> Variant:
        return VARIANTS[name]

    def learnt_from(self, most: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """The first `most` of the training images (all of them), (n, P) in [0, 1], and their classes, (n,)."""
        rows = self.train_rows[:most]
        return self.images.train_x[rows].astype(np.float32) / self.images.white, self.images.train_y[rows]


def subject_of(store: Store, run: Run, epoch: int, settings: Settings, test: bool = True) -> Subject:
    """A stored run at a kept epoch, judged on the test images, or on the first MOST_WATCHED that it was watched on.

    Of a class that it kept from training no image is among them: those stand by themselves.
    Raises InputError when its weights or its images aren't there.
    """
    models, images = models_of(store, run, epoch), images_of(store, run, settings)
    split = unpack(store.split_rows(run.id))
    rows = split["validation"] if len(split["validation"]) else split["train"]
    left, held_out = run.config.held_out_class, images.test_x[:0]
    if test:
        learnt = images.tested_without(left)
        x, y = learnt.test_x, learnt.test_y
    else:
        x, y = images.train_x[rows[:MOST_WATCHED]], images.train_y[rows[:MOST_WATCHED]]
    if left:
        of_class = images.class_named(left)
        there = (images.test_x, images.test_y) if test else (images.train_x, images.train_y)
        held_out = there[0][there[1] == of_class][: None if test else MOST_WATCHED]
    return Subject(
        run.config,
        models,
        images,
        split["train"],
        x.astype(np.float32) / images.white,
        y,
        lambda: reference_classifier_of(store, images),
        held_out=held_out.astype(np.float32) / images.white,
    )
