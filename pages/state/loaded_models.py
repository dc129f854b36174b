"""Trained models and their images, for pages that look into them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import streamlit as st

from pages.components.decoders import LARGEST, payload, unfit
from vae.datasets import Images, binarised
from vae.store import uploaded_images
from vae.store.tensor_bytes import unpack

from . import resources
from .memory_cache import memory_cached

JUDGED = 500  # real test images and drawn pictures that are judged
LOOKED_AT = 2000  # watched images that pages measure on: enough for three digits, and quick


@st.cache_data(max_entries=100, show_spinner=False)
def kept_epochs(run_id: str, recorded: int) -> list[int]:
    """Epochs whose weights are stored; `recorded`, the run's last epoch, tells apart a run that has gone on."""
    return resources.store().weight_epochs(run_id)


@memory_cached
def models(run_id: str, epoch: int) -> dict:
    """Networks by variant at a kept epoch, shared by all visitors: never changed."""
    from vae.measuring import models_of

    return models_of(resources.store(), resources.run(run_id), epoch)


class Shelf(NamedTuple):
    """Decoders for a browser."""

    key: str
    data: bytes | None  # what to send; None where the server draws
    why: str  # it does, in a sentence's first half; "" where the browser draws


@st.cache_data(max_entries=6, show_spinner=False)
def shelf(run_id: str, epoch: int) -> Shelf:
    """The decoders of a kept epoch, for a browser that draws what they make."""
    run, stored = resources.run(run_id), resources.store().weights(run_id, epoch)
    key = f"{run_id}.{epoch}"
    weights = {name: unpack(stored[name]) for name in run.config.variants}
    why, sent = unfit(run.config, run.shape), payload(key, run.config, run.shape, weights)
    if sent and len(sent) > LARGEST:
        why = f"are too large for a page ({len(sent) / 1e6:.1f} MB; at most {LARGEST / 1e6:g} MB)"
    return Shelf(key, None, f"A page draws most decoders itself, but these {why}") if why else Shelf(key, sent, "")


@dataclass(frozen=True)
class Watched:
    """Images a run was watched on while it learnt."""

    x: np.ndarray  # (n, P) float32 in [0, 1]
    labels: np.ndarray  # (n,) indices into the run's classes
    mean_image: np.ndarray  # (P,) of the images it learnt from
    unchanged: bool  # whether the data set here is the one it was trained on


@st.cache_data(max_entries=6, show_spinner=False)
def watched(run_id: str) -> Watched:
    """Raises InputError when the data set isn't on this computer."""
    run = resources.run(run_id)
    images = uploaded_images.load(resources.store(), run.config.dataset, resources.settings().data_dir)
    unchanged = images.hash == run.data["hash"]
    images = binarised(images, run.config.binarisation)
    split = unpack(resources.store().split_rows(run_id))
    rows = (split["validation"] if len(split["validation"]) else split["train"])[:LOOKED_AT]
    return Watched(
        x=images.train_x[rows].astype(np.float32) / images.white,
        labels=images.train_y[rows],
        mean_image=images.train_x[split["train"]].mean(axis=0, dtype=np.float64).astype(np.float32) / images.white,
        unchanged=unchanged,
    )


@st.cache_data(max_entries=12, show_spinner=False)
def rebuilt(run_id: str, epoch: int) -> dict:
    """`Rebuilt` of the watched images, by variant."""
    from vae.analysis.reconstructions import reconstruct
    from vae.learning.randomness import stream

    x, seed = watched(run_id).x, resources.run(run_id).config.seed
    noise = {name: stream(seed, "rebuilt", epoch) for name in models(run_id, epoch)}  # the same for each variant
    return {name: reconstruct(model, name, x, noise[name]) for name, model in models(run_id, epoch).items()}


@memory_cached
def codes(run_id: str, epoch: int) -> dict:
    """`Codes` of the watched images, by variant; shared by all visitors: never changed."""
    from vae.analysis.codes import encode

    x = watched(run_id).x
    return {name: encode(model, x) for name, model in models(run_id, epoch).items()}


@memory_cached
def real_images(run_id: str) -> Any:
    """`RealImages` of the run's training images; shared by all visitors: never changed."""
    from vae.analysis.reference import RealImages

    return RealImages.of(dataset_images(run_id), unpack(resources.store().split_rows(run_id))["train"])


def nearest_real(run_id: str, picture: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Of one picture (1, P): distances (count,), as pixel RMSE, and training images (count, P), nearest first."""
    import torch

    real = real_images(run_id)
    distances, places = real.nearest(torch.from_numpy(picture), count)
    return distances[0].numpy(), real.x[places[0]].numpy()


@st.cache_resource(max_entries=4, show_spinner="Training a small classifier, once for this data set …")
def reference_classifier(run_id: str) -> Any:
    """`ReferenceClassifier`, trained once for a data set; None for images without classes."""
    from vae.measuring import reference_classifier_of

    return reference_classifier_of(resources.store(), dataset_images(run_id))


@st.cache_data(max_entries=4, show_spinner=False)
def test_images(run_id: str) -> np.ndarray:
    """The first test images, (m, P): real ones to judge by the same measures as drawn ones."""
    there = images_it_is_tested_on(run_id)
    return there.test_x[:JUDGED].astype(np.float32) / there.white


def dataset_images(run_id: str) -> Images:
    """Binarised as they are measured on. Raises InputError when they aren't here, or are other ones by now."""
    from vae.measuring import images_of

    return images_of(resources.store(), resources.run(run_id), resources.settings())


def images_it_is_tested_on(run_id: str) -> Images:
    """The same without the test images of a class that the run kept from training. Raises InputError alike."""
    return dataset_images(run_id).tested_without(resources.run(run_id).config.held_out_class)
