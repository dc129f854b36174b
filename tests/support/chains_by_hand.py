"""Networks put together by hand with their chains of steps, and the browser's answer to what one of them is given."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from playwright.sync_api import Page
from torch import nn

from pages.components.decoders import library
from vae.datasets import Shape
from vae.learning.networks import Step

KERNEL, STRIDE, PADDING = 4, 2, 1
RUN = """([base64, inputs]) => {
  %s
  const text = atob(base64)
  const found = chains(Uint8Array.from(text, (_, i) => text.charCodeAt(i)))
  return Object.fromEntries(Object.entries(found).map(([name, chain]) => [name, inputs.map((z) => [...chain.run(z)])]))
}"""


def in_browser(page: Page, data: bytes, inputs: np.ndarray) -> dict[str, np.ndarray]:
    """What the chains of a payload make of inputs (B, n): (B, out) by variant."""
    found = page.evaluate(RUN % library(), [base64.b64encode(data).decode(), inputs.tolist()])
    return {name: np.array(rows) for name, rows in found.items()}


def sides(side: int, layers: int) -> list[int]:
    """Of the images from the outside in: each half of the one before, rounded down."""
    found = [side]
    for _ in range(layers):
        found.append(found[-1] // 2)
    return found


def decoder(shape: Shape, latent_dim: int, channels: Sequence[int], hidden: int, norm: str = "none") -> nn.Sequential:
    """From a code to an image, unbounded: linear, linear, then transposed convolutions back to `shape`."""
    heights, widths = (sides(side, len(channels)) for side in shape[1:])
    small = (channels[-1], heights[-1], widths[-1])
    layers = [nn.Linear(latent_dim, hidden), *normalised(norm, (hidden, 1, 1), flat=True), nn.ReLU()]
    layers += [nn.Linear(hidden, int(np.prod(small))), nn.ReLU(), nn.Unflatten(1, small)]
    planes = [*reversed(channels), shape[0]]
    grown = list(zip(pairwise(planes), pairwise(reversed(heights)), pairwise(reversed(widths)), strict=True))
    for place, ((inputs, outputs), (low, high), (left, right)) in enumerate(grown):
        rest = (high - 2 * low, right - 2 * left)
        layers.append(nn.ConvTranspose2d(inputs, outputs, KERNEL, STRIDE, PADDING, output_padding=rest))
        if place < len(grown) - 1:
            layers += [*normalised(norm, (outputs, high, right)), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten())


def encoder(shape: Shape, latent_dim: int, channels: Sequence[int], hidden: int, norm: str = "none") -> nn.Sequential:
    """From an image, as it is, to a code."""
    heights, widths = (sides(side, len(channels)) for side in shape[1:])
    layers: list[nn.Module] = [nn.Unflatten(1, shape)]
    for place, (inputs, outputs) in enumerate(pairwise([shape[0], *channels])):
        image = (outputs, heights[place + 1], widths[place + 1])
        layers += [nn.Conv2d(inputs, outputs, KERNEL, STRIDE, PADDING), *normalised(norm, image), nn.ReLU()]
    layers += [nn.Flatten(), nn.Linear(channels[-1] * heights[-1] * widths[-1], hidden), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(hidden, latent_dim))


def normalised(norm: str, image: Shape, flat: bool = False) -> list[nn.Module]:
    """The layer behind a weighted one, or none."""
    if norm == "batch":
        return [nn.BatchNorm1d(image[0]) if flat else nn.BatchNorm2d(image[0])]
    if norm == "layer":  # of every number its own weight
        return [nn.LayerNorm(image[0] if flat else image)]
    if norm == "group":  # one weight for each channel
        return [nn.GroupNorm(1, image[0])]
    return []


def shaken(network: nn.Sequential, seed: int, inputs: int) -> nn.Sequential:
    """With weights, running means and variances that leave nothing as it is made, and outputs of a size about 2."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.dtype == torch.float32 and tensor.ndim == 1:
                tensor.add_(torch.rand(tensor.shape, generator=generator) * 0.4)
            elif tensor.ndim > 1:
                tensor.copy_(torch.randn(tensor.shape, generator=generator) / tensor[0].numel() ** 0.5)
        network.eval()
        last = next(module for module in reversed(network) if hasattr(module, "weight"))
        outputs = network(torch.randn(20, inputs, generator=generator))
        last.weight *= 2 / outputs.std()
        last.bias.add_(-2 / outputs.std() * (outputs.mean() - last.bias.mean()) - last.bias.mean())
    return network.requires_grad_(False)


def steps(network: nn.Sequential, part: str, shape: Shape | tuple[int]) -> tuple[Step, ...]:
    """Its chain, for inputs of a `shape`; its modules are called `part`.0 and so on."""
    kinds = {
        nn.Linear: "linear",
        nn.ReLU: "activation",
        nn.Conv2d: "convolution",
        nn.ConvTranspose2d: "transposed_convolution",
        nn.BatchNorm1d: "channel_scale",
        nn.BatchNorm2d: "channel_scale",
        nn.LayerNorm: "layer_normalisation",
        nn.GroupNorm: "layer_normalisation",
    }
    found, x = [], torch.zeros(1, *shape)
    for place, module in enumerate(network):
        before, x = x, module(x)
        kind = kinds.get(type(module))
        if kind is None:
            continue
        step = Step(kind, f"{part}.{place}", before.numel(), x.numel())
        if kind not in ("linear", "activation"):
            images = [tuple(y.shape[1:]) if y.ndim == 4 else (y.shape[1], 1, 1) for y in (before, x)]
            step = Step(*(getattr(step, name) for name in ("kind", "name", "inputs", "outputs")), *images)
        if kind.endswith("convolution"):
            step = Step(
                *(getattr(step, name) for name in ("kind", "name", "inputs", "outputs", "image_in", "image_out")),
                module.kernel_size[0],
                module.stride[0],
                module.padding[0],
                module.output_padding[0],
            )
        found.append(step)
    return tuple(found)
