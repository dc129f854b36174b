"""Faults, caused for real: what was recorded stays, people get a sentence, and work goes on when it can."""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, select, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, OperationalError
from wire import Wire

from vae.config import RunConfig
from vae.runs import heartbeats
from vae.runs.execution import execute
from vae.runs.heartbeats import SILENCE, Heartbeats
from vae.settings import Settings
from vae.store import database, outages, runs
from vae.store.runs import Store
from vae.store.schema import checkpoints, snapshots, weights
from vae.store.tensor_bytes import Damaged, unpack, unpack_tensors

SMALL = RunConfig(epochs=6, hidden=(8,), train_limit=120, validation_size=20)
COMPARED_COLUMNS = ["variant", "split", "epoch", "loss", "reconstruction", "kl", "mse_from_mean"]

on_sqlite = pytest.mark.sqlite  # these break a file; tests of a database server break the server


@pytest.fixture
def undisturbed(store: Store, settings: Settings):
    run_id = store.create(SMALL, "test")
    assert execute(store, run_id, settings) == "done"
    return store.history(run_id)[COMPARED_COLUMNS]


def database_file(settings: Settings) -> Path:
    return Path(settings.database_url.removeprefix("sqlite:///"))


@contextmanager
def meanwhile(*steps) -> Iterator[None]:
    """Do something beside the test, and see that it was done."""
    failed = []

    def act() -> None:
        try:
            for step in steps:
                step()
        except Exception as problem:  # it is the test's to report
            failed.append(problem)

    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join()
    assert failed == []


def equals_undisturbed(store: Store, run_id: str, undisturbed) -> None:
    history = store.history(run_id)[COMPARED_COLUMNS]
    assert history.equals(undisturbed), "the fault must not show in any number, nor an epoch twice"


@on_sqlite
def test_training_waits_while_another_program_keeps_the_file_locked(store, settings, undisturbed, monkeypatch, caplog):
    monkeypatch.setattr(database, "PATIENCE", 0.1)  # of the driver, before it says that it is locked
    patient = Store(settings.database_url)
    run_id = patient.create(SMALL, "test")
    with closing(sqlite3.connect(database_file(settings), isolation_level=None, check_same_thread=False)) as other:
        locked = threading.Event()

        def hold(epoch) -> None:
            if epoch.epoch == 2 and not locked.is_set():
                other.execute("BEGIN EXCLUSIVE")
                locked.set()

        with meanwhile(locked.wait, lambda: time.sleep(1.0), lambda: other.execute("ROLLBACK")):
            assert execute(patient, run_id, settings, hold) == "done"
    assert "waiting for the database: database is locked" in caplog.text
    equals_undisturbed(store, run_id, undisturbed)


@on_sqlite
def test_training_waits_while_the_disk_is_full(store, settings, undisturbed, caplog):
    """SQLite's own limit of pages: the driver reports just what it reports on a full disk."""
    room = threading.Event()
    room.set()
    tight = Store(settings.database_url)

    @event.listens_for(tight.engine, "begin")
    def limit(connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {2**30 if room.is_set() else pages}")

    run_id = tight.create(SMALL, "test")

    def fill(epoch) -> None:
        if epoch.epoch == 1:
            room.clear()

    refused = []

    def ask_meanwhile() -> None:
        for _ in range(400):  # a queued run may fit into the last page: many do not
            tight.create(SMALL, "somebody else")

    def see() -> None:
        while room.is_set():
            time.sleep(0.01)
        with pytest.raises(OperationalError) as problem:
            ask_meanwhile()
        refused.append(outages.sentence(problem.value))
        assert tight.run(run_id).epoch >= 1, "what was recorded can be read"
        time.sleep(0.5)

    with meanwhile(see, room.set):
        assert execute(tight, run_id, settings, fill) == "done"
    assert refused and "disk that holds the database is full" in refused[0]
    assert "waiting for the database: database or disk is full" in caplog.text
    equals_undisturbed(store, run_id, undisturbed)


@on_sqlite
def test_training_waits_while_the_database_is_gone(store, settings, undisturbed, tmp_path):
    """Its folder is taken away, as when a volume is unmounted, and brought back."""
    folder, away = tmp_path / "volume", tmp_path / "elsewhere"
    folder.mkdir()
    moved = Store(f"sqlite:///{folder / 'runs.db'}")
    run_id = moved.create(SMALL, "test")
    gone = threading.Event()

    def take_away(epoch) -> None:
        if epoch.epoch == 3 and not gone.is_set():
            folder.rename(away)
            gone.set()

    told = []

    def look() -> None:
        time.sleep(0.5)
        with pytest.raises(OperationalError) as problem:
            moved.run(run_id)
        told.append(outages.sentence(problem.value))
        away.rename(folder)

    with meanwhile(gone.wait, look):
        assert execute(moved, run_id, settings, take_away) == "done"
    assert told == [outages.AWAY]
    equals_undisturbed(moved, run_id, undisturbed)


@pytest.mark.cluster
@pytest.mark.parametrize("away", [1, pytest.param(10, marks=pytest.mark.slow)])  # seconds
def test_training_waits_while_the_server_is_gone(store, settings, undisturbed, away):
    """Every connection to PostgreSQL is cut, and none is taken, for a while."""
    url = make_url(settings.database_url)
    wire = Wire(url.host, url.port)
    through = Store(url.set(host="127.0.0.1", port=wire.port).render_as_string(hide_password=False))
    run_id, gone, told = through.create(SMALL, "test"), threading.Event(), []

    def cut(epoch) -> None:
        if epoch.epoch == 3 and not gone.is_set():
            wire.cut()
            gone.set()

    def look() -> None:
        with pytest.raises(OperationalError) as problem:
            through.run(run_id)
        told.append(outages.sentence(problem.value))
        time.sleep(away)
        wire.mend()

    with meanwhile(gone.wait, look):
        assert execute(through, run_id, settings, cut) == "done"
    assert told == [outages.AWAY]
    assert store.run(run_id).attempt == 1
    equals_undisturbed(store, run_id, undisturbed)
    wire.cut()


@on_sqlite
def test_a_lost_file_is_not_replaced_by_an_empty_one(store, settings):
    """SQLite would make it anew, without a table in it, and whoever restores the file from a copy would lose."""
    file = database_file(settings)
    kept = file.with_suffix(".kept")
    store.create(SMALL, "test")
    file.rename(kept)
    with pytest.raises(OperationalError) as problem:
        store.runs()
    assert outages.sentence(problem.value) == outages.AWAY
    assert not file.exists()
    kept.rename(file)
    assert len(store.runs()) == 1


def test_nobody_waits_for_ever_and_the_run_can_be_resumed(store, settings, undisturbed, monkeypatch):
    monkeypatch.setattr(outages, "PATIENCE", 0.2)
    run_id = store.create(SMALL, "test")
    broken = store.record_epoch

    def fails(run, record) -> None:
        if record.epoch == 4:
            raise OperationalError("", {}, Exception("server closed the connection unexpectedly"))
        broken(run, record)

    monkeypatch.setattr(store, "record_epoch", fails)
    assert execute(store, run_id, settings) == "interrupted"
    assert store.run(run_id).error == outages.AWAY
    monkeypatch.undo()
    assert store.requeue(run_id, "test")
    assert execute(store, run_id, settings) == "done"
    equals_undisturbed(store, run_id, undisturbed)


def test_an_answer_that_was_lost_is_asked_for_again_and_nothing_is_written_twice(
    store, settings, undisturbed, monkeypatch
):
    lost, write = [], store.record_epoch

    def loses_answers(run, record) -> None:
        write(run, record)
        if record.epoch not in lost:
            lost.append(record.epoch)
            raise OperationalError("", {}, Exception("server closed the connection unexpectedly"))

    monkeypatch.setattr(store, "record_epoch", loses_answers)
    run_id = store.create(SMALL, "test")
    assert execute(store, run_id, settings) == "done"
    assert lost == list(range(SMALL.epochs + 1))
    equals_undisturbed(store, run_id, undisturbed)


def test_an_error_that_waiting_can_not_mend_is_not_waited_for(store):
    asked = []

    def writes_nonsense() -> None:
        asked.append(1)
        with store.write() as connection:
            connection.exec_driver_sql("INSERT INTO runs (id) VALUES ('x')")

    with pytest.raises(IntegrityError):
        outages.patiently(writes_nonsense)
    assert asked == [1]
    assert outages.sentence(ValueError("locked")) is None


def damage(store: Store, table, run_id: str, **where) -> None:
    """Turn one bit in the middle of a stored payload."""
    condition = [table.c.run_id == run_id, *(table.c[name] == value for name, value in where.items())]
    with store.write() as connection:
        payload = bytearray(connection.scalar(select(table.c.payload).where(*condition)))
        payload[len(payload) // 2] ^= 1
        connection.execute(update(table).where(*condition).values(payload=bytes(payload)))


def test_one_wrong_bit_in_stored_weights_is_told_and_the_other_epochs_can_be_read(store, settings):
    run_id = store.create(SMALL, "test")
    execute(store, run_id, settings)
    damage(store, weights, run_id, variant="vae", epoch=6)
    damage(store, snapshots, run_id, variant="ae", epoch=6)
    for read, payload in (
        (unpack_tensors, store.weights(run_id, 6)["vae"]),
        (unpack, store.snapshots(run_id, 6)["ae"]),
    ):
        with pytest.raises(Damaged, match="is damaged"):
            read(payload)
    assert unpack_tensors(store.weights(run_id, 6)["ae"])
    assert unpack_tensors(store.weights(run_id, 5)["vae"])
    assert unpack(store.snapshots(run_id, 5)["ae"])


def test_a_damaged_checkpoint_costs_time_and_no_number(store, settings, undisturbed):
    run_id = store.create(SMALL, "test")

    def stop(epoch) -> None:
        if epoch.epoch == 3:
            raise KeyboardInterrupt

    assert execute(store, run_id, settings, stop) == "stopped"
    damage(store, checkpoints, run_id)
    store.requeue(run_id, "test")
    assert execute(store, run_id, settings) == "done"
    equals_undisturbed(store, run_id, undisturbed)


def test_a_clock_that_goes_backwards_changes_neither_the_order_nor_a_number(store, settings, undisturbed, monkeypatch):
    moment = [dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)]

    def backwards() -> dt.datetime:
        moment[0] -= dt.timedelta(hours=1)
        return moment[0]

    monkeypatch.setattr(runs, "now", backwards)
    asked = [store.create(SMALL.model_copy(update={"seed": seed}), "test") for seed in range(4)]
    assert store.queue() == asked, "who came first is first, whatever the clock said"
    assert store.owned("test", "queued") == asked
    assert execute(store, asked[0], settings) == "done"
    equals_undisturbed(store, asked[0], undisturbed)
    run = store.run(asked[0])
    assert run.finished_at < run.started_at < run.queued_at, "it did go backwards"
    assert run.seconds > 0


class Moments:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


def test_silence_is_counted_only_while_one_could_have_heard(monkeypatch):
    clock = Moments()
    monkeypatch.setattr(heartbeats, "time", clock)
    ears = Heartbeats()

    def listen(seconds: float, pulses: dict[str, int]) -> list[str]:
        for _ in range(round(seconds)):
            clock.now += 1
            heard = ears.look(pulses)
        return heard

    assert listen(SILENCE, {"a": 1, "b": 1}) == []
    assert listen(1, {"a": 1, "b": 2}) == []
    assert listen(1, {"a": 1, "b": 2}) == ["a"]
    clock.now += 60  # the database was away: nobody could give a sign of life
    assert ears.look({"a": 1, "b": 2}) == []
    assert listen(SILENCE, {"a": 2, "b": 2}) == []
    assert listen(1, {"a": 2, "b": 2}) == ["b"]
