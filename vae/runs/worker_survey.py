"""What the workers of a cluster are doing, for the Server page."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PATIENCE = 2  # seconds that the scheduler has for an answer


@dataclass(frozen=True)
class Worker:
    """One worker process."""

    name: str
    pid: int | None  # none: it was started by another program
    host: str
    memory: int  # bytes
    cpu: float  # per cent of a core, between its last two signs of life
    run: str | None  # id of what it trains


@dataclass(frozen=True)
class Workforce:
    """All of them, as they were at one moment."""

    at: dt.datetime | None = None  # UTC; none: nobody has looked yet, or there is no cluster
    workers: tuple[Worker, ...] = ()


def survey(client: Any, runs: Mapping[str, str]) -> Workforce:
    """Ask the scheduler of a Dask `client`. `runs`: run id by key of its task. Raises when it doesn't answer."""

    async def ask() -> tuple[dict, dict]:
        return await client.scheduler.identity(n_workers=-1), await client.scheduler.processing(workers=None)

    known, busy = client.sync(ask, callback_timeout=PATIENCE)
    found = [
        _worker(info, [runs[key] for key in busy.get(at, ()) if key in runs]) for at, info in known["workers"].items()
    ]
    return Workforce(dt.datetime.now(dt.UTC), tuple(sorted(found, key=lambda worker: (worker.host, worker.name))))


def _worker(info: Mapping[str, Any], runs: list[str]) -> Worker:
    measured = info["metrics"]
    return Worker(
        name=str(info["name"]),
        pid=measured.get("pid"),
        host=str(info["host"]),
        memory=int(measured.get("memory", 0)),
        cpu=float(measured.get("cpu", 0.0)),
        run=runs[0] if runs else None,
    )


def process_id(_worker: Any) -> int:
    """A metric of ours, beside those that Dask takes of a worker."""
    return os.getpid()
