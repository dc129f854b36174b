"""Where a run is trained, in which arithmetic, and how the learning rate changes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from .choice import Choice

PRECISIONS: dict[str, Choice] = {
    "float32": Choice("float32", "Exact to about seven digits."),
    "bfloat16": Choice("bfloat16", "Matrix products and convolutions in bfloat16: faster where the processor has it."),
}
DEVICES: dict[str, Choice] = {
    "auto": Choice("automatic", "A GPU when there is one, else the processor."),
    "cpu": Choice("CPU", "The processor."),
    "cuda": Choice("NVIDIA GPU", "An NVIDIA GPU."),
    "mps": Choice("Apple GPU", "An Apple GPU."),
}


@dataclass(frozen=True)
class Schedule(Choice):
    """How the learning rate changes from epoch to epoch."""

    share: Callable[[int, int], float]  # (epoch from 1 on, epochs of the run) → of the learning rate


def _falling(factor: float, *twentieths: int) -> Callable[[int, int], float]:
    """× `factor` once after each of these shares of the epochs, in twentieths."""
    return lambda epoch, epochs: factor ** sum(20 * (epoch - 1) >= share * epochs for share in twentieths)


SCHEDULES: dict[str, Schedule] = {
    "constant": Schedule("constant", "The same in every epoch.", lambda epoch, epochs: 1.0),
    # Loshchilov & Hutter 2017 (arXiv 1608.03983), equation 5, without restarts.
    "cosine": Schedule(
        "cosine decay",
        "Falls from the first epoch to the last along half a cosine, nearly to 0, so that the noise of batches and "
        "samples averages out.",
        lambda epoch, epochs: 0.5 * (1 + math.cos(math.pi * (epoch - 1) / epochs)),
    ),
    # He et al. 2016 (arXiv 1512.03385), section 4.2: ÷ 10 after 32,000 and 48,000 of 64,000 steps.
    "steps": Schedule(
        "decay in steps",
        "Falls to a tenth after half of the epochs, and to a hundredth after three quarters.",
        _falling(0.1, 10, 15),
    ),
    # Chadebec et al. 2022 (arXiv 2206.08309), `reproducibility/vae.py`: after epochs 200 and 350 of 500.
    "small_steps": Schedule(
        "decay in small steps",
        "Falls to 0.63 times itself, 10^(−1/5), after 40 % of the epochs and again after 70 %.",
        _falling(10 ** (-1 / 5), 8, 14),
    ),
}
