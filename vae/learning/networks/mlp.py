"""Fully connected encoder and decoder."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from ...choices.likelihoods import LIKELIHOODS
from ...choices.variants import Variant
from ...config import RunConfig
from ...datasets import Shape
from ..layers.parts import Parts, mlp_parts
from .made_of_parts import made_of


def parts(config: RunConfig, shape: Shape, variant: Variant) -> Parts:
    """Its modules."""
    pixels = math.prod(shape)
    return mlp_parts(config, pixels, variant.has_logvar, pixels * LIKELIHOODS[config.reconstruction].outputs_per_pixel)


def widths(config: RunConfig, shape: Shape) -> list[int]:
    """Of its layers from image to code."""
    return config.layers(math.prod(shape))


def parameter_count(widths: Sequence[int], with_logvar: bool, outputs: int | None = None) -> int:
    """Weights and biases of an MLP from `widths[0]` to the code and back to `outputs`, as many as inputs if None."""
    there = sum(inputs * units + units for inputs, units in pairwise(widths))
    back = [*reversed(widths[1:]), widths[0] if outputs is None else outputs]
    heads = 2 if with_logvar else 1
    return (
        there
        + sum(inputs * units + units for inputs, units in pairwise(back))
        + (heads - 1) * (widths[-2] * widths[-1] + widths[-1])
    )


MLP = made_of(parts, widths, any_map=True, by_hand=True)
