"""What a run asks of the machine that trains it and of the database: estimated before anything is begun.

`memory` is of main memory, as if the run trained on the processor; `accelerator_memory` is of a GPU's own, where
networks, images and the numbers between layers lie.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..choices.binarisations import BINARISATIONS
from ..choices.estimators import weighs_samples
from ..choices.likelihoods import LIKELIHOODS
from ..choices.variants import VARIANTS, Variant
from ..config import RunConfig
from ..datasets import Dataset, Shape
from ..errors import InputError
from ..learning.networks import Counts, network_of, steps_by_hand
from ..metrics import MOST_AT_ONCE
from ..settings import Settings

# Bytes. Measured with torch 2.14 on Linux; tests/runs/test_cost.py compares the sum with what processes really take.
PROCESS = 740 << 20  # a worker before its first run: Python, Dask, torch with its CUDA libraries, scikit-learn
CONTEXT = 880 << 20  # of a GPU: what CUDA and its libraries keep for each process, measured on an H100 with torch 2.11
SPREAD = 1.5  # of a GPU: times the numbers between layers, for scratch space of convolutions and gaps between arrays
THREAD = 48 << 20  # what the C library and the matrix products keep for each thread that trains
FLOAT = 4
MOMENTS = 2  # Adam's, each as large as the weights
# Copies of the checkpoint (weights and moments) while one is packed: its arrays as bytes, the file made of them, the
# copy of it that Python gets, and the one that the database's driver still holds from the epoch before.
PACKED = 4
WATCHED = 5000  # training images measured when none are set aside: `…TRAINING_IMAGES_WATCHED`
SETTLED_ON = 5000  # training images that a closed form is taken of: `…SETTLED_ON`
DENSITIES = 3 * 100 * 8  # bytes for each image whose posterior's density is measured: `metrics.AGGREGATE_CHUNK`
CODES, PICTURES = 1000, 32  # of an epoch's snapshot: `learning.snapshots`
THREADED = 4_000_000  # multiply-adds × batch beyond which variants train at the same time: `…WORTH_A_THREAD`
ROW = 2500  # bytes of a stored row beside its payload: names, numbers, half a page that stays empty
NUMBER = 21  # characters of a number in JSON
LARGEST_BLOB = 1_000_000_000  # bytes that SQLite takes in one value; PostgreSQL takes 2³⁰


@dataclass(frozen=True)
class Demand:
    """What a config asks for, in numbers: the notation of `vae/__init__.py`."""

    config: RunConfig
    shape: Shape  # of an image
    train: int  # images to learn from
    watched: int  # images the curves are measured on
    raw: int  # images of the whole data set
    test: int

    @classmethod
    def of(cls, config: RunConfig, dataset: Dataset) -> Demand:
        rest = max(1, dataset.train_size - config.validation_size)
        train = min(rest, config.train_limit) if config.train_limit else rest
        watched = config.validation_size or min(train, WATCHED)
        whole = dataset.train_size + dataset.test_size
        return cls(config, dataset.shape, train, watched, whole, dataset.test_size)

    @property
    def pixels(self) -> int:
        return math.prod(self.shape)

    @property
    def networks(self) -> list[Counts]:
        """Of each variant's network."""
        count = network_of(self.config).counts
        return [count(self.config, self.shape, VARIANTS[name]) for name in self.config.variants]

    @property
    def weights(self) -> list[int]:
        """Numbers in each variant's network."""
        return [network.parameters for network in self.networks]


def memory(config: RunConfig, dataset: Dataset) -> int:
    """Bytes that a worker takes at its peak while it trains `config`, everything included."""
    demand = Demand.of(config, dataset)
    weights = FLOAT * sum(demand.weights)
    steps = [
        _step(demand, counts, VARIANTS[name]) for name, counts in zip(config.variants, demand.networks, strict=True)
    ]
    at_once = max(counts.multiply_adds for counts in demand.networks) * config.batch_size > THREADED
    together = sum if at_once else max
    moments = (  # what is taken and given back, one after another
        together(passing for _, passing in steps),
        together(_evaluation(demand, counts) for counts in demand.networks),
        FLOAT * 3 * demand.pixels * max(demand.test, demand.watched),  # the mean-image line
        _principal_axes(demand),
        weights * (1 + (1 + MOMENTS) * PACKED),
    )
    return (
        PROCESS
        + THREAD * (len(steps) if at_once else 0)
        + _data(demand)
        + weights * (1 + MOMENTS + 1)  # the last for gradients
        + sum(lasting for lasting, _ in steps)
        + max(moments)
    )


def accelerator_memory(config: RunConfig, dataset: Dataset) -> int:
    """Bytes of a GPU's own memory that a run takes there at its peak."""
    demand = Demand.of(config, dataset)
    images = FLOAT * demand.pixels * (demand.train + demand.watched + demand.test)
    passing = [
        max(_by_autograd(demand, counts, VARIANTS[name]), _evaluation(demand, counts))
        for name, counts in zip(config.variants, demand.networks, strict=True)
    ]
    return CONTEXT + images + FLOAT * sum(demand.weights) * (1 + MOMENTS + 1) + round(SPREAD * max(passing))


def refuse_accelerator(config: RunConfig, dataset: Dataset, free: int) -> None:
    """Raises InputError when a run would take more than the `free` bytes of a GPU."""
    _look(
        "This would need about {needed} of the GPU's memory; {limit} of it is free.",
        free,
        config,
        lambda config: accelerator_memory(config, dataset),
    )


def _principal_axes(demand: Demand) -> int:
    """The PCA line: the covariance of the pixels and its eigenvectors, in double precision; pictures made of them."""
    if not LIKELIHOODS[demand.config.reconstruction].any_picture:
        return 0
    return 4 * 8 * demand.pixels**2 + FLOAT * 4 * demand.pixels * max(demand.test, demand.watched)


def _data(demand: Demand) -> int:
    """The data set as it was loaded, one byte a pixel, and float32 copies of all that is used of it."""
    loaded = demand.pixels * demand.raw
    drawn = loaded if BINARISATIONS[demand.config.binarisation].binary else 0  # the same once more, in black and white
    copies = FLOAT * demand.pixels * (demand.train + demand.watched + demand.test)
    return loaded + drawn + max(copies, 2 * loaded)  # while it is read: the row of the database, and its parts


def _step(demand: Demand, counts: Counts, variant: Variant) -> tuple[int, int]:
    """A training step of one variant: bytes that stay for the next one, and bytes that are given back."""
    config, wide, code = demand.config, counts.hidden, demand.config.latent_dim
    rows = min(config.batch_size, demand.train)
    gradient = LIKELIHOODS[config.reconstruction].gradient_arrays * demand.pixels
    if steps_by_hand(config, variant):  # buffers for whole batches and for the last
        rest = demand.train % config.batch_size if demand.train > config.batch_size else 0
        return FLOAT * (rows + rest) * (4 * demand.pixels + 6 * wide + 9 * code), FLOAT * rows * gradient
    return 0, _by_autograd(demand, counts, variant)


def _by_autograd(demand: Demand, counts: Counts, variant: Variant) -> int:
    """Bytes of a training step of one variant that autograd keeps until it is over."""
    config, wide, code = demand.config, counts.hidden, demand.config.latent_dim
    rows = min(config.batch_size, demand.train)
    gradient = LIKELIHOODS[config.reconstruction].gradient_arrays * demand.pixels
    samples = config.samples if variant.estimated else 1
    decoded = 3 * wide + 8 * code + (3 if samples > 1 else 2) * demand.pixels + gradient
    if weighs_samples(config.estimator) and variant.estimated:
        decoded += 2 * demand.pixels
    # A penalty may keep the way back through the encoder for each dimension of the code; noisy images are a copy.
    penalised = code * (2 * demand.pixels + 3 * wide) if variant.work_per_dimension else 0
    penalised += 4 * demand.pixels if variant.strength else 0  # what autograd keeps of a likelihood
    return FLOAT * rows * (demand.pixels + 3 * wide + 3 * code + samples * decoded + penalised)


def _evaluation(demand: Demand, counts: Counts) -> int:
    """Measuring one variant, a chunk of images at a time."""
    rows = min(network_of(demand.config).at_once, max(demand.test, demand.watched))
    if LIKELIHOODS[demand.config.reconstruction].closed_form:
        rows = max(rows, min(SETTLED_ON, demand.train))
    whole = min(demand.test, MOST_AT_ONCE) * (6 * demand.config.latent_dim * 8 + DENSITIES)
    return max(FLOAT * rows * (4 * demand.pixels + 2 * counts.widest + 6 * demand.config.latent_dim), whole)


def stored(config: RunConfig, dataset: Dataset, max_weights_mb: int) -> int:
    """Bytes that a run takes in the database once all its epochs are there, its checkpoint included."""
    demand = Demand.of(config, dataset)
    weights, epochs = FLOAT * sum(demand.weights), config.epochs + 1
    kept = len(range(0, epochs, stride := kept_every(weights, config.epochs, max_weights_mb)))
    kept += config.epochs % stride > 0  # the last one is
    drawn = 0
    for name in config.variants:
        variant = VARIANTS[name]
        pictures = min(PICTURES, demand.watched) * demand.pixels * (2 if variant.noise else 1)
        numbers = NUMBER * (8 + (config.latent_dim if variant.has_logvar else 0))
        drawn += min(CODES, demand.watched) * 4 + pictures + numbers + 2 * ROW
    return (
        epochs * drawn
        + kept * (weights + len(config.variants) * ROW)
        + checkpoint(config, dataset)
        + FLOAT * (demand.train + demand.watched)
        + PICTURES * demand.pixels
    )


def checkpoint(config: RunConfig, dataset: Dataset) -> int:
    """Bytes of what a run goes on from: weights and moments of every variant, in one value of the database."""
    return FLOAT * sum(Demand.of(config, dataset).weights) * (1 + MOMENTS)


def kept_every(epoch_bytes: int, epochs: int, max_mb: int) -> int:
    """The k for keeping every k-th epoch's weights, and the last, in `max_mb` megabytes; small networks keep all."""
    affordable = max_mb * 2**20 // epoch_bytes
    if epochs + 1 <= affordable:
        return 1
    return -(-epochs // max(1, affordable - 1))  # 0, k, 2k, … and the last: at most epochs / k + 1


def misfit(config: RunConfig, dataset: Dataset) -> str | None:
    """Why the images of a data set don't fit the network; None where they do."""
    return network_of(config).misfit(config, dataset.shape)


def refuse(config: RunConfig, dataset: Dataset, settings: Settings) -> None:
    """Raises InputError when images don't fit the network, or a run would take more than is allowed.

    Then the sentence names the estimate and what to lower.
    """
    if why := misfit(config, dataset):
        raise InputError(why)
    _look(
        "This would need about {needed} of memory; this server allows {limit} a run (VAE_MAX_MEMORY_MB).",
        settings.max_memory_mb << 20,
        config,
        lambda config: memory(config, dataset),
    )
    _look(
        "A stop of this run would leave {needed} to go on from; a database keeps {limit} in one piece.",
        LARGEST_BLOB,
        config,
        lambda config: checkpoint(config, dataset),
    )
    _look(
        "This would take about {needed} in the database; this server allows {limit} a run (VAE_MAX_RUN_MB).",
        settings.max_run_mb << 20,
        config,
        lambda config: stored(config, dataset, settings.max_weights_mb),
    )


def _look(sentence: str, limit: int, config: RunConfig, estimate: Callable[[RunConfig], int]) -> None:
    if (needed := estimate(config)) > limit:
        said = sentence.format(needed=_size(needed), limit=_size(limit))
        raise InputError(f"{said} {_advice(config, estimate, limit)}")


# What may be lowered, each to the least there is, and how a sentence calls it: what matters least for a result first.
LOWERED: dict[str, tuple[Any, str]] = {
    "batch_size": (1, "batch_size"),
    "samples": (1, "samples"),
    "hidden": ((), "hidden"),
    "channels": ((1,), "channels"),
    "latent_dim": (1, "latent_dim"),
    "epochs": (1, "epochs"),
    "variants": (("ae",), "the number of variants"),
    "train_limit": (1, "the number of training images (train_limit)"),
}


def _advice(config: RunConfig, estimate: Callable[[RunConfig], int], limit: int) -> str:
    """What to lower, as a sentence: settings of which one is enough, or else those that save most."""
    least = {words: estimate(config.model_copy(update={name: value})) for name, (value, words) in LOWERED.items()}
    enough = [words for words, size in least.items() if size <= limit][:3]
    best = enough or sorted(least, key=least.__getitem__)[:2]
    joined = " or " if enough else " and "
    return f"Lower {joined.join(filter(None, [', '.join(best[:-1]), best[-1]]))}."


def _size(size: int) -> str:
    """Bytes, as a person reads them: 1 MB is 2²⁰ here, as in VAE_MAX_MEMORY_MB."""
    return f"{size / 2**30:,.1f} GB" if size >= 2**30 else f"{size / 2**20:,.0f} MB"
