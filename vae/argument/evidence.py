"""Which runs a claim needs, and what was measured on them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ..analysis.sentences import images
from ..choices.variants import VARIANTS, ingredients
from ..config import RunConfig, as_text
from ..datasets import DATASETS

SIZES = (2, 8, 32, 64)  # latent dimensions of claim 4
BETAS = (0.0, 1.0, 20.0)  # of claim 9
Seeds = Mapping[int, float]  # a value for each seed


def _member(base: RunConfig, variants: Sequence[str], **settings: Any) -> RunConfig:
    """`base` with other settings and the variants that are needed; itself, where it has both already."""
    wanted = base.model_copy(update=settings)
    if wanted == base and set(variants) <= set(base.variants):
        return base
    return wanted.model_copy(update={"variants": tuple(variants)})


def _sizes(base: RunConfig) -> dict[str, RunConfig]:
    """No more numbers than pixels, where it is known how many there are."""
    pixels = math.prod(DATASETS[base.dataset].shape) if base.dataset in DATASETS else max(SIZES)
    return {str(size): _member(base, ("ae", "vae"), latent_dim=size) for size in SIZES if size <= pixels}


# What makes a family of a base configuration: by member, the configurations to train; all else as in the base.
FAMILIES: dict[str, Callable[[RunConfig], Mapping[str, RunConfig]]] = {
    "vae": lambda base: {"vae": _member(base, ("vae",))},
    "pair": lambda base: {"pair": _member(base, ("ae", "vae"))},
    "variants": lambda base: {"variants": _member(base, ingredients())},
    "sizes": _sizes,
    "betas": lambda base: {as_text(beta): _member(base, ("vae",), beta=beta) for beta in BETAS},
}

# Families whose members' runs may hold more models: what else was trained with the same settings is evidence, too.
WIDER: dict[str, tuple[str, ...]] = {"variants": tuple(VARIANTS)}


def holding(family: str, config: RunConfig) -> tuple[RunConfig, ...]:
    """Configurations whose runs hold what a member's hold, those that hold most first."""
    wider = config.model_copy(update={"variants": WIDER.get(family, config.variants)})
    return tuple(dict.fromkeys((wider, config)))


@dataclass(frozen=True)
class Evidence:
    """All that was measured for one claim, over all seeds."""

    base: RunConfig
    measures: pd.DataFrame  # columns member (of the family), seed, variant, measure, value, n
    nudges: pd.DataFrame  # columns of `sensitivity.table`, and member; no rows where a claim needs none
    dataset: str = field(default="")  # its title

    def of(self, measure: str, variant: str = "", member: str | None = None) -> Seeds:
        """A measure by seed. What is not finite is left out, an infinite KL aside."""
        rows = self.measures[(self.measures["measure"] == measure) & (self.measures["variant"] == variant)]
        if member is not None:
            rows = rows[rows["member"] == member]
        finite = np.isfinite if measure != "kl_to_prior" else lambda value: not np.isnan(value)
        return {int(row.seed): float(row.value) for row in rows.itertuples() if finite(row.value)}

    def nudged(self, variant: str, unit: str, size: float) -> Seeds:
        """Pixel RMSE of a nudge, by seed."""
        table = self.nudges
        rows = table[(table["variant"] == variant) & (table["unit"] == unit) & (table["size"] == size)]
        return {int(row.seed): float(row.rmse) for row in rows.itertuples() if np.isfinite(row.rmse)}

    @property
    def members(self) -> list[str]:
        """Those that anything was measured of."""
        return list(dict.fromkeys(self.measures["member"]))

    def count(self, measure: str) -> int:
        """Over how many images, or draws, it was measured; 0 where it wasn't."""
        counts = self.measures.loc[self.measures["measure"] == measure, "n"]
        return int(counts.max()) if len(counts) else 0

    def on(self, measure: str = "mse") -> str:
        """The images of a measure: "500 of 10,000 test images of MNIST"; "" where it wasn't measured."""
        count, every = self.count(measure), self.count("mse")
        return f"{images(count, 'test', every or None)} of {self.dataset or self.base.dataset}" if count else ""

    @property
    def vae(self) -> str:
        """The VAE, and its β where it isn't 1."""
        return "VAE" if self.base.beta == 1 else f"VAE (β = {as_text(self.base.beta)})"
