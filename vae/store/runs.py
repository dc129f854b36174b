"""The run store: the only channel between a worker and a page, and the only place where a run lives.

Every write is one transaction. A crash at any moment leaves a database that opens, with every recorded epoch in it.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from ..config import RunConfig, shown
from ..errors import InputError
from . import queue_order
from .database import open_database, writing
from .run_results import RunResults
from .run_rows import (
    ACTIVE,
    ENDED,
    RESUMABLE,
    EpochRecord,
    Run,
    Superseded,
    new_owner,
    new_run,
    next_ticket,
    now,
    queue_again,
    run_of,
)
from .schema import checkpoints, metrics, originals, runs, snapshots, splits, weights
from .text_rules import cleaned, refuse_unstorable

__all__ = ["ACTIVE", "ENDED", "RESUMABLE", "EpochRecord", "Run", "Store", "Superseded", "new_owner", "now"]

log = logging.getLogger(__name__)


class Store(RunResults):
    """A database of runs. Cheap to make; safe to share between threads."""

    def __init__(self, url: str) -> None:
        """Opens or creates the database. Raises InputError when it can't be used, and says why."""
        self.engine = open_database(url)
        # SQLite writes its whole log back whenever its last connection closes, after every epoch of a lone run: a fifth
        # of a small run's time. One that stays open, and idle, keeps it from that.
        self._anchor = self.engine.raw_connection() if self.engine.dialect.name == "sqlite" else None

    def write(self) -> AbstractContextManager[Connection]:
        """A transaction that takes SQLite's write lock at its start, so that it waits its turn instead of failing."""
        return writing(self.engine)

    # Making and finding runs

    def create(self, config: RunConfig, owner: str, visitor: str | None = None) -> str:
        """Queue a run and return its id. `visitor`: who asked; None on the command line."""
        with self.write() as connection:
            return new_run(connection, config, owner, visitor)

    def run(self, run_id: str) -> Run:
        """Raises InputError when there is no such run."""
        row = None
        if run_id.isprintable():  # a link may say anything, and no driver takes all of it
            with self.engine.connect() as connection:
                row = connection.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
        if row is None:
            raise InputError(f"There is no run {shown(repr(run_id))} in this database.")
        return run_of(row)

    def runs(self, limit: int = 50, status: Sequence[str] | None = None) -> list[Run]:
        """The newest runs first."""
        shown = runs.c.deleted_at.is_(None)
        query = select(runs).where(shown).order_by(runs.c.created_at.desc(), runs.c.id).limit(limit)
        if status is not None:
            query = query.where(runs.c.status.in_(status))
        with self.engine.connect() as connection:
            return [run_of(row) for row in connection.execute(query)]

    def queue(self) -> list[str]:
        """Ids of the waiting runs, next one first: visitors take turns."""
        with self.engine.connect() as connection:
            return queue_order.fair_order(*queue_order.standing(connection))

    def standing(self) -> tuple[list[queue_order.Waiting], dict[str, int], dict[str, int]]:
        """What `queue_order.Turns.of` takes: who waits, how many of each are under way, who was served when."""
        with self.engine.connect() as connection:
            return queue_order.standing(connection)

    def same(self, config: RunConfig) -> Run | None:
        """A run of the same config, seed included, that is done or under way: the one to show in its place."""
        with self.engine.connect() as connection:
            query = select(runs).where(
                runs.c.fingerprint == config.fingerprint(),
                runs.c.status.in_(("queued", "running", "done")),
                runs.c.deleted_at.is_(None),
            )
            found = [run_of(row) for row in connection.execute(query.order_by(runs.c.created_at.desc(), runs.c.id))]
        # A fingerprint leaves defaults out, and defaults may change: only an equal config counts.
        equal = [run for run in found if run.config == config]
        return min(equal, key=lambda run: ("done", "running", "queued").index(run.status), default=None)

    def owned(self, owner: str, status: str) -> list[str]:
        """Ids of an owner's runs with a status, longest waiting first."""
        query = select(runs.c.id).where(runs.c.owner == owner, runs.c.status == status).order_by(runs.c.ticket)
        with self.engine.connect() as connection:
            return list(connection.scalars(query))

    def asked_by(self, visitor: str) -> set[str]:
        """Ids of the runs that a visitor has asked for."""
        with self.engine.connect() as connection:
            return set(connection.scalars(select(runs.c.id).where(runs.c.visitor == visitor)))

    # What people say of runs

    def describe(self, run_id: str, *, name: str, tags: Sequence[str], note: str) -> None:
        """Rename, tag and note. Raises InputError when a text is too long, can't be stored, or the name is empty."""
        name, note = name.strip(), note.strip()
        tags = sorted({tag.strip() for tag in tags} - {""})
        if not name or len(name) > 200:
            raise InputError("A run's name takes 1 to 200 characters.")
        if len(tags) > 20 or any(len(tag) > 40 for tag in tags) or len(note) > 5000:
            raise InputError("A run takes up to 20 tags of 40 characters, and a note of 5,000.")
        refuse_unstorable("The name", name)
        refuse_unstorable("A tag", *tags)
        refuse_unstorable("The note", note, lines=True)
        with self.write() as connection:
            connection.execute(
                update(runs).where(runs.c.id == run_id).values(name=name, tags=tags or None, note=note or None)
            )

    def delete(self, run_ids: Sequence[str]) -> int:
        """Take runs that have ended out of sight; they can be restored until they are purged. Returns how many."""
        with self.write() as connection:
            mine = runs.c.id.in_(run_ids), runs.c.status.in_(ENDED), runs.c.deleted_at.is_(None)
            count = connection.execute(update(runs).where(*mine).values(deleted_at=now())).rowcount
        log.info("runs deleted", extra={"count": count, "runs": " ".join(run_ids)})
        return count

    def restore(self, run_ids: Sequence[str]) -> int:
        """Undo `delete`. Returns how many came back."""
        with self.write() as connection:
            mine = runs.c.id.in_(run_ids), runs.c.deleted_at.is_not(None)
            count = connection.execute(update(runs).where(*mine).values(deleted_at=None)).rowcount
        log.info("runs restored", extra={"count": count, "runs": " ".join(run_ids)})
        return count

    def purge(self, before: dt.datetime) -> int:
        """Remove for good what was deleted before that time. Returns how many."""
        with self.write() as connection:
            count = connection.execute(delete(runs).where(runs.c.deleted_at < before)).rowcount
        if count:
            log.info("deleted runs purged", extra={"count": count})
        return count

    # A run's life, from the page's side

    def request_stop(self, run_id: str) -> None:
        """A queued run stops at once, a running one when its worker sees the flag."""
        with self.write() as connection:
            mine = runs.c.id == run_id
            connection.execute(update(runs).where(mine, runs.c.status == "running").values(stop_requested=True))
            connection.execute(
                update(runs).where(mine, runs.c.status == "queued").values(status="stopped", finished_at=now())
            )

    def requeue(self, run_id: str, owner: str, status: Sequence[str] = RESUMABLE) -> bool:
        """Queue a run again, to go on from its last epoch; False when its status is not one of `status`."""
        with self.write() as connection:
            return queue_again(connection, run_id, owner, status)

    def interrupt(self, run_id: str, pulse: int, reason: str, status: str = "interrupted") -> None:
        """Mark a run whose owner has died, or which no worker can begin, unless its pulse has moved since."""
        with self.write() as connection:
            connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.pulse == pulse, runs.c.status.in_(ACTIVE))
                .values(status=status, error=reason, finished_at=now())
            )

    def beat(self, run_ids: Sequence[str]) -> None:
        """A sign of life for active runs."""
        with self.write() as connection:
            connection.execute(
                update(runs).where(runs.c.id.in_(run_ids), runs.c.status.in_(ACTIVE)).values(pulse=runs.c.pulse + 1)
            )

    def pulses(self) -> dict[str, int]:
        """Pulse of every active run."""
        with self.engine.connect() as connection:
            rows = connection.execute(select(runs.c.id, runs.c.pulse).where(runs.c.status.in_(ACTIVE)))
            return {row.id: row.pulse for row in rows}

    # A run's life, from the worker's side

    def claim(self, run_id: str) -> Run | None:
        """Begin an attempt; None when the run no longer waits or runs (it was stopped, or is done)."""
        with self.write() as connection:
            claimed = connection.execute(
                update(runs)
                .where(runs.c.id == run_id, runs.c.status.in_(ACTIVE))
                .values(
                    status="running",
                    attempt=runs.c.attempt + 1,
                    pulse=runs.c.pulse + 1,
                    started_at=func.coalesce(runs.c.started_at, now()),
                    ticket=next_ticket(),  # whose turn is next depends on it: see queueing
                )
            )
            # Read before the transaction ends: afterwards the row may hold the attempt of somebody else.
            row = connection.execute(select(runs).where(runs.c.id == run_id)).one_or_none()
        return run_of(row) if claimed.rowcount else None

    def stop_requested(self, run_id: str, attempt: int) -> bool:
        """Whether this attempt should end: it was asked to, or it is no longer the one that counts."""
        with self.engine.connect() as connection:
            row = connection.execute(
                select(runs.c.stop_requested, runs.c.attempt, runs.c.status).where(runs.c.id == run_id)
            ).one_or_none()
        return row is None or row.stop_requested or row.attempt != attempt or row.status != "running"

    def record_start(
        self, run: Run, versions: dict[str, str], data: dict[str, Any], split: tuple[str, int, bytes], images: bytes
    ) -> None:
        """What is known once the data are loaded. `split`: hash, seed, safetensors rows."""
        with self.write() as connection:
            _still_mine(connection, run)
            known = connection.scalar(select(splits.c.hash).where(splits.c.hash == split[0]))
            if not known:
                connection.execute(insert(splits).values(hash=split[0], seed=split[1], rows=split[2]))
            connection.execute(
                update(runs).where(runs.c.id == run.id).values(versions=versions, data=data, split_hash=split[0])
            )
            _replace(connection, originals, {"run_id": run.id}, payload=images)

    def record_epoch(self, run: Run, record: EpochRecord) -> None:
        """One epoch of every variant, its pictures, its weights and the checkpoint, all or nothing.

        An epoch that is there already stays as it is: whoever got no answer asks again. Raises Superseded when another
        attempt has taken over.
        """
        with self.write() as connection:
            if _still_mine(connection, run) >= record.epoch:
                return
            shared = {"run_id": run.id, "epoch": record.epoch}
            rows = [
                {**shared, "variant": variant, "split": record.split, "seconds": record.seconds, **values}
                for variant, values in record.metrics.items()
            ]
            connection.execute(insert(metrics), rows)
            for table, payloads in ((snapshots, record.snapshots), (weights, record.weights)):
                if payloads:
                    connection.execute(
                        insert(table), [{**shared, "variant": name, "payload": data} for name, data in payloads.items()]
                    )
            _replace(connection, checkpoints, {"run_id": run.id}, epoch=record.epoch, payload=record.checkpoint)
            connection.execute(
                update(runs)
                .where(runs.c.id == run.id)
                .values(epoch=record.epoch, seconds=runs.c.seconds + record.seconds, pulse=runs.c.pulse + 1)
            )

    def finish(self, run: Run, status: str, error: str | None = None, test: dict[str, dict] | None = None) -> None:
        """End an attempt, with the test metrics of a run that is done. Raises Superseded."""
        with self.write() as connection:
            last = _still_mine(connection, run)
            if test:
                rows = [
                    {"run_id": run.id, "variant": name, "split": "test", "epoch": last, **values}
                    for name, values in test.items()
                ]
                connection.execute(insert(metrics), rows)
            if status == "done":
                connection.execute(delete(checkpoints).where(checkpoints.c.run_id == run.id))
            said = cleaned(error) if error else None  # may repeat anything
            connection.execute(
                update(runs)
                .where(runs.c.id == run.id)
                .values(status=status, error=said, finished_at=now(), ticket=next_ticket())
            )


def _still_mine(connection: Connection, run: Run) -> int:
    """The last recorded epoch. Raises Superseded when another attempt has taken over."""
    columns = runs.c.attempt, runs.c.status, runs.c.epoch
    row = connection.execute(select(*columns).where(runs.c.id == run.id)).one_or_none()
    if row is None or row.attempt != run.attempt or row.status != "running":
        raise Superseded(f"run {run.id}: attempt {run.attempt} is no longer the one that counts")
    return row.epoch


def _replace(connection: Connection, table: Any, key: dict[str, Any], **values: Any) -> None:
    condition = [table.c[name] == value for name, value in key.items()]
    connection.execute(delete(table).where(*condition))
    connection.execute(insert(table).values(**key, **values))
