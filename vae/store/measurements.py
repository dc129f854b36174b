"""What has been measured on stored runs, kept beside them. Anything here can be measured again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Connection, delete, insert, select, update

from ..errors import InputError
from .runs import Run, Store
from .schema import classifiers, measurements, metrics, runs

# A new number when a procedure changes, so that old tables are not taken for new ones.
KINDS = {
    "sensitivity": "sensitivity 1",
    "gradients": "gradients 1",
    "signal": "signal 1",
    "disentanglement": "disentanglement 1",
    "claims": "claims 1",
    "likelihood": "likelihood 1",
    "samples": "samples 1",
    "codes": "codes 1",
    "anomalies": "anomalies 1",
    "map": "map 1",
}


def classifier(store: Store, dataset_hash: str) -> tuple[float, bytes] | None:
    """Test accuracy and weights (safetensors) of a data set's reference classifier, if it was trained."""
    query = select(classifiers.c.accuracy, classifiers.c.payload).where(classifiers.c.dataset_hash == dataset_hash)
    with store.engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    return (row.accuracy, row.payload) if row else None


def keep_classifier(store: Store, dataset_hash: str, accuracy: float, payload: bytes) -> None:
    """Whoever comes second replaces what is the same."""
    with store.write() as connection:
        connection.execute(delete(classifiers).where(classifiers.c.dataset_hash == dataset_hash))
        connection.execute(insert(classifiers).values(dataset_hash=dataset_hash, accuracy=accuracy, payload=payload))


def measurement(store: Store, run_id: str, epoch: int, kind: str) -> pd.DataFrame | None:
    """The kept table of one kind, if there is one."""
    key = (measurements.c.run_id == run_id, measurements.c.epoch == epoch, measurements.c.kind == kind)
    with store.engine.connect() as connection:
        rows = connection.scalar(select(measurements.c.rows).where(*key))
    return None if rows is None else _table(rows)


def at_the_end(store: Store, kind: str, runs: Iterable[Run]) -> dict[str, pd.DataFrame]:
    """Kept tables of one kind by run id, measured at each run's last epoch; of the runs that have one."""
    ends = {run.id: run.last_epoch for run in runs}
    query = select(measurements.c.run_id, measurements.c.epoch, measurements.c.rows)
    query = query.where(measurements.c.kind == KINDS[kind], measurements.c.run_id.in_(ends))
    with store.engine.connect() as connection:
        found = connection.execute(query).all()
    return {row.run_id: _table(row.rows) for row in found if row.epoch == ends[row.run_id]}


def _table(rows: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame.from_records(rows).fillna(np.nan).infer_objects()


def keep_measurement(store: Store, run_id: str, epoch: int, kind: str, table: pd.DataFrame) -> None:
    """Keep `table`; NaN is kept as nothing. Raises InputError when the run was removed while it was measured."""
    rows = records(table)
    key = {"run_id": run_id, "epoch": epoch, "kind": kind}
    with store.write() as connection:
        _refuse_removed(connection, run_id)
        connection.execute(delete(measurements).where(*(measurements.c[name] == value for name, value in key.items())))
        connection.execute(insert(measurements).values(**key, rows=rows))


def keep_test_values(store: Store, run_id: str, values: Mapping[str, Mapping[str, float]]) -> None:
    """Add metrics, by variant and name, to those of a run's test images that the database keeps in `extra`.

    One that is there already is replaced, others stay. A run that isn't done has no numbers of test images, and gets
    none here. Raises InputError as `keep_measurement`.
    """
    with store.write() as connection:
        _refuse_removed(connection, run_id)
        of_test = metrics.c.run_id == run_id, metrics.c.split == "test"
        test_rows = connection.execute(select(metrics.c.variant, metrics.c.extra).where(*of_test))
        known = {row.variant: row.extra for row in test_rows}
        found = {name: (known[name] or {}) | dict(values[name]) for name in values if name in known}
        changed = {name: extra for name, extra in found.items() if extra != known[name]}
        for name, extra in changed.items():
            connection.execute(update(metrics).where(*of_test, metrics.c.variant == name).values(extra=extra))
        if changed:  # by its pulse tables of all runs see that a run has other numbers: nothing else of it moves
            connection.execute(update(runs).where(runs.c.id == run_id).values(pulse=runs.c.pulse + 1))


def _refuse_removed(connection: Connection, run_id: str) -> None:
    if not connection.scalar(select(runs.c.id).where(runs.c.id == run_id)):
        raise InputError(f"Run {run_id} was removed while it was measured, so the result is not kept.")


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for JSON, which knows neither NaN nor infinity: they become nothing."""
    table = table.replace([np.inf, -np.inf], np.nan)
    return table.astype(object).where(table.notna(), None).to_dict("records")
