"""Which runs a claim needs, and what was measured on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from ..choices.variants import VARIANTS
from ..config import RunConfig

SIZES = (2, 8, 32, 64)  # latent dimensions of claim 4
BETAS = (0.0, 1.0, 20.0)  # of claim 9

# What makes a family of a base configuration: by member, the configurations to train; all else as in the base.
FAMILIES: dict[str, Callable[[RunConfig], Mapping[str, RunConfig]]] = {
    "pair": lambda base: {"pair": base},
    "variants": lambda base: {"variants": base.model_copy(update={"variants": tuple(VARIANTS)})},
    "sizes": lambda base: {str(size): base.model_copy(update={"latent_dim": size}) for size in SIZES},
    "betas": lambda base: {f"{beta:g}": base.model_copy(update={"beta": beta}) for beta in BETAS},
}


@dataclass(frozen=True)
class Evidence:
    """All that was measured for one claim, over all seeds."""

    base: RunConfig
    measures: pd.DataFrame  # columns member (of the family), seed, variant, measure, value, n
    nudges: pd.DataFrame  # columns of `sensitivity.table`, and member; no rows where a claim needs none
