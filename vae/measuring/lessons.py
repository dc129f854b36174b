"""What lessons show of stored runs, measured once and kept: nudges, gradients, codes against factors, claims."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ..analysis import claim_measures, disentangle, gradients, sensitivity
from ..analysis.codes import Codes, encode
from ..analysis.comparing import ratios
from ..analysis.estimation import gradient_snr
from ..analysis.reference import RealImages
from ..choices.variants import VARIANTS, with_a_sample_to_pass
from ..datasets import DATASETS, Images
from ..errors import InputError
from ..settings import Settings
from ..store import measurements
from ..store.runs import Run, Store
from ..store.tensor_bytes import unpack
from .stored_runs import Progress, images_of, last_epoch, measured_once, models_of, reference_classifier_of, watched_of

RATIO_IMAGES = 2000  # at the most, for the ratio by which a sweep may choose


@measured_once("sensitivity")
def sensitivity_of(store: Store, run_id: str, epoch: int, settings: Settings, progress: Progress) -> pd.DataFrame:
    """Nudges of all test images of a run at a kept epoch: the columns of `sensitivity.table` and `.quartiles`.

    Measured once and kept. Raises InputError when the run, its weights or its images aren't there.
    """
    run = store.run(run_id)
    models, images = models_of(store, run, epoch), images_of(store, run, settings)
    if len(images.classes) > 1 and not measurements.classifier(store, images.hash):
        progress(0.0, "Training the reference classifier")
    reference = reference_classifier_of(store, images)
    images = images.tested_without(run.config.held_out_class)
    perturbed = sensitivity.perturb_all(
        models,
        images.test_x.astype(np.float32) / images.white,
        seed=run.config.seed,
        classifier=reference.classifier if reference else None,
        real=RealImages.of(images, unpack(store.split_rows(run_id))["train"]),
        progress=lambda share: progress(share, f"Nudging {len(images.test_x):,} test images"),
    )
    return sensitivity.table(perturbed, run.config.seed).merge(sensitivity.quartiles(perturbed))


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


@measured_once("gradients")
def gradients_of(store: Store, run_id: str, epoch: int, settings: Settings, progress: Progress) -> pd.DataFrame:
    """Every way to estimate the encoder's gradient at a kept epoch: the columns of `gradients.estimator_quality`.

    Measured once and kept. Raises InputError as `sensitivity_of`, and for a run without a variant that samples.
    """
    run = store.run(run_id)
    model = models_of(store, run, epoch)[noisy_variant(run)]
    return gradients.estimator_quality(
        model,
        batch_of(store, run, images_of(store, run, settings)),
        run.config.reconstruction,
        seed=run.config.seed,
        progress=lambda share: progress(share, "Estimating the same gradient again and again"),
    )


@measured_once("signal")
def signal_of(store: Store, run_id: str, epoch: int, settings: Settings, progress: Progress) -> pd.DataFrame:
    """Signal to noise of the K-sample bound's gradient at a kept epoch: the columns of `gradient_snr.gradient_snr`.

    Of the encoder, on the batch of `batch_of`. Measured once and kept. Raises InputError as `gradients_of`.
    """
    run = store.run(run_id)
    return gradient_snr.gradient_snr(
        models_of(store, run, epoch)[noisy_variant(run)],
        batch_of(store, run, images_of(store, run, settings)),
        run.config.reconstruction,
        seed=run.config.seed,
        progress=lambda share: progress(share, "Estimating the gradient of the bound again and again"),
    )


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


@measured_once("disentanglement")
def disentanglement_of(store: Store, run_id: str, epoch: int, settings: Settings, progress: Progress) -> pd.DataFrame:
    """`disentangle.scores` of every variant at a kept epoch, with the columns variant, n and seed.

    On the images of `grid_of`: scores of the encoder, on images it learnt from and others. Measured once and kept.
    Raises InputError as `sensitivity_of`, and for a data set without known factors.
    """
    run = store.run(run_id)
    models, (x, factors) = models_of(store, run, epoch), grid_of(images_of(store, run, settings))
    tables = []
    for place, (name, model) in enumerate(models.items()):
        progress(place / len(models), f"Comparing the codes of {len(x):,} images with their factors")
        codes = encode(model, x)
        if not VARIANTS[name].noise:
            codes = Codes(codes.mu, None)  # it may have a σ, but never samples: its decoder sees the mean alone
        tables.append(disentangle.scores(codes, factors, run.config.seed).assign(variant=name))
    progress(1.0, "Done")
    return pd.concat(tables, ignore_index=True).assign(n=len(x), seed=run.config.seed)


@measured_once("claims")
def claims_of(store: Store, run_id: str, epoch: int, settings: Settings, progress: Progress) -> pd.DataFrame:
    """What claims are judged by, on a run's test images at a kept epoch: the columns of `claim_measures.measure`.

    Measured once and kept. Raises InputError as `sensitivity_of`.
    """
    run = store.run(run_id)
    images = images_of(store, run, settings).tested_without(run.config.held_out_class)
    return claim_measures.measure(
        models_of(store, run, epoch),
        run.config,
        images,
        unpack(store.split_rows(run_id))["train"],
        lambda share: progress(share, f"Measuring on {len(images.test_x):,} test images"),
    )
