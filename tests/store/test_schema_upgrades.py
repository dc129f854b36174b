"""A database of any older version is brought up when it is opened, and loses nothing; a newer one is refused."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, update

from vae.config import RunConfig
from vae.errors import InputError
from vae.metrics import without_column
from vae.runs.execution import execute
from vae.settings import ROOT, Settings
from vae.store import measurements, migrations, schema
from vae.store.runs import Store

CAME_WITH = {  # version → its new tables, and its new columns of those that were there
    2: ((schema.measurements, schema.classifiers), ()),
    3: ((schema.sweep_runs, schema.sweeps, schema.uploads), ("runs.tags", "runs.note", "runs.deleted_at")),
    4: ((), ("runs.visitor", "runs.ticket", "runs.fingerprint", "sweeps.visitor", "uploads.visitor")),
    5: ((), ("metrics.extra",)),
    6: ((schema.room_answers, schema.rooms), ()),
}
CONFIG = RunConfig(epochs=2, hidden=(8,), train_limit=100, validation_size=20)


def as_it_was(store: Store, version: int) -> None:
    """Take from a database all that came after a version, by hand."""
    with store.write() as connection:
        say = connection.exec_driver_sql
        say("DROP INDEX runs_by_fingerprint")
        say("DROP INDEX runs_by_ticket")
        for newer in sorted((later for later in CAME_WITH if later > version), reverse=True):
            tables, columns = CAME_WITH[newer]
            for column in columns:
                table, name = column.split(".")
                say(f"ALTER TABLE {table} DROP COLUMN {name}")
            for table in tables:
                table.drop(connection)
        schema.version.drop(connection)
        say("CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY)")
        say(f"INSERT INTO schema_version VALUES ({version})")


def differences(store: Store) -> list:
    """What Alembic would have to change for the tables to be those of schema.py."""
    options = {
        "version_table": schema.version.name,
        "compare_server_default": True,
        "include_name": lambda name, kind, _: kind != "table" or name in schema.metadata.tables,  # not Optuna's
    }
    with store.engine.connect() as connection:
        return compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata)


def said_version(store: Store) -> list[str]:
    with store.engine.connect() as connection:
        return list(connection.scalars(schema.version.select()))


@pytest.mark.parametrize("version", [1, 2, 3])
def test_an_older_database_is_brought_up_and_keeps_its_runs(store: Store, settings: Settings, version: int) -> None:
    run_id = store.create(CONFIG, "test", visitor="somebody")
    assert execute(store, run_id, settings) == "done"
    run, history, weights = store.run(run_id), store.history(run_id), store.weights(run_id, 2)
    as_it_was(store, version)
    reopened = Store(settings.database_url)
    assert set(inspect(reopened.engine).get_table_names()) == set(schema.metadata.tables)
    assert said_version(reopened) == [schema.REVISION]
    assert differences(reopened) == []
    assert reopened.run(run_id) == replace(run, visitor=None, ticket=1), "the only one that ever waited"
    assert reopened.history(run_id).drop(columns=without_column()).equals(history.drop(columns=without_column()))
    assert reopened.weights(run_id, 2) == weights
    reopened.describe(run_id, name="a name", tags=["lecture"], note="")
    measurements.keep_measurement(reopened, run_id, 2, "kind", history)
    again = Store(settings.database_url)
    assert (again.run(run_id).tags, again.runs()[0].name) == (("lecture",), "a name")
    assert measurements.measurement(again, run_id, 2, "kind") is not None


def test_the_table_above_knows_every_version() -> None:
    assert list(CAME_WITH) == list(range(2, schema.SCHEMA_VERSION + 1))
    files = (ROOT / "vae" / "store" / "migrations" / "versions").glob("*.py")
    assert sorted(int(path.name[:4]) for path in files) == list(range(1, schema.SCHEMA_VERSION + 1))


def test_runs_of_old_get_tickets_in_the_order_in_which_they_were_queued(store: Store, settings: Settings) -> None:
    configs = [CONFIG.model_copy(update={"seed": seed}) for seed in range(3)]
    ids = [store.create(config, "test") for config in configs]
    unreadable = store.create(CONFIG, "test")
    noon = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
    with store.write() as connection:
        for minutes, run_id in zip((5, 1, 3, 0), [*ids, unreadable], strict=True):
            values = {"queued_at": noon + dt.timedelta(minutes=minutes)}
            connection.execute(update(schema.runs).where(schema.runs.c.id == run_id).values(values))
        broken = update(schema.runs).where(schema.runs.c.id == unreadable)
        connection.execute(broken.values(config={"a field": "of a version that nobody knows"}))
    as_it_was(store, 3)
    reopened = Store(settings.database_url)
    assert reopened.queue() == [unreadable, ids[1], ids[2], ids[0]]
    assert [reopened.run(run_id).ticket for run_id in ids] == [4, 2, 3]
    assert [reopened.run(run_id).fingerprint for run_id in ids] == [config.fingerprint() for config in configs]
    newest = reopened.create(CONFIG, "test")
    assert reopened.queue()[-1] == newest


def test_a_database_of_the_day_between_is_brought_up_too(store: Store, settings: Settings) -> None:
    """Version 4 was first kept as versions 1 to 3 were; its new columns were there, those of older runs empty."""
    old, new = store.create(CONFIG, "test"), store.create(CONFIG, "test", visitor="somebody")
    with store.write() as connection:
        connection.execute(
            update(schema.runs).where(schema.runs.c.id == old).values(ticket=0, fingerprint=None, visitor=None)
        )
        for table in CAME_WITH[6][0]:
            table.drop(connection)
        schema.version.drop(connection)
        connection.exec_driver_sql("CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY)")
        connection.exec_driver_sql("INSERT INTO schema_version VALUES (4)")
    reopened = Store(settings.database_url)
    assert (said_version(reopened), differences(reopened)) == ([schema.REVISION], [])
    assert [reopened.run(run_id).ticket for run_id in (old, new)] == [1, 2]
    assert reopened.run(old).fingerprint == CONFIG.fingerprint()
    assert reopened.run(new).visitor == "somebody"


# Both ways


@pytest.fixture
def by_migrations(store: Store) -> Iterator[Store]:
    """The store, its tables made anew by the migrations alone, one after the other."""
    with store.write() as connection:
        schema.metadata.drop_all(connection)
        migrations.upgrade(connection, migrations.BASE)
    yield store
    store.engine.dispose()


def test_the_migrations_make_the_tables_of_the_schema(by_migrations: Store) -> None:
    assert differences(by_migrations) == []
    assert said_version(by_migrations) == [schema.REVISION]


def test_a_difference_would_be_seen(by_migrations: Store) -> None:
    with by_migrations.write() as connection:
        connection.exec_driver_sql("ALTER TABLE runs DROP COLUMN note")
        connection.exec_driver_sql("ALTER TABLE sweeps ADD COLUMN mood VARCHAR(12)")
        connection.exec_driver_sql("DROP INDEX runs_by_age")
    assert {found[0] for found in differences(by_migrations)} == {"add_column", "remove_column", "add_index"}


def test_there_is_a_way_back_from_each_version_to_the_one_before(by_migrations: Store, settings: Settings) -> None:
    store, tables = by_migrations, {}
    run_id = store.create(CONFIG, "test")
    tables[schema.SCHEMA_VERSION] = set(inspect(store.engine).get_table_names())
    for version in range(schema.SCHEMA_VERSION - 1, 0, -1):
        with store.write() as connection:
            migrations.downgrade(connection, f"{version:04d}")
        tables[version] = set(inspect(store.engine).get_table_names())
        gone = {table.name for table in CAME_WITH[version + 1][0]}
        assert tables[version] == tables[version + 1] - gone | ({"schema_version"} if version == 3 else set())
        for table, column in (name.split(".") for name in CAME_WITH[version + 1][1]):
            assert column not in {known["name"] for known in inspect(store.engine).get_columns(table)}
    with store.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version FROM schema_version").scalars().all() == [3], "as it was then"
    assert Store(settings.database_url).run(run_id).config == CONFIG
    with store.write() as connection:
        migrations.downgrade(connection, migrations.BASE)
    assert set(inspect(store.engine).get_table_names()) == {schema.version.name}
    assert Store(settings.database_url).runs() == []


# Opening


def test_two_that_open_an_old_database_at_once_bring_it_up_once(store: Store, settings: Settings) -> None:
    run_id = store.create(CONFIG, "test")
    as_it_was(store, 1)
    start, opened, troubles = threading.Barrier(6), [], []

    def open_it() -> None:
        start.wait()
        try:
            opened.append(Store(settings.database_url))
        except Exception as trouble:
            troubles.append(trouble)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert troubles == []
    assert [store.run(run_id).config for store in opened] == [CONFIG] * 6
    assert said_version(store) == [schema.REVISION]


@pytest.mark.parametrize("old", [True, False], ids=["as versions 1 to 3 were kept", "a revision"])
def test_a_newer_database_is_refused_and_left_alone(store: Store, settings: Settings, old: bool) -> None:
    as_it_was(store, 3)
    newer = schema.SCHEMA_VERSION + 1
    with store.write() as connection:
        connection.exec_driver_sql(f"UPDATE schema_version SET version = {newer}")
        if not old:
            schema.version.create(connection)
            connection.execute(schema.version.insert().values(version_num=f"{newer:04d}"))
    before = inspect(store.engine).get_table_names()
    with pytest.raises(
        InputError, match=rf"newer version .*\(schema {newer}, this one knows {schema.SCHEMA_VERSION}\)"
    ):
        Store(settings.database_url)
    assert inspect(store.engine).get_table_names() == before


def test_tables_of_another_program_are_left_alone(store: Store, settings: Settings) -> None:
    """Other programs have runs and metrics, too."""
    with store.write() as connection:
        schema.metadata.drop_all(connection)
        connection.exec_driver_sql("CREATE TABLE metrics (theirs INTEGER)")
    with pytest.raises(InputError, match=r"another program \(metrics\)"):
        Store(settings.database_url)
    assert inspect(store.engine).get_table_names() == ["metrics"]


def test_opening_what_is_up_to_date_writes_nothing_and_waits_for_nobody(store: Store, settings: Settings) -> None:
    opened = threading.Event()
    with store.write():  # somebody else writes, for as long as it takes
        thread = threading.Thread(target=lambda: (Store(settings.database_url), opened.set()), daemon=True)
        thread.start()
        assert opened.wait(5)


def test_opening_what_is_up_to_date_needs_no_alembic(store: Store, settings: Settings) -> None:
    code = f"import sys; from vae.store.runs import Store; Store({settings.database_url!r}).runs()"
    code += "; print('alembic' in sys.modules, 'sqlalchemy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]
