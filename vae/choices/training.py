"""How a run is trained: gradient estimators, baselines, arithmetic and devices."""

from __future__ import annotations

from .choice import Choice

# What each does stands in `learning.estimators`, under the same name.
ESTIMATORS: dict[str, Choice] = {
    "pathwise": Choice("pathwise", "The reparameterization trick: z = μ + σ·ε, so gradients pass through z."),
    "score_function": Choice(
        "score function",
        "The log-derivative trick: each sample's loss times the gradient of log q(z|x); unbiased, noisy.",
    ),
    "detached": Choice("detached", "The sample treated as data: reconstruction teaches the encoder nothing."),
}
BASELINES: dict[str, Choice] = {
    "none": Choice("no baseline", "The score function as it is."),
    "leave_one_out": Choice(
        "leave-one-out baseline", "Subtract the mean loss of the image's other samples; needs at least 2 samples."
    ),
}
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
