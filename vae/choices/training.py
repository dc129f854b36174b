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


SCHEDULES: dict[str, Schedule] = {
    "constant": Schedule("constant", "The same in every epoch.", lambda epoch, epochs: 1.0),
    # Loshchilov & Hutter 2017 (arXiv 1608.03983), equation 5, without restarts.
    "cosine": Schedule(
        "cosine decay",
        "Falls from the first epoch to the last along half a cosine, nearly to 0, so that the noise of batches and "
        "samples averages out.",
        lambda epoch, epochs: 0.5 * (1 + math.cos(math.pi * (epoch - 1) / epochs)),
    ),
}
