"""PCA of a run's training images, for pages: what the best linear code loses with as many numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import streamlit as st

from vae.datasets.principal_axes import PrincipalAxes
from vae.errors import InputError
from vae.runs.cost import WATCHED
from vae.store.runs import Run
from vae.store.tensor_bytes import unpack

from . import loaded_models, resources


def principal_axes(run_id: str) -> PrincipalAxes:
    """Shared by all runs that learn from the same images, and by all visitors: never changed.

    Raises InputError when the data set isn't on this computer.
    """
    run = resources.run(run_id)
    config = run.config
    return _of(
        run.data["hash"], config.binarisation, config.validation_size, config.train_limit, config.held_out_class, run_id
    )


@st.cache_resource(max_entries=4, show_spinner=False)
def _of(
    data_hash: str, binarisation: str, validation_size: int, train_limit: int, held_out_class: str, _run_id: str
) -> PrincipalAxes:
    return PrincipalAxes.of(loaded_models.dataset_images(_run_id), _rows(_run_id)["train"])


def _rows(run_id: str) -> dict[str, np.ndarray]:
    return unpack(resources.store().split_rows(run_id))


@st.cache_data(max_entries=24, show_spinner=False)
def errors(run_id: str, split: str) -> np.ndarray:
    """`PrincipalAxes.errors` on the images that a run's numbers are of: "test", or else those that it watched."""
    images, rows = loaded_models.images_it_is_tested_on(run_id), _rows(run_id)
    watched = rows["validation"] if len(rows["validation"]) else rows["train"][:WATCHED]
    grey = images.test_x if split == "test" else images.train_x[watched]
    return principal_axes(run_id).errors(grey.astype(np.float32) / images.white)


def line(run: Run) -> float | None:
    """What PCA costs on the watched images; None where it has no loss, or an earlier version kept none."""
    return run.data.get("pca", {}).get(run.data["watched_split"])


def by_size(run_id: str, split: str, sizes: Iterable[int]) -> dict[int, float]:
    """Of `errors`, those of codes of these sizes, beyond the last axis none; empty where the images are gone."""
    try:
        found = errors(run_id, split)
    except InputError:
        return {}
    return {int(size): float(found[min(int(size), len(found) - 1)]) for size in sizes}
