"""Where randomness comes from: a generator of its own for each purpose, never torch's global one."""

from __future__ import annotations

import zlib

import numpy as np
import torch
from torch import Tensor


def stream(seed: int, purpose: str, epoch: int = 0, device: str = "cpu") -> torch.Generator:
    """A generator of its own for each purpose and epoch, so a run can go on from any epoch with the same numbers."""
    words = np.random.SeedSequence([seed, zlib.crc32(purpose.encode()), epoch]).generate_state(2)
    return torch.Generator(device=device).manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)


def normal_like(mu: Tensor, generator: torch.Generator) -> Tensor:
    """ε ~ N(0, I) of the shape and device of `mu`, from an explicit generator."""
    return torch.randn(mu.shape, generator=generator, device=mu.device)
