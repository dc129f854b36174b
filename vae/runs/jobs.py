"""Who carries out which run, and when. The queue is the database; Dask holds only what is being trained.

A run is handed to Dask when a worker is free. A killed worker is replaced by Dask, which starts the run's task again,
and the run goes on from its last checkpoint. Runs of a dashboard that died show no pulse and are marked interrupted.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from functools import lru_cache
from itertools import takewhile
from typing import Any

from ..config import RunConfig
from ..errors import InputError
from ..settings import Settings
from . import remote
from .cluster import CREDENTIALS, EmbeddedCluster
from .store import ACTIVE, Store, new_owner

log = logging.getLogger(__name__)

KEPT_DYING = "Its worker process kept dying, or broke off; see the server's log."

TICK = 0.5  # seconds between looks at the queue when nothing wakes the dispatcher
BEAT = 1.0  # seconds between signs of life
DEFERENCE = 2.0  # seconds for which a worker is left to a dashboard whose runs wait longer; it may not be able to come
SILENCE = 5.0  # seconds without one after which a run counts as abandoned; no clock is compared, only change watched


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
        self._cluster: EmbeddedCluster | None = None
        self._client: Any = None
        self._tasks: dict[str, Any] = {}  # run id → Dask future
        self._lost: set[str] = set()  # runs whose cluster went away: to be queued again
        self._deferring = 0.0  # since when a free worker is left to somebody else (monotonic seconds)
        self.workers = settings.workers  # as many as were last seen
        self._seen: dict[str, tuple[int, float]] = {}  # run id → pulse, and when it was new (monotonic seconds)
        self._last_beat = 0.0
        self._absent = False  # whether the remote scheduler is, and that was said
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._dispatch, name="jobs", daemon=True)

    def start(self) -> Jobs:
        """Start the dispatcher; the cluster comes up behind it."""
        if self.settings.scheduler:
            remote.warn(self.settings.scheduler)
        self._thread.start()
        return self

    def close(self) -> None:
        """End all, marking what was under way as interrupted."""
        self._closing.set()
        self._wake.set()
        self._thread.join(timeout=30)

    def submit(self, config: RunConfig) -> str:
        """Queue a run. Raises InputError when it can't be trained here, or when too many are waiting."""
        from .execution import check

        check(self.store, config, self.settings)
        if len(self.store.queue()) >= self.settings.max_queued:
            raise InputError(
                f"{self.settings.max_queued:,} runs are waiting already (VAE_MAX_QUEUED). Try again when some have "
                "ended."
            )
        run_id = self.store.create(config, self.owner)
        self._wake.set()
        return run_id

    def stop(self, run_id: str) -> None:
        """A queued run stops now, a running one within a second, keeping its finished epochs."""
        self.store.request_stop(run_id)

    def resume(self, run_id: str) -> bool:
        """Queue a stopped or interrupted run again; False when it is neither."""
        queued = self.store.requeue(run_id, self.owner)
        self._wake.set()
        return queued

    def wake(self) -> None:
        """Look at the queue now: somebody else has put a run of ours into it."""
        self._wake.set()

    def position(self, run_id: str) -> int:
        """Place in the queue, 1 for the next; 0 when it isn't waiting."""
        queue = self.store.queue()
        return queue.index(run_id) + 1 if run_id in queue else 0

    # The dispatcher's thread

    def _dispatch(self) -> None:
        while not self._closing.is_set():
            for step in (self._keep_alive, self._work):  # without a cluster, its runs still wait for one
                try:
                    step()
                except Exception:  # the database or the cluster may be away for a moment: look again
                    log.warning("the dispatcher stumbled; it goes on", exc_info=True)
                    self._closing.wait(TICK)
            self._wake.wait(TICK)
            self._wake.clear()
        self._shut_down()

    def _work(self) -> None:
        connected = self._connect()
        if connected:
            self._collect()
        self._queue_lost()  # at once: who waits for a cluster is not being trained
        if connected:
            self._hand_out()

    def _connect(self) -> bool:
        """See that there is a cluster; False while a remote one does not answer."""
        if self._client is not None and self._client.status == "running" and (not self._cluster or self._cluster.alive):
            return True
        self._lost |= set(self._tasks)
        self._tasks = {}
        self._disconnect()
        if self.settings.scheduler:
            return self._connect_to(self.settings.scheduler)
        from distributed import Client, Security

        self._cluster = EmbeddedCluster(self.settings)
        contact = self._cluster.contact
        security = Security(require_encryption=True, **{name: contact[name] for name in CREDENTIALS})
        self._client = Client(contact["address"], security=security, set_as_default=False)
        self._client.run(warm_up)
        return True

    def _connect_to(self, address: str) -> bool:
        try:
            self._client = remote.connect(address)
        except OSError as error:
            if not self._absent:
                log.warning("the scheduler at %s can't be reached (%s); trying until it can", address, error)
            self._absent = True
            return False
        if self._absent:
            log.warning("the scheduler at %s is reached again", address)
        self._absent = False
        return True

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
                misfit = remote.misfit(task.exception())
                self.store.interrupt(run_id, pulse, misfit or KEPT_DYING, "failed" if misfit else "interrupted")

    def _queue_lost(self) -> None:
        for run_id in sorted(self._lost):
            self.store.requeue(run_id, self.owner, ACTIVE)
            self._lost.discard(run_id)

    def _hand_out(self) -> None:
        """Give waiting runs to free workers, longest waiting first."""
        waiting = self.store.owned(self.owner, "queued")
        if not waiting:
            return
        for run_id in [run_id for run_id in waiting if run_id not in self._tasks][: max(self._free(), 0)]:
            self._tasks[run_id] = remote.submit(self._client, train_on_worker, run_id)
            self._tasks[run_id].add_done_callback(lambda _: self._wake.set())  # its worker is free: look at once

    def _free(self) -> int:
        """Workers that may be given a run of ours now; others may have a share in a remote cluster."""
        if not self.settings.scheduler:
            return len(self._client.nthreads()) - len(self._tasks)
        self.workers = max(1, len(self._client.nthreads()))
        free, moment = remote.idle(self._client, self._tasks.values()), time.monotonic()
        if free <= 0:
            self._deferring = 0.0
            return 0
        ours = set(self.store.owned(self.owner, "queued"))
        before_ours = takewhile(lambda run_id: run_id not in ours - set(self._tasks), self.store.queue())
        ahead = len(set(before_ours) - ours)
        if free > ahead or (self._deferring and moment - self._deferring > DEFERENCE):
            self._deferring = 0.0
            return max(1, free - ahead)
        self._deferring = self._deferring or moment
        return 0

    def _keep_alive(self) -> None:
        """Signs of life for our runs; runs of others that show none are marked interrupted."""
        moment = time.monotonic()
        if moment - self._last_beat < BEAT:
            return
        self._last_beat = moment
        mine = [*self.store.owned(self.owner, "queued"), *self._tasks, *self._lost]
        if mine:
            self.store.beat(mine)
        pulses = self.store.pulses()
        self._seen = {
            run_id: (pulse, moment if self._seen.get(run_id, (None,))[0] != pulse else self._seen[run_id][1])
            for run_id, pulse in pulses.items()
        }
        for run_id, (pulse, since) in self._seen.items():
            if moment - since > SILENCE:
                self.store.interrupt(run_id, pulse, "The program that trained it ended before the run did.")

    def _disconnect(self) -> None:
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
                    self.store.interrupt(run_id, pulse, "The dashboard was closed before the run ended.")
        except Exception:
            log.warning("could not mark runs as interrupted", exc_info=True)
        self._disconnect()
