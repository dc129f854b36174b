"""What a run has left in the store: numbers, pictures, weights, and what it goes on from."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import Engine, select

from . import metric_rows
from .schema import checkpoints, metrics, originals, runs, snapshots, splits, weights


class RunResults:
    """The reading half of `Store`."""

    engine: Engine

    def checkpoint(self, run_id: str) -> tuple[int, bytes] | None:
        """The epoch to go on from, and its state."""
        with self.engine.connect() as connection:
            row = connection.execute(select(checkpoints).where(checkpoints.c.run_id == run_id)).one_or_none()
        return (row.epoch, row.payload) if row else None

    def history(self, run_id: str) -> pd.DataFrame:
        """All rows of `metrics` of a run, by split, variant and epoch."""
        query = select(metrics).where(metrics.c.run_id == run_id).order_by("split", "variant", "epoch")
        with self.engine.connect() as connection:
            result = connection.execute(query)
            rows = pd.DataFrame.from_records([tuple(row) for row in result], columns=list(result.keys()))
        return metric_rows.expanded(rows)

    def split_rows(self, run_id: str) -> bytes | None:
        """The stored split of a run: safetensors {train, validation}, row numbers of the training images."""
        query = select(splits.c.rows).join(runs, runs.c.split_hash == splits.c.hash).where(runs.c.id == run_id)
        with self.engine.connect() as connection:
            return connection.scalar(query)

    def originals(self, run_id: str) -> bytes | None:
        with self.engine.connect() as connection:
            return connection.scalar(select(originals.c.payload).where(originals.c.run_id == run_id))

    def snapshots(self, run_id: str, epoch: int) -> dict[str, bytes]:
        """Pictures of every variant at one epoch."""
        query = select(snapshots.c.variant, snapshots.c.payload).order_by(snapshots.c.variant)
        with self.engine.connect() as connection:
            rows = connection.execute(query.where(snapshots.c.run_id == run_id, snapshots.c.epoch == epoch))
            return {row.variant: row.payload for row in rows}

    def snapshots_of(self, run_id: str, epochs: Sequence[int]) -> dict[int, dict[str, bytes]]:
        """Pictures of every variant, by epoch, of those of `epochs` that are recorded."""
        query = select(snapshots).where(snapshots.c.run_id == run_id).order_by(snapshots.c.epoch, snapshots.c.variant)
        if epochs:
            query = query.where(snapshots.c.epoch.between(min(epochs), max(epochs)))
        wanted = set(epochs)
        found: dict[int, dict[str, bytes]] = {}
        with self.engine.connect() as connection:
            for row in connection.execute(query):
                if row.epoch in wanted:
                    found.setdefault(row.epoch, {})[row.variant] = row.payload
        return found

    def reached(self, run_id: str) -> tuple[str, int] | None:
        """Status and last recorded epoch: all that is asked of a run many times a second. None for no such run."""
        query = select(runs.c.status, runs.c.epoch).where(runs.c.id == run_id, runs.c.deleted_at.is_(None))
        with self.engine.connect() as connection:
            row = connection.execute(query).one_or_none()
        return (row.status, row.epoch) if row else None

    def weight_epochs(self, run_id: str) -> list[int]:
        """Epochs whose weights were kept."""
        query = select(weights.c.epoch).where(weights.c.run_id == run_id).distinct().order_by(weights.c.epoch)
        with self.engine.connect() as connection:
            return list(connection.scalars(query))

    def weights(self, run_id: str, epoch: int) -> dict[str, bytes]:
        """Weights of every variant at one kept epoch."""
        query = select(weights.c.variant, weights.c.payload).order_by(weights.c.variant)
        with self.engine.connect() as connection:
            rows = connection.execute(query.where(weights.c.run_id == run_id, weights.c.epoch == epoch))
            return {row.variant: row.payload for row in rows}
