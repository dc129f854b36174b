"""The run store: each epoch once and whole, one writer per run, and a database that opens after anything."""

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing

import postgres
import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from vae.config import RunConfig
from vae.errors import InputError
from vae.settings import ROOT
from vae.store import schema
from vae.store.runs import EpochRecord, Store, Superseded

CONFIG = RunConfig(epochs=3)
METRICS = {
    "loss": 30.5,
    "reconstruction": 20.25,
    "kl": 10.25,
    "kl_per_dim": [4.0, 6.25],
    "mse_from_mean": 0.01,
    "mse_from_sample": 0.02,
    "active_units": 2,
}
AE_METRICS = METRICS | {"loss": 20.25, "kl": None, "kl_per_dim": None, "mse_from_sample": None}


def record(epoch, size=10):
    variants = {"ae": AE_METRICS, "vae": METRICS}
    return EpochRecord(
        epoch=epoch,
        split="validation",
        seconds=0.5,
        metrics=variants,
        snapshots=dict.fromkeys(variants, b"s" * size),
        weights=dict.fromkeys(variants, b"w" * size),
        checkpoint=b"c%d" % epoch,
    )


def started(store, owner="test", config=CONFIG):
    """A claimed run whose data are known."""
    run = store.claim(store.create(config, owner))
    store.record_start(run, {"torch": "2"}, {"hash": "h"}, ("split", 1, b"rows"), b"images")
    return run


def rows(store, table, run_id):
    with store.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table).where(table.c.run_id == run_id))


def status(store, run):
    return store.run(run.id).status


# What goes in comes out


def test_a_run_comes_back_as_it_was_saved_also_in_a_reopened_database(store, settings):
    config = RunConfig(hidden=(512, 256), beta=784 / 30, variants=("vae",), epochs=3)
    run = started(store, config=config)
    store.record_epoch(run, record(0))
    reopened = Store(settings.database_url)
    back = reopened.run(run.id)
    assert back == store.run(run.id)
    assert back.config == config
    assert (back.status, back.epoch, back.attempt, back.seconds) == ("running", 0, 1, 0.5)
    assert (back.versions, back.data) == ({"torch": "2"}, {"hash": "h"})
    assert back.created_at.utcoffset().total_seconds() == 0
    assert back.created_at <= back.started_at
    assert reopened.originals(run.id) == b"images"


def test_history_snapshots_and_weights_come_back(store):
    run = started(store)
    for epoch in range(3):
        store.record_epoch(run, dataclasses.replace(record(epoch), weights={} if epoch == 1 else record(0).weights))
    history = store.history(run.id)
    assert history[["variant", "epoch"]].to_numpy().tolist() == [[v, e] for v in ("ae", "vae") for e in range(3)]
    assert set(history.split) == {"validation"}
    last = history.iloc[-1].to_dict()
    assert {name: last[name] for name in METRICS} == METRICS
    assert history.kl.isna().tolist() == [True] * 3 + [False] * 3
    assert store.snapshots(run.id, 2) == {"ae": b"s" * 10, "vae": b"s" * 10}
    assert store.weights(run.id, 2) == {"ae": b"w" * 10, "vae": b"w" * 10}
    assert store.weights(run.id, 1) == store.snapshots(run.id, 3) == {}
    assert store.weight_epochs(run.id) == [0, 2]
    assert store.checkpoint(run.id) == (2, b"c2")
    assert store.run(run.id).seconds == 1.5


def test_lists_are_in_order(store):
    ids = [store.create(CONFIG, owner) for owner in ("a", "b", "a")]
    assert store.queue() == ids
    assert [run.id for run in store.runs()] == ids[::-1]
    assert [run.id for run in store.runs(limit=2)] == ids[:0:-1]
    store.claim(ids[0])
    assert store.queue() == ids[1:]
    assert (store.owned("a", "queued"), store.owned("a", "running")) == ([ids[2]], [ids[0]])
    assert [run.id for run in store.runs(status=("running",))] == [ids[0]]


def test_an_unknown_run_is_told_in_a_sentence(store):
    with pytest.raises(InputError, match="no run 'ffff'"):
        store.run("ffff")
    assert store.history("ffff").empty
    assert store.checkpoint("ffff") is None


def test_deleting_a_run_leaves_nothing_of_it_and_all_of_the_others(store):
    gone, kept = started(store), started(store)
    for run in (gone, kept):
        store.record_epoch(run, record(0))
    tables = (schema.metrics, schema.snapshots, schema.weights, schema.originals, schema.checkpoints)
    assert all(rows(store, table, gone.id) for table in tables)
    with store.write() as connection:
        connection.execute(delete(schema.runs).where(schema.runs.c.id == gone.id))
    assert [table.name for table in tables if rows(store, table, gone.id)] == []
    assert [table.name for table in tables if not rows(store, table, kept.id)] == []


# Each epoch once, all or nothing


def test_an_epoch_recorded_twice_changes_nothing(store):
    """Whoever got no answer asks again: what is there stays, its checkpoint too."""
    run = started(store)
    store.record_epoch(run, record(0))
    before = store.run(run.id), store.checkpoint(run.id)
    store.record_epoch(run, dataclasses.replace(record(0), checkpoint=b"other"))
    assert (store.run(run.id), store.checkpoint(run.id)) == before
    assert len(store.history(run.id)) == 2


@pytest.mark.parametrize("broken", ["snapshots", "weights", "checkpoint"])
def test_an_epoch_that_cannot_be_written_whole_leaves_nothing(store, broken):
    """Each of them is written after the metrics; None breaks the column's rule."""
    run = started(store)
    store.record_epoch(run, record(0))
    before = store.run(run.id), store.checkpoint(run.id)
    spoilt = None if broken == "checkpoint" else {"ae": b"fine", "vae": None}
    with pytest.raises(IntegrityError):
        store.record_epoch(run, dataclasses.replace(record(1), **{broken: spoilt}))
    assert (store.run(run.id), store.checkpoint(run.id)) == before
    assert store.history(run.id).epoch.max() == 0
    assert store.snapshots(run.id, 1) == store.weights(run.id, 1) == {}


def test_done_comes_with_test_rows_and_drops_the_checkpoint(store):
    run = started(store)
    store.record_epoch(run, record(0))
    store.finish(run, "done", test={"ae": AE_METRICS, "vae": METRICS})
    history = store.history(run.id)
    test = history[history.split == "test"]
    assert test[["variant", "epoch", "loss"]].to_numpy().tolist() == [["ae", 0, 20.25], ["vae", 0, 30.5]]
    assert store.checkpoint(run.id) is None
    assert store.run(run.id).finished_at is not None


def test_other_ends_keep_the_checkpoint_and_the_reason(store):
    run = started(store)
    store.record_epoch(run, record(0))
    store.finish(run, "failed", "A sentence.")
    assert (status(store, run), store.run(run.id).error) == ("failed", "A sentence.")
    assert store.checkpoint(run.id) == (0, b"c0")


# One writer


def test_a_superseded_attempt_cannot_write(store):
    """A worker thought dead that comes back must not mix its epochs with its successor's."""
    old = started(store)
    new = store.claim(old.id)
    assert (old.attempt, new.attempt) == (1, 2)
    for write in (
        lambda: store.record_start(old, {}, {}, ("other", 1, b""), b"other"),
        lambda: store.record_epoch(old, record(0)),
        lambda: store.finish(old, "done", test={"vae": METRICS}),
    ):
        with pytest.raises(Superseded):
            write()
    assert status(store, old) == "running"
    assert store.originals(old.id) == b"images"
    assert store.history(old.id).empty
    store.record_epoch(new, record(0))
    assert store.run(old.id).epoch == 0


def test_an_ended_run_takes_no_more_epochs(store):
    run = started(store)
    store.finish(run, "stopped")
    with pytest.raises(Superseded):
        store.record_epoch(run, record(0))
    assert store.claim(run.id) is None
    assert store.history(run.id).empty


def test_each_of_many_claims_at_once_gets_an_attempt_of_its_own(store):
    """Two workers that hold the same attempt could both write."""
    run_id = store.create(CONFIG, "test")
    attempts = []
    together(8, lambda i: attempts.extend(store.claim(run_id).attempt for _ in range(15)))
    assert sorted(attempts) == list(range(1, 8 * 15 + 1))


def test_stop_requested_tells_an_attempt_to_end(store):
    run = started(store)
    assert not store.stop_requested(run.id, run.attempt)
    assert store.stop_requested(run.id, run.attempt - 1)  # superseded
    assert store.stop_requested("ffff", 1)  # deleted
    store.request_stop(run.id)
    assert store.stop_requested(run.id, run.attempt)


# Stop, go on, die


def test_stopping_a_waiting_run_ends_it_at_once(store):
    run_id = store.create(CONFIG, "test")
    store.request_stop(run_id)
    assert store.run(run_id).status == "stopped"
    assert store.claim(run_id) is None
    assert store.queue() == []


def test_stopping_a_running_run_only_raises_the_flag(store):
    run = started(store)
    store.request_stop(run.id)
    assert (status(store, run), store.run(run.id).stop_requested) == ("running", True)
    store.record_epoch(run, record(0))  # its worker may still finish what it is at


@pytest.mark.parametrize("ended", ["done", "stopped", "failed", "interrupted"])
def test_stopping_an_ended_run_changes_nothing(store, ended):
    run = started(store)
    end(store, run, ended)
    before = store.run(run.id)
    store.request_stop(run.id)
    assert store.run(run.id) == before


def end(store, run, ended):
    if ended == "interrupted":
        store.interrupt(run.id, store.run(run.id).pulse, "Its server died.")
    elif ended != "running":
        store.finish(run, ended)
    assert status(store, run) == ended


@pytest.mark.parametrize(
    ("ended", "again"),
    [("stopped", True), ("interrupted", True), ("done", False), ("failed", False), ("running", False)],
)
def test_only_stopped_and_interrupted_runs_go_on(store, ended, again):
    run = started(store)
    store.record_epoch(run, record(0))
    store.request_stop(run.id)
    end(store, run, ended)
    assert store.run(run.id).resumable is again
    assert store.requeue(run.id, "new owner") is again
    after = store.run(run.id)
    if again:
        assert (after.status, after.owner, after.stop_requested, after.error) == ("queued", "new owner", False, None)
        assert after.finished_at is None
        assert store.claim(run.id).attempt == 2
        assert store.checkpoint(run.id) == (0, b"c0")
    else:
        assert (after.status, after.owner) == (ended, "test")


def test_a_run_that_goes_on_is_not_taken_for_dead_by_who_saw_it_silent(store):
    run = started(store)
    seen = store.pulses()[run.id]
    store.interrupt(run.id, seen, "Its server died.")
    store.requeue(run.id, "new owner")
    store.interrupt(run.id, seen, "Its server died.")  # as another dashboard does that looks once a second
    assert status(store, run) == "queued"


def test_two_requests_to_go_on_queue_a_run_once(store):
    run = started(store)
    store.finish(run, "stopped")
    answers = []
    together(4, lambda i: answers.append(store.requeue(run.id, f"owner {i}")))
    assert sorted(answers) == [False, False, False, True]


def test_a_run_is_interrupted_only_if_its_pulse_stood_still(store):
    run = started(store)
    seen = store.pulses()[run.id]
    store.beat([run.id])
    store.interrupt(run.id, seen, "Its server died.")
    assert status(store, run) == "running"
    store.record_epoch(run, record(0))  # an epoch is a sign of life too
    store.interrupt(run.id, seen + 1, "Its server died.")
    assert status(store, run) == "running"
    store.interrupt(run.id, store.pulses()[run.id], "Its server died.")
    assert (status(store, run), store.run(run.id).error) == ("interrupted", "Its server died.")
    assert store.pulses() == {}
    with pytest.raises(Superseded):  # should the worker live after all
        store.record_epoch(run, record(1))


# Opening


def test_a_database_of_a_newer_program_is_refused(store, settings):
    with store.write() as connection:
        connection.execute(schema.version.update().values(version_num=f"{schema.SCHEMA_VERSION + 1:04d}"))
    versions = rf"\(schema {schema.SCHEMA_VERSION + 1}, this one knows {schema.SCHEMA_VERSION}\)"
    with pytest.raises(InputError, match=f"newer version .*{versions}.*VAE_DATABASE_URL"):
        Store(settings.database_url)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "notes.db"
    file.write_bytes(b"my notes, not a database\n" * 100)
    with pytest.raises(InputError, match=r"notes\.db can't be opened.*VAE_DATABASE_URL"):
        Store(f"sqlite:///{file}")
    assert file.read_bytes() == b"my notes, not a database\n" * 100


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////proc/nowhere/runs.db",  # can't be made, not even by root
        "sqlite:///{tmp_path}",  # a folder
        "nonsense",
        "oracle9://somewhere/runs",
    ],
)
def test_a_database_that_cannot_be_used_is_told_in_a_sentence(tmp_path, url):
    with pytest.raises(InputError, match="VAE_DATABASE_URL") as refused:
        Store(url.format(tmp_path=tmp_path))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("attempt", range(5))
def test_many_may_open_a_new_database_at_once(settings, attempt):
    """A server and its workers do, at the first start."""
    stores = []
    together(8, lambda i: stores.append(Store(settings.database_url)))
    run_id = stores[0].create(CONFIG, "test")
    assert stores[-1].run(run_id).status == "queued"


def test_opening_waits_for_another_program_that_is_writing(tmp_path):
    """SQLite's switch to WAL ignores its own busy timeout: at a first start for two it says "locked" at once."""
    file = tmp_path / "new.db"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE theirs (a)")  # this connection isn't in WAL mode
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.3, other.execute, ["COMMIT"])
        timer.start()
        try:
            store = Store(f"sqlite:///{file}")
        finally:
            timer.join()
    assert store.runs() == []


# Several writers, and sudden death


def together(count, work):
    """Call work(i) in `count` threads at once; the first exception of any of them is raised here."""
    barrier, errors = threading.Barrier(count), []

    def one(i):
        try:
            barrier.wait()
            work(i)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=one, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_two_workers_write_at_once_and_both_succeed(settings):
    """Each with a store of its own, as two processes have; a page reads meanwhile."""
    stores = [Store(settings.database_url) for _ in range(3)]
    runs = [started(store) for store in stores[:2]]

    def work(i):
        for epoch in range(40):
            if i < 2:
                stores[i].record_epoch(runs[i], record(epoch, size=50_000))
            else:
                assert len(stores[i].runs()) == 2

    together(3, work)
    for run in runs:
        assert stores[2].run(run.id).epoch == 39
        assert len(stores[2].history(run.id)) == 80


WRITER = """
import sys
sys.path[:0] = {folders!r}
from test_store import CONFIG, Store, record, started
store = Store({url!r})
run = started(store)
print(run.id, flush=True)
for epoch in range(1_000_000):
    store.record_epoch(run, record(epoch, size=20_000))
"""


@pytest.mark.parametrize("epochs", [0, 3, 25])
def test_a_killed_writer_leaves_whole_epochs(store, settings, epochs):
    """kill -9 in the midst of writing: the database opens, is sound, and every epoch in it is complete."""
    code = WRITER.format(
        folders=[str(ROOT / "tests" / name) for name in ("store", "support")], url=settings.database_url
    )
    writer = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        run_id = writer.stdout.readline().strip()
        while store.run(run_id).epoch < epochs:
            assert writer.poll() is None
            time.sleep(0.001)
    finally:
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    reopened = Store(settings.database_url)
    run, history = reopened.run(run_id), reopened.history(run_id)
    assert run.epoch >= epochs
    assert reopened.checkpoint(run_id) == (run.epoch, b"c%d" % run.epoch)
    for epoch in range(run.epoch + 1):
        assert sorted(history[history.epoch == epoch].variant) == ["ae", "vae"]
        assert reopened.snapshots(run_id, epoch).keys() == reopened.weights(run_id, epoch).keys() == {"ae", "vae"}
    assert history.epoch.max() == run.epoch
    if not postgres.ON:
        with closing(sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    resumed = reopened.claim(run_id)  # and the run can go on
    reopened.record_epoch(resumed, record(run.epoch + 1))
