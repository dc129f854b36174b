"""One run from its config to its last row: the same code in a Dask worker and in `python -m vae train`."""

from __future__ import annotations

import logging
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np

from .. import __version__, datasets, logs
from ..config import RunConfig
from ..datasets import SPLIT_SEED, Images, Split, stored_shape
from ..errors import InputError
from ..learning.devices import free_memory, pick_device
from ..learning.snapshots import CODES_SHOWN, IMAGES_SHOWN, Snapshot
from ..learning.training import Diverged, Epoch, Training
from ..settings import Settings
from ..store import uploaded_images
from ..store.outages import is_outage, patiently, sentence
from ..store.runs import EpochRecord, Run, Store, Superseded
from ..store.tensor_bytes import pack, pack_tensors, unpack_tensors
from . import cost
from .hardware import machine

log = logging.getLogger(__name__)

WATCH_EVERY = 0.25  # seconds between looks at the stop flag; a stop is honoured within a second
BEATS_EVERY = 4  # looks between two signs of life


def check(store: Store, config: RunConfig, settings: Settings) -> None:
    """All that can be told before training. Raises InputError; nothing is written."""
    if config.epochs > settings.max_epochs:
        raise InputError(
            f"epochs is {config.epochs:,}, but this server allows {settings.max_epochs:,} (VAE_MAX_EPOCHS)."
        )
    dataset = uploaded_images.lookup(store, config.dataset)
    cost.refuse(config, dataset, settings)
    datasets.split_for(config, uploaded_images.load(store, config.dataset, settings.data_dir))
    if (free := free_memory(pick_device(config.device))) is not None:
        cost.refuse_accelerator(config, dataset, free)


def execute(
    store: Store, run_id: str, settings: Settings, on_epoch: Callable[[Epoch], Any] = lambda epoch: None
) -> str:
    """Train a queued run, or go on with an interrupted one, and record all of it. Returns its status.

    What goes wrong ends up in the run's `error`; only a store that can't be reached raises.
    """
    with logs.of_run(run_id):
        run = patiently(lambda: store.claim(run_id))
        if run is None:
            return store.run(run_id).status
        log.info("resumed" if run.epoch >= 0 else "started", extra={"title": run.name, "attempt": run.attempt})
        began = time.monotonic()
        try:
            outcome = _outcome(store, run, settings, on_epoch)
            patiently(lambda: store.finish(run, **outcome))
            told = {"seconds": round(time.monotonic() - began, 2), "reason": outcome.get("error")}
            log.info(outcome["status"], extra=told)
        except Superseded:
            log.warning("another attempt has taken over")
        return patiently(lambda: store.run(run_id).status)


def _outcome(store: Store, run: Run, settings: Settings, on_epoch: Callable[[Epoch], Any]) -> dict[str, Any]:
    """Train, and say how it ended: {status, error or test}. Raises Superseded, and nothing else."""
    stop = threading.Event()
    try:
        with _watch(store, run, stop):
            test = _train(store, run, settings, stop, on_epoch)
        return {"status": "done", "test": test} if test else {"status": "stopped"}
    except Superseded:
        raise
    except (InputError, Diverged) as error:
        return {"status": "failed", "error": str(error)}
    except KeyboardInterrupt:
        return {"status": "stopped", "error": "Stopped from the keyboard."}
    except Exception as error:
        if is_outage(error):  # for longer than anybody waits: to be resumed
            return {"status": "interrupted", "error": sentence(error)}
        log.exception("training broke off")
        return {"status": "failed", "error": f"Training broke off: {type(error).__name__}: {error}"}


def _train(
    store: Store, run: Run, settings: Settings, stop: threading.Event, on_epoch: Callable[[Epoch], Any]
) -> dict[str, dict] | None:
    """Test metrics by variant; None when stopped before the last epoch."""
    config = run.config
    images = patiently(lambda: uploaded_images.load(store, config.dataset, settings.data_dir))
    split = datasets.split_for(config, images)
    training = Training(config, images, split, threads=settings.threads)
    if not _went_on(store, run, training):
        patiently(partial(store.record_start, run, *start(images, split, training)))
    keep = weights_stride(training, settings.max_weights_mb)
    for epoch in training.run(stop):
        patiently(partial(store.record_epoch, run, _record(epoch, training, keep)))
        on_epoch(epoch)
    if not training.ended:
        return None
    return {name: measured.row() for name, measured in training.test().items()}


def start(
    images: Images, split: Split, training: Training
) -> tuple[dict[str, str], dict[str, Any], tuple[str, int, bytes], bytes]:
    """What is known of a run once its data are loaded: what `Store.record_start` takes."""
    return (
        versions(training.device.type),
        describe(images, split, training),
        (split.hash, SPLIT_SEED, pack({"train": split.train, "validation": split.validation})),
        pack(
            {
                "images": _grey(training.seen.train_x[training.watched_rows[:IMAGES_SHOWN]], images.white),
                "labels": images.train_y[training.watched_rows[:CODES_SHOWN]],
            }
        ),
    )


def _went_on(store: Store, run: Run, training: Training) -> bool:
    """Continue from the checkpoint; False when there is none, or none that can be read.

    Then it starts again, to the same numbers: epochs that are recorded already stay as they are.
    """
    checkpoint = patiently(lambda: store.checkpoint(run.id))
    if checkpoint is None:
        return False
    try:
        state = unpack_tensors(checkpoint[1])
    except InputError:
        log.warning("its checkpoint is damaged; it starts again")
        return False
    training.resume(checkpoint[0], state)
    return True


def _record(epoch: Epoch, training: Training, keep: int) -> EpochRecord:
    kept = epoch.epoch % keep == 0 or training.ended
    return EpochRecord(
        epoch=epoch.epoch,
        split=training.watched_split,
        seconds=epoch.seconds,
        metrics={name: values.row() for name, values in epoch.metrics.items()},
        snapshots={name: pack_snapshot(snapshot) for name, snapshot in epoch.snapshots.items()},
        weights={name: pack_tensors(state) for name, state in epoch.weights.items()} if kept else {},
        checkpoint=pack_tensors(epoch.checkpoint),
    )


def weights_stride(training: Training, max_mb: int) -> int:
    """The k for keeping every k-th epoch's weights, and the last, in `max_mb` megabytes; small networks keep all."""
    epoch_bytes = sum(p.numel() * p.element_size() for learner in training.learners for p in learner.model.parameters())
    return cost.kept_every(epoch_bytes, training.config.epochs, max_mb)


def pack_snapshot(snapshot: Snapshot) -> bytes:
    """Its arrays; `from_sample` only where there is one."""
    arrays = {name: value for name, value in vars(snapshot).items() if isinstance(value, np.ndarray)}
    return pack(arrays | {"plane_share": np.array([snapshot.plane_share], np.float32)})


def describe(images: Images, split: Split, training: Training) -> dict[str, Any]:
    """What a run's row says of its data."""
    return {
        "hash": images.hash,
        "shape": stored_shape(images.shape),
        "classes": list(images.classes),
        "train_size": len(split.train),
        "validation_size": len(split.validation),
        "test_size": len(training.test_x),  # without those of a class that is kept from training
        "split_seed": SPLIT_SEED,
        "watched_split": training.watched_split,
        "floor": training.floor(),
        "pca": training.pca_line(),
        "device": training.device.type,
        "machine": machine(training.device.type, training.threads),
    }


def versions(device: str) -> dict[str, str]:
    """Versions that numbers may depend on."""
    named = {name: version(name) for name in ("torch", "numpy", "scikit-learn")}
    return {"latent-twins": __version__, "python": platform.python_version(), **named, "device": device}


def _grey(x: np.ndarray, white: int) -> np.ndarray:
    return (x.astype(np.float32) * (255 / white)).round().astype(np.uint8)


@contextmanager
def _watch(store: Store, run: Run, stop: threading.Event) -> Iterator[None]:
    """Set `stop` within a second of somebody asking for it, and give signs of life meanwhile."""
    over = threading.Event()

    def look() -> None:
        looks = 0
        while not over.wait(WATCH_EVERY):
            try:
                if store.stop_requested(run.id, run.attempt):
                    stop.set()
                if (looks := looks + 1) % BEATS_EVERY == 0:
                    store.beat([run.id])
            except Exception:  # the database may be away for a moment: go on training, and look again
                log.warning("can't reach the store", exc_info=True, extra={"run": run.id})

    thread = threading.Thread(target=look, daemon=True, name=f"watch-{run.id}")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
