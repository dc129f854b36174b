"""How near do drawn pictures come to real ones?"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import torch

from ..analysis.codes import encode
from ..analysis.geometry import decode
from ..analysis.intervals import standard_error
from ..analysis.reference import HIDDEN, Classifier
from ..analysis.sampling import affordable, draw, fit_mixture, prior
from ..analysis.yardsticks.sample_quality import (
    NEIGHBOURS,
    Manifold,
    Spread,
    frechet_distance,
    precision_and_recall,
)
from ..errors import InputError
from ..learning.models import Autoencoder
from ..learning.randomness import stream
from .stored_runs import Progress
from .subject import Subject

DRAWS = 5  # sets of pictures from each model in each way
FITTED_ON = 10_000  # codes of training images, at most: as on the Sample page
MOST_IN_BALLS = 2000  # images of each kind for precision and recall, whose time grows with the square
CHUNK = 1000  # pictures at once
WAYS = ("prior", "gaussian", "mixture")  # to draw codes; the run is known by the first
SCORES = ("frechet_distance", "sample_precision", "sample_recall")
DrawCodes = Callable[[int, int], np.ndarray]  # how many, and the number of the draw → (n, D)


def samples(subject: Subject, progress: Progress) -> pd.DataFrame:
    """Pictures of drawn codes against the N images `subject.x`, in the reference classifier's features.

    DRAWS times N pictures of each variant, from codes in each of WAYS; then disjoint sets of N training images in their
    place, variant "" and way "real": the floor, where there are so many. Beside the columns of every yardstick: way,
    score (one of SCORES; `measure` is the same for N(0, I), and ends in the way for others), draws. `error` is the
    standard error of the mean over draws: the N images and the networks stay. Precision and recall are of the first
    MOST_IN_BALLS of a fixed shuffle. Raises InputError for images without classes, and for fewer than four.
    """
    reference = subject.classifier() if subject.has_classes else None
    if reference is None:
        raise InputError("Samples are judged in the features of a classifier, and these images have no classes.")
    if len(subject.x) <= NEIGHBOURS:
        raise InputError(f"Samples need at least {NEIGHBOURS + 1} images to be judged by; there are {len(subject.x)}.")
    judge = _Judge(reference.classifier, subject.x)
    rows, done, steps = [], 0, len(subject.models) * len(WAYS) * DRAWS + DRAWS
    for name, model in subject.models.items():
        progress(done / steps, f"Codes of training images, {subject.variant(name).title}")
        for way, codes in _ways_to_draw(subject, model):
            found = []
            for number in range(DRAWS):
                progress(done / steps, f"Pictures, {subject.variant(name).title}")
                found.append(judge.scores(_pictures(model, codes(len(subject.x), number))))
                done += 1
            rows += judge.rows(name, way, found)
    found = []
    for x in [] if subject.headlines_only else _real_images(subject):
        progress(done / steps, "Real images in their place")
        found.append(judge.scores(x))
        done += 1
    return pd.DataFrame(rows + judge.rows("", "real", found))


class _Judge:
    """What is known of the images that pictures are held against."""

    def __init__(self, classifier: Classifier, x: np.ndarray) -> None:
        self.classifier = classifier
        self.n = len(x)
        some = torch.randperm(self.n, generator=stream(0, "samples judged")).numpy()[:MOST_IN_BALLS]
        self.n_in_balls = len(some)
        features = self._features(x)
        self.spread, self.manifold = Spread.of(features), Manifold.of(features[some])

    def scores(self, x: np.ndarray | Iterator[np.ndarray]) -> list[float]:
        """SCORES of N pictures (N, P), which may come in parts."""
        features = self._features(x)
        among, covered = precision_and_recall(self.manifold, Manifold.of(features[: self.n_in_balls]))
        return [frechet_distance(self.spread, Spread.of(features)), among, covered]

    def rows(self, variant: str, way: str, found: list[list[float]]) -> list[dict[str, object]]:
        """The means over draws of the `found` scores; none where nothing was drawn."""
        rows: list[dict[str, object]] = []
        for place, score in enumerate(SCORES if found else ()):
            values = np.array([of_draw[place] for of_draw in found])
            rows.append(
                {
                    "variant": variant,
                    "measure": score if way in ("prior", "real") else f"{score}_{way}",
                    "value": float(values.mean()),
                    "error": standard_error(values),
                    "n": self.n if score == "frechet_distance" else self.n_in_balls,
                    "way": way,
                    "score": score,
                    "draws": len(values),
                }
            )
        return rows

    def _features(self, x: np.ndarray | Iterator[np.ndarray]) -> np.ndarray:
        parts = (x[start : start + CHUNK] for start in range(0, len(x), CHUNK)) if isinstance(x, np.ndarray) else x
        return np.concatenate([np.empty((0, HIDDEN), np.float32), *map(self.classifier.features, parts)])


def _ways_to_draw(subject: Subject, model: Autoencoder) -> Iterator[tuple[str, DrawCodes]]:
    """What draws codes of one model, by WAYS. The noise of a draw is the same for every model."""
    latent_dim, seed = subject.config.latent_dim, subject.seed

    def from_prior(count: int, number: int) -> np.ndarray:
        return prior(count, latent_dim, stream(seed, "samples prior", number))

    yield WAYS[0], from_prior
    if subject.headlines_only:
        return
    mu = encode(model, subject.learnt_from(FITTED_ON)[0]).mu
    for way, components in zip(WAYS[1:], (1, affordable(len(mu), latent_dim)), strict=True):
        yield way, _from_fitted(mu, components, seed)


def _from_fitted(mu: np.ndarray, components: int, seed: int) -> DrawCodes:
    """What draws from a mixture fitted to the codes `mu` (n, D); NaN where those aren't finite."""
    if not np.isfinite(mu).all():
        return lambda count, number: np.full((count, mu.shape[1]), np.nan, np.float32)
    mixture = fit_mixture(mu, components, seed)

    def codes(count: int, number: int) -> np.ndarray:
        of_draw = torch.randint(2**31, (), generator=stream(seed, "samples fitted", number))
        return draw(mixture, count, int(of_draw))

    return codes


def _pictures(model: Autoencoder, z: np.ndarray) -> Iterator[np.ndarray]:
    return (decode(model, z[start : start + CHUNK]) for start in range(0, len(z), CHUNK))


def _real_images(subject: Subject) -> Iterator[np.ndarray]:
    """Up to DRAWS disjoint sets of N training images, (N, P), of those that the run learnt from or, where these are too
    few, of all. The classifier has learnt from them, which no images that classes are known of can be spared.
    """
    rows, count = subject.train_rows, len(subject.x)
    if len(rows) < count:
        rows = np.arange(len(subject.images.train_x))
    rows = rows[torch.randperm(len(rows), generator=stream(subject.seed, "samples real")).numpy()]
    for start in range(0, min(len(rows) // count, DRAWS) * count, count):
        yield subject.images.train_x[rows[start : start + count]].astype(np.float32) / subject.images.white
