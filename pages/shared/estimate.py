"""How long a run will take: work counted, then corrected by the runs this machine has finished."""

from __future__ import annotations

from statistics import median

from vae.config import RunConfig
from vae.learning.variants import parameter_count

from . import resources

STEP = 0.4e-3  # seconds per training step and variant before any arithmetic
RATE = 1.3e11  # multiply-adds × 2 per second and core; both measured on two cores of a 2023 server
EPOCH = 8e-3  # seconds per epoch for validation, snapshot and storing
RUNS_COMPARED = 12


def _counted(config: RunConfig) -> float:
    """Seconds on the machine that the constants were measured on."""
    dataset = resources.dataset(config.dataset)
    images = max(1, dataset.train_size - config.validation_size)
    images = min(images, config.train_limit) if config.train_limit else images
    layers = config.layers(dataset.shape[0] * dataset.shape[1])
    work = 6 * parameter_count(layers, with_logvar=True) * images / RATE  # forward 2, backward 4 per weight and image
    steps = -(-images // config.batch_size) * STEP
    return config.epochs * (len(config.variants) * (steps + work) * 0.65 + EPOCH)


def training_time(config: RunConfig) -> float:
    """Seconds. Without finished runs on the same images it is a guess that holds for a machine like ours."""
    done = [run for run in resources.recent(RUNS_COMPARED) if run.status == "done"]
    factors = [run.seconds / _counted(run.config) for run in done if run.config.dataset == config.dataset]
    return _counted(config) * (median(factors) if factors else 1.0)
