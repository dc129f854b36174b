"""Measurements of runs that take seconds: made in a thread of the dashboard, one at a time, and kept in the store.

They are no training, so they don't wait in its queue; nobody's page waits for them either: it asks again.
"""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pandas as pd

from vae.errors import InputError

from . import resources

log = logging.getLogger(__name__)

MOST_FAILED = 100  # measurements that could not be made, and whose reason is remembered

_lock = threading.Lock()
_under_way: dict[tuple[str, str, int], Measurement] = {}  # by kind, run and epoch
_worker = ThreadPoolExecutor(1, thread_name_prefix="measuring")


@dataclass
class Measurement:
    """One that was asked for. Written by the measuring thread, read by pages."""

    share: float = 0.0  # done, from 0 to 1
    what: str = "Waiting for other measurements"
    table: pd.DataFrame | None = field(default=None, repr=False)  # once it is done
    problem: str | None = None  # a sentence, when it can't be done


def of(kind: str, run_id: str, epoch: int) -> Measurement:
    """The kept measurement, or the state of one that is under way; asked for the first time, it begins.

    `kind`: one of `vae.measuring.MEASUREMENTS`.
    """
    kept, key = _kept(kind, run_id, epoch), (kind, run_id, epoch)
    if kept is not None:
        return Measurement(1.0, "Done", kept)
    with _lock:
        if key not in _under_way:
            for old in [asked for asked, state in _under_way.items() if state.problem][:-MOST_FAILED]:
                del _under_way[old]  # nobody has asked for it again
            _under_way[key] = Measurement()
            _worker.submit(_measure, key, _under_way[key])
        return _under_way[key]


def is_kept(kind: str, run_id: str, epoch: int) -> bool:
    """Whether it has been measured already, or is just being measured."""
    return (kind, run_id, epoch) in _under_way or _kept(kind, run_id, epoch) is not None


def forget_failed(kind: str, run_id: str, epoch: int) -> None:
    """Let a measurement that failed be asked for again."""
    with _lock:
        _under_way.pop((kind, run_id, epoch), None)


def _measure(key: tuple[str, str, int], state: Measurement) -> None:
    import torch

    from vae.measuring import MEASUREMENTS

    def progress(share: float, what: str) -> None:
        state.share, state.what = share, what

    kind, run_id, epoch = key
    torch.set_num_threads(1)  # this thread's own: beside workers that train, two would wait for each other
    try:
        measure = MEASUREMENTS[kind]
        state.table = measure(resources.store(), run_id, epoch, resources.settings(), progress)
        with _lock:
            _under_way.pop(key, None)  # from now on it is read from the store
    except InputError as error:
        state.problem = str(error)
    except Exception as error:
        log.exception("measuring run %s broke off", run_id)
        state.problem = f"Measuring broke off: {type(error).__name__}: {error}."


def _kept(kind: str, run_id: str, epoch: int) -> pd.DataFrame | None:
    from vae.measuring import KINDS
    from vae.store.measurements import measurement

    return measurement(resources.store(), run_id, epoch, KINDS[kind])


def accuracy(dataset_hash: str) -> float | None:
    """Of the reference classifier on test images, once it is trained."""
    from vae.store.measurements import classifier

    kept = classifier(resources.store(), dataset_hash)
    return kept[0] if kept else None
