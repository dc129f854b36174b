"""Weights from a file as a run that is done: measured here on the images of its config, so that every page shows it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import datasets, naming
from ..config import RunConfig, shown
from ..datasets import Shape
from ..errors import InputError
from ..settings import Settings
from ..store import uploaded_images
from ..store.run_rows import EpochRecord
from ..store.runs import Store, new_owner
from ..store.tensor_bytes import pack_tensors
from ..store.whole_runs import IMPORTED, SOURCE, WholeRun, keep, of_source

if TYPE_CHECKING:
    import torch

    from ..learning.training import Training

LARGEST_CONFIG = 100_000  # bytes
OVERHEAD = 1 << 20  # bytes of a weights file beside its numbers
NAMED = 3  # tensors that a sentence names
SUFFIX = " · imported"


@dataclass(frozen=True)
class Imported:
    """What became of a file."""

    run_id: str
    told: tuple[str, ...]  # sentences about what was done with it


def read_config(path: Path) -> RunConfig:
    """The settings of a run's folder. Raises InputError when the file can't be read or understood."""
    try:
        with path.open("rb") as file:
            text = file.read(LARGEST_CONFIG + 1)
        values = json.loads(text)
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}).") from None
    except (ValueError, RecursionError):
        raise InputError(
            f"{path} is not JSON; it must be the settings of a run, as config.json in its folder."
        ) from None
    if len(text) > LARGEST_CONFIG or not isinstance(values, dict):
        raise InputError(f"{path} holds no settings of a run; take config.json of its folder.")
    return RunConfig.parse(values)


def import_weights(store: Store, path: Path, config: RunConfig, settings: Settings) -> Imported:
    """A run of the weights in a safetensors file: `vae.decoder.to_logits.weight` and so on, by variant of `config`.

    Of one variant, names may begin with `encoder.` and `decoder.`. Raises InputError, with nothing written, when the
    tensors aren't those of such networks, or such a run can't be measured here. The same file comes once.
    """
    from ..runs.execution import check

    check(store, config, settings)
    dataset = uploaded_images.lookup(store, config.dataset)
    expected = _expected(config, dataset.shape)
    source = _source(path, config, sum(tensor.numel() for tensor in expected.values()))
    if known := of_source(store, source):
        return Imported(known, (f"These weights are here already, as run {known}.",))
    tensors, told = _read(path, config, expected)
    whole = _measured(store, config, tensors, settings)
    whole.data[IMPORTED] = {"weights": shown(path.name), SOURCE: source}
    return Imported(keep(store, whole, new_owner("import")), told)


def _expected(config: RunConfig, shape: Shape) -> dict[str, torch.Tensor]:
    """By name in the file: a tensor of the right shape and kind."""
    from ..learning.networks import build

    return {
        f"{name}.{key}": tensor
        for name in config.variants
        for key, tensor in build(config, shape, name).state_dict().items()
    }


def _source(path: Path, config: RunConfig, numbers: int) -> str:
    """SHA-256 of the file and the settings."""
    try:
        size = path.stat().st_size
        if size > 8 * numbers + OVERHEAD:
            raise InputError(
                f"{path.name} has {size:,} bytes, more than the {numbers:,} numbers of these networks take in any "
                "precision."
            )
        return hashlib.sha256(path.read_bytes() + config.model_dump_json().encode()).hexdigest()
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}).") from None


def _read(
    path: Path, config: RunConfig, expected: Mapping[str, torch.Tensor]
) -> tuple[dict[str, torch.Tensor], tuple[str, ...]]:
    """Tensors by name, checked, and what was done to them."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        found = load(path.read_bytes())
    except (SafetensorError, ValueError, KeyError, TypeError, OSError):
        raise InputError(f"{path.name} is no safetensors file, or a damaged one.") from None
    if len(config.variants) == 1 and not any(name in expected for name in found):
        found = {f"{config.variants[0]}.{name}": tensor for name, tensor in found.items()}
    _same_names(path, found, expected)
    converted = set()
    for name, tensor in found.items():
        wanted = expected[name]
        if tensor.shape != wanted.shape:
            raise InputError(
                f"{path.name}: {name} is {_size(tensor)}, but these settings make it {_size(wanted)}. Give the config "
                "of the run that the weights are of."
            )
        if tensor.dtype != wanted.dtype:
            if not (tensor.is_floating_point() and wanted.is_floating_point()) or tensor.element_size() < 2:
                raise InputError(f"{path.name}: {name} is of {_kind(tensor)}, but it must be of {_kind(wanted)}.")
            converted.add(_kind(tensor))
            found[name] = tensor.to(wanted.dtype)
        if wanted.is_floating_point() and not bool(torch.isfinite(found[name]).all()):
            raise InputError(f"{path.name}: {name} holds a value that is not a finite number.")
    told = [f"Weights of {kind} were converted to float32." for kind in sorted(converted)]
    return found, tuple(told)


def _same_names(path: Path, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    missing = [name for name in expected if name not in found]
    more = [name for name in found if name not in expected]
    if missing or more:
        parts = [f"{_listed(missing)} missing"] if missing else []
        parts += [f"{_listed(more)} not part of them"] if more else []
        raise InputError(
            f"{path.name} doesn't hold the weights of these settings: {'; '.join(parts)}. Names are "
            "VARIANT.encoder.… and VARIANT.decoder.…, as in a run's folder."
        )


def _listed(names: list[str]) -> str:
    rest = len(names) - NAMED
    listed = ", ".join(shown(name) for name in names[:NAMED])
    return f"{listed}{f' and {rest} more' if rest > 0 else ''} {'is' if len(names) == 1 else 'are'}"


def _size(tensor: torch.Tensor) -> str:
    return " × ".join(map(str, tensor.shape)) or "one number"


def _kind(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _measured(store: Store, config: RunConfig, tensors: Mapping[str, torch.Tensor], settings: Settings) -> WholeRun:
    """The run, measured as one that has just been trained."""
    from ..learning.training import Training
    from ..runs.execution import start

    images = uploaded_images.load(store, config.dataset, settings.data_dir)
    split = datasets.split_for(config, images)
    training = Training(config, images, split, threads=settings.threads)
    for learner in training.learners:
        begins = f"{learner.name}."
        own = {name.removeprefix(begins): tensor for name, tensor in tensors.items() if name.startswith(begins)}
        learner.model.load_state_dict(own)
    last = _last_epoch(training)
    test = {name: measured.row() for name, measured in training.test().items()}
    versions, data, rows, originals = start(images, split, training)
    name = naming.name(config)[: naming.LONGEST - len(SUFFIX)] + SUFFIX
    return WholeRun(config, name, versions, data, rows, originals, [last], test, trained_here=False)


def _last_epoch(training: Training) -> EpochRecord:
    """What a training records after its last epoch, without a training."""
    from ..learning.devices import arithmetic, arithmetic_of_thread
    from ..runs.execution import pack_snapshot

    config, metrics, snapshots, weights = training.config, {}, {}, {}
    with (
        arithmetic(config.precision, training.device, training.threads),
        arithmetic_of_thread(training.threads),
    ):
        for learner in training.learners:
            measured = learner.evaluate(training.watched_x, "watched")
            if not measured.finite():
                raise InputError(f"The loss of the imported {learner.name} is not a finite number on these images.")
            metrics[learner.name] = measured.row()
            snapshots[learner.name] = pack_snapshot(learner.snapshot(training.watched_x))
            weights[learner.name] = pack_tensors(learner.model.state_dict())
    return EpochRecord(config.epochs, training.watched_split, 0.0, metrics, snapshots, weights, b"")
