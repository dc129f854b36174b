"""Stored runs, measured: weights from the store, images from the data folder, results kept in the store."""

from collections.abc import Callable

import pandas as pd

from ..store.measurements import KINDS
from .code_map import map_of
from .lessons import (
    batch_of,
    claims_of,
    disentanglement_of,
    gradient_norms_of,
    gradients_of,
    grid_of,
    noisy_variant,
    sensitivity_of,
    sensitivity_ratio,
    signal_of,
)
from .stored_runs import (
    ReferenceClassifier,
    epoch_in_words,
    images_of,
    last_epoch,
    models_of,
    reference_classifier_of,
    watched_of,
)
from .yardsticks import MEASUREMENTS as _OF_YARDSTICKS

__all__ = [
    "KINDS",
    "MEASUREMENTS",
    "ReferenceClassifier",
    "batch_of",
    "claims_of",
    "disentanglement_of",
    "epoch_in_words",
    "gradient_norms_of",
    "gradients_of",
    "grid_of",
    "images_of",
    "last_epoch",
    "map_of",
    "models_of",
    "noisy_variant",
    "reference_classifier_of",
    "sensitivity_of",
    "sensitivity_ratio",
    "signal_of",
    "watched_of",
]

MEASUREMENTS: dict[str, Callable[..., pd.DataFrame]] = {
    "sensitivity": sensitivity_of,
    "gradients": gradients_of,
    "signal": signal_of,
    "disentanglement": disentanglement_of,
    "claims": claims_of,
    "map": map_of,
    **_OF_YARDSTICKS,
}
