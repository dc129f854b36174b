"""Runs that come whole, from a file: written in one transaction, so that nothing is left of one that breaks off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update

from ..config import RunConfig
from ..errors import InputError
from .run_rows import EpochRecord, new_run, now
from .runs import Store
from .schema import metrics, originals, runs, snapshots, splits, weights

IMPORTED = "imported"  # in `Run.data`: where a run came from, by name
SOURCE = "source"  # in it: SHA-256 of the file, so that the same one comes once


@dataclass(frozen=True)
class WholeRun:
    """All that the store holds of a run that is done."""

    config: RunConfig
    name: str
    versions: dict[str, str]  # of what its numbers were measured with
    data: dict[str, Any]  # as `runs.execution.describe`, with `IMPORTED` in it
    split: tuple[str, int, bytes]  # hash, seed, safetensors rows
    originals: bytes
    epochs: Sequence[EpochRecord]  # at least the last one
    test: dict[str, dict[str, Any]]  # metrics by variant
    trained_here: bool  # by this program, with these settings: who asks for the same is shown it
    note: str | None = None
    tags: tuple[str, ...] = ()


def of_source(store: Store, source: str) -> str | None:
    """Id of the run that came from this file, unless it was deleted; None when none did."""
    query = select(runs.c.id, runs.c.data).where(
        runs.c.status == "done", runs.c.deleted_at.is_(None), runs.c.started_at.is_(None)
    )
    with store.engine.connect() as connection:
        rows = connection.execute(query.order_by(runs.c.created_at)).all()
    return next((row.id for row in rows if ((row.data or {}).get(IMPORTED) or {}).get(SOURCE) == source), None)


def keep(store: Store, whole: WholeRun, owner: str, visitor: str | None = None) -> str:
    """Write a run, and return its id."""
    with store.write() as connection:
        run_id = new_run(connection, whole.config, owner, visitor)
        split_hash, seed, rows = whole.split
        if not connection.scalar(select(splits.c.hash).where(splits.c.hash == split_hash)):
            connection.execute(insert(splits).values(hash=split_hash, seed=seed, rows=rows))
        connection.execute(insert(originals).values(run_id=run_id, payload=whole.originals))
        measured = []
        for record in whole.epochs:
            shared = {"run_id": run_id, "epoch": record.epoch}
            measured += [
                {**shared, "variant": variant, "split": record.split, "seconds": record.seconds, **values}
                for variant, values in record.metrics.items()
            ]
            for table, payloads in ((snapshots, record.snapshots), (weights, record.weights)):
                if payloads:
                    of_variants = [{**shared, "variant": name, "payload": data} for name, data in payloads.items()]
                    connection.execute(insert(table), of_variants)
        connection.execute(insert(metrics), measured)
        on_test = {"run_id": run_id, "split": "test", "epoch": whole.config.epochs}
        connection.execute(insert(metrics), [{**on_test, "variant": name, **row} for name, row in whole.test.items()])
        told: dict[str, Any] = {"name": whole.name, "note": whole.note, "versions": whole.versions, "data": whole.data}
        told |= {"tags": list(whole.tags) or None}
        told |= {"status": "done", "epoch": whole.config.epochs, "attempt": 1, "finished_at": now()}
        told |= {"split_hash": split_hash, "seconds": sum(record.seconds for record in whole.epochs)}
        told |= {} if whole.trained_here else {"fingerprint": None}  # nobody who asks for it gets it for a training
        connection.execute(update(runs).where(runs.c.id == run_id).values(**told))
    return run_id


def read(store: Store, run_id: str, pictured: Sequence[int]) -> WholeRun:
    """A run that is done, with the pictures of the epochs `pictured` and the weights of its last one.

    Raises InputError when there is no such run, or it isn't done.
    """
    run = store.run(run_id)
    if run.status != "done":
        raise InputError(f"Run {run_id} is {run.status}; only a run that is done can be taken whole.")
    with store.engine.connect() as connection:
        split = connection.execute(
            select(splits.c.hash, splits.c.seed, splits.c.rows)
            .join(runs, runs.c.split_hash == splits.c.hash)
            .where(runs.c.id == run_id)
        ).one()
        rows = connection.execute(
            select(metrics).where(metrics.c.run_id == run_id).order_by(metrics.c.epoch, metrics.c.variant)
        ).all()
    values = [row._asdict() for row in rows]
    images, shown, last = store.originals(run_id), store.snapshots_of(run_id, pictured), run.config.epochs
    if images is None:
        raise InputError(f"What run {run_id} was watched on is gone.")
    epochs = []
    for epoch in sorted({row["epoch"] for row in values}):
        watched = [row for row in values if row["epoch"] == epoch and row["split"] != "test"]
        epochs.append(
            EpochRecord(
                epoch=epoch,
                split=watched[0]["split"],
                seconds=watched[0]["seconds"],
                metrics={row["variant"]: _measured(row) for row in watched},
                snapshots=shown.get(epoch, {}),
                weights=store.weights(run_id, epoch) if epoch == last else {},
                checkpoint=b"",
            )
        )
    test = {row["variant"]: _measured(row) for row in values if row["split"] == "test"}
    return WholeRun(run.config, run.name, run.versions, run.data, tuple(split), images, epochs, test, not run.imported)


def _measured(row: dict[str, Any]) -> dict[str, Any]:
    """A row of `metrics` without what it is about."""
    return {
        name: value for name, value in row.items() if name not in ("run_id", "variant", "split", "epoch", "seconds")
    }
