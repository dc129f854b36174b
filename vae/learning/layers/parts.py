"""Encoder and decoder as steps: the one description of which modules, counts, drawings and files are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ...choices.networks import NORMALISATIONS
from ...config import RunConfig
from ...datasets import Shape
from .steps import KINDS, Step


@dataclass(frozen=True)
class Counts:
    """Of one variant's network: what it takes, without building it."""

    parameters: int
    multiply_adds: int  # for one image there and back
    hidden: int  # numbers that autograd keeps between pixels and code, one way; of an MLP those of its hidden layers
    widest: int  # numbers of the largest array on the way, for one image; with what its step needs beside it


@dataclass(frozen=True)
class Parts:
    """All modules of a network in turn, those among them that compute nothing: dropout and changes of shape."""

    encoder: tuple[Step, ...]  # `encoder.body`
    heads: Mapping[str, Step]  # "mu" and, where there is one, "logvar": of the encoder's last numbers
    decoder: tuple[Step, ...]  # `decoder.body`
    outputs: Step  # `decoder.to_logits`

    def counts(self) -> Counts:
        """Without what the likelihood learns."""
        steps = [*self.encoder, *self.heads.values(), *self.decoder, self.outputs]
        return Counts(
            parameters=sum(KINDS[step.kind].parameters(step) for step in steps),
            multiply_adds=sum(KINDS[step.kind].multiply_adds(step) for step in steps),
            hidden=round(max(sum(KINDS[step.kind].kept * step.outputs for step in body) for body in self.bodies)),
            widest=max(step.outputs * KINDS[step.kind].copies for step in steps),
        )

    @property
    def bodies(self) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        return self.encoder, self.decoder


@dataclass
class Body:
    """The steps of one `body`, each named after its place in an nn.Sequential."""

    part: str  # "encoder" or "decoder"
    config: RunConfig
    steps: list[Step] = field(default_factory=list)

    def add(self, kind: str, inputs: int, outputs: int, image_in: Shape | None = None, **details: object) -> None:
        name = f"{self.part}.body.{len(self.steps)}"
        self.steps.append(Step(kind, name, inputs, outputs, image_in, **details))  # type: ignore[arg-type]

    def finish(self, numbers: int, image: Shape | None = None) -> None:
        """What follows a layer's product: normalisation, activation, dropout, as far as the config asks for them."""
        normalisation = NORMALISATIONS[self.config.normalisation]
        if normalisation.step:
            seen = image or ((numbers, 1, 1) if normalisation.by_channel else None)
            self.add(normalisation.step, numbers, numbers, seen, image_out=seen)
        self.add("activation", numbers, numbers)
        if self.config.dropout:
            self.add("dropout", numbers, numbers)

    def linear(self, widths: Sequence[int]) -> None:
        """Fully connected layers from `widths[0]` on."""
        for inputs, outputs in pairwise(widths):
            self.add("linear", inputs, outputs)
            self.finish(outputs)


def heads(inputs: int, code: int, with_logvar: bool) -> dict[str, Step]:
    """Of an encoder whose last layer has so many numbers."""
    names = ("mu", "logvar") if with_logvar else ("mu",)
    return {name: Step("linear", f"encoder.to_{name}", inputs, code) for name in names}


def mlp_parts(config: RunConfig, pixels: int, with_logvar: bool, outputs: int) -> Parts:
    """Fully connected layers from pixels to code, mirrored on the way to so many `outputs`."""
    *widths, code = config.layers(pixels)
    encoder, decoder = Body("encoder", config), Body("decoder", config)
    encoder.linear(widths)
    back = [code, *reversed(widths[1:])]
    decoder.linear(back)
    if len(back) == 1:
        # Without hidden layers the non-linearity sits on the code itself, as in the article's 784 → 32 → 784 network.
        decoder.add("activation", code, code)
    last = Step("linear", "decoder.to_logits", back[-1], outputs)
    return Parts(tuple(encoder.steps), heads(widths[-1], code, with_logvar), tuple(decoder.steps), last)
