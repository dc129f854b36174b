"""Latent spaces of a trained run, as pages show them; shared by all visitors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from pages.shared.which_images import watched
from pages.stage import at_rest
from pages.state import loaded_models, resources
from vae.analysis.sentences import conclusion, together
from vae.choices.variants import VARIANTS
from vae.figures.style import VARIANT_TITLES
from vae.store.runs import Run

STEEPNESS_AT = 300  # codes at which the decoder's steepness is measured


@dataclass(frozen=True)
class Coverage:
    """How one variant's codes, as the decoder gets them in training, lie about N(0, I)."""

    mean: np.ndarray  # (D,)
    std: np.ndarray  # (D,)
    kl: float  # nats, of a fitted Gaussian
    mmd: float
    mmd_of_prior: float  # of as many draws of N(0, I) themselves
    count: int
    steepness: float  # median over codes of ‖J‖_F / √P: the pixel RMSE per unit of nudge, for small random nudges
    spread: float  # standard deviation of the means, root mean square over dimensions


@st.cache_data(max_entries=24, show_spinner=False)
def coverage(run_id: str, epoch: int) -> dict[str, Coverage]:
    """By variant, over the watched images."""
    from vae.analysis.codes import kl_to_prior, mmd_to_prior, sample
    from vae.analysis.geometry import decoder, stretch
    from vae.analysis.sampling import prior
    from vae.learning.randomness import stream

    seed, found, of_all = resources.run(run_id).config.seed, {}, loaded_models.codes(run_id, epoch)
    first = next(iter(of_all.values()))
    prior_codes = prior(len(first.mu), first.latent_dim, stream(seed, "coverage of the prior"))
    # The same for all variants: as many codes of as many dimensions.
    mmd_of_prior = mmd_to_prior(prior_codes, stream(seed, "mmd"))
    for name, codes in of_all.items():
        z = sample(codes, stream(seed, "coverage", epoch)) if VARIANTS[name].noise else codes.mu
        decode, axes = decoder(loaded_models.models(run_id, epoch)[name]), np.eye(codes.latent_dim, dtype=np.float32)
        norms = stretch(decode, codes.mu[:STEEPNESS_AT], axes).norm
        found[name] = Coverage(
            mean=z.mean(axis=0),
            std=z.std(axis=0),
            kl=kl_to_prior(z),
            mmd=mmd_to_prior(z, stream(seed, "mmd")),
            mmd_of_prior=mmd_of_prior,
            count=len(z),
            steepness=float(np.median(norms)) / loaded_models.watched(run_id).x.shape[1] ** 0.5,
            spread=float(np.sqrt(codes.mu.var(axis=0).mean())),
        )
    return found


def notice(run: Run, epoch: int) -> str:
    """What the numbers of this epoch say, whichever way they come out."""
    covered = coverage(run.id, epoch)
    spreads = ", ".join(f"{VARIANT_TITLES[name]} {measured.spread:.2f}" for name, measured in covered.items())
    count = next(iter(covered.values())).count
    on = watched(run, min(STEEPNESS_AT, count))
    said = [f"Standard deviation of the codes (means μ of {watched(run, count)}, over all dimensions): {spreads}."]
    for unit, what in (
        ("per unit of code", {name: measured.steepness for name, measured in covered.items()}),
        (
            "per standard deviation of its codes",
            {name: measured.steepness * measured.spread for name, measured in covered.items()},
        ),
    ):
        steep = ", ".join(f"{VARIANT_TITLES[name]} {value:.3f}" for name, value in what.items())
        said.append(f"A small nudge changes the picture by this much {unit} (pixel RMSE, median over {on}): {steep}.")
    if len(covered) > 1:
        said.append(_whose_moves_more(covered))
    return " ".join(said)


def _whose_moves_more(covered: dict[str, Coverage]) -> str:
    """Of the numbers as they are shown, in both units; a tie in one of them ranks nobody."""
    most: list[str] = []
    for what in (
        {name: f"{measured.steepness:.3f}" for name, measured in covered.items()},
        {name: f"{measured.steepness * measured.spread:.3f}" for name, measured in covered.items()},
    ):
        largest = [name for name, value in what.items() if float(value) == max(map(float, what.values()))]
        if len(largest) > 1:
            return conclusion(1)
        most += largest
    absolute, relative = (VARIANT_TITLES[name] for name in most)
    return together(
        f"In this one run the larger change is that of {absolute} in both."
        if absolute == relative
        else f"In this one run the larger change is that of {absolute} per unit, and that of {relative} per standard "
        "deviation: the order depends on the unit.",
        conclusion(1),
    )


def table(run_id: str, epoch: int, dimensions: tuple[int, int] | None) -> pd.DataFrame:
    """The scatters as rows: variant, image, class, u, v, and the whole code z1, z2, …"""
    classes, labels = resources.run(run_id).data["classes"], loaded_models.watched(run_id).labels
    parts = []
    for name, view in at_rest.views(run_id, epoch, dimensions).items():
        place = {"variant": name, "image": np.arange(len(labels)), "class": [classes[label] for label in labels]}
        place |= {"u": view.uv[:, 0], "v": view.uv[:, 1]}
        parts.append(pd.DataFrame(place | {f"z{i + 1}": column for i, column in enumerate(view.codes.mu.T)}))
    return pd.concat(parts, ignore_index=True)


def map_table(run_id: str, epoch: int, dimensions: tuple[int, int] | None) -> pd.DataFrame:
    """The sensitivity maps as rows: variant, u, v, area √det(JᵀJ), norm ‖J‖, per unit of code."""
    parts = []
    views = at_rest.views(run_id, epoch, dimensions)
    for name, maps in at_rest.maps(run_id, epoch, dimensions).items():
        values = {kind: np.exp(logarithms) for kind, logarithms in maps.items()}
        u, v = views[name].grid(round(len(maps["norm"]) ** 0.5)).T
        parts.append(pd.DataFrame({"variant": name, "u": u, "v": v} | values))
    return pd.concat(parts, ignore_index=True)


def coverage_table(run_id: str, epoch: int) -> pd.DataFrame:
    """One row per variant and dimension."""
    return pd.concat(
        pd.DataFrame(
            {
                "variant": name,
                "dimension": np.arange(1, len(measured.mean) + 1),
                "mean": measured.mean,
                "std": measured.std,
                "kl_of_fitted_gaussian": measured.kl,
                "mmd2": measured.mmd,
                "n": measured.count,
            }
        )
        for name, measured in coverage(run_id, epoch).items()
    )
