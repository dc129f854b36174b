"""What an architecture says of itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...choices.networks import Width
from ...choices.variants import Variant
from ...config import RunConfig
from ...datasets import Shape
from ..layers.parts import Counts, Parts
from ..layers.steps import KINDS, Step

if TYPE_CHECKING:
    import torch

    from ..models import Autoencoder


@dataclass(frozen=True)
class Chains:
    """A network as steps one after another: all that the browser, ONNX and plain PyTorch need to run it."""

    encoder: tuple[Step, ...]
    heads: dict[str, Step]  # "mu" and, where there is one, "logvar": of the encoder's last numbers
    decoder: tuple[Step, ...]  # from the code to the outputs of which the likelihood makes a picture
    decoder_modules: tuple[Step, ...] = ()  # the same with modules that compute nothing, the last one `to_logits`

    @classmethod
    def of(cls, parts: Parts) -> Chains:
        whole = (*parts.decoder, parts.outputs)
        return cls(_computing(parts.encoder), dict(parts.heads), _computing(whole), whole)


def _computing(steps: Sequence[Step]) -> tuple[Step, ...]:
    return tuple(step for step in steps if KINDS[step.kind].computes)


@dataclass(frozen=True)
class Network:
    """An architecture. What is None falls back: steps to autograd, the browser to the server, and files are refused."""

    build: Callable[[RunConfig, Shape, Variant], Autoencoder]  # its weights not yet drawn
    draw: Callable[[Autoencoder, torch.Generator], None]  # the values of every parameter, or it raises TypeError
    counts: Callable[[RunConfig, Shape, Variant], Counts]
    widths: Callable[[RunConfig, Shape], Sequence[Width]]  # of its layers from image to code, for the drawing
    at_once: int = 2000  # images per forward pass when nothing is learnt
    step_seconds: float = 0.4e-3  # of a training step before any arithmetic, measured likewise
    slower: float = 1.0  # time of a multiply-add beside an MLP's, measured on one core of a processor
    any_map: bool = False  # whether without a non-linearity it can be every linear map of its rank
    by_hand: bool = False  # whether `manual_backward.Stack` knows its modules
    chains: Callable[[RunConfig, Shape, Variant], Chains] | None = None
    misfit: Callable[[RunConfig, Shape], str | None] = lambda config, shape: None  # why images of a shape don't fit
