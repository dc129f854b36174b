"""The former name of worker_preload, for compose files and start scripts that name it (for one release)."""

from .worker_preload import dask_setup

__all__ = ["dask_setup"]
