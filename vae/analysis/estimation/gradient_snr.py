"""How much of the encoder's gradient is signal, against the K of the K-sample bound, on a trained run's weights.

Signal to noise of one weight is |mean| / std of its gradient over estimates (Rainforth et al. 2018, arXiv 1802.04537).
For large K theory has it fall as 1/√K where the bound is differentiated by the trick (iwae; Rainforth et al.), and not
where it is doubly reparameterized (dreg; Tucker et al. 2018, arXiv 1810.04152). How large K has to be for that depends
on how unequal the samples' weights are; what happens for the K at hand and with these weights is measured here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ...choices.estimators import ESTIMATORS, EstimatorSetup, bound_estimators
from ...choices.variants import VARIANTS
from ...learning.estimators import k_sample_bound
from ...learning.models import Autoencoder
from ...learning.randomness import stream
from ..gradients import encoder_gradient, loss_by_name, trainable
from ..intervals import CONFIDENCE

SAMPLES = (1, 2, 4, 8, 16, 32, 64)
REPEATS = 100  # estimates of each kind
GROUPS = 20  # of estimates, left out in turn: how far the result hangs on chance
WEIGHTS = 10_000  # of the encoder, drawn at random where it has more
BETA = 1.0  # with which the K-sample bound is one


@dataclass(frozen=True)
class Sums:
    """Of the gradients of W weights, in G groups of estimates."""

    count: int  # estimates in each group
    first: np.ndarray  # Σ g, (G, W)
    second: np.ndarray  # Σ g², (G, W)

    @classmethod
    def of(cls, estimates: np.ndarray, groups: int) -> Sums:
        """Of `estimates` (R, W); R is a multiple of `groups`."""
        parts = estimates.astype(np.float64).reshape(groups, -1, estimates.shape[1])
        return cls(parts.shape[1], parts.sum(axis=1), np.square(parts).sum(axis=1))

    def squared_ratios(self, left_out: int | None = None) -> np.ndarray:
        """(mean / std)² of each weight, (W,), less what noise alone gives; without one group, or with all.

        Of n normal numbers, E[mean² / s²] = (n − 1)/(n − 3) · (μ²/σ² + 1/n): so what is returned has the mean μ²/σ².
        """
        kept = np.arange(len(self.first)) != (-1 if left_out is None else left_out)
        n = int(kept.sum()) * self.count
        mean = self.first[kept].sum(axis=0) / n
        variance = (self.second[kept].sum(axis=0) - n * mean**2) / (n - 1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(variance > 0, (n - 3) / (n - 1) * mean**2 / variance - 1 / n, np.nan)

    def signal_to_noise(self, left_out: int | None = None) -> float:
        """Root mean square over weights; 0 where no more is left than noise gives, NaN where nothing moves."""
        ratios = self.squared_ratios(left_out)
        return float(np.sqrt(max(0.0, np.nanmean(ratios)))) if np.isfinite(ratios).any() else np.nan

    def clear(self) -> bool:
        """Whether there is a signal whichever group is left out."""
        return all(self.signal_to_noise(group) > 0 for group in (None, *range(len(self.first))))


def gradient_snr(
    model: Autoencoder,
    x: np.ndarray,
    reconstruction: str,
    *,
    seed: int,
    estimators: Sequence[str] | None = None,
    samples: Sequence[int] = SAMPLES,
    repeats: int = REPEATS,
    progress: Callable[[float], None] = lambda share: None,
) -> pd.DataFrame:
    """Repeated estimates of the K-sample bound's gradient on one batch `x` (B, P), for the encoder. β is 1.

    Columns: way: of ESTIMATORS, all of the bound unless named; samples: K; snr: root mean square over weights of
    |mean| / std, less what noise alone gives; low, high: its 95 % interval over estimates (jackknife); clear: whether
    there is a signal whichever group of estimates is left out; median: over weights, nothing taken off; by_chance: what
    that median would be without any signal; slope, slope_low, slope_high: of log snr against log K where the signal is
    clear, with its 95 % interval, the same in all rows of a way; bound: −log of the mean weight of K samples, mean over
    images, in the likelihood's unit; bound_error: its standard error over estimates; weights, repeats.

    Weights whose gradient is 0 whatever the sample (those of pixels that are black in all images) are left out. NaN
    where there is no signal to take a logarithm of. Raises ValueError for `repeats` that are no multiple of GROUPS.
    """
    if repeats <= 0 or repeats % GROUPS:
        raise ValueError(f"repeats must be a multiple of {GROUPS}")
    names = list(bound_estimators() if estimators is None else estimators)
    learner, batch = trainable(model), torch.from_numpy(x)
    learner.decoder.requires_grad_(False)
    chosen = _chosen(learner, batch, reconstruction, names[0], seed)
    bounds = {count: _bound(model, batch, reconstruction, count, repeats, seed) for count in samples}
    work, done, rows = repeats * sum(samples) * len(names), 0, []
    for name in names:
        of_counts = []
        for count in samples:
            generator = stream(seed, f"signal {name}", count)
            found = [_estimate(learner, batch, reconstruction, name, count, generator)[chosen] for _ in range(repeats)]
            estimates = torch.stack(found).numpy()
            of_counts.append(Sums.of(estimates, GROUPS))
            done += repeats * count
            progress(done / work)
            rows.append({"way": name, "samples": count} | _summary(of_counts[-1], estimates, repeats))
            rows[-1] |= {"bound": bounds[count][0], "bound_error": bounds[count][1]}
        slope = dict(zip(("slope", "slope_low", "slope_high"), slope_of(samples, of_counts), strict=True))
        rows[-len(samples) :] = [row | slope for row in rows[-len(samples) :]]
    return pd.DataFrame(rows).assign(weights=len(chosen), repeats=repeats)


def slope_of(samples: Sequence[int], of_counts: Sequence[Sums]) -> tuple[float, float, float]:
    """Slope of log snr against log K by least squares, and its 95 % interval.

    Of the K with a clear signal: those that are left out would make it steeper. NaN with fewer than two of them.
    """
    fitted = [(count, sums) for count, sums in zip(samples, of_counts, strict=True) if sums.clear()]
    if len(fitted) < 2:
        return np.nan, np.nan, np.nan
    at = np.log([count for count, _ in fitted])
    at = (at - at.mean()) / np.square(at - at.mean()).sum()

    def slope(left_out: int | None) -> float:
        return float(at @ np.log([sums.signal_to_noise(left_out) for _, sums in fitted]))

    value, half = slope(None), _half_width([slope(group) for group in range(len(of_counts[0].first))])
    return value, value - half, value + half


def _summary(sums: Sums, estimates: np.ndarray, repeats: int) -> dict[str, float]:
    snr, clear, half = sums.signal_to_noise(), sums.clear(), np.nan
    if clear:
        half = _half_width(np.log([sums.signal_to_noise(group) for group in range(len(sums.first))]))
    with np.errstate(divide="ignore", invalid="ignore"):
        plain = np.abs(estimates.mean(axis=0)) / estimates.std(axis=0, ddof=1)
    return {
        "snr": snr,
        "low": snr * np.exp(-half),
        "high": snr * np.exp(half),
        "clear": clear,
        "median": float(np.nanmedian(plain)) if np.isfinite(plain).any() else np.nan,
        "by_chance": 0.6745 / repeats**0.5,  # the median of |N(0, 1/R)|
    }


def _half_width(left_out: Sequence[float] | np.ndarray) -> float:
    """Half of the 95 % interval, from the values with each group left out in turn (delete-a-group jackknife)."""
    from scipy.special import stdtrit  # as in intervals.py

    values = np.asarray(left_out)
    groups = len(values)
    error = np.sqrt((groups - 1) / groups * np.square(values - values.mean()).sum())
    return float(stdtrit(groups - 1, 0.5 + CONFIDENCE / 2) * error)


def _chosen(model: Autoencoder, x: Tensor, reconstruction: str, name: str, seed: int) -> Tensor:
    """Which of the encoder's weights are looked at: at most WEIGHTS of those that a gradient reaches."""
    generator = stream(seed, "signal weights")
    moved = _estimate(model, x, reconstruction, name, 1, generator).nonzero().flatten()
    return moved[torch.randperm(len(moved), generator=generator)[:WEIGHTS]]


def _estimate(
    model: Autoencoder, x: Tensor, reconstruction: str, name: str, samples: int, generator: torch.Generator
) -> Tensor:
    """One estimate of the bound's gradient with respect to all encoder weights, flattened, (W,)."""
    setup = EstimatorSetup(ESTIMATORS[name].title, "solid", name)
    return encoder_gradient(model, x, reconstruction, setup, samples, generator, VARIANTS["vae"], BETA)


@torch.inference_mode()
def _bound(
    model: Autoencoder, x: Tensor, reconstruction: str, samples: int, repeats: int, seed: int
) -> tuple[float, float]:
    """The bound with `samples`, mean over images, and its standard error over `repeats` draws."""
    generator, likelihood = stream(seed, "bound", samples), loss_by_name(model, reconstruction)
    values = np.array(
        [
            float(k_sample_bound(model, VARIANTS["vae"], x, likelihood, BETA, generator, samples).mean())
            for _ in range(repeats)
        ]
    )
    return float(values.mean()), float(values.std(ddof=1) / repeats**0.5)
