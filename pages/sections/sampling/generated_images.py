"""Pictures of codes that belong to no image, and of paths between images; shared by all visitors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from pages.state import loaded_models, resources
from pages.state.memory_cache import memory_cached

SOURCES = {"prior": "N(0, I)", "gaussian": "a fitted Gaussian", "mixture": "a fitted mixture"}  # to the codes
PAIRS = 40  # of images, whose straight lines are measured
FITTED_ON = 10_000  # codes of training images
PATHS = {"line": "straight line", "slerp": "slerp (an arc about the origin)", "geodesic": "geodesic (least change)"}


@memory_cached
def training_codes(run_id: str, epoch: int) -> dict:
    """Means (n, D) of the first training images' codes, by variant; never changed."""
    from vae.analysis.codes import encode

    x = loaded_models.real_images(run_id).x.numpy()[:FITTED_ON]
    return {name: encode(model, x).mu for name, model in loaded_models.models(run_id, epoch).items()}


def affordable(run_id: str, epoch: int, components: int) -> int:
    """As many components as there are codes enough for, up to `components`."""
    from vae.analysis import sampling

    count, latent_dim = next(iter(training_codes(run_id, epoch).values())).shape
    return sampling.affordable(count, latent_dim, components)


@memory_cached
def fitted(run_id: str, epoch: int, components: int) -> dict:
    """Mixtures by variant; never changed."""
    from vae.analysis.sampling import fit_mixture

    seed = resources.run(run_id).config.seed
    return {name: fit_mixture(mu, components, seed) for name, mu in training_codes(run_id, epoch).items()}


@st.cache_data(max_entries=40, show_spinner=False)
def pictures(run_id: str, epoch: int, source: str, components: int, draw: int, count: int) -> dict[str, np.ndarray]:
    """`count` pictures (count, P) drawn from a source, by variant. The same noise for every variant's N(0, I)."""
    from vae.analysis import sampling
    from vae.analysis.geometry import decode
    from vae.learning.randomness import stream

    run, found = resources.run(run_id), {}
    for name, model in loaded_models.models(run_id, epoch).items():
        if source == "prior":
            z = sampling.prior(count, run.config.latent_dim, stream(run.config.seed, f"draw {draw}"))
        else:
            mixture = fitted(run_id, epoch, 1 if source == "gaussian" else components)[name]
            z = sampling.draw(mixture, count, seed=1000 * draw + run.config.seed % 1000)
        found[name] = decode(model, z)
    return found


@st.cache_data(max_entries=24, show_spinner=False)
def quality(run_id: str, epoch: int, components: int, draw: int) -> pd.DataFrame:
    """One row per variant and source, and one of real test images: columns of `Quality`."""
    from vae.analysis.sampling import quality as measure

    reference, real = loaded_models.reference_classifier(run_id), loaded_models.real_images(run_id)
    classifier = reference.classifier if reference else None
    of_real = measure(loaded_models.test_images(run_id), real, classifier)
    rows = [{"variant": "real", "source": "test images", **vars(of_real)}]
    for source in SOURCES:
        for name, x in pictures(run_id, epoch, source, components, draw, loaded_models.JUDGED).items():
            rows.append({"variant": name, "source": source, **vars(measure(x, real, classifier))})
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Path:
    """A way from one code to another. Lengths in pixel RMSE."""

    images: np.ndarray  # (steps, P)
    steps: np.ndarray  # (steps − 1,) from picture to picture
    pixel_length: float  # their sum
    pullback_length: float  # of the path itself, however few of its pictures are shown
    ends_apart: float  # from the first picture to the last, straight through pixel space: no path is shorter


@st.cache_data(max_entries=60, show_spinner=False)
def paths(run_id: str, epoch: int, a: int, b: int, count: int) -> dict[str, dict[str, Path]]:
    """By kind of PATHS and variant: from the code of watched image `a` to that of `b`."""
    from vae.analysis import geometry

    path_makers = {
        "line": lambda _, start, end: geometry.line(start, end, count),
        "slerp": lambda _, start, end: geometry.slerp(start, end, count),
        "geodesic": lambda decode, start, end: geometry.geodesic(decode, start, end, count),
    }
    found: dict[str, dict[str, Path]] = {kind: {} for kind in PATHS}
    for name, codes in loaded_models.codes(run_id, epoch).items():
        model = loaded_models.models(run_id, epoch)[name]
        decode = geometry.decoder(model)
        for kind, make_path in path_makers.items():
            z = make_path(decode, codes.mu[a], codes.mu[b])
            x = geometry.decode(model, z)
            steps = np.sqrt(np.square(np.diff(x, axis=0)).mean(axis=1))
            straight = float(np.sqrt(np.square(x[-1] - x[0]).mean()))
            pullback = geometry.pullback_length(decode, z)
            found[kind][name] = Path(x, steps, geometry.pixel_length(decode, z), pullback, straight)
    return found


@st.cache_data(max_entries=60, show_spinner=False)
def detours(run_id: str, epoch: int) -> dict[str, np.ndarray]:
    """`geometry.detours` between watched images next to each other, (pairs,), by variant: no pair shares an image."""
    from vae.analysis import geometry

    found = {}
    for name, codes in loaded_models.codes(run_id, epoch).items():
        ends = codes.mu[: 2 * PAIRS]
        decode = geometry.decoder(loaded_models.models(run_id, epoch)[name])
        found[name] = geometry.detours(decode, ends[: len(ends) // 2 * 2 : 2], ends[1::2])
    return found
