"""What a decoder's outputs say of an image's pixels, and what it costs when the image is another one.

Every reconstruction loss is −log p(x | outputs), up to a constant, of some distribution of the pixels: the likelihood.
Sums over pixels happen here, means over images in the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .choice import Choice

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Likelihood(Choice):
    """A reconstruction loss. B images of P pixels; a decoder gives k outputs for each pixel, (B, k · P)."""

    name: str  # in full, within a sentence
    unit: str  # of the loss, per image
    value: Callable[..., Tensor]  # outputs (B, k · P), x (B, P), and `parameters` by name → (B,)
    mean: Callable[[Tensor], Tensor]  # outputs (B, k · P) → the picture, (B, P) in [0, 1]
    floor: Callable[[Tensor, Tensor], float]  # pictures (B, P), x (B, P) → mean loss of images when these are predicted
    # ∂ value / ∂ outputs in closed form, (B, k · P): its value is not needed to learn. None: by autograd.
    gradient: Callable[[Tensor, Tensor], Tensor] | None = None
    gradient_arrays: int = 6  # of (B, P), that the gradient takes at its peak
    outputs_per_pixel: int = 1  # k
    parameters: Mapping[str, float] = field(default_factory=dict)  # learnt with the network, each from this value on
    # The picture once more, for one output per pixel and for programs without this one. None: the server paints, and
    # there is no ONNX file.
    javascript: str | None = None  # of an output `a`
    onnx: str | None = None  # operator
    spelled: str | None = None  # in PyTorch, of an `outputs`

    def __post_init__(self) -> None:
        """Raises ValueError for a closed form that leaves out what is learnt besides: it would never be learnt."""
        if self.gradient and self.parameters:
            raise ValueError("a likelihood with parameters of its own takes its gradient by autograd")

    @property
    def per_image(self) -> str:
        """The unit on axes and in tables."""
        return f"{self.unit} / image"

    @property
    def heading(self) -> str:
        """The loss with its unit, for axes and tables."""
        name = self.title[:1].upper() + self.title[1:]
        return f"{name} / image" if self.title == self.unit else f"{name} ({self.per_image})"


def _sigmoid(outputs: Tensor) -> Tensor:
    import torch

    return torch.sigmoid(outputs)


def _bce(logits: Tensor, x: Tensor) -> Tensor:
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


def _bce_gradient(logits: Tensor, x: Tensor) -> Tensor:
    return _sigmoid(logits).sub_(x)  # ∂/∂a [−x log s(a) − (1−x) log(1−s(a))] = s(a) − x


def _bce_floor(pictures: Tensor, x: Tensor) -> float:
    from torch.nn.functional import binary_cross_entropy

    # It bounds log 0 at −100: a pixel never lit in training may be lit in a held-out image.
    return float(binary_cross_entropy(pictures, x, reduction="none").sum(-1).mean())


def _sse(logits: Tensor, x: Tensor) -> Tensor:
    return (_sigmoid(logits) - x).square().sum(-1)


def _sse_gradient(logits: Tensor, x: Tensor) -> Tensor:
    x_hat = _sigmoid(logits)
    return 2 * (x_hat - x) * x_hat * (1 - x_hat)


def _sse_floor(pictures: Tensor, x: Tensor) -> float:
    return float((pictures - x).square().mean() * x.shape[1])


_IN_UNIT_INTERVAL: dict[str, Any] = {
    "javascript": "1 / (1 + Math.exp(-a))",
    "onnx": "Sigmoid",
    "spelled": "torch.sigmoid({})",
}

LIKELIHOODS: dict[str, Likelihood] = {
    "bce": Likelihood(
        "BCE",
        "Binary cross-entropy, summed over pixels (nats).",
        name="binary cross-entropy",
        unit="nats",
        value=_bce,
        mean=_sigmoid,
        floor=_bce_floor,
        gradient=_bce_gradient,
        gradient_arrays=1,
        **_IN_UNIT_INTERVAL,
    ),
    "sse": Likelihood(
        "squared error",
        "Squared error, summed over pixels (the article's L2).",
        name="squared error",
        unit="squared error",
        value=_sse,
        mean=_sigmoid,
        floor=_sse_floor,
        gradient=_sse_gradient,
        gradient_arrays=5,
        **_IN_UNIT_INTERVAL,
    ),
}
