"""Architectures of encoder and decoder, and what may lie between their layers, in words.

What each is made of stands in `learning.networks` and `learning.layers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from .choice import Choice
from .own_networks import WithFiles


@dataclass(frozen=True)
class Architecture(Choice):
    """An architecture in words. A plain Choice has no settings of its own."""

    settings: tuple[str, ...] = ()  # fields of RunConfig that no other architecture looks at


_OURS: dict[str, Choice] = {
    "mlp": Choice("fully connected", "Layers in which every number depends on every number before; decoder mirrored."),
    "conv": Architecture(
        "convolutional",
        "Convolutions that look at 4×4 places and halve height and width, then the hidden layers; decoder mirrored, "
        "with transposed convolutions.",
        settings=("channels",),
    ),
}
NETWORKS = WithFiles(_OURS)


@dataclass(frozen=True)
class Normalisation(Choice):
    """What brings a layer's numbers to mean 0 and variance 1 before its activation."""

    step: str | None = None  # its kind among `learning.layers.steps.KINDS`; None: nothing
    by_channel: bool = False  # mean and variance are of a channel over the batch, not of an image over its numbers

    @property
    def couples(self) -> bool:
        """Whether an image's numbers depend on the other images of its batch while the network learns."""
        return self.by_channel


NORMALISATIONS: dict[str, Normalisation] = {
    "none": Normalisation("no normalisation", "Layers pass on what they computed."),
    "batch": Normalisation(
        "batch normalisation",
        "Each channel has mean 0 and variance 1 over the batch (Ioffe and Szegedy 2015). In a comparison of twins each "
        "model divides by statistics of its own, and while it learns a picture depends on the other images of its "
        "batch; measured is with running averages of these statistics.",
        step="channel_scale",
        by_channel=True,
    ),
    "layer": Normalisation(
        "layer normalisation",
        "The numbers of each image have mean 0 and variance 1 in each layer (Ba et al. 2016). In a comparison of twins "
        "both models compute the same in learning and measuring, and no image depends on another; how loud a layer is "
        "is lost in both.",
        step="layer_normalisation",
    ),
}


def settings_of_others(network: str) -> set[str]:
    """Fields of RunConfig that some other architecture has for itself, and all that this one doesn't look at."""
    own = {name: set(getattr(entry, "settings", ())) for name, entry in NETWORKS.items()}
    return set().union(*own.values()) - own.get(network, set()) | set(getattr(NETWORKS.get(network), "ignored", ()))


Width = int | tuple[int, int, int]  # numbers of a layer; of one that holds an image its channels, height and width


def numbers(width: Width) -> int:
    """Of a layer."""
    return width if isinstance(width, int) else prod(width)


def arrows(widths: Sequence[Width]) -> str:
    """1×28×28 → 32×14×14 → 128 → 2."""
    return " → ".join(map(spelled, widths))


def spelled(width: int | tuple[int, ...]) -> str:
    """784, or 32×14×14."""
    return str(width) if isinstance(width, int) else "×".join(map(str, width))
