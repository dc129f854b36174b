"""Whether single dimensions of a code stand for single factors of the image: scores that need the factors known.

"Disentangled" has no one measure. Scores disagree, and differ between means and samples of the same codes (Locatello
et al. 2019, arXiv 1811.12359), so each value here carries the name of its score and of the codes it was taken on.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from ..learning.randomness import stream
from .codes import Codes, sample

BINS = 20  # of a dimension's histogram, equally wide: as in disentanglement_lib
SHUFFLES = 5  # pairings of codes with factors of other images, for what MIG is by chance
VOTES, VOTE_BATCH = 1600, 64  # votes, half of them to learn from; images a vote is cast on
LEAST_STD = 0.05  # a dimension whose codes vary less has collapsed, and casts no votes: as in disentanglement_lib
CHUNK = 50_000  # codes held at a time while votes are cast
SCORE_COLUMNS = ["score", "codes", "value", "chance"]


def scores(codes: Codes, factors: np.ndarray, seed: int) -> pd.DataFrame:
    """Every score there is for `codes` of N images made from `factors` (N, K): a row each, `SCORE_COLUMNS`.

    `score`: mig or factor_vae. `codes`: "mean" for μ, "sample" for one z ~ q(z|x) per image, which codes without a
    standard deviation have none of. `chance`: what codes that know nothing of the factors would score.
    """
    mu = codes.mu
    rows = [("mig", "mean", mutual_information_gap(mu, factors), mig_by_chance(mu, factors, stream(seed, "shuffle")))]
    if codes.std is not None:
        z = sample(codes, stream(seed, "disentangle"))
        by_chance = mig_by_chance(z, factors, stream(seed, "shuffle"))
        rows.append(("mig", "sample", mutual_information_gap(z, factors), by_chance))
    varying = int((entropies(factors) > 0).sum())
    value = factor_vae_score(mu, factors, stream(seed, "votes"))
    rows.append(("factor_vae", "mean", value, 1 / varying if varying else np.nan))
    return pd.DataFrame(rows, columns=SCORE_COLUMNS)


def mutual_information_gap(codes: np.ndarray, factors: np.ndarray, bins: int = BINS) -> float:
    """MIG of `codes` (N, D) for `factors` (N, K): from 0, to 1 when each factor is known by one dimension alone.

    1/K Σ_k (I(z_best; v_k) − I(z_second; v_k)) / H(v_k), Chen et al. 2018 (arXiv 1802.04942), equation 6. A factor
    with a single value has no entropy and is left out; NaN when none is left. Of a single dimension the second best
    is taken to know nothing, 0 nats. It punishes a factor spread over two dimensions, but not a dimension that holds
    two factors.
    """
    codes, factors = _checked(codes, factors)
    entropy = entropies(factors)
    if not (entropy > 0).any():
        return np.nan
    information = np.sort(mutual_information(codes, factors, bins), axis=0)[:, entropy > 0]  # (D, K)
    second = information[-2] if len(information) > 1 else 0.0
    return float(((information[-1] - second) / entropy[entropy > 0]).mean())


def mig_by_chance(codes: np.ndarray, factors: np.ndarray, generator: torch.Generator) -> float:
    """The mean MIG of the same codes given to other images: above 0, because a finite histogram always finds a bit."""
    orders = [torch.randperm(len(codes), generator=generator).numpy() for _ in range(SHUFFLES)]
    return float(np.mean([mutual_information_gap(codes[order], factors) for order in orders]))


def mutual_information(codes: np.ndarray, factors: np.ndarray, bins: int = BINS) -> np.ndarray:
    """I(z_j; v_k) in nats, (D, K), of `codes` (N, D) and `factors` (N, K), whole numbers from 0.

    Each dimension becomes a histogram of `bins` equally wide bins over its own range, as in disentanglement_lib: one
    code far off leaves the others few bins. Biased upwards by about (bins − 1)(values − 1) / 2N nats.
    """
    codes, factors = _checked(codes, factors)
    entropy, found = entropies(factors), np.zeros((codes.shape[1], factors.shape[1]))
    low, width = codes.min(axis=0), np.ptp(codes, axis=0)
    binned = np.minimum((codes - low) / np.where(width > 0, width, 1) * bins, bins - 1).astype(np.int64)  # (N, D)
    for j, bin_of in enumerate(binned.T):
        for k, value in enumerate(factors.T):
            together = bin_of * (value.max() + 1) + value
            found[j, k] = _entropy(bin_of) + entropy[k] - _entropy(together)  # I = H(z) + H(v) − H(z, v)
    return np.maximum(found, 0.0)  # rounding may leave −1e-16


def entropies(factors: np.ndarray) -> np.ndarray:
    """H(v_k) of `factors` (N, K) in nats, (K,): exactly 0 for a factor with a single value."""
    return np.array([_entropy(value) for value in factors.T])


def factor_vae_score(
    codes: np.ndarray,
    factors: np.ndarray,
    generator: torch.Generator,
    *,
    votes: int = VOTES,
    batch: int = VOTE_BATCH,
    least_std: float = LEAST_STD,
) -> float:
    """The FactorVAE score of `codes` (N, D) for `factors` (N, K): how often one dimension gives away a fixed factor.

    A vote: choose a factor, draw `batch` images that share one value of it, and see which dimension varies least, in
    units of its variance over all images. For each dimension the first half of the votes names the factor it stands
    for; the score is how often that is right in the second half. Kim and Mnih 2018 (arXiv 1802.05983), section 4.
    By chance 1/K. A factor with a single value is never chosen; NaN when there is no other. Dimensions with a
    standard deviation below `least_std` are dropped; with none left there are no votes and the score is 0, as in
    disentanglement_lib. It does not mind a factor that is spread over several dimensions.
    """
    codes, factors = _checked(codes, factors)
    factors = factors[:, entropies(factors) > 0]
    variance = codes.var(axis=0)
    alive = variance >= least_std**2
    if not factors.shape[1]:
        return np.nan
    if not alive.any():
        return 0.0
    codes, variance = codes[:, alive], variance[alive]
    chosen, rows = _vote_batches(factors, votes, batch, generator)
    per_chunk = max(1, CHUNK // batch)
    least = [
        (codes[chunk].var(axis=1) / variance).argmin(axis=1)  # (n, B, D) → (n,)
        for chunk in np.split(rows, range(per_chunk, votes, per_chunk))
    ]
    counts = np.zeros((2, codes.shape[1], factors.shape[1]), dtype=np.int64)  # half, dimension, factor
    halves = (np.arange(votes) >= votes // 2).astype(np.int64)
    np.add.at(counts, (halves, np.concatenate(least), chosen), 1)
    learnt, scored = counts
    stands_for = learnt.argmax(axis=1)  # (D,)
    return float(scored[np.arange(len(scored)), stands_for].sum() / scored.sum())


def _vote_batches(
    factors: np.ndarray, votes: int, batch: int, generator: torch.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """For each vote the factor that is fixed, (votes,), and rows of images that share its value, (votes, batch)."""
    chosen = torch.randint(factors.shape[1], (votes,), generator=generator).numpy()
    examples = torch.randint(len(factors), (votes,), generator=generator).numpy()  # each brings its value
    places = torch.rand((votes, batch), generator=generator, dtype=torch.float64).numpy()
    rows = np.empty((votes, batch), dtype=np.int64)
    for vote, (factor, example) in enumerate(zip(chosen, examples, strict=True)):
        pool = np.flatnonzero(factors[:, factor] == factors[example, factor])
        rows[vote] = pool[(places[vote] * len(pool)).astype(np.int64)]
    return chosen, rows


def _checked(codes: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In float64 and int64. Raises ValueError unless there is a row of factors for each of at least one code."""
    codes, factors = np.asarray(codes, dtype=np.float64), np.asarray(factors, dtype=np.int64)
    if codes.ndim != 2 or factors.ndim != 2 or len(codes) != len(factors) or not codes.size:
        raise ValueError(f"codes (N, D) and factors (N, K) don't fit: {codes.shape} and {factors.shape}")
    return codes, factors


def _entropy(values: np.ndarray) -> float:
    """Of whole numbers from 0, (N,), by how often each occurs; nats."""
    share = np.bincount(values) / len(values)
    share = share[share > 0]
    return float(-(share * np.log(share)).sum()) + 0.0  # not −0
