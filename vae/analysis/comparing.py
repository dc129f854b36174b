"""Several runs beside one another: seeds folded into one line, paired differences, best values, Pareto fronts.

Tables in, tables out; what may be compared with what is decided by the caller's `group` column.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ..choices.nudge_units import NUDGE_UNITS
from ..choices.variants import VARIANTS
from ..config import RunConfig
from ..naming import words
from .intervals import CONFIDENCE, SEEDS_FOR_A_VERDICT, half_width

LETTERS = "ABCDEFGH"  # names of settings on a page


def fold(configs: Mapping[str, RunConfig]) -> list[list[str]]:
    """Run ids whose configs are equal but for the seed, together; both orders are those of `configs`."""
    folded: dict[RunConfig, list[str]] = {}
    for run_id, config in configs.items():
        folded.setdefault(config.model_copy(update={"seed": 0}), []).append(run_id)
    return list(folded.values())


def differing(configs: Mapping[str, RunConfig]) -> pd.DataFrame:
    """Fields in which configs differ, the seed aside: columns setting (its title), then one for each name, as text."""
    fields = RunConfig.model_fields
    differ = [
        name for name in fields if name != "seed" and len({getattr(config, name) for config in configs.values()}) > 1
    ]
    rows = [
        {"setting": fields[field].title}
        | {name: words(field, getattr(config, field)) for name, config in configs.items()}
        for field in differ
    ]
    return pd.DataFrame(rows, columns=["setting", *configs])


def over_seeds(history: pd.DataFrame, measure: str, by: Sequence[str] = ("name", "variant")) -> pd.DataFrame:
    """Curves folded over seeds: columns `by`, epoch, value (the mean), low, high (least and greatest), seeds.

    `history` holds the columns `by`, epoch and `measure`, a row per run. Epochs that a run lacks, because it is shorter
    or under way, are left out for all of its seeds: a mean over fewer would make the line jump.
    """
    rows = history[history[measure].notna()]
    keys = [*by, "epoch"]
    found = rows.groupby(keys, sort=False)[measure].agg(value="mean", low="min", high="max", seeds="size").reset_index()
    most = found.groupby(list(by), sort=False)["seeds"].transform("max")
    return found[found["seeds"] == most].sort_values(keys, kind="stable").reset_index(drop=True)


@dataclass(frozen=True)
class Difference:
    """B − A over pairs that belong together: the same seed, or the same image."""

    mean: float
    low: float  # of the 95 % interval; NaN below SEEDS_FOR_A_VERDICT pairs
    high: float
    pairs: int
    tied: bool = False  # A and B are the same in the digits that a reader sees, which is never a ranking

    @property
    def judgement(self) -> str:
        """What it says: "too few seeds", "equal", "B is higher", "B is lower" or "open"."""
        if self.pairs < SEEDS_FOR_A_VERDICT:
            return "too few seeds"
        if self.low == self.high == 0:
            return "equal"
        if self.low > 0 and not self.tied:
            return "B is higher"
        return "B is lower" if self.high < 0 and not self.tied else "open"


def difference(apart: np.ndarray, tied: bool = False) -> Difference:
    """Of `apart` (n,), each B − A of one pair, with the 95 % interval of its mean by Student's t."""
    mean = float(np.mean(apart))
    half = half_width(apart) if len(apart) >= SEEDS_FOR_A_VERDICT else float("nan")
    return Difference(mean, mean - half, mean + half, len(apart), tied)


def paired(a: Mapping[Any, float], b: Mapping[Any, float]) -> Difference | None:
    """`difference` of B − A by seed. None without a seed that both have.

    Pairs that share a seed share batches and, where shapes match, initial weights: what both have in common cancels.
    """
    seeds = [seed for seed in a if seed in b and np.isfinite(a[seed]) and np.isfinite(b[seed])]
    return difference(np.array([b[seed] - a[seed] for seed in seeds], dtype=float)) if seeds else None


def paired_curve(a: pd.DataFrame, b: pd.DataFrame, measure: str) -> pd.DataFrame:
    """`paired` at every epoch that both have: columns epoch, mean, low, high, pairs.

    `a` and `b` hold the columns seed, epoch and `measure`. Epochs with fewer pairs than others are left out.
    """
    sides = [side.dropna(subset=[measure]).set_index(["epoch", "seed"])[measure] for side in (a, b)]
    apart = (sides[1] - sides[0]).dropna()
    rows: list[tuple[Any, ...]] = []
    for epoch, values in apart.groupby(level="epoch"):
        at_epoch = difference(values.to_numpy())
        rows.append((epoch, at_epoch.mean, at_epoch.low, at_epoch.high, at_epoch.pairs))
    found = pd.DataFrame(rows, columns=["epoch", "mean", "low", "high", "pairs"])
    return found[found["pairs"] == found["pairs"].max()].reset_index(drop=True)


def ratios(measured: pd.DataFrame, of: str = "ae", to: str = "vae", measure: str = "rmse") -> pd.DataFrame:
    """How much more `of` moves than `to`: columns unit, size, ratio, low, high, seeds.

    The geometric mean over seeds of the ratio of `measure`, with its 95 % interval by Student's t on the logarithms:
    it says how a new pair of models would come out. NaN with one seed, where nothing is known of that, and where a
    measure is 0 in some seed. Units that one of the two lacks are left out.
    """
    from scipy.special import stdtrit

    index = ["unit", "size", "seed"]
    pair = [measured[measured["variant"] == name].set_index(index)[measure] for name in (of, to)]
    both = pd.concat(pair, axis=1, keys=(of, to), join="inner")
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.log(both[of]) - np.log(both[to])
    grouped = log_ratio.where(np.isfinite(log_ratio)).groupby(["unit", "size"], sort=False)
    seeds = grouped.size()
    mean = grouped.mean().where(grouped.count() == seeds)  # a seed that is left out would bend it
    half = stdtrit((seeds - 1).clip(lower=1), 0.5 + CONFIDENCE / 2) * grouped.std(ddof=1) / np.sqrt(seeds)
    found = pd.DataFrame(
        {"ratio": np.exp(mean), "low": np.exp(mean - half), "high": np.exp(mean + half), "seeds": seeds}
    )
    return found.reindex(list(NUDGE_UNITS), level="unit").reset_index()


def best(values: pd.Series, group: pd.Series) -> np.ndarray:
    """Which `values` are the least of their `group`, (n,) bool; all of those that tie. Empty groups and NaN: none.

    A group of one has nothing to be better than.
    """
    known = values.where(group != "")
    grouped = known.groupby(group)
    return ((known == grouped.transform("min")) & (grouped.transform("count") > 1)).to_numpy()


def pareto(points: np.ndarray) -> np.ndarray:
    """Which of `points` (n, 2), both coordinates better when less, no other dominates: (n,) bool.

    One dominates another if it is at most as great in both, and less in one. So equal points are on the front together,
    and of points with one coordinate equal only the least. NaN and infinite points are never on it.
    """
    points = np.asarray(points, dtype=float).reshape(-1, 2)
    front = np.zeros(len(points), dtype=bool)
    places = np.flatnonzero(np.isfinite(points).all(axis=1))
    order = places[np.lexsort((points[places, 1], points[places, 0]))]  # by the first coordinate, then the second
    least, last = np.inf, None
    for place in order:
        point = tuple(points[place])
        if point[1] < least or point == last:
            front[place], least, last = True, point[1], point
    return front


def rate_distortion(points: pd.DataFrame) -> pd.DataFrame:
    """Settings in the plane of rate and distortion: columns settings, variant, rate, distortion, seeds, samples, front.

    `points` holds settings, variant, kl and reconstruction, a row per run and variant. Means over seeds. Alemi et al.
    2018 (arXiv 1711.00464): the rate is the KL, the distortion the reconstruction from a *sample* of the code. Variants
    that decode the mean (`samples` False) pay for no sample, or have no rate at all, and are no part of the front.
    """
    grouped = points.groupby(["settings", "variant"], sort=False)
    found = grouped.agg(rate=("kl", "mean"), distortion=("reconstruction", "mean"), seeds=("kl", "size")).reset_index()
    found["samples"] = [VARIANTS[name].noise for name in found["variant"]]
    found["front"] = pareto(found[["rate", "distortion"]].where(found["samples"]).to_numpy())
    return found
