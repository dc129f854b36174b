"""Whether codes are good for anything: how well their class can be read off them, by simple means.

A linear probe asks whether classes lie on different sides of planes (Alain & Bengio 2017, arXiv 1610.01644), nearest
neighbours whether like lies beside like, k-means whether classes are clusters. All three by scikit-learn.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from ...learning.randomness import stream
from .. import intervals

DRAWS = {10: 10, 100: 5, 1000: 3}  # few labels → how often they are drawn: which ones they are matters
NEIGHBOURS = 10
MOST_QUERIES = 2000  # images whose neighbours are looked for: what it costs grows with their number
POOL = 5000  # training images among which also pixels have time to find neighbours
MOST_CLUSTERED = 2000  # images that are put into clusters
STARTS = 5  # of k-means
ITERATIONS = 1000  # of the probe's descent, which ends long before


@dataclass(frozen=True)
class Labelled:
    """Codes to learn from and codes to judge by, of the same encoder."""

    train: np.ndarray  # (n, D) float32, or whole numbers from 0 to `white`
    train_y: np.ndarray  # (n,) classes, whole numbers from 0
    judged: np.ndarray  # (N, D) float32
    judged_y: np.ndarray  # (N,)
    white: int = 1  # what training codes are divided by: pixels stay as small as they are stored until then

    def learnt_from(self, rows: np.ndarray | slice) -> np.ndarray:
        """Training codes of these rows as float32, (m, D)."""
        codes = self.train[rows].astype(np.float32, copy=False)
        return codes if self.white == 1 else codes / np.float32(self.white)


@dataclass(frozen=True)
class Measured:
    """One number of one set of codes."""

    measure: str  # "probe" or "knn" accuracy, "same_class" neighbours, "nmi" or "silhouette"
    labels: int | None  # that were learnt from; None where none are
    value: float
    error: float  # standard error of the value
    n: int  # judged images
    draws: int  # of labels, or starts of k-means: `value` is the mean over them
    neighbours: int | None = None  # that had a vote


def label_counts(available: int, most: int | None = None) -> list[int]:
    """Numbers of labels to learn from: 10, 100, 1,000 as far as there are more; then all, unless more than `most`."""
    few = [count for count in DRAWS if count < available]
    return few if most and available > most else [*few, available]


def evenly_drawn(y: np.ndarray, count: int, generator: torch.Generator) -> np.ndarray:
    """Row numbers of `count` of the labels `y` (n,), (count,): as many of each class as can be, drawn at random.

    Classes that have too few give all they have, and the others make up for them. With fewer labels than classes, some
    classes have none.
    """
    order = torch.randperm(len(y), generator=generator).numpy()
    shuffled = y[order]
    turn = np.empty(len(y), dtype=np.int64)  # the how manieth of its class each is
    for label in np.unique(y):
        of_class = shuffled == label
        turn[of_class] = np.arange(of_class.sum())
    return order[np.argsort(turn, kind="stable")[:count]]


def probe_right(codes: Labelled, rows: np.ndarray) -> np.ndarray:
    """Whether a linear probe learnt from training codes `rows` names the class of each judged code: (N,) bool.

    Multinomial logistic regression of scikit-learn with its own defaults (C = 1), on codes that are standardised by
    the mean and standard deviation of those it learns from. Of a single class it knows no other.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x, y = codes.learnt_from(rows), codes.train_y[rows]
    if (y == y[0]).all():
        return codes.judged_y == y[0]
    scaler = StandardScaler().fit(x)
    probe = LogisticRegression(max_iter=ITERATIONS).fit(scaler.transform(x), y)
    weights = probe.coef_ / scaler.scale_  # the same probe of codes as they are: those judged needn't be copied
    probe.intercept_ = (probe.intercept_ - weights @ scaler.mean_).astype(x.dtype)
    probe.coef_ = weights.astype(x.dtype)
    return probe.predict(codes.judged) == codes.judged_y


def nearest_rows(train: np.ndarray, queries: np.ndarray, count: int) -> np.ndarray:
    """Rows of the `count` codes of `train` (n, D) nearest to each of `queries` (m, D), nearest first: (m, count).

    By Euclidean distance of codes as they are: a dimension counts by how far it spreads them.
    """
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=min(count, len(train))).fit(train).kneighbors(queries, return_distance=False)


def voted(labels: np.ndarray) -> np.ndarray:
    """The most frequent of each row of `labels` (m, k), the smallest of several, (m,): as scikit-learn's classifier."""
    counts = np.zeros((len(labels), int(labels.max()) + 1), dtype=np.int64)
    np.add.at(counts, (np.arange(len(labels))[:, None], labels.astype(np.int64)), 1)
    return counts.argmax(axis=1)


def voters(labels: int, classes: int) -> int:
    """How many neighbours vote: NEIGHBOURS, or with few labels half as many as there are of a class, at least one."""
    return max(1, min(NEIGHBOURS, labels // max(classes, 1) // 2))


def accuracies(codes: Labelled, seed: int, few: bool = True, most: int | None = None) -> Iterator[Measured]:
    """Of the linear probe and of nearest neighbours for every number of labels, and `same_class`.

    The same labels for all codes of the same images. Neighbours also among the first POOL training images, where codes
    of every kind find some. `few`: whether also of fewer labels than all. More than `most` are not learnt from.
    """
    available, classes = len(codes.train), len(np.unique(codes.train_y))
    queries, pool = min(MOST_QUERIES, len(codes.judged)), min(POOL, available)
    asked, asked_y = codes.judged[:queries], codes.judged_y[:queries]
    for count in label_counts(available, most)[0 if few else -1 :]:
        drawn = [np.arange(count)]
        if count in DRAWS and count < available:
            generator = stream(seed, f"{count} labels")
            drawn = [evenly_drawn(codes.train_y, count, generator) for _ in range(DRAWS[count])]
        yield _accuracy("probe", np.array([probe_right(codes, rows) for rows in drawn]), count)
        if count != pool:
            k = voters(count, classes)
            near = [
                codes.train_y[rows][nearest_rows(codes.learnt_from(rows), asked, k)] for rows in drawn
            ]  # each (m, k)
            yield _accuracy("knn", np.array([voted(labels) == asked_y for labels in near]), count, k)
    if few or pool == available:
        k = voters(pool, classes)
        labels = codes.train_y[nearest_rows(codes.learnt_from(slice(pool)), asked, max(k, NEIGHBOURS))]
        yield _accuracy("knn", (voted(labels[:, :k]) == asked_y)[None], pool, k)
        yield _accuracy("same_class", (labels == asked_y[:, None]).mean(axis=1)[None], pool, labels.shape[1])


def _accuracy(measure: str, right: np.ndarray, labels: int, neighbours: int | None = None) -> Measured:
    """Of `right` (draws, N), from 0 to 1 for each draw of labels and each image."""
    draws, n = right.shape
    return Measured(measure, labels, float(right.mean()), standard_error(right), n, draws, neighbours)


def standard_error(right: np.ndarray) -> float:
    """Of the mean of `right` (draws, N), for other labels and other images: both are samples.

    The variance of the draws' means and that of the images' means, each over its number, added.
    """
    draws, n = right.shape
    variance = right.mean(axis=1).var(ddof=1) / draws if draws > 1 else 0.0
    variance += right.mean(axis=0).var(ddof=1) / n if n > 1 else np.nan
    return float(np.sqrt(variance))


def clusters(codes: np.ndarray, y: np.ndarray, seed: int) -> Iterator[Measured]:
    """Whether classes `y` (N,) are clusters of `codes` (N, D); of the first MOST_CLUSTERED.

    nmi: normalised mutual information (arithmetic mean) of the classes and as many k-means clusters, the mean over
    STARTS, each from an own k-means++ start. silhouette: of the classes themselves (Rousseeuw 1987), from −1 to 1.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.metrics import normalized_mutual_info_score, silhouette_samples

    codes, y = codes[:MOST_CLUSTERED], y[:MOST_CLUSTERED]
    classes, n = len(np.unique(y)), len(y)
    if not 1 < classes < n:
        return
    starts = torch.randint(2**31 - 1, (STARTS,), generator=stream(seed, "k-means")).tolist()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different codes than clusters: it uses those
        found = [KMeans(classes, n_init=1, random_state=start).fit_predict(codes) for start in starts]
    scores = np.array([normalized_mutual_info_score(y, of_one) for of_one in found])
    yield Measured("nmi", None, float(scores.mean()), intervals.standard_error(scores), n, STARTS)
    silhouettes = silhouette_samples(codes, y)
    yield Measured("silhouette", None, float(silhouettes.mean()), intervals.standard_error(silhouettes), n, 1)
