"""Who carries out which run, and when. The queue is the database; Dask holds only what is being trained.

A run is handed to Dask when a worker is free. A killed worker is replaced by Dask, which starts the run's task again,
and the run goes on from its last checkpoint. Runs of a dashboard that died show no pulse and are marked interrupted.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import takewhile
from typing import Any

from .. import logs
from ..config import RunConfig
from ..settings import Settings
from ..store.outages import AWAY, sentence
from ..store.queue_order import room_for_run
from ..store.run_rows import new_run, queue_again
from ..store.runs import ACTIVE, RESUMABLE, Store, new_owner
from . import remote_cluster
from .heartbeats import Heartbeats
from .local_cluster import CREDENTIALS, EmbeddedCluster
from .worker_survey import Workforce, survey

log = logging.getLogger(__name__)

KEPT_DYING = "Its worker process kept dying, or broke off; see the server's log."
ORPHANED = "The program that trained it ended before the run did."
CLOSED = "The dashboard was closed before the run ended."

TICK = 0.5  # seconds between looks at the queue when nothing wakes the dispatcher
BEAT = 1.0  # seconds between signs of life
DEFERENCE = 2.0  # seconds for which a worker is left to a dashboard whose runs wait longer; it may not be able to come
NO_WORKERS = "The workers can't be reached at the moment. Waiting runs keep their places, and go on when they are back."
WATCHED = 10.0  # seconds after which nobody looks at the workers any more


def train_on_worker(run_id: str) -> str:
    """The task that Dask runs in a worker process. Settings come from the worker's own environment."""
    from .execution import execute

    store, settings = _here()
    return execute(store, run_id, settings)


@lru_cache(maxsize=1)
def _here() -> tuple[Store, Settings]:
    """What a worker's environment names, opened once. Who gives it work is none of its settings."""
    settings = Settings.from_environment({**os.environ, "VAE_SCHEDULER": ""})
    return Store(settings.database_url), settings


def warm_up() -> None:
    """Do once in every worker what its first run would wait for: load the digits, open the store."""
    from .. import datasets

    _, settings = _here()
    datasets.load("digits", settings.data_dir)


class Jobs:
    """The dispatcher of one dashboard. `submit`, `stop` and `resume` return at once."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store, self.settings, self.owner = store, settings, new_owner("dashboard")
        self.workers = settings.workers  # as far as it is known
        self._cluster: EmbeddedCluster | None = None
        self._client: Any = None
        self._tasks: dict[str, Any] = {}  # run id → Dask future
        self._lost: set[str] = set()  # runs whose cluster went away: to be queued again
        self._deferring = 0.0  # since when a free worker is left to somebody else (monotonic seconds)
        self._heartbeats = Heartbeats()
        self._troubles: dict[str, str] = {}  # what stands in the way of which loop, in words for people
        self._workforce, self._asked, self._surveyed = Workforce(), -WATCHED, 0.0
        self._wake, self._closing = threading.Event(), threading.Event()
        # The signs of life have a thread of their own: connecting to a cluster may take longer than others wait.
        loops = {"jobs": self._dispatch, "jobs' heart": self._live}
        self._threads = [threading.Thread(target=loop, name=name, daemon=True) for name, loop in loops.items()]

    def start(self) -> Jobs:
        """Start the dispatcher; the cluster comes up behind it."""
        if self.settings.scheduler:
            remote_cluster.warn(self.settings.scheduler)
        for thread in self._threads:
            thread.start()
        return self

    def close(self) -> None:
        """End all, marking what was under way as interrupted."""
        self._closing.set()
        self._wake.set()
        for thread in self._threads:
            thread.join(timeout=30)

    @property
    def trouble(self) -> str | None:
        """What keeps runs from being trained or recorded now, in a sentence; None while all is well."""
        return next(iter(self._troubles.values()), None)

    @logs.refusals(log)
    def submit(self, config: RunConfig, visitor: str | None = None) -> str:
        """Queue a run. Raises InputError when it can't be trained here, or when too many are waiting."""
        from .execution import check

        check(self.store, config, self.settings)
        with self.store.write() as connection:
            room_for_run(connection, visitor, self.settings)
            run_id = new_run(connection, config, self.owner, visitor)
        log.info("submitted", extra={"run": run_id, "visitor": visitor})
        self._wake.set()
        return run_id

    def stop(self, run_id: str) -> None:
        """A queued run stops now, a running one within a second, keeping its finished epochs."""
        log.info("asked to stop", extra={"run": run_id})
        self.store.request_stop(run_id)

    def resume(self, run_id: str) -> bool:
        """Queue a stopped or interrupted run again; False when it is neither. Raises InputError as `submit` does."""
        visitor = self.store.run(run_id).visitor
        with self.store.write() as connection:
            room_for_run(connection, visitor, self.settings)
            queued = queue_again(connection, run_id, self.owner, RESUMABLE)
        log.info("queued again" if queued else "has nothing to resume", extra={"run": run_id})
        self._wake.set()
        return queued

    def wake(self) -> None:
        """Look at the queue now: somebody else has put a run of ours into it."""
        self._wake.set()

    def position(self, run_id: str) -> int:
        """Place in the queue, 1 for the next; 0 when it isn't waiting."""
        waiting = self.waiting()
        return waiting.index(run_id) + 1 if run_id in waiting else 0

    def waiting(self) -> list[str]:
        """Ids of the runs that wait, next one first, without those that a worker is about to begin."""
        return [run_id for run_id in self.store.queue() if run_id not in self._tasks]

    def workforce(self) -> Workforce:
        """What is known of the workers. It never waits for the cluster: it is looked up while somebody keeps asking."""
        self._asked = time.monotonic()
        return self._workforce

    # The dispatcher's thread

    def _dispatch(self) -> None:
        while not self._closing.is_set():
            with self._telling("queue", NO_WORKERS):
                self._work()
            self._wake.wait(TICK)
            self._wake.clear()
        self._shut_down()

    def _live(self) -> None:
        while not self._closing.wait(BEAT):
            with self._telling("heart", AWAY):
                self._keep_alive()

    @contextmanager
    def _telling(self, loop: str, otherwise: str) -> Iterator[None]:
        """The database or the cluster may be away for a moment: say so, and look again."""
        try:
            yield
            if self._troubles.pop(loop, None):
                log.warning("the dispatcher goes on")
        except Exception as error:
            said = sentence(error) or otherwise
            if self._troubles.get(loop) != said:
                log.warning("the dispatcher waits: %s (%s)", said, error)
            self._troubles[loop] = said
            self._closing.wait(TICK)

    def _work(self) -> None:
        try:
            self._connect()
            self._collect()
        finally:
            self._queue_lost()  # at once: who waits for a cluster is not being trained
        self._hand_out()
        self._survey()

    def _connect(self) -> None:
        """See that there is a cluster. Raises OSError while a remote one does not answer."""
        if self._client is not None and self._client.status == "running" and (not self._cluster or self._cluster.alive):
            return
        from distributed import Client, Security

        logs.adopt("distributed")
        self._lost |= set(self._tasks)
        self._tasks = {}
        if self._client is not None:
            log.warning(
                "the cluster is lost; another one follows, and goes on with its runs", extra={"runs": len(self._lost)}
            )
        self._disconnect()
        if self.settings.scheduler:
            self._client = remote_cluster.connect(self.settings.scheduler)
        else:
            self._cluster = EmbeddedCluster(self.settings)
            contact = self._cluster.contact
            security = Security(require_encryption=True, **{name: contact[name] for name in CREDENTIALS})
            self._client = Client(contact["address"], security=security, set_as_default=False)
            self._client.run(warm_up)
        told = {"scheduler": self._client.scheduler.address, "workers": len(self._client.nthreads())}
        log.info("the cluster is up", extra=told)

    def _collect(self) -> None:
        """Let go of tasks that have ended; a run that killed its workers again and again is given up."""
        for run_id, task in list(self._tasks.items()):
            if task.status == "pending":
                continue
            del self._tasks[run_id]
            if task.status in ("cancelled", "lost"):  # the scheduler was started anew: it knows nothing of them
                self._lost.add(run_id)
            elif task.status != "finished":
                pulse = self.store.run(run_id).pulse
                misfit = remote_cluster.misfit(task.exception())
                self.store.interrupt(run_id, pulse, misfit or KEPT_DYING, "failed" if misfit else "interrupted")
                log.warning("given up: %s", misfit or KEPT_DYING, extra={"run": run_id})

    def _queue_lost(self) -> None:
        for run_id in sorted(self._lost):
            self.store.requeue(run_id, self.owner, ACTIVE)
            self._lost.discard(run_id)

    def _hand_out(self) -> None:
        """Give waiting runs to free workers. The order is that of all runs, of which others hand out their own."""
        mine = set(self.store.owned(self.owner, "queued")) - set(self._tasks)
        if not mine:
            return
        waiting = self.store.queue()
        for run_id in [run_id for run_id in waiting if run_id in mine][: self._free(waiting, mine)]:
            self._tasks[run_id] = remote_cluster.submit(self._client, train_on_worker, run_id)
            self._tasks[run_id].add_done_callback(lambda _: self._wake.set())  # its worker is free: look at once

    def _free(self, waiting: list[str], mine: set[str]) -> int:
        """Workers that may be given a run of ours now; others may have a share in a remote cluster."""
        self.workers = max(1, len(self._client.nthreads()))
        if not self.settings.scheduler:
            return max(0, len(self._client.nthreads()) - len(self._tasks))
        free, moment = remote_cluster.idle(self._client, self._tasks.values()), time.monotonic()
        if free <= 0:
            self._deferring = 0.0
            return 0
        before_ours = takewhile(lambda run_id: run_id not in mine, waiting)
        ahead = len(set(before_ours) - set(self._tasks))
        if free > ahead or (self._deferring and moment - self._deferring > DEFERENCE):
            self._deferring = 0.0
            return max(1, free - ahead)
        self._deferring = self._deferring or moment
        return 0

    def _keep_alive(self) -> None:
        """Signs of life for our runs; runs of others that show none are marked interrupted."""
        mine = {*self.store.owned(self.owner, "queued"), *list(self._tasks), *list(self._lost)}
        if mine:
            self.store.beat(sorted(mine))
        pulses = self.store.pulses()
        for run_id in self._heartbeats.look(pulses):
            self.store.interrupt(run_id, pulses[run_id], ORPHANED)
            log.warning("interrupted: %s", ORPHANED, extra={"run": run_id})

    def _survey(self) -> None:
        moment = time.monotonic()
        if moment - self._asked > WATCHED or moment - self._surveyed < BEAT:
            return
        self._surveyed = moment
        self._workforce = survey(self._client, {task.key: run_id for run_id, task in self._tasks.items()})

    def _disconnect(self) -> None:
        self._workforce = Workforce()
        client, self._client = self._client, None
        cluster, self._cluster = self._cluster, None
        if client is not None:
            client.close(timeout=2)
        if cluster is not None:
            cluster.close()

    def _shut_down(self) -> None:
        try:
            for status in ACTIVE:
                for run_id in self.store.owned(self.owner, status):
                    pulse = self.store.run(run_id).pulse
                    self.store.interrupt(run_id, pulse, CLOSED)
                    log.info("interrupted: %s", CLOSED, extra={"run": run_id})
        except Exception:
            log.warning("could not mark runs as interrupted", exc_info=True)
        self._disconnect()
