"""Non-linearities between layers: in PyTorch, in the steps by hand, in the browser, in ONNX and in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .choice import Choice

if TYPE_CHECKING:
    from torch import Tensor, nn

Outward = Callable[["Tensor", "Tensor"], object]  # writes h = f(a) to h
Backward = Callable[["Tensor", "Tensor", "Tensor"], object]  # (g, a, h): turns g, ∂/∂h, into ∂/∂a in place


@dataclass(frozen=True)
class Activation(Choice):
    """h = f(a), number by number. What is left out falls back: autograd, the server, no ONNX file."""

    module: str  # its class in torch.nn
    arguments: tuple[float, ...] = ()  # that the class is made with
    by_hand: Callable[[], tuple[Outward, Backward]] | None = None  # torch's own kernels: bit for bit what autograd runs
    javascript: str | None = None  # f as an expression of `a`
    onnx: tuple[str, Mapping[str, float]] | None = None  # operator, attributes

    def build(self) -> nn.Module:
        """A module of its own."""
        from torch import nn

        return getattr(nn, self.module)(*self.arguments)

    @property
    def spelled(self) -> str:
        """How PyTorch's users write it: nn.LeakyReLU(0.5)."""
        return f"nn.{self.module}({', '.join(f'{number:g}' for number in self.arguments)})"


def _relu() -> tuple[Outward, Backward]:
    import torch

    backward = torch.ops.aten.threshold_backward.grad_input
    return (
        lambda a, h: torch.clamp_min(a, 0, out=h),
        lambda g, a, h: backward(g, h, 0, grad_input=g),
    )


def _leaky_relu() -> tuple[Outward, Backward]:
    import torch

    aten = torch.ops.aten
    return (
        lambda a, h: aten.leaky_relu.out(a, 0.5, out=h),
        lambda g, a, h: aten.leaky_relu_backward.grad_input(g, a, 0.5, False, grad_input=g),
    )


def _tanh() -> tuple[Outward, Backward]:
    import torch

    backward = torch.ops.aten.tanh_backward.grad_input
    return (
        lambda a, h: torch.tanh(a, out=h),
        lambda g, a, h: backward(g, h, grad_input=g),
    )


def _elu() -> tuple[Outward, Backward]:
    import torch

    aten = torch.ops.aten
    return (
        lambda a, h: aten.elu.out(a, out=h),
        lambda g, a, h: aten.elu_backward.grad_input(g, 1, 1, 1, False, a, grad_input=g),
    )


def _identity() -> tuple[Outward, Backward]:
    return lambda a, h: h.copy_(a), lambda g, a, h: g


ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation("ReLU", "max(0, a): the usual choice.", "ReLU", (), _relu, "a > 0 ? a : 0", ("Relu", {})),
    "leaky_relu": Activation(
        "LeakyReLU",
        "a for a > 0, else 0.5·a: the article's LeakyReLU(0.5).",
        "LeakyReLU",
        (0.5,),
        _leaky_relu,
        "a > 0 ? a : 0.5 * a",
        ("LeakyRelu", {"alpha": 0.5}),
    ),
    "tanh": Activation("tanh", "Smooth and bounded.", "Tanh", (), _tanh, "Math.tanh(a)", ("Tanh", {})),
    "elu": Activation(
        "ELU",
        "a for a > 0, else exp(a) − 1.",
        "ELU",
        (),
        _elu,
        "a > 0 ? a : Math.expm1(a)",
        ("Elu", {"alpha": 1.0}),
    ),
    "identity": Activation(
        "identity",
        "a itself: no non-linearity, so the network is one linear map, and what it can learn at best is known.",
        "Identity",
        (),
        _identity,
        "a",
        ("Identity", {}),
    ),
}
