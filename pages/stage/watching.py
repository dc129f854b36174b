"""Waiting for the next epoch of a run, for all browsers that look at it at once."""

from __future__ import annotations

import asyncio
import time

from starlette.concurrency import run_in_threadpool

from pages.state import resources
from vae.store.runs import ACTIVE

LOOK = 0.03  # seconds between looks at a run that is being trained
QUEUED = 0.5  # at one that waits for a worker
PATIENCE = 2.0  # seconds a request waits at the most: a server that is to end has to wait for it

Standing = tuple[str, int]  # status, and the last recorded epoch

_seen: dict[str, tuple[float, Standing | None]] = {}  # by run: when it was looked at, and what was seen
MOST_SEEN = 200


def standing(run_id: str) -> Standing | None:
    """Where a run stands, not older than LOOK: the database is asked once for all who wait. None: no such run."""
    at, known = _seen.get(run_id, (0.0, None))
    now = time.monotonic()
    if now - at > LOOK:
        known = resources.store().reached(run_id)
        _seen[run_id] = (now, known)
        while len(_seen) > MOST_SEEN:
            _seen.pop(next(iter(_seen)), None)
    return known


async def changed(run_id: str, after: int, status: str) -> Standing | None:
    """Where a run stands, once it has passed epoch `after` or its status is another; or when patience ends."""
    ends = time.monotonic() + PATIENCE
    while True:
        known = await run_in_threadpool(standing, run_id)
        if known is None or known[1] > after or known[0] != status or known[0] not in ACTIVE:
            return known
        if time.monotonic() > ends:
            return known
        await asyncio.sleep(LOOK if known[0] == "running" else QUEUED)
