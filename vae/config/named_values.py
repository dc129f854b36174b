"""Settings whose values are names: the registry of each."""

from __future__ import annotations

from collections.abc import Mapping

from ..choices.activations import ACTIVATIONS
from ..choices.binarisations import BINARISATIONS
from ..choices.choice import Choice
from ..choices.estimators import BASELINES, ESTIMATORS
from ..choices.likelihoods import LIKELIHOODS
from ..choices.networks import NETWORKS, NORMALISATIONS
from ..choices.training import DEVICES, PRECISIONS, SCHEDULES
from ..choices.variants import VARIANTS

# Fields that take one of several names, or some of them. Read at every use: what is registered later counts too.
CHOICES: dict[str, Mapping[str, Choice]] = {
    "network": NETWORKS,
    "normalisation": NORMALISATIONS,
    "activation": ACTIVATIONS,
    "binarisation": BINARISATIONS,
    "reconstruction": LIKELIHOODS,
    "variants": VARIANTS,
    "estimator": ESTIMATORS,
    "baseline": BASELINES,
    "schedule": SCHEDULES,
    "precision": PRECISIONS,
    "device": DEVICES,
}
