"""Loaded by every worker process at its start (Dask's `preload`), so that a run begins when it is asked for."""

import importlib
import logging
import sys
import threading

import sklearn.datasets
import torch

from . import execution

__all__ = ["execution", "sklearn", "torch"]

LATER = 10  # seconds after which torchvision follows: it takes seconds to import, and the digits do without it

logging.basicConfig(level=logging.WARNING)
timer = threading.Timer(LATER, importlib.import_module, ["torchvision.datasets"])
timer.daemon = True
timer.start()
print("Latent Twins: worker ready", file=sys.stderr, flush=True)
