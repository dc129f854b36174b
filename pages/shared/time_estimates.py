"""How long a run will take, and how long one that waits will wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pages.state import resources
from pages.state.shared_reads import shared_for
from vae.config import RunConfig
from vae.runs import time_estimates
from vae.store.runs import Run

LEARNT = 5.0  # seconds for which what finished runs say is not asked again
MOST_OTHERS = 500  # runs in the queue that are looked through
FRESH = 0.4  # seconds a look at the queue is shared between visitors


@shared_for(LEARNT)
def _learnt() -> time_estimates.Pace:
    return time_estimates.Pace.of(resources.store(), resources.catalogue())


def _pace() -> time_estimates.Pace:
    return replace(_learnt(), datasets=resources.catalogue())  # images kept a moment ago are among them


def training_time(config: RunConfig) -> float:
    """Seconds, without waiting."""
    return _pace().seconds(config)


def known() -> bool:
    """Whether some run has been trained on this server, so that times are measured and no guess."""
    return _learnt().usual is not None


@shared_for(FRESH)
def _under_way() -> list[Run]:
    """Runs that are trained or wait, read once for all that is offered on a page; never changed."""
    return resources.store().runs(MOST_OTHERS, ("running", "queued"))


def time_together(configs: Sequence[RunConfig]) -> float:
    """Seconds until all of these runs are done, if they were asked for now: after those under way and in the queue."""
    pace, jobs = _pace(), resources.jobs()
    others = [pace.left(run) for run in _under_way()]
    return time_estimates.together([pace.seconds(config) for config in configs], jobs.workers, others)


def time_left_together(runs: Sequence[tuple[RunConfig, float]]) -> float:
    """Seconds until runs are done, of each its config and the share of its epochs that is to come."""
    pace = _pace()
    return time_estimates.together([pace.seconds(config) * share for config, share in runs], resources.jobs().workers)


def time_left(run: Run) -> float:
    """Seconds that a run under way will still take."""
    return _pace().left(run)


@shared_for(FRESH)
def _waits() -> dict[str, float]:
    return time_estimates.waits(resources.store(), _pace(), resources.jobs().workers)


def waiting_time(run_id: str) -> float | None:
    """Seconds until a waiting run begins; None when it waits no more."""
    return _waits().get(run_id)
