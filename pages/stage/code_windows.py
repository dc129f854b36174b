"""Windows onto the recorded codes of runs: one of their own for each space, and the same one for all."""

from __future__ import annotations

import math
from typing import Any

from pages.state import resources
from pages.state.memory_cache import memory_cached
from vae.figures.latent import prior_of
from vae.figures.windows import Window, around, by_scale, extent, union
from vae.store.runs import Run
from vae.store.tensor_bytes import unpack

LOOKS = 30  # epochs whose codes a run's window holds, evenly spread, besides the first, the last and the one shown


def of_run(run: Run, epoch: int) -> dict[str, dict[str, Window]]:
    """By variant, and by scale. They hold the codes of all epochs, so that a replay does not move its axes."""
    reached, shown = _reached(run.id, run.epoch, _stride(run)), _at(run.id, epoch)
    return by_scale({name: around(union([reached[name], shown[name]])) for name in run.config.variants})


def _stride(run: Run) -> int:
    return math.ceil(run.config.epochs / LOOKS)


@memory_cached
def _at(run_id: str, epoch: int) -> dict[str, Any]:
    """Extents (2, 2) of one epoch, by variant."""
    latent_dim = resources.run(run_id).config.latent_dim
    pictures = {name: unpack(payload) for name, payload in resources.store().snapshots(run_id, epoch).items()}
    return {name: extent(arrays["codes"], prior_of(arrays, latent_dim)) for name, arrays in pictures.items()}


@memory_cached
def _reached(run_id: str, epoch: int, stride: int) -> dict[str, Any]:
    """Extents of `epoch` and of all multiples of `stride` before it: while a run learns, one more at a time."""
    here, before = _at(run_id, epoch), (epoch - 1) // stride * stride
    if before < 0:
        return here
    earlier = _reached(run_id, before, stride)
    # Either is empty where nothing was recorded: of a run that was imported there is the last epoch alone.
    return {name: union([seen[name] for seen in (here, earlier) if name in seen]) for name in here | earlier}
