"""A Dask cluster that others run: workers anywhere, which come and go, and may serve other dashboards, too."""

from __future__ import annotations

import logging
import pkgutil
from collections.abc import Callable, Iterable
from typing import Any

from ..errors import InputError

log = logging.getLogger(__name__)

PATIENCE = 3  # seconds to wait for a scheduler; then the dispatcher looks to its runs, and tries again
OPEN = ("tcp://", "ws://")  # neither encrypted nor asking who is there


def connect(address: str) -> Any:
    """A Dask client of the scheduler; certificates for tls:// come from Dask's own configuration.

    Raises OSError when nobody answers there, or the address or the certificates are no good.
    """
    from distributed import Client

    try:
        return Client(address, timeout=PATIENCE, set_as_default=False)
    except (TypeError, ValueError) as error:  # what Dask says of missing certificates, and of an unknown protocol
        raise OSError(str(error)) from None


def warn(address: str) -> None:
    """Say in the log what an open address means."""
    if address.startswith(OPEN) or "://" not in address:
        log.warning(
            "VAE_SCHEDULER is %s: anyone who reaches the scheduler can run any program on its workers. Keep it in a "
            "network of its own, or use tls:// (see docs/server.md).",
            address,
        )


def submit(client: Any, function: Callable[[str], Any], run_id: str) -> Any:
    """Have a worker call function(run_id). Returns a Dask future.

    A worker that can't even import what it is sent ends without a word. So it is sent the function's name, to be looked
    up by Python's own means: what is missing there is an ordinary exception, and comes back.
    """
    from dask.utils import apply

    found = client.submit(pkgutil.resolve_name, f"{function.__module__}:{function.__name__}", pure=False)
    return client.submit(apply, found, [run_id], pure=False)


def idle(client: Any, tasks: Iterable[Any]) -> int:
    """Workers with nothing to do, but for those of our `tasks` which the scheduler has yet to place."""
    keys_by_worker = client.processing().values()
    placed = {key for keys in keys_by_worker for key in keys}
    return sum(not keys for keys in keys_by_worker) - sum(task.key not in placed for task in tasks)


def misfit(error: BaseException) -> str | None:
    """Why a worker can't train any run, in a sentence; None when it was the run, or bad luck."""
    if isinstance(error, InputError):
        reason = str(error)
    elif isinstance(error, ImportError | AttributeError):  # no program there, or another one
        reason = f"This program is missing there, or is of another version ({error})."
    else:
        return None
    return f"A worker could not begin: {reason} It needs the same program, database and data as the dashboard."
