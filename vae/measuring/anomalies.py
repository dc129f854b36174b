"""Does it know what it does not know?"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..analysis.yardsticks.anomaly import Area, area, scores, scores_without_a_model
from ..choices.anomaly_scores import ANOMALY_SCORES
from ..errors import InputError
from ..settings import Settings
from ..store.runs import Run, Store
from .stored_runs import Progress, last_epoch
from .subject import Subject, subject_of


def anomalies(subject: Subject, progress: Progress) -> pd.DataFrame:
    """How well images of the class that was kept from training are told from the others, by each score.

    Two kinds of rows, named as in ANOMALY_SCORES. An `area`: value is that under the ROC curve, error its standard
    error over images. A `curve`: one of its points, false_alarms and hits, without a value. n: how many images, both
    kinds; held_out: how many of them are of the class. Raises InputError without such a class, and where either kind
    is missing.
    """
    if not subject.has_classes:
        raise InputError(f"The images of {subject.images.name} have no classes, so none could be kept from training.")
    if not subject.config.held_out_class:
        raise InputError(
            "This run has learnt from every class, so there is none that could surprise it. Train one with a "
            f"held_out_class, such as {subject.images.classes[-1]}, and measure that one."
        )
    counts = {"learnt classes": len(subject.x), f"class {subject.config.held_out_class}": len(subject.held_out)}
    if missing := [name for name, count in counts.items() if not count]:
        raise InputError(f"There is no image of {' and '.join(missing)} to measure on.")
    both = np.concatenate([subject.x, subject.held_out])
    rows: list[dict[str, object]] = []
    for place, (variant, model) in enumerate(subject.models.items()):
        told = f"Rebuilding {len(both):,} images"

        def share(done: float, place: int = place, told: str = told) -> None:
            progress((place + done) / (len(subject.models) + 1), told)

        rows += _judged(subject, variant, scores(model, variant, subject.config, both, share))
    if not subject.headlines_only:
        learnt, _ = subject.learnt_from()
        rows += _judged(subject, "", scores_without_a_model(learnt, subject.config.latent_dim, both))
    return pd.DataFrame(rows).assign(n=len(both), held_out=len(subject.held_out))


def _judged(subject: Subject, variant: str, found: dict[str, np.ndarray]) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for score, values in found.items():
        entry = ANOMALY_SCORES[score]
        judged = area(values[: len(subject.x)], values[len(subject.x) :])
        shared = {"variant": variant, "false_alarms": np.nan, "hits": np.nan}
        rows.append(shared | {"measure": entry.area, "value": judged.value, "error": judged.standard_error})
        rows += [
            shared | {"measure": entry.curve, "value": np.nan, "error": np.nan, "false_alarms": x, "hits": y}
            for x, y in zip(judged.false_alarms, judged.hits, strict=True)
        ]
    return rows


def areas_where_learnt(store: Store, run: Run, class_name: str, settings: Settings) -> dict[str, Area]:
    """Of a run that has learnt every class, at its last epoch: test images of one class against those of the others.

    By squared error, by variant. What a class's area is when nothing about it is new: how hard it is to rebuild.
    Raises InputError when the run has no such class, or its weights or images aren't there.
    """
    subject = subject_of(store, run, last_epoch(store, run), settings)
    of_class = subject.y == subject.images.class_named(class_name)
    found = {}
    for variant, model in subject.models.items():
        values = scores(model, variant, subject.config, subject.x)["squared_error"]
        found[variant] = area(values[~of_class], values[of_class])
    return found
