"""Whether importance weights can be averaged: how heavy the tail of their distribution is."""

from __future__ import annotations

import torch
from torch import Tensor

HEAVY = 0.7  # Vehtari et al. 2024, section 3: from here on the mean of the weights and its error can't be trusted
LEAST_TAIL = 5  # weights; a shape fitted to fewer says nothing


def tail_shape(log_weights: Tensor) -> Tensor:
    """k̂ of each row of `log_weights` (n, S): the shape of a generalised Pareto distribution fitted to the largest
    weights, (n,). Above ½ their variance is infinite, above 1 their mean. NaN where S is too small to tell.

    Vehtari et al. 2024 (arXiv 1507.02646), algorithm 1, of the min(S/5, 3√S) largest; fitted as Zhang & Stephens 2009.
    """
    samples = log_weights.shape[1]
    size = int(min(samples / 5, 3 * samples**0.5))
    if size < LEAST_TAIL:
        return log_weights.new_full(log_weights.shape[:1], torch.nan)
    largest = log_weights.topk(size + 1, dim=1).values
    weights = (largest - largest[:, :1]).exp()
    above = (weights[:, :-1] - weights[:, -1:]).flip(1).clamp_min(torch.finfo(weights.dtype).tiny)  # ascending
    count = 30 + int(size**0.5)
    steps = 1 - (count / (torch.arange(count, dtype=above.dtype) + 0.5)).sqrt()  # (m,)
    theta = 1 / above[:, -1:] + steps / (3 * above[:, int(size / 4 + 0.5) - 1, None])  # (n, m)
    shapes = torch.log1p(-theta[:, :, None] * above[:, None]).mean(2)  # (n, m)
    log_likelihood = size * (torch.log(-theta / shapes) - shapes - 1)
    mean_theta = (theta * log_likelihood.softmax(1)).sum(1, keepdim=True)
    shape = torch.log1p(-mean_theta * above).mean(1)
    return (size * shape + 5) / (size + 10)  # drawn a little towards ½, as there
