"""A network's steps for the browser: what chain.js is told of each, with the weights in the order it takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vae.learning.layers.steps import KINDS as STEP_KINDS
from vae.learning.layers.steps import Step

WHOLE = 32_767  # the largest 16-bit whole number
EPSILON = 1e-5  # added to variances; torch's own

State = Mapping[str, np.ndarray]  # a state dict as arrays


@dataclass(frozen=True)
class Told:
    """A step with its arrays; empty ones where it has none."""

    step: Step
    weight: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (out, n), or (n,) where it is factors
    bias: np.ndarray = field(default_factory=lambda: np.zeros(0))  # (out,), or (n,)

    def meta(self) -> dict[str, Any]:
        """All but the arrays, as JSON can say it."""
        step = self.step
        said: dict[str, Any] = {"kind": step.kind, "inputs": step.inputs, "outputs": step.outputs}
        if step.kernel:
            said |= {"image_in": step.image_in, "image_out": step.image_out}
            said |= {"kernel": step.kernel, "stride": step.stride, "padding": step.padding}
        return said | ({"epsilon": EPSILON} if step.kind == "layer_normalisation" else {})

    def arrays(self, whole: bool) -> dict[str, np.ndarray]:
        """By part; with `whole`, weights are 16-bit whole numbers, times a `scale` for each row."""
        if not self.weight.size:
            return {}
        rest = {"bias": self.bias.astype(np.float32)}
        if not whole or self.weight.ndim == 1:
            return {"weight": self.weight.astype(np.float32)} | rest
        scale = np.maximum(np.abs(self.weight).max(axis=1), np.finfo(np.float32).tiny) / WHOLE  # (out,)
        weight = np.round(self.weight / scale[:, None]).astype(np.int16)
        return {"weight": weight, "scale": scale.astype(np.float32)} | rest


def _linear(step: Step, state: State) -> Told:
    return Told(step, state[f"{step.name}.weight"], state[f"{step.name}.bias"])


def _convolution(step: Step, state: State) -> Told:
    weight = state[f"{step.name}.weight"]  # (out, in, ky, kx)
    rows = weight.transpose(0, 2, 3, 1).reshape(len(weight), -1)  # (out, ky · kx · in)
    return Told(step, rows, state[f"{step.name}.bias"])


def _transposed_convolution(step: Step, state: State) -> Told:
    """The scale of a row is its output channel's, so its weights come as (out, ky · in · kx)."""
    weight = state[f"{step.name}.weight"]  # (in, out, ky, kx)
    rows = weight.transpose(1, 2, 0, 3).reshape(weight.shape[1], -1)
    return Told(step, rows, state[f"{step.name}.bias"])


def _activation(step: Step, state: State) -> Told:
    return Told(step)


def _channel_scale(step: Step, state: State) -> Told:
    """Batch normalisation when nothing is learnt: y = x · factor + offset, one of each for a channel."""
    weight, bias, mean, variance = (
        state[f"{step.name}.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
    )
    factor = weight / np.sqrt(variance + EPSILON)
    return Told(step, factor, bias - mean * factor)


def _layer_normalisation(step: Step, state: State) -> Told:
    return Told(step, state[f"{step.name}.weight"].ravel(), state[f"{step.name}.bias"].ravel())


KINDS: dict[str, Callable[[Step, State], Told]] = {
    "linear": _linear,
    "convolution": _convolution,
    "transposed_convolution": _transposed_convolution,
    "activation": _activation,
    "channel_scale": _channel_scale,
    "layer_normalisation": _layer_normalisation,
}  # as chain.js runs them
WEIGHTED = ("linear", "convolution", "transposed_convolution")


def known(steps: Sequence[Step]) -> bool:
    """Whether the browser can run all of them."""
    return all(step.kind in KINDS for step in steps)


def multiply_adds(steps: Sequence[Step]) -> int:
    """What one run through them takes, without activations and normalisations."""
    return sum(STEP_KINDS[step.kind].multiply_adds(step) for step in steps)


def told(steps: Sequence[Step], state: State) -> list[Told]:
    """Each step with its arrays. Scales of channels behind a weighted step are folded into its weights."""
    found: list[Told] = []
    for step in steps:
        new = KINDS[step.kind](step, state)
        if step.kind == "channel_scale" and found and found[-1].step.kind in WEIGHTED:
            found[-1] = _folded(found[-1], new)
        else:
            found.append(new)
    return found


def _folded(before: Told, scale: Told) -> Told:
    """One step that does what both do."""
    repeats = len(before.bias) // len(scale.bias)  # of a linear step that makes an image
    factor, offset = np.repeat(scale.weight, repeats), np.repeat(scale.bias, repeats)
    return replace(before, weight=before.weight * factor[:, None], bias=before.bias * factor + offset)
