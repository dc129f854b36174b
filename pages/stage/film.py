"""A run as a film: codes, reconstructions and numbers of every epoch, in whole numbers, for the browser to play."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from pages.components.packing import packed
from pages.shared.which_images import decoded, watched
from pages.state import loaded_models, principal_axes, resources
from pages.state.memory_cache import memory_cached
from vae.analysis.sentences import Quantity, listed
from vae.choices.likelihoods import LIKELIHOODS
from vae.choices.variants import VARIANTS, twins
from vae.errors import InputError
from vae.figures.curves import shared_ranges
from vae.figures.latent import bar_words, plane_title, prior_of
from vae.figures.style import CLASS_COLOURS, VARIANT_COLOURS, VARIANT_TITLES
from vae.figures.windows import RINGS, Window, around, by_scale, extent, union
from vae.store.runs import Run
from vae.store.tensor_bytes import unpack

from . import code_windows

IMAGES = 10  # reconstructions of each epoch
MOST = 6_000_000  # bytes of a film; a longer one leaves epochs out, evenly
WHOLE = 32_767  # the largest 16-bit whole number: a coordinate is so many steps of a thousandth of a pixel
NO_NUMBER = -32_768  # what a code that has diverged travels as
TERMS = ("reconstruction", "kl", "active_units")

Dimensions = tuple[int, int] | None  # two of a code's dimensions, from 0; None: as recorded, the PCA plane beyond 2-D
Pictures = Mapping[str, Mapping[str, np.ndarray]]  # by variant: codes, from_mean, from_sample, prior, plane_share


def film(run_id: str, after: int, dimensions: Dimensions = None) -> bytes:
    """All epochs after `after`, -1 for the whole film, packed as components/packing.py does.

    Raises InputError for no such run or dimensions, and with `dimensions` where its data set isn't here.
    """
    run = resources.store().run(run_id)
    check(run, dimensions)
    return _film(run_id, run.status, run.epoch, after, dimensions)


def check(run: Run, dimensions: Dimensions) -> None:
    """Raises InputError for dimensions that the run's code hasn't."""
    if dimensions and (run.config.latent_dim < 3 or max(dimensions) >= run.config.latent_dim):
        raise InputError(f"A plane takes two of more than two dimensions, and this code has {run.config.latent_dim}.")


@memory_cached
def _film(run_id: str, status: str, newest: int, after: int, dimensions: Dimensions) -> bytes:
    run, store = resources.store().run(run_id), resources.store()
    kept = store.weight_epochs(run_id)
    meta: dict[str, Any] = {"run": run_id, "status": status, "newest": newest, "planned": run.last_epoch}
    if newest < 0:
        return packed(meta | {"epochs": []}, {})
    candidates = kept if dimensions else range(0, newest + 1, stride(run))
    epochs = [epoch for epoch in sorted({*candidates, newest}) if after < epoch <= newest]
    shown = {epoch: _pictures(stored) for epoch, stored in store.snapshots_of(run_id, epochs).items()} if epochs else {}
    if after < 0 and not shown:
        raise InputError("No picture of this run is stored.")
    arrays: dict[str, np.ndarray] = {}
    for variant in run.config.variants:
        arrays |= _arrays(variant, run.config.latent_dim, [pictures[variant] for pictures in shown.values()])
    history = store.history(run_id)
    history = history[(history["split"] != "test") & (history["epoch"] <= newest)]
    floor = run.data["floor"][run.data["watched_split"]][run.config.reconstruction]
    meta |= {
        "epochs": list(shown),
        "kept": kept,
        "rows": _rows(run, history, list(shown)),
        "notices": [_notice(run, history, epoch, pictures) for epoch, pictures in shown.items()],
        "ranges": shared_ranges(history, floor, principal_axes.line(run)),
    }
    if dimensions:
        arrays |= _planes(run_id, list(shown), dimensions)
        meta["windows"] = _seen(_windows_of_planes(run_id, kept, dimensions))
    else:
        meta["windows"] = _seen(code_windows.of_run(run, newest))
    if after < 0:
        head, originals = _head(run, floor, dimensions, shown)
        meta, arrays = meta | head, arrays | originals
    return packed(meta, arrays)


def stride(run: Run) -> int:
    """Every how many epochs there is a frame, so that a whole film stays below MOST bytes."""
    codes, pixels = min(code_count(run), 1000), math.prod(run.shape) * IMAGES
    rows = sum(2 if VARIANTS[name].noise else 1 for name in run.config.variants)
    frame = len(run.config.variants) * codes * 4 + rows * pixels
    return max(1, math.ceil(frame * (run.config.epochs + 1) / MOST))


def code_count(run: Run) -> int:
    """How many codes each of its frames has at the most: of as many watched images."""
    return run.data["validation_size"] or run.data["train_size"]


def _pictures(stored: Mapping[str, bytes]) -> Pictures:
    return {variant: unpack(payload) for variant, payload in stored.items()}


def _arrays(variant: str, latent_dim: int, frames: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Of E epochs: codes (E, n, 2) int16 and their unit (E,), from_mean and from_sample (E, m, P) uint8, prior (E, 2).

    A code is its whole number × the epoch's unit.
    """
    if not frames:
        return {}
    codes = np.stack([frame["codes"] for frame in frames]).astype(np.float64)
    found = _whole(variant, codes)
    unknown = np.full(2, np.nan, np.float32)
    priors = [prior_of(frame, latent_dim) for frame in frames]
    found[f"{variant}.prior"] = np.stack([unknown if prior is None else prior for prior in priors]).astype(np.float32)
    found[f"{variant}.share"] = np.array([frame["plane_share"][0] for frame in frames], np.float32)
    for kind in ("from_mean", "from_sample"):
        if kind in frames[0]:
            found[f"{variant}.{kind}"] = np.stack([frame[kind][:IMAGES] for frame in frames])
    return found


def _whole(variant: str, codes: np.ndarray) -> dict[str, np.ndarray]:
    """Codes (E, n, 2) in whole numbers, and the unit of each epoch."""
    known = np.where(np.isfinite(codes), codes, 0.0)
    unit = np.maximum(np.abs(known).max(axis=(1, 2)), 1e-9) / WHOLE  # (E,)
    whole = np.where(np.isfinite(codes), np.round(known / unit[:, None, None]), NO_NUMBER)
    return {f"{variant}.codes": whole.astype(np.int16), f"{variant}.unit": unit.astype(np.float32)}


def _planes(run_id: str, epochs: Sequence[int], dimensions: tuple[int, int]) -> dict[str, np.ndarray]:
    """Codes along two dimensions, in place of those that were recorded, and what goes with them."""
    found: dict[str, np.ndarray] = {}
    seen = [_in_plane(run_id, epoch, dimensions) for epoch in epochs]
    for variant in seen[0] if seen else ():
        found |= _whole(variant, np.stack([frame[variant][0] for frame in seen]))
        found[f"{variant}.prior"] = np.stack([frame[variant][1] for frame in seen]).astype(np.float32)
        found[f"{variant}.share"] = np.array([frame[variant][2] for frame in seen], np.float32)
    return found


@memory_cached
def _in_plane(run_id: str, epoch: int, dimensions: tuple[int, int]) -> dict[str, tuple[np.ndarray, np.ndarray, float]]:
    """By variant, with the weights of a kept epoch: codes (n, 2), the prior's place (2,), the share."""
    from vae.analysis.codes import plane
    from vae.learning.snapshots import CODES_SHOWN

    found = {}
    for variant, codes in loaded_models.codes(run_id, epoch).items():
        surface = plane(codes.mu, dimensions)
        uv = surface.project(codes.mu[:CODES_SHOWN])
        found[variant] = (uv, surface.project(np.zeros_like(surface.origin)), surface.share)
    return found


def _windows_of_planes(run_id: str, kept: Sequence[int], dimensions: tuple[int, int]) -> dict[str, dict[str, Window]]:
    seen = [_in_plane(run_id, epoch, dimensions) for epoch in kept]
    return by_scale({name: around(union([extent(*frame[name][:2]) for frame in seen])) for name in seen[0]})


def _seen(windows: Mapping[str, Mapping[str, Window]]) -> dict[str, Any]:
    """Windows by variant and scale, as the browser reads them."""
    return {
        variant: {
            scale: {"centre": window.centre, "half": window.half, "bar": window.bar, "words": bar_words(window.bar)}
            for scale, window in scales.items()
        }
        for variant, scales in windows.items()
    }


def _rows(run: Run, history: pd.DataFrame, epochs: Sequence[int]) -> dict[str, dict[str, list[float | None]]]:
    """By variant and term: its value at each of `epochs`; None where there is none."""
    columns = [history["variant"], history["epoch"], *(history[term].astype(float) for term in TERMS)]
    known = {(variant, epoch): values for variant, epoch, *values in zip(*columns, strict=True)}
    nothing = [math.nan] * len(TERMS)

    def told(variant: str, place: int) -> list[float | None]:
        values = [known.get((variant, epoch), nothing)[place] for epoch in epochs]
        return [value if math.isfinite(value) else None for value in values]

    return {
        variant: {term: told(variant, place) for place, term in enumerate(TERMS)} for variant in run.config.variants
    }


def _notice(run: Run, history: pd.DataFrame, epoch: int, pictures: Pictures) -> str:
    """What the numbers of this epoch say, whichever way they come out."""
    rows, variants = history[history["epoch"] == epoch].set_index("variant"), run.config.variants
    spreads = {name: pictures[name]["codes"].astype(np.float64).std(axis=0) for name in variants}  # (2,) each
    if run.config.latent_dim == 1:
        spreads = {name: spread[:1] for name, spread in spreads.items()}
    along = ", ".join(
        f"{VARIANT_TITLES[name]} {' × '.join(f'{value:.3g}' for value in spread)}" for name, spread in spreads.items()
    )
    said = [f"Standard deviation of the codes along the axes shown: {along}."]
    if len(variants) > 1:
        rebuilt = {decoded(name): float(rows.loc[name, "reconstruction"]) for name in variants}
        quantity = Quantity(f"Reconstruction in {LIKELIHOODS[run.config.reconstruction].per_image}", watched(run))
        said.append(listed(quantity, rebuilt, seeds=1))
    said += [
        f"{VARIANT_TITLES[name]}: no latent dimension is in use, so its code has collapsed."
        for name in variants
        if epoch > 0 and rows.loc[name, "active_units"] == 0
    ]
    return " ".join(said)


def _head(
    run: Run, floor: float, dimensions: Dimensions, shown: Mapping[int, Pictures]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """What is the same for all epochs."""
    images, latent_dim = unpack(resources.store().originals(run.id)), run.config.latent_dim
    first = next(iter(shown.values()))
    title = f"dimensions {dimensions[0] + 1} and {dimensions[1] + 1} of a {latent_dim}-D code" if dimensions else None
    meta = {
        "variants": [
            {
                "variant": name,
                "title": VARIANT_TITLES[name],
                "colour": VARIANT_COLOURS[name],
                "noise": VARIANTS[name].noise,
                "rows": ["originals", *_row_names(name)],
                "known": bool(prior_of(first[name], latent_dim) is not None or dimensions),
            }
            for name in run.config.variants
        ],
        "twins": twins(run.config.variants),
        "classes": run.data["classes"],
        "palette": CLASS_COLOURS,
        "shape": run.shape,
        "latentDim": latent_dim,
        "space": title or plane_title(latent_dim, 1.0, np.zeros(2)).partition(":")[0],
        "rings": RINGS,
        "loss": LIKELIHOODS[run.config.reconstruction].per_image,
        "floor": floor,
        "pca": principal_axes.line(run),
        "watched": watched(run),
        "counted": watched(run, len(images["labels"])),
    }
    return meta, {"labels": images["labels"].astype(np.uint8), "originals": images["images"][:IMAGES]}


def _row_names(variant: str) -> list[str]:
    if not (VARIANTS[variant].noise or VARIANTS[variant].has_logvar):
        return ["rebuilt"]
    return ["from μ", *(["from z"] if VARIANTS[variant].noise else [])]
