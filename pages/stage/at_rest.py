"""What the browser fetches of an epoch once the hand rests on it: decoders, the plane they draw in, σ, and maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pages.components.decoders import LARGEST, encoders_payload
from pages.components.packing import packed
from pages.state import loaded_models, resources
from pages.state.memory_cache import memory_cached
from vae.errors import InputError
from vae.figures.tiles import to_grey
from vae.store.tensor_bytes import unpack

from .film import Dimensions, check

if TYPE_CHECKING:
    from vae.analysis.views import View  # torch comes with it


def nearest_kept(run_id: str, epoch: int) -> int:
    """The epoch nearest to `epoch` whose weights were kept."""
    return min(resources.store().weight_epochs(run_id), key=lambda kept: abs(kept - epoch))


@memory_cached
def views(run_id: str, epoch: int, dimensions: Dimensions) -> dict[str, View]:
    """`View` by variant, in the plane that the film shows at a kept epoch, with posteriors; never changed.

    Raises InputError where the run's data set isn't here.
    """
    from vae.analysis.views import posteriors, side_by_side, view

    found = {name: view(codes, dimensions) for name, codes in loaded_models.codes(run_id, epoch).items()}
    if dimensions is None:
        stored = resources.store().snapshots(run_id, epoch)
        found = {name: _turned(seen, unpack(stored[name])["codes"]) for name, seen in found.items()}
    found = side_by_side(found)
    return {name: replace(seen, ellipses=posteriors(seen)) for name, seen in found.items()}


def _turned(seen: View, recorded: np.ndarray) -> View:
    """The same plane with the axes of the snapshot, `recorded` (n, 2): those don't flip from epoch to epoch."""
    from vae.analysis.views import on_plane

    if not seen.plane.slice:
        return seen
    mu = seen.codes.mu[: len(recorded)]
    left, _, right = np.linalg.svd(seen.plane.axes @ (mu - seen.plane.origin).T @ recorded.astype(np.float32))
    return on_plane(seen.codes, replace(seen.plane, axes=(left @ right).T @ seen.plane.axes))


@memory_cached
def maps(run_id: str, epoch: int, dimensions: Dimensions) -> dict[str, dict[str, np.ndarray]]:
    """Sensitivity maps by variant and kind, over the window of `views`."""
    from vae.analysis.views import sensitivity_maps

    models = loaded_models.models(run_id, epoch)
    return {name: sensitivity_maps(seen, models[name]) for name, seen in views(run_id, epoch, dimensions).items()}


@dataclass(frozen=True)
class AtRest:
    """What can be fetched of one kept epoch, as bytes."""

    run_id: str
    epoch: int
    dimensions: Dimensions

    def __post_init__(self) -> None:
        """Raises InputError for an epoch whose weights were not kept, and for dimensions that the code hasn't."""
        if self.epoch not in resources.store().weight_epochs(self.run_id):
            raise InputError(f"The weights of epoch {self.epoch} were not kept.")
        check(resources.run(self.run_id), self.dimensions)

    def decoders(self) -> bytes | None:
        """None where the browser can't run them, or they are too large for a page."""
        return loaded_models.shelf(self.run_id, self.epoch).data

    def pictures(self, variants: Sequence[str], body: bytes) -> bytes:
        """What these decoders make of codes (V, D), float32 in `body`: for a browser that can't. (V, P) uint8.

        Raises InputError for a variant that the run hasn't, and for a body of another size or without finite numbers.
        """
        models, size = loaded_models.models(self.run_id, self.epoch), resources.run(self.run_id).config.latent_dim
        if not set(variants) <= set(models) or len(body) != 4 * len(variants) * size:
            raise InputError(f"A picture takes {size} numbers for each of its models.")
        from vae.analysis.geometry import decode

        z = np.frombuffer(body, "<f4").reshape(len(variants), 1, size)
        if not np.isfinite(z).all():
            raise InputError("A code is made of finite numbers.")
        drawn = [decode(models[variant], one.copy()) for variant, one in zip(variants, z, strict=True)]
        return packed({}, {"pictures": to_grey(np.nan_to_num(np.concatenate(drawn)))})

    def encoders(self) -> bytes | None:
        """None where the browser can't run them, or they are too large for a page (in twice the bytes of decoders)."""
        run, stored = resources.run(self.run_id), resources.store().weights(self.run_id, self.epoch)
        weights = {name: unpack(stored[name]) for name in run.config.variants}
        found = encoders_payload(f"{self.run_id}.{self.epoch}", run.config, run.shape, weights)
        return found if found and len(found) <= 2 * LARGEST else None

    def plane(self) -> bytes:
        """Where a point of the picture lies in the code's space, and how far codes spread."""
        arrays, panels = {}, {}
        for variant, seen in views(self.run_id, self.epoch, self.dimensions).items():
            panels[variant] = _told(seen)
            if seen.ellipses is not None and not seen.flat:
                arrays[f"{variant}.ellipses"] = seen.ellipses.astype(np.float32)
        why = loaded_models.shelf(self.run_id, self.epoch).why
        return packed({"epoch": self.epoch, "panels": panels, "why": why}, arrays)

    def maps(self) -> bytes:
        """Natural logarithms of √det(JᵀJ) and ‖J‖ over each space's window, and their ranges."""
        arrays: dict[str, np.ndarray] = {}
        ranges: dict[str, dict[str, list[float]]] = {"area": {}, "norm": {}}
        windows = {}
        for variant, seen in views(self.run_id, self.epoch, self.dimensions).items():
            windows[variant] = {"centre": seen.centre.tolist(), "half": seen.half}
            for kind, values in maps(self.run_id, self.epoch, self.dimensions)[variant].items():
                arrays[f"{variant}.{kind}"] = values.astype(np.float32)
                ranges[kind][variant] = [float(values.min()), float(values.max())]
        return packed({"epoch": self.epoch, "windows": windows, "ranges": ranges}, arrays)


def _told(seen: View) -> Mapping[str, Any]:
    return {
        "origin": seen.plane.origin.tolist(),
        "axes": seen.plane.axes.tolist(),
        "centre": seen.centre.tolist(),
        "spread": seen.spread,
        "slice": seen.plane.slice,
        "share": seen.plane.share,
    }
