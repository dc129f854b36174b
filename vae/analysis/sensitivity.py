"""Does a small step of a code change the picture? Measured in every unit, because the answer depends on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch

from ..choices.nudge_units import NUDGE_UNITS
from ..learning.models import Autoencoder
from ..learning.randomness import stream
from . import directions
from .codes import Codes, encode
from .reference import Classifier, RealImages

# A nudge of size s in a unit is δ = s · scale ∘ u · √D, where |u| = 1: s is its root mean square per dimension.
SIZES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.0)
NEAREST_QUERIES = 250  # images whose nearest real image is looked for, at every size and unit
CHUNK = 500  # codes at a time: their pictures stay in the processor's cache
SENSITIVITY_COLUMNS = ["variant", "unit", "size", "rmse", "class_change", "nearest_distance", "n", "seed"]


def scale(unit: str, codes: Codes) -> np.ndarray | None:
    """One `unit` of NUDGE_UNITS in each dimension, (D,), or (N, D) where it differs from image to image.

    None where these codes have no such unit: posterior_std without a log-variance.
    """
    if unit not in NUDGE_UNITS:
        raise KeyError(f"there is no unit {unit!r}; there are {', '.join(NUDGE_UNITS)}")
    return NUDGE_UNITS[unit].length(codes.mu, codes.std)


@dataclass(frozen=True)
class Perturbed:
    """What nudges do to the pictures of one variant: U units, S sizes, N images."""

    units: tuple[str, ...]  # those that exist for this variant
    sizes: tuple[float, ...]
    rmse: np.ndarray  # (U, S, N) between the picture of a code and of the nudged code, root mean square over pixels
    changed: np.ndarray | None  # (U, S, N) bool: the classifier names another class; None without a classifier
    nearest: np.ndarray | None  # (U, S, M) pixel RMSE to the nearest real image, for the first M images


@torch.inference_mode()
def perturb(
    model: Autoencoder,
    x: np.ndarray,
    *,
    seed: int,
    units: Sequence[str] | None = None,
    sizes: Sequence[float] = SIZES,
    classifier: Classifier | None = None,
    real: RealImages | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Perturbed:
    """Nudge the codes (means) of `x` (N, P), each in a random direction of its own, by every size in every unit,
    or in these `units`.

    Directions depend on the seed alone: they are the same for every variant, unit and size. `progress` is called
    with the share that is done, from 0 to 1.
    """
    codes = encode(model, x)
    u = directions.random(len(x), codes.latent_dim, stream(seed, "nudge"))
    scales = {unit: scale(unit, codes) for unit in units or NUDGE_UNITS}
    steps = {
        unit: torch.from_numpy(directions.step(u, one_unit))
        for unit, one_unit in scales.items()
        if one_unit is not None
    }
    mu, queries = torch.from_numpy(codes.mu), min(NEAREST_QUERIES, len(x))
    shape = (len(steps), len(sizes))
    rmse = np.empty((*shape, len(x)), dtype=np.float32)
    changed = np.empty((*shape, len(x)), dtype=bool) if classifier else None
    nearest = np.empty((*shape, queries), dtype=np.float32) if real else None

    for start in range(0, len(x), CHUNK):
        rows = slice(start, start + CHUNK)
        before = model.picture(mu[rows])  # (B, P)
        class_before = classifier(before).argmax(dim=-1) if classifier else None  # (B,)
        for i, step in enumerate(steps.values()):  # of size 1, (N, D)
            for j, size in enumerate(sizes):
                after = model.picture(mu[rows] + size * step[rows])  # (B, P)
                rmse[i, j, rows] = torch.linalg.vector_norm(after - before, dim=-1) / before.shape[1] ** 0.5
                if classifier and changed is not None:
                    changed[i, j, rows] = classifier(after).argmax(dim=-1) != class_before
                if real and nearest is not None and start < queries:
                    nearest[i, j, rows] = real.nearest(after[: queries - start])[0][:, 0]
        progress(min(1.0, (start + CHUNK) / len(x)))
    return Perturbed(tuple(steps), tuple(sizes), rmse, changed, nearest)


def table(perturbed: Mapping[str, Perturbed], seed: int) -> pd.DataFrame:
    """One row per variant, unit and size, with the columns SENSITIVITY_COLUMNS.

    rmse: root mean square over the pixels of all n images, in grey levels of [0, 1]. class_change: the share of
    pictures whose class changes. nearest_distance: the mean pixel RMSE to the nearest real image, over the first
    NEAREST_QUERIES images. The last two are NaN where they were not measured.
    """
    rows = [
        (
            variant,
            unit,
            size,
            float(np.sqrt(np.square(of_variant.rmse[i, j], dtype=np.float64).mean())),
            float(of_variant.changed[i, j].mean()) if of_variant.changed is not None else np.nan,
            float(of_variant.nearest[i, j].mean(dtype=np.float64)) if of_variant.nearest is not None else np.nan,
            of_variant.rmse.shape[2],
            seed,
        )
        for variant, of_variant in perturbed.items()
        for i, unit in enumerate(of_variant.units)
        for j, size in enumerate(of_variant.sizes)
    ]
    return pd.DataFrame(rows, columns=SENSITIVITY_COLUMNS)


def quartiles(perturbed: Mapping[str, Perturbed]) -> pd.DataFrame:
    """How images differ: columns variant, unit, size, rmse_q25, rmse_q75, the quartiles over images of their RMSE."""
    rows = [
        (variant, unit, size, *map(float, np.quantile(of_variant.rmse[i, j], (0.25, 0.75))))
        for variant, of_variant in perturbed.items()
        for i, unit in enumerate(of_variant.units)
        for j, size in enumerate(of_variant.sizes)
    ]
    return pd.DataFrame(rows, columns=["variant", "unit", "size", "rmse_q25", "rmse_q75"])


def perturb_all(
    models: Mapping[str, Autoencoder],
    x: np.ndarray,
    *,
    progress: Callable[[float], None] = lambda share: None,
    **options: Any,
) -> dict[str, Perturbed]:
    """`perturb` for every model, by variant, with the same options.

    One Python thread per model, with one torch thread each: on a machine that also trains, threads that wait for one
    another at every product would be many times slower.
    """
    shares = dict.fromkeys(models, 0.0)

    def one(name: str) -> Perturbed:
        torch.set_num_threads(1)  # this thread's own

        def told(share: float) -> None:
            shares[name] = share
            progress(sum(shares.values()) / len(shares))

        return perturb(models[name], x, progress=told, **options)

    with ThreadPoolExecutor(len(models)) as pool:
        return dict(zip(models, pool.map(one, models), strict=True))


def measure(models: Mapping[str, Autoencoder], x: np.ndarray, *, seed: int, **options: Any) -> pd.DataFrame:
    """Nudge the codes of `x` (N, P) in [0, 1] under every model (by variant): SENSITIVITY_COLUMNS in a table.

    `seed` draws the directions and names the row; `options` are those of `perturb`: units, sizes, classifier, real,
    progress. See `table` for what the columns mean.
    """
    return table(perturb_all(models, x, seed=seed, **options), seed)
