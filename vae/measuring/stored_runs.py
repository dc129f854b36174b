"""What a stored run is measured with: its networks, its images, the reference classifier; and which epoch is meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps

import numpy as np
import pandas as pd

from ..analysis.reconstructions import restore
from ..analysis.reference import Classifier, accuracy, train_classifier
from ..datasets import Images, binarised
from ..errors import InputError
from ..learning.models import Autoencoder
from ..settings import Settings
from ..store import measurements, uploaded_images
from ..store.runs import Run, Store
from ..store.tensor_bytes import pack_tensors, unpack, unpack_tensors

Progress = Callable[[float, str], None]  # share done from 0 to 1, and what is being done
Measure = Callable[[Store, str, int, Settings, Progress], pd.DataFrame]  # of a run, by its id, at a kept epoch


def measured_once(kind: str) -> Callable[[Measure], Callable[..., pd.DataFrame]]:
    """Decorator of what measures a run: the kept table of this kind (of `measurements.KINDS`), or a new one, kept."""

    def kept_or_new(measure: Measure) -> Callable[..., pd.DataFrame]:
        @wraps(measure)
        def table(
            store: Store, run_id: str, epoch: int, settings: Settings, progress: Progress = lambda share, what: None
        ) -> pd.DataFrame:
            kept = measurements.measurement(store, run_id, epoch, measurements.KINDS[kind])
            if kept is not None:
                return kept
            measured = measure(store, run_id, epoch, settings, progress)
            measurements.keep_measurement(store, run_id, epoch, measurements.KINDS[kind], measured)
            return measured

        return table

    return kept_or_new


def models_of(store: Store, run: Run, epoch: int) -> dict[str, Autoencoder]:
    """Networks by variant at a kept epoch. Raises InputError when its weights were not kept."""
    stored = store.weights(run.id, epoch)
    if not stored:
        raise InputError(f"The weights of epoch {epoch} of run {run.id} were not kept.")
    shape = run.shape
    return {name: restore(run.config, shape, name, unpack_tensors(stored[name])) for name in run.config.variants}


def images_of(store: Store, run: Run, settings: Settings) -> Images:
    """The data set a run was trained on, binarised as it is measured on it.

    Raises InputError when it isn't here, or is another one by now.
    """
    images = uploaded_images.load(store, run.config.dataset, settings.data_dir)
    if images.hash != run.data["hash"]:
        raise InputError(f"{run.config.dataset} on this computer is not what run {run.id} was trained on.")
    return binarised(images, run.config.binarisation)


def watched_of(store: Store, run: Run, images: Images, most: int) -> np.ndarray:
    """The first `most` images that a run was watched on, (n, P) in [0, 1]: validation, or training if none are."""
    split = unpack(store.split_rows(run.id))
    rows = split["validation"] if len(split["validation"]) else split["train"]
    return images.train_x[rows[:most]].astype(np.float32) / images.white


@dataclass(frozen=True)
class ReferenceClassifier:
    """The reference classifier of a data set, and how far it can be trusted."""

    classifier: Classifier
    accuracy: float  # on the test images


def reference_classifier_of(store: Store, images: Images) -> ReferenceClassifier | None:
    """The kept classifier, or one trained now and kept. None for images without classes."""
    if len(images.classes) < 2:
        return None
    kept = measurements.classifier(store, images.hash)
    if kept:
        model = Classifier(images.pixels, len(images.classes))
        model.load_state_dict(unpack_tensors(kept[1]))
        return ReferenceClassifier(model.eval().requires_grad_(False), kept[0])
    model = train_classifier(images)
    reference = ReferenceClassifier(model, accuracy(model, images))
    measurements.keep_classifier(store, images.hash, reference.accuracy, pack_tensors(model.state_dict()))
    return reference


ENDED = {"failed": "failed", "stopped": "was stopped", "interrupted": "was interrupted"}


def last_epoch(store: Store, run: Run) -> int:
    """The last epoch whose weights were kept. Raises InputError when there is none."""
    kept = store.weight_epochs(run.id)
    if not kept:
        raise InputError(f"Run {run.id} ({run.status}) has no weights to measure.")
    return kept[-1]


def epoch_in_words(run: Run, epoch: int) -> str:
    """Which state of a run is spoken of: "epoch 0 of 60, the state before training (the run failed)"."""
    said = f"epoch {epoch} of {run.last_epoch}" + (", the state before training" if epoch == 0 else "")
    return said if run.status == "done" else f"{said} (the run {ENDED.get(run.status, f'is {run.status}')})"
