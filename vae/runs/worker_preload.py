"""Loaded by every worker process at its start (Dask's `preload`), so that a run begins when it is asked for."""

import logging
import os
from contextlib import suppress
from typing import Any

import sklearn.datasets
import torch

from .. import datasets, logs
from ..config import FIRST, PRESETS
from ..errors import InputError
from ..settings import Settings, logging_settings
from . import execution
from .worker_survey import process_id

__all__ = ["execution", "sklearn", "torch"]

told = logging_settings()
logs.configure(told["log"], told["log_level"] or "INFO")
logs.adopt("distributed")
with suppress(InputError):  # a wrong environment is told where it matters
    datasets.load(PRESETS[FIRST].config.dataset, Settings.from_environment().data_dir)
logging.getLogger(__name__).info("worker ready", extra={"pid": os.getpid()})


def dask_setup(worker: Any) -> None:
    """Dask calls it once the worker stands."""
    worker.metrics["pid"] = process_id
