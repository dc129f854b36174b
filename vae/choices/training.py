"""Where a run is trained, and in which arithmetic."""

from __future__ import annotations

from .choice import Choice

PRECISIONS: dict[str, Choice] = {
    "float32": Choice("float32", "Exact to about seven digits."),
    "bfloat16": Choice("bfloat16", "Matrix products in bfloat16: faster where the processor has it."),
}
DEVICES: dict[str, Choice] = {
    "auto": Choice("automatic", "A GPU when there is one, else the processor."),
    "cpu": Choice("CPU", "The processor."),
    "cuda": Choice("NVIDIA GPU", "An NVIDIA GPU."),
    "mps": Choice("Apple GPU", "An Apple GPU."),
}
