"""Loaded by every worker process at its start (Dask's `preload`), so that a run begins when it is asked for."""

import logging
import sys

import sklearn.datasets
import torch

from . import execution

__all__ = ["execution", "sklearn", "torch"]

logging.basicConfig(level=logging.WARNING)
print("Latent Twins: worker ready", file=sys.stderr, flush=True)
