"""Sweeps in the store: what was asked for, who moves it on, and which run belongs to which point and seed."""

from __future__ import annotations

import datetime as dt
import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Select, insert, select, update

from ..config import RunConfig, shown
from ..errors import InputError
from ..store import metric_rows
from ..store.queue_order import room_for_sweep
from ..store.run_rows import new_run, queue_again, utc
from ..store.runs import ACTIVE, Store, now
from ..store.schema import metrics, runs, sweep_runs, sweeps
from ..store.text_rules import refuse_unstorable
from .spec import SweepSpec

log = logging.getLogger(__name__)

KEYS = ("number", "seed", "run_id", "status", "variant", "split", "epoch")  # of a measured row


@dataclass(frozen=True)
class Sweep:
    """One row of `sweeps`, its spec parsed."""

    id: str  # also the name of its Optuna study
    name: str
    spec: SweepSpec
    status: str  # running, done, stopped or failed
    error: str | None
    owner: str
    pulse: int
    created_at: dt.datetime
    finished_at: dt.datetime | None
    visitor: str | None  # who asked for it, and for its runs


@dataclass(frozen=True)
class Member:
    """One run of a sweep."""

    number: int  # of the point: its Optuna trial
    seed: int
    run_id: str
    status: str
    epoch: int
    pulse: int
    attempt: int
    error: str | None


def create(
    store: Store, spec: SweepSpec, name: str, owner: str, visitor: str | None = None, most: int | None = None
) -> str:
    """Ask for a sweep and return its id; a Sweeper of `owner` moves it on.

    Raises InputError for a bad name, and when `most` sweeps of the visitor are running already.
    """
    refuse_unstorable("The sweep's name", name)
    sweep_id = secrets.token_hex(4)
    with store.write() as connection:
        if most is not None:
            room_for_sweep(connection, visitor, most)
        connection.execute(
            insert(sweeps).values(
                id=sweep_id,
                name=name[:200],
                spec=spec.model_dump(mode="json"),
                status="running",
                owner=owner,
                visitor=visitor,
                created_at=now(),
            )
        )
    log.info("sweep asked for", extra={"sweep": sweep_id, "title": name, "points": spec.size, "visitor": visitor})
    return sweep_id


def find(store: Store, sweep_id: str) -> Sweep:
    """Raises InputError when there is no such sweep."""
    row = None
    if sweep_id.isprintable():  # a link may say anything, and no driver takes all of it
        with store.engine.connect() as connection:
            row = connection.execute(select(sweeps).where(sweeps.c.id == sweep_id)).one_or_none()
    if row is None:
        raise InputError(f"There is no sweep {shown(repr(sweep_id))} in this database.")
    return _sweep(row)


def listed(store: Store, limit: int = 50, status: str | None = None) -> list[Sweep]:
    """The newest first."""
    query = select(sweeps).order_by(sweeps.c.created_at.desc(), sweeps.c.id).limit(limit)
    if status is not None:
        query = query.where(sweeps.c.status == status)
    with store.engine.connect() as connection:
        return [_sweep(row) for row in connection.execute(query)]


def settle(store: Store, sweep: Sweep, status: str, error: str | None = None) -> bool:
    """End a running sweep; False when it no longer runs or somebody else has taken it over."""
    with store.write() as connection:
        mine = sweeps.c.id == sweep.id, sweeps.c.owner == sweep.owner, sweeps.c.status == "running"
        values = {"status": status, "error": error, "finished_at": now()}
        settled = connection.execute(update(sweeps).where(*mine).values(**values)).rowcount == 1
    if settled:
        log.info("sweep %s", status, extra={"sweep": sweep.id, "reason": error})
    return settled


def stop(store: Store, sweep_id: str) -> None:
    """No further point begins, and the sweep's runs are interrupted; `resume` goes on from their last epochs.

    All in one transaction, and not as runs are stopped by hand: whoever looks sees either a sweep that goes on or one
    that was stopped, never a running sweep whose runs somebody didn't want.
    """
    with store.write() as connection:
        running = sweeps.c.id == sweep_id, sweeps.c.status == "running"
        connection.execute(update(sweeps).where(*running).values(status="stopped", finished_at=now()))
        under_way = runs.c.id.in_(_run_ids(sweep_id)), runs.c.status.in_(ACTIVE)
        values = {"status": "interrupted", "error": "Its sweep was stopped.", "finished_at": now()}
        connection.execute(update(runs).where(*under_way).values(**values))
    log.info("sweep stopped", extra={"sweep": sweep_id})


def resume(store: Store, sweep_id: str, owner: str, most: int | None = None) -> bool:
    """Go on with a stopped or failed sweep; False when it is neither. Raises InputError as `create` does.

    Its Sweeper queues the interrupted runs again, but for those of points that were given up.
    """
    with store.write() as connection:
        if most is not None:
            asked = connection.scalar(select(sweeps.c.visitor).where(sweeps.c.id == sweep_id))
            room_for_sweep(connection, asked, most)
        ended = sweeps.c.id == sweep_id, sweeps.c.status.in_(("stopped", "failed"))
        values = {"status": "running", "owner": owner, "error": None, "finished_at": None}
        return connection.execute(update(sweeps).where(*ended).values(**values)).rowcount == 1


def adopt(store: Store, sweep: Sweep, owner: str) -> bool:
    """Take over a running sweep whose owner is silent; False when its pulse has moved, or somebody was faster."""
    with store.write() as connection:
        silent = (
            sweeps.c.id == sweep.id,
            sweeps.c.owner == sweep.owner,
            sweeps.c.pulse == sweep.pulse,
            sweeps.c.status == "running",
        )
        values = {"owner": owner, "pulse": sweep.pulse + 1}
        return connection.execute(update(sweeps).where(*silent).values(**values)).rowcount == 1


def beat(store: Store, owner: str) -> None:
    """A sign of life for the running sweeps of an owner."""
    with store.write() as connection:
        mine = sweeps.c.owner == owner, sweeps.c.status == "running"
        connection.execute(update(sweeps).where(*mine).values(pulse=sweeps.c.pulse + 1))


def members(store: Store, sweep_id: str) -> list[Member]:
    """All its runs, by point and seed."""
    query = (
        select(
            sweep_runs.c.number,
            sweep_runs.c.seed,
            runs.c.id,
            runs.c.status,
            runs.c.epoch,
            runs.c.pulse,
            runs.c.attempt,
            runs.c.error,
        )
        .join(runs, runs.c.id == sweep_runs.c.run_id)
        .where(sweep_runs.c.sweep_id == sweep_id)
        .order_by(sweep_runs.c.number, sweep_runs.c.seed)
    )
    with store.engine.connect() as connection:
        return [Member(*row) for row in connection.execute(query)]


def by_run(store: Store) -> dict[str, tuple[str, str, tuple[str, ...]]]:
    """Of each run that a sweep has asked for: the sweep's id, its name, and the fields that it goes over."""
    query = select(sweeps.c.id, sweeps.c.name, sweeps.c.spec)
    with store.engine.connect() as connection:
        known = {row.id: (row.id, row.name, tuple(row.spec["over"])) for row in connection.execute(query)}
        rows = connection.execute(select(sweep_runs.c.run_id, sweep_runs.c.sweep_id))
        return {row.run_id: known[row.sweep_id] for row in rows if row.sweep_id in known}


def add_runs(store: Store, sweep: Sweep, number: int, configs: Sequence[RunConfig]) -> bool:
    """Queue the runs of a point, one for each seed; those that are there already stay as they are.

    False when the sweep was stopped, or taken over by somebody else: then nothing is written.
    """
    with store.write() as connection:
        if not _still_mine(connection, sweep):
            return False
        of_point = sweep_runs.c.sweep_id == sweep.id, sweep_runs.c.number == number
        there = set(connection.scalars(select(sweep_runs.c.seed).where(*of_point)))
        for config in configs:
            if config.seed not in there:
                run_id = new_run(connection, config, sweep.owner, sweep.visitor)
                connection.execute(
                    insert(sweep_runs).values(sweep_id=sweep.id, number=number, seed=config.seed, run_id=run_id)
                )
    return True


def requeue(store: Store, sweep: Sweep, run_id: str) -> None:
    """Queue an interrupted run again, unless the sweep was stopped, or taken over by somebody else."""
    with store.write() as connection:
        if _still_mine(connection, sweep):
            queue_again(connection, run_id, sweep.owner, ("interrupted",))


def rows(store: Store, sweep_id: str, number: int) -> pd.DataFrame:
    """Every metric of every epoch of one point: number, seed, run_id, status, variant, split,
    epoch, and every metric that is one number."""
    return _frame(store, _measured(sweep_id).where(sweep_runs.c.number == number))


def results(store: Store, sweep_id: str, params: Mapping[int, Mapping[str, Any]]) -> pd.DataFrame:
    """The last epoch on the watched images, and the test images, of every run: `rows` beside its point's `params`."""
    last = (metrics.c.epoch == runs.c.epoch) | (metrics.c.split == "test")
    table = _frame(store, _measured(sweep_id).where(last)).drop(columns="epoch")
    names = dict.fromkeys(name for point in params.values() for name in point)
    for place, name in enumerate(names, start=1):
        # A swept loss is a setting called reconstruction, as its metric is.
        column = f"{name}_setting" if name in table.columns else name
        table.insert(place, column, [params.get(number, {}).get(name) for number in table["number"]])
    return table


def _measured(sweep_id: str) -> Select:
    return (
        select(
            sweep_runs.c.number,
            sweep_runs.c.seed,
            sweep_runs.c.run_id,
            runs.c.status,
            metrics.c.variant,
            metrics.c.split,
            metrics.c.epoch,
            *metric_rows.columns(),
        )
        .join(runs, runs.c.id == sweep_runs.c.run_id)
        .join(metrics, metrics.c.run_id == runs.c.id)
        .where(sweep_runs.c.sweep_id == sweep_id)
        .order_by(sweep_runs.c.number, sweep_runs.c.seed, metrics.c.variant, metrics.c.split, metrics.c.epoch)
    )


def _run_ids(sweep_id: str) -> Select:
    return select(sweep_runs.c.run_id).where(sweep_runs.c.sweep_id == sweep_id)


def _still_mine(connection: Connection, sweep: Sweep) -> bool:
    query = select(sweeps.c.owner, sweeps.c.status).where(sweeps.c.id == sweep.id)
    return connection.execute(query).one_or_none() == (sweep.owner, "running")


def _frame(store: Store, query: Select) -> pd.DataFrame:
    with store.engine.connect() as connection:
        return metric_rows.table(connection.execute(query).all(), KEYS)


def _sweep(row: Any) -> Sweep:
    return Sweep(**utc(row._asdict()) | {"spec": SweepSpec(**row.spec)})
