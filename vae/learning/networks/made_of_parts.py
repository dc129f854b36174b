"""Architectures that are described by `Parts`: everything else follows from these."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ...choices.likelihoods import LIKELIHOODS
from ...choices.networks import Width
from ...choices.variants import Variant
from ...config import RunConfig
from ...datasets import Shape
from ..layers.parts import Counts, Parts
from .architecture import Chains, Network

if TYPE_CHECKING:
    import torch

    from ..models import Autoencoder


def made_of(
    parts: Callable[[RunConfig, Shape, Variant], Parts],
    widths: Callable[[RunConfig, Shape], Sequence[Width]],
    *,
    at_once: int = 2000,
    step_seconds: float = 0.4e-3,
    slower: float = 1.0,
    any_map: bool = False,
    by_hand: bool = False,
    misfit: Callable[[RunConfig, Shape], str | None] = lambda config, shape: None,
) -> Network:
    """The architecture whose modules are `parts`."""

    def build(config: RunConfig, shape: Shape, variant: Variant) -> Autoencoder:
        from ..models import assembled

        return assembled(config, parts(config, shape, variant))

    def counts(config: RunConfig, shape: Shape, variant: Variant) -> Counts:
        counted = parts(config, shape, variant).counts()
        learnt = len(LIKELIHOODS[config.reconstruction].parameters)
        return replace(counted, parameters=counted.parameters + learnt)

    def chains(config: RunConfig, shape: Shape, variant: Variant) -> Chains:
        return Chains.of(parts(config, shape, variant))

    return Network(
        build,
        _draw,
        counts,
        widths,
        at_once=at_once,
        step_seconds=step_seconds,
        slower=slower,
        any_map=any_map,
        by_hand=by_hand,
        chains=chains,
        misfit=misfit,
    )


def _draw(model: Autoencoder, generator: torch.Generator) -> None:
    from ..models import initialise

    initialise(model, generator)
