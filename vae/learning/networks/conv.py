"""Convolutional encoder and decoder.

Each convolution looks at 4×4 places and moves by two, so height and width are halved, odd ones rounded down. The
decoder's transposed convolutions undo the sizes one by one: kernel 4 is a multiple of stride 2, so every pixel gets
equally many terms, which is what keeps checkerboards away (Odena et al. 2016, distill.pub/2016/deconv-checkerboard).
"""

from __future__ import annotations

import math
from itertools import pairwise

from ...choices.likelihoods import LIKELIHOODS
from ...choices.networks import Width
from ...choices.variants import Variant
from ...config import RunConfig
from ...datasets import Shape
from ..layers.parts import Body, Parts, heads
from ..layers.steps import Step
from .made_of_parts import made_of

KERNEL = {"kernel": 4, "stride": 2, "padding": 1}
LEAST_SIDE = 2  # of the smallest feature map: one of a single place has no neighbours


def maps(config: RunConfig, shape: Shape) -> list[Shape]:
    """The image and its feature maps, each half as high and wide as the one before."""
    found = [shape]
    for channels in config.channels:
        _, height, width = found[-1]
        found.append((channels, height // 2, width // 2))
    return found


def misfit(config: RunConfig, shape: Shape) -> str | None:
    """Why images of a `shape` can't be halved so often; None where they can."""
    if min(maps(config, shape)[-1][1:]) >= LEAST_SIDE:
        return None
    _, height, width = shape
    possible = int(math.log2(max(1, min(height, width) / LEAST_SIDE)))
    asked = len(config.channels)
    if not possible:
        return f"Images of {height}×{width} pixels are too small for a convolutional network; choose network mlp."
    most = f"{possible} convolution{'' if possible == 1 else 's'}"
    return (
        f"Channels has {asked} widths, one for each convolution, but images of {height}×{width} pixels can be halved "
        f"by {most} at most; leave out {asked - possible}."
    )


def widths(config: RunConfig, shape: Shape) -> list[Width]:
    """Of its layers from image to code."""
    return [*maps(config, shape), *config.hidden, config.latent_dim]


def parts(config: RunConfig, shape: Shape, variant: Variant) -> Parts:
    """Its modules."""
    images = maps(config, shape)
    flat = math.prod(images[-1])
    encoder, decoder = Body("encoder", config), Body("decoder", config)
    encoder.add("to_image", math.prod(shape), math.prod(shape), image_out=shape)
    for before, after in pairwise(images):
        encoder.add("convolution", math.prod(before), math.prod(after), before, image_out=after, **KERNEL)
        encoder.finish(math.prod(after), after)
    encoder.add("flatten", flat, flat)
    encoder.linear([flat, *config.hidden])
    code = [config.latent_dim, *reversed(config.hidden)]
    decoder.linear(code)
    decoder.add("linear", code[-1], flat)
    decoder.add("to_image", flat, flat, image_out=images[-1])
    decoder.finish(flat, images[-1])
    channels, height, width = shape
    outputs = (channels * LIKELIHOODS[config.reconstruction].outputs_per_pixel, height, width)
    back = [*reversed(images[1:]), outputs]
    for before, after in pairwise(back[:-1]):
        step = _transposed("", before, after)
        decoder.add(
            step.kind, step.inputs, step.outputs, before, image_out=after, output_padding=step.output_padding, **KERNEL
        )
        decoder.finish(step.outputs, after)
    last = _transposed("decoder.to_logits", back[-2], outputs)
    before_code = config.hidden[-1] if config.hidden else flat
    return Parts(
        tuple(encoder.steps), heads(before_code, config.latent_dim, variant.has_logvar), tuple(decoder.steps), last
    )


def _transposed(name: str, before: Shape, after: Shape) -> Step:
    odd = after[1] - 2 * before[1]
    return Step(
        "transposed_convolution", name, math.prod(before), math.prod(after), before, after, output_padding=odd, **KERNEL
    )


AT_ONCE = 250  # images measured at a time: their maps are many times as large as they are
CONV = made_of(parts, widths, at_once=AT_ONCE, step_seconds=1.6e-3, slower=1.7, misfit=misfit)
