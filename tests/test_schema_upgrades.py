"""A database of any older version is brought up when it is opened, and nothing in it is lost."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import inspect, update

from vae.config import RunConfig
from vae.runs import results, schema
from vae.runs.execution import execute
from vae.runs.store import Store
from vae.settings import Settings

CAME_WITH = {  # version → its new tables, and its new columns of those that were there
    2: ((schema.measurements, schema.classifiers), ()),
    3: ((schema.sweep_runs, schema.sweeps, schema.uploads), ("runs.tags", "runs.note", "runs.deleted_at")),
    4: ((), ("runs.visitor", "runs.ticket", "runs.fingerprint", "sweeps.visitor", "uploads.visitor")),
}


def as_it_was(store: Store, version: int) -> None:
    """Take from a database all that came after a version."""
    with store.write() as connection:
        if version < 4:
            connection.exec_driver_sql("DROP INDEX runs_by_fingerprint")
        for newer in sorted((later for later in CAME_WITH if later > version), reverse=True):
            tables, columns = CAME_WITH[newer]
            for column in columns:
                table, name = column.split(".")
                connection.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {name}")
            for table in tables:
                table.drop(connection)
        connection.execute(update(schema.schema_version).values(version=version))


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_older_database_is_brought_up_and_keeps_its_runs(store: Store, settings: Settings, version: int) -> None:
    run_id = store.create(RunConfig(epochs=2, hidden=(8,), train_limit=100, validation_size=20), "test")
    assert execute(store, run_id, settings) == "done"
    run, history, weights = store.run(run_id), store.history(run_id), store.weights(run_id, 2)
    as_it_was(store, version)
    reopened = Store(settings.database_url)
    assert set(inspect(reopened.engine).get_table_names()) == set(schema.metadata.tables)
    with reopened.engine.connect() as connection:
        assert connection.scalars(schema.schema_version.select()).all() == [schema.SCHEMA_VERSION]
    assert reopened.run(run_id) == replace(run, ticket=0, fingerprint=None)
    assert reopened.history(run_id).equals(history)
    assert reopened.weights(run_id, 2) == weights
    reopened.describe(run_id, name="a name", tags=["lecture"], note="")
    results.keep_measurement(reopened, run_id, 2, "kind", history)
    again = Store(settings.database_url)
    assert (again.run(run_id).tags, again.runs()[0].name) == (("lecture",), "a name")
    assert results.measurement(again, run_id, 2, "kind") is not None


def test_the_table_above_knows_every_version() -> None:
    assert list(CAME_WITH) == list(range(2, schema.SCHEMA_VERSION + 1))
