"""Settings that are right each for itself and don't go together."""

from __future__ import annotations

from typing import Any

from ..choices import own_networks
from ..choices.binarisations import BINARISATIONS
from ..choices.estimators import of_bound, weighs_samples
from ..choices.likelihoods import LIKELIHOODS
from ..choices.networks import NORMALISATIONS
from ..choices.variants import VARIANTS

LEAST_CYCLE = 3  # epochs: of a shorter cycle the first half is over with its first epoch, so β would never grow


def refuse(config: Any) -> None:
    """Raises ValueError, with the sentence that people are shown, when two settings of a `RunConfig` disagree."""
    if config.kl_warmup_epochs > config.epochs:
        raise ValueError(
            f"kl_warmup_epochs is {config.kl_warmup_epochs}, longer than the {config.epochs} epochs of the run, "
            "so β would never reach its value"
        )
    if config.kl_cycles * LEAST_CYCLE > config.epochs:
        raise ValueError(
            f"kl_cycles is {config.kl_cycles}, but a cycle takes {LEAST_CYCLE} epochs or more, and the run has "
            f"{config.epochs}"
        )
    if config.kl_cycles * config.kl_warmup_epochs > config.epochs:
        raise ValueError(
            f"{config.kl_cycles} cycles with a warm-up of {config.kl_warmup_epochs} epochs are longer than the run's "
            f"{config.epochs} epochs, so β would never reach its value"
        )
    if LIKELIHOODS[config.reconstruction].binary and not BINARISATIONS[config.binarisation].binary:
        binary = " or ".join(name for name, entry in BINARISATIONS.items() if entry.binary)
        raise ValueError(
            f"reconstruction {config.reconstruction} is a likelihood of pixels that are 0 or 1, so binarisation must "
            f"be {binary}"
        )
    if config.free_bits and of_bound(config.estimator):
        raise ValueError(
            f"free_bits gives away a part of the KL, and the K-sample bound of estimator {config.estimator} has no "
            "KL apart; one of the two must go"
        )
    if own_networks.of_file(config.network):
        _refuse_layers_in_a_file(config)
    if NORMALISATIONS[config.normalisation].couples:
        refuse_coupled(config, f"normalisation {config.normalisation}")
    if config.baseline == "leave_one_out" and config.samples < 2:
        raise ValueError("baseline leave_one_out compares an image's samples, so samples must be at least 2")
    if config.patience and not config.validation_size:
        raise ValueError(
            f"patience is {config.patience}, but no images are set aside to watch: early stopping needs a "
            "validation_size above 0"
        )
    if config.patience * config.kl_cycles < config.epochs and config.patience and config.kl_cycles:
        raise ValueError(
            f"patience is {config.patience}, shorter than a cycle of β, {config.epochs / config.kl_cycles:g} epochs, "
            "in which the objective falls and rises by itself"
        )


def _refuse_layers_in_a_file(config: Any) -> None:
    """Layers that would be asked for in vain."""
    for name, none in (("normalisation", "none"), ("dropout", 0)):
        if (value := getattr(config, name)) != none:
            raise ValueError(f"{name} is {value}, but the layers of {config.network} stand in its file")


def refuse_coupled(config: Any, what: str) -> None:
    """What needs each image to be by itself, where images of a batch depend on each other while a network learns.

    `what` makes them. Raises ValueError as `refuse`.
    """
    normalisation = f"{what} makes an image depend on the others of its batch"
    if config.batch_size < 2:
        raise ValueError(f"{normalisation}, so batch_size must be at least 2")
    if weighs_samples(config.estimator) and any(VARIANTS[name].estimated for name in config.variants):
        raise ValueError(
            f"{normalisation}, and estimator {config.estimator} weighs each sample by its own loss; one of the two "
            "must go"
        )
    for name in config.variants:
        if VARIANTS[name].work_per_dimension:
            raise ValueError(
                f"{normalisation}, and variant {name} pays for how each image's code depends on this image alone; one "
                "of the two must go"
            )
