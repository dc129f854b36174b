"""Stored runs, measured: weights from the store, images from the data folder, results kept in the store."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from .analysis import claim_measures, disentangle, gradients, sensitivity
from .analysis.codes import Codes, encode
from .analysis.comparing import ratios
from .analysis.estimation import gradient_snr
from .analysis.reconstructions import restore
from .analysis.reference import Classifier, RealImages, accuracy, train_classifier
from .choices.variants import VARIANTS, with_a_sample_to_pass
from .datasets import DATASETS, Images, binarised
from .errors import InputError
from .learning.models import Autoencoder
from .settings import Settings
from .store import measurements, uploaded_images
from .store.measurements import KINDS
from .store.runs import Run, Store
from .store.tensor_bytes import pack_tensors, unpack, unpack_tensors

RATIO_IMAGES = 2000  # at the most, for the ratio by which a sweep may choose
Progress = Callable[[float, str], None]  # share done from 0 to 1, and what is being done


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


def sensitivity_of(
    store: Store, run_id: str, epoch: int, settings: Settings, progress: Progress = lambda share, what: None
) -> pd.DataFrame:
    """Nudges of all test images of a run at a kept epoch: the columns of `sensitivity.table` and `.quartiles`.

    Measured once and kept. Raises InputError when the run, its weights or its images aren't there.
    """
    kept = measurements.measurement(store, run_id, epoch, KINDS["sensitivity"])
    if kept is not None:
        return kept
    run = store.run(run_id)
    models, images = models_of(store, run, epoch), images_of(store, run, settings)
    if len(images.classes) > 1 and not measurements.classifier(store, images.hash):
        progress(0.0, "Training the reference classifier")
    reference = reference_classifier_of(store, images)
    perturbed = sensitivity.perturb_all(
        models,
        images.test_x.astype(np.float32) / images.white,
        seed=run.config.seed,
        classifier=reference.classifier if reference else None,
        real=RealImages.of(images, unpack(store.split_rows(run_id))["train"]),
        progress=lambda share: progress(share, f"Nudging {len(images.test_x):,} test images"),
    )
    measured = sensitivity.table(perturbed, run.config.seed).merge(sensitivity.quartiles(perturbed))
    measurements.keep_measurement(store, run_id, epoch, KINDS["sensitivity"], measured)
    return measured


def sensitivity_ratio(store: Store, run: Run, settings: Settings, unit: str = "latent_std", size: float = 0.1) -> float:
    """How many times as much one nudge changes the autoencoder's pictures as the VAE's, on the validation images.

    For choosing settings, so the test images are left alone. Raises InputError as `sensitivity_of`.
    """
    models = models_of(store, run, last_epoch(store, run))
    x = watched_of(store, run, images_of(store, run, settings), RATIO_IMAGES)
    table = sensitivity.measure(models, x, seed=run.config.seed, units=(unit,), sizes=(size,))
    return float(ratios(table)["ratio"].iloc[0])


def noisy_variant(run: Run) -> str:
    """The variant whose gradient has to get past a sample, both ingredients first. Raises InputError for none."""
    noisy = with_a_sample_to_pass(run.config.variants)
    if noisy is None:
        raise InputError(
            f"Run {run.id} holds no variant that samples its codes and learns their σ, so no gradient has to be "
            "estimated."
        )
    return noisy


def batch_of(store: Store, run: Run, images: Images) -> np.ndarray:
    """The images whose gradient is estimated, (B, P): the first that the run was watched on."""
    return watched_of(store, run, images, gradients.BATCH)


def gradient_norms_of(store: Store, run: Run, epoch: int, settings: Settings, estimator: str) -> pd.DataFrame:
    """`gradients.gradient_norms` on the batch of `batch_of`. Raises InputError as `gradients_of`."""
    name = noisy_variant(run)
    return gradients.gradient_norms(
        models_of(store, run, epoch)[name],
        VARIANTS[name],
        batch_of(store, run, images_of(store, run, settings)),
        run.config.reconstruction,
        run.config.beta,
        estimator=estimator,
        samples=run.config.samples,
        seed=run.config.seed,
    )


def gradients_of(
    store: Store, run_id: str, epoch: int, settings: Settings, progress: Progress = lambda share, what: None
) -> pd.DataFrame:
    """Every way to estimate the encoder's gradient at a kept epoch: the columns of `gradients.estimator_quality`.

    Measured once and kept. Raises InputError as `sensitivity_of`, and for a run without a variant that samples.
    """
    kept = measurements.measurement(store, run_id, epoch, KINDS["gradients"])
    if kept is not None:
        return kept
    run = store.run(run_id)
    model = models_of(store, run, epoch)[noisy_variant(run)]
    measured = gradients.estimator_quality(
        model,
        batch_of(store, run, images_of(store, run, settings)),
        run.config.reconstruction,
        seed=run.config.seed,
        progress=lambda share: progress(share, "Estimating the same gradient again and again"),
    )
    measurements.keep_measurement(store, run_id, epoch, KINDS["gradients"], measured)
    return measured


def signal_of(
    store: Store, run_id: str, epoch: int, settings: Settings, progress: Progress = lambda share, what: None
) -> pd.DataFrame:
    """Signal to noise of the K-sample bound's gradient at a kept epoch: the columns of `gradient_snr.gradient_snr`.

    Of the encoder, on the batch of `batch_of`. Measured once and kept. Raises InputError as `gradients_of`.
    """
    kept = measurements.measurement(store, run_id, epoch, KINDS["signal"])
    if kept is not None:
        return kept
    run = store.run(run_id)
    measured = gradient_snr.gradient_snr(
        models_of(store, run, epoch)[noisy_variant(run)],
        batch_of(store, run, images_of(store, run, settings)),
        run.config.reconstruction,
        seed=run.config.seed,
        progress=lambda share: progress(share, "Estimating the gradient of the bound again and again"),
    )
    measurements.keep_measurement(store, run_id, epoch, KINDS["signal"], measured)
    return measured


def grid_of(images: Images) -> tuple[np.ndarray, np.ndarray]:
    """All images of a generated data set, (N, P) in [0, 1], and their factors, (N, K).

    Training and test images together: only then is each combination of two factors equally frequent, and no factor
    tells of another.
    Raises InputError for images whose factors aren't known.
    """
    if images.factors is None:
        known = ", ".join(name for name, dataset in DATASETS.items() if dataset.factors)
        raise InputError(
            f"What the images of {images.name} were made from is not known, so codes can't be compared with it. It is "
            f"known for {known}."
        )
    x = np.vstack([images.train_x, images.test_x]).astype(np.float32) / images.white
    return x, np.vstack([images.factors.train, images.factors.test])


def disentanglement_of(
    store: Store, run_id: str, epoch: int, settings: Settings, progress: Progress = lambda share, what: None
) -> pd.DataFrame:
    """`disentangle.scores` of every variant at a kept epoch, with the columns variant, n and seed.

    On the images of `grid_of`: scores of the encoder, on images it learnt from and others. Measured once and kept.
    Raises InputError as `sensitivity_of`, and for a data set without known factors.
    """
    kept = measurements.measurement(store, run_id, epoch, KINDS["disentanglement"])
    if kept is not None:
        return kept
    run = store.run(run_id)
    models, (x, factors) = models_of(store, run, epoch), grid_of(images_of(store, run, settings))
    tables = []
    for place, (name, model) in enumerate(models.items()):
        progress(place / len(models), f"Comparing the codes of {len(x):,} images with their factors")
        codes = encode(model, x)
        if not VARIANTS[name].noise:
            codes = Codes(codes.mu, None)  # it may have a σ, but never samples: its decoder sees the mean alone
        tables.append(disentangle.scores(codes, factors, run.config.seed).assign(variant=name))
    measured = pd.concat(tables, ignore_index=True).assign(n=len(x), seed=run.config.seed)
    measurements.keep_measurement(store, run_id, epoch, KINDS["disentanglement"], measured)
    progress(1.0, "Done")
    return measured


def claims_of(
    store: Store, run_id: str, epoch: int, settings: Settings, progress: Progress = lambda share, what: None
) -> pd.DataFrame:
    """What claims are judged by, on a run's test images at a kept epoch: the columns of `claim_measures.measure`.

    Measured once and kept. Raises InputError as `sensitivity_of`.
    """
    kept = measurements.measurement(store, run_id, epoch, KINDS["claims"])
    if kept is not None:
        return kept
    run = store.run(run_id)
    images = images_of(store, run, settings)
    measured = claim_measures.measure(
        models_of(store, run, epoch),
        run.config,
        images,
        unpack(store.split_rows(run_id))["train"],
        lambda share: progress(share, f"Measuring on {len(images.test_x):,} test images"),
    )
    measurements.keep_measurement(store, run_id, epoch, KINDS["claims"], measured)
    return measured


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


MEASUREMENTS = {
    "sensitivity": sensitivity_of,
    "gradients": gradients_of,
    "signal": signal_of,
    "disentanglement": disentanglement_of,
    "claims": claims_of,
}
