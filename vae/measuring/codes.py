"""Are codes good for anything?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
import pandas as pd

from ..analysis.codes import CHUNK, encode
from ..analysis.intervals import standard_error
from ..analysis.yardsticks.probes import Labelled, Measured, accuracies, clusters
from ..datasets.principal_axes import PrincipalAxes
from ..errors import InputError
from ..learning.models import Autoencoder
from .stored_runs import Progress
from .subject import Subject

MOST_NUMBERS = 4_000_000  # pixels times images that a probe learns from: all of MNIST's would take a minute
MEASURES = {  # → the name of the metric, where it is of all labels
    "probe": "probe_accuracy",
    "knn": "knn_accuracy",
    "same_class": "same_class_neighbours",
    "nmi": "cluster_nmi",
    "silhouette": "class_silhouette",
}


def codes(subject: Subject, progress: Progress) -> pd.DataFrame:
    """Probes, neighbours and clusters of each model's codes (means μ), of PCA codes of the same size, and of pixels.

    The columns of every yardstick, and `of` ("codes", "pca", "pixels" or "guess"), `labels` learnt from (0: none),
    `neighbours` that voted, `draws` (`value` is the mean over them), `size` of a code. A measure of all training images
    has its metric's name, `probe_accuracy`; of fewer their number follows, `probe_accuracy_10`. Raises InputError for
    images without classes.
    """
    if not subject.has_classes:
        raise InputError(f"The images of {subject.images.name} have no classes that could be read off codes.")
    train, train_y = subject.images.train_x[subject.train_rows], subject.images.train_y[subject.train_rows]
    if len(np.unique(train_y)) < 2:
        raise InputError("The training images are all of one class, so there is none to tell from another.")
    tables, parts = [], len(subject.models) + 2
    for place, (name, model) in enumerate(subject.models.items()):
        progress(place / parts, f"Reading classes off the codes of {len(train) + len(subject.x):,} images")
        tables.append(_table(subject, _labelled(subject, train, train_y, partial(_means, model)), name))
    if not subject.headlines_only:
        progress((parts - 2) / parts, "Reading classes off PCA codes")
        axes = PrincipalAxes.of_pixels(train, subject.images.white)
        leading = axes.axes[: subject.config.latent_dim].T  # (P, D)
        of_pca = _labelled(subject, train, train_y, lambda x: x @ leading - axes.mean @ leading)
        tables.append(_table(subject, of_pca, of="pca"))
        progress((parts - 1) / parts, "Reading classes off pixels")
        pixels = Labelled(train, train_y, subject.x, subject.y, subject.images.white)
        tables.append(_table(subject, pixels, of="pixels", most=MOST_NUMBERS // train.shape[1]))
    return pd.concat([*tables, _guess(train_y, subject.y)], ignore_index=True)


def _guess(train_y: np.ndarray, y: np.ndarray) -> pd.DataFrame:
    """How often the most frequent class of the training images is right: what codes that say nothing are good for."""
    right = y == np.bincount(train_y).argmax()
    told = {"variant": "", "of": "guess", "measure": "most_frequent_class", "neighbours": 0, "size": 0, "draws": 1}
    found = {"value": right.mean(), "error": standard_error(right), "n": len(y), "labels": len(train_y)}
    return pd.DataFrame([told | found])


def _means(model: Autoencoder, x: np.ndarray) -> np.ndarray:
    return encode(model, x).mu


def _labelled(
    subject: Subject, train: np.ndarray, train_y: np.ndarray, code: Callable[[np.ndarray], np.ndarray]
) -> Labelled:
    """Codes of the training images `train` (n, P), a part at a time as floats are large, and of those judged."""
    parts = (train[start : start + CHUNK] for start in range(0, len(train), CHUNK))
    learnt = np.concatenate([code(part.astype(np.float32) / np.float32(subject.images.white)) for part in parts])
    return Labelled(learnt, train_y, code(subject.x), subject.y)


def _table(
    subject: Subject, codes: Labelled, variant: str = "", of: str = "codes", most: int | None = None
) -> pd.DataFrame:
    whole = len(codes.train_y)
    found: Iterable[Measured] = [
        *accuracies(codes, subject.seed, not subject.headlines_only, most),
        *clusters(codes.judged, codes.judged_y, subject.seed),
    ]
    rows = [
        {
            "variant": variant,
            "of": of,
            "measure": MEASURES[each.measure] + (f"_{each.labels}" if each.labels not in (None, whole) else ""),
            "value": each.value,
            "error": each.error,
            "n": each.n,
            "labels": each.labels or 0,
            "draws": each.draws,
            "neighbours": each.neighbours or 0,
        }
        for each in found
    ]
    return pd.DataFrame(rows).assign(size=codes.train.shape[1])
