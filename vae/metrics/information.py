"""How much a code tells of the image it is of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

AGGREGATE_CHUNK = 100  # codes at a time whose density is measured under all posteriors


def mutual_information(mu: Tensor, logvar: Tensor, z: Tensor) -> Tensor:
    """What each of N images adds to an estimate of I(x; z), (N,), nats: log q(z_i|x_i) − log q(z_i).

    Of their means, log-variances and samples, each (N, D).

    q(z), the aggregate posterior, is the mean over the N images of q(z|x_j). The mean estimates the mutual information
    of an image's number and its code, at most log N (Hoffman & Johnson 2016, "ELBO surgery"). In double precision, for
    these are differences of large numbers.
    """
    import torch

    mu, logvar, z = mu.double(), logvar.double(), z.double()
    precision = torch.exp(-logvar)  # (N, D)
    weighted = mu * precision
    constant = (mu * weighted).add_(logvar).sum(-1)  # (N,)
    found = []
    for start in range(0, len(z), AGGREGATE_CHUNK):
        codes = z[start : start + AGGREGATE_CHUNK]  # (n, D)
        squares = torch.addmm(constant, codes.square(), precision.T).addmm_(codes, weighted.T, alpha=-2)
        log_density = squares.mul_(-0.5)  # (n, N): log q(z_i|x_j), up to the same constant everywhere
        rows = torch.arange(len(codes), device=z.device)
        own = log_density[rows, rows + start]
        found.append(own - torch.logsumexp(log_density, dim=1) + math.log(len(mu)))
    return torch.cat(found)
