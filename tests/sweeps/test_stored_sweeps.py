"""Rows of sweeps in the store: who moves one on, which run belongs to which point, and what of it is measured."""

import dataclasses
import threading

import numpy as np
import pytest
from sweeps_by_hand import metrics

from vae.config import RunConfig
from vae.errors import InputError
from vae.metrics import scalars
from vae.store.runs import EpochRecord, Store
from vae.sweeps import stored
from vae.sweeps.spec import Range, SweepSpec

TINY = RunConfig(hidden=(8,), epochs=2)
SPEC = SweepSpec.parse(TINY, {"beta": [0, 0.5, 1.0], "hidden": ["", "8,4"]}, seeds=2)


def configs(beta=1.0, seeds=(0, 1)):
    return [TINY.model_copy(update={"beta": beta, "seed": seed}) for seed in seeds]


def record(store, run, epoch, loss):
    ae = metrics(loss + 10) | {"kl": None, "kl_per_dim": None, "mse_from_sample": None}
    written = {"ae": ae, "vae": metrics(loss)}
    store.record_epoch(run, EpochRecord(epoch, "validation", 0.1, written, {}, {}, b"c"))


@pytest.fixture
def sweep(store):
    return stored.find(store, stored.create(store, SPEC, "A question", "me"))


def statuses(store, sweep):
    return {(member.number, member.seed): member.status for member in stored.members(store, sweep.id)}


# One row per sweep


def test_a_sweep_comes_back_as_it_was_asked_for_also_in_a_reopened_database(store, settings, sweep):
    back = stored.find(Store(settings.database_url), sweep.id)
    assert back == sweep
    assert back.spec == SPEC
    assert {name: list(map(type, values)) for name, values in back.spec.over.items()} == {
        "beta": [float] * 3,
        "hidden": [str] * 2,
    }
    assert (back.name, back.status, back.owner, back.error, back.pulse) == ("A question", "running", "me", None, 0)
    assert back.created_at.utcoffset().total_seconds() == 0
    drawn = SweepSpec.parse(TINY, {"beta": Range(low=1, high=4, log=True)}, sampler="tpe", objectives=("kl", "ratio"))
    assert stored.find(store, stored.create(store, drawn, "x" * 300, "me")).spec == drawn


def test_an_unknown_sweep_is_told_in_a_sentence(store):
    with pytest.raises(InputError, match=r"^There is no sweep 'ffff' in this database\.$"):
        stored.find(store, "ffff")
    assert stored.members(store, "ffff") == []
    assert not stored.resume(store, "ffff", "me")
    stored.stop(store, "ffff")


def test_lists_are_newest_first_and_may_be_asked_by_status(store):
    ids = [stored.create(store, SPEC, str(i), "me") for i in range(3)]
    assert [sweep.id for sweep in stored.listed(store)] == ids[::-1]
    assert [sweep.id for sweep in stored.listed(store, limit=2)] == ids[:0:-1]
    stored.stop(store, ids[1])
    assert [sweep.id for sweep in stored.listed(store, status="stopped")] == [ids[1]]
    assert [sweep.id for sweep in stored.listed(store, status="running")] == [ids[2], ids[0]]


# Who moves it on


def test_only_its_owner_ends_a_running_sweep_and_once(store, sweep):
    other = dataclasses.replace(sweep, owner="other")
    assert not stored.settle(store, other, "done")
    assert stored.settle(store, sweep, "failed", "No such images.")
    assert not stored.settle(store, sweep, "done")
    ended = stored.find(store, sweep.id)
    assert (ended.status, ended.error) == ("failed", "No such images.")
    assert ended.finished_at >= ended.created_at


def test_a_beat_moves_the_pulse_of_an_owners_running_sweeps_only(store, sweep):
    stopped, others = stored.create(store, SPEC, "", "me"), stored.create(store, SPEC, "", "other")
    stored.stop(store, stopped)
    stored.beat(store, "me")
    assert [stored.find(store, sweep_id).pulse for sweep_id in (sweep.id, stopped, others)] == [1, 0, 0]


def test_a_silent_sweep_is_taken_over_once_and_a_living_one_never(store, sweep):
    stored.beat(store, "me")
    assert not stored.adopt(store, sweep, "heir"), "it gave a sign of life since it was looked at"
    seen = stored.find(store, sweep.id)
    assert [stored.adopt(store, seen, heir) for heir in ("heir", "late")] == [True, False]
    assert stored.find(store, sweep.id).owner == "heir"
    stored.stop(store, sweep.id)
    assert not stored.adopt(store, stored.find(store, sweep.id), "late")


def test_an_owner_that_comes_back_after_being_taken_over_writes_nothing(store, sweep):
    assert stored.add_runs(store, sweep, 0, configs())
    first = stored.members(store, sweep.id)[0]
    store.interrupt(first.run_id, first.pulse, "gone")
    assert stored.adopt(store, sweep, "heir")
    before = stored.members(store, sweep.id)
    assert not stored.add_runs(store, sweep, 1, configs())
    stored.requeue(store, sweep, first.run_id)
    assert not stored.settle(store, sweep, "done")
    assert stored.members(store, sweep.id) == before
    heirs = stored.find(store, sweep.id)
    stored.requeue(store, heirs, first.run_id)
    assert store.owned("heir", "queued") == [first.run_id]


# Its runs


def test_a_points_runs_are_queued_once_each(store, sweep):
    for _ in range(2):
        assert stored.add_runs(store, sweep, 3, configs())
    assert stored.add_runs(store, sweep, 4, configs(seeds=(0,)))
    assert stored.add_runs(store, sweep, 4, configs())
    assert statuses(store, sweep) == {(number, seed): "queued" for number in (3, 4) for seed in (0, 1)}
    members = stored.members(store, sweep.id)
    assert store.owned("me", "queued") == [member.run_id for member in members]
    assert [store.run(member.run_id).config for member in members[:2]] == configs()


def test_many_who_queue_the_same_point_at_once_queue_it_once(store, settings, sweep):
    start = threading.Barrier(4)

    def add():
        mine = Store(settings.database_url)
        start.wait()
        for number in range(3):
            stored.add_runs(mine, sweep, number, configs(seeds=range(4)))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    members = stored.members(store, sweep.id)
    assert [(member.number, member.seed) for member in members] == [
        (number, seed) for number in range(3) for seed in range(4)
    ]
    assert len(store.queue()) == len(members)


def test_a_point_is_queued_whole_or_not_at_all(store, sweep, monkeypatch):
    made = []

    def fails_at_the_second(connection, config, *asked):
        made.append(config)
        if len(made) == 2:
            raise RuntimeError("killed")
        return new_run(connection, config, *asked)

    new_run = stored.new_run
    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(stored, "new_run", fails_at_the_second)
        stored.add_runs(store, sweep, 0, configs())
    assert stored.members(store, sweep.id) == []
    assert store.queue() == []


def test_a_purged_run_leaves_its_place_free(store, sweep):
    stored.add_runs(store, sweep, 0, configs())
    gone = stored.members(store, sweep.id)[0].run_id
    store.request_stop(gone)
    assert store.delete([gone]) == 1
    assert len(stored.members(store, sweep.id)) == 2, "it may still be restored"
    store.purge(stored.now())
    assert list(statuses(store, sweep)) == [(0, 1)]
    stored.add_runs(store, sweep, 0, configs())
    assert statuses(store, sweep) == {(0, 0): "queued", (0, 1): "queued"}


# Stop and resume


def test_a_stop_interrupts_what_is_under_way_and_nothing_else(store, sweep):
    stored.add_runs(store, sweep, 0, configs(seeds=range(4)))
    alone = store.create(TINY, "me")
    done, training, by_hand, waiting = [member.run_id for member in stored.members(store, sweep.id)]
    store.finish(store.claim(done), "done")
    run = store.claim(training)
    store.request_stop(by_hand)
    stored.stop(store, sweep.id)
    assert list(statuses(store, sweep).values()) == ["done", "interrupted", "stopped", "interrupted"]
    assert store.run(waiting).error == "Its sweep was stopped."
    assert store.run(alone).status == "queued"
    assert store.stop_requested(training, run.attempt), "its worker lets go of it"
    stopped = stored.find(store, sweep.id)
    assert stopped.status == "stopped" and stopped.finished_at is not None
    assert not stored.add_runs(store, sweep, 1, configs())
    stored.requeue(store, sweep, waiting)
    assert store.run(waiting).status == "interrupted"


def test_a_resumed_sweep_runs_again_under_its_new_owner(store, sweep):
    assert not stored.resume(store, sweep.id, "heir"), "it runs"
    stored.settle(store, sweep, "failed", "No such images.")
    assert stored.resume(store, sweep.id, "heir")
    resumed = stored.find(store, sweep.id)
    assert (resumed.status, resumed.owner, resumed.error, resumed.finished_at) == ("running", "heir", None, None)
    stored.settle(store, resumed, "done")
    assert not stored.resume(store, sweep.id, "heir"), "it is done"


# What is measured


@pytest.fixture
def measured(store, sweep):
    """Point 0: seed 0 done after 2 epochs, seed 1 under way in its second. Point 1: one seed, done."""
    stored.add_runs(store, sweep, 0, configs(beta=0.5))
    stored.add_runs(store, sweep, 1, configs(seeds=(0,)))
    for member, epochs in zip(stored.members(store, sweep.id), (2, 1, 2), strict=True):
        run = store.claim(member.run_id)
        store.record_start(run, {}, {"hash": "h"}, ("split", 1, b"rows"), b"images")
        for epoch in range(epochs + 1):
            record(store, run, epoch, 100 * member.number + 10 * member.seed + epoch)
        if epochs == 2:
            store.finish(run, "done", test={"ae": metrics(999.0), "vae": metrics(1000.0)})
    return sweep


def test_rows_are_every_metric_of_every_epoch_of_a_point(store, measured):
    table = stored.rows(store, measured.id, 0)
    assert list(table.columns) == ["number", "seed", "run_id", "status", "variant", "split", "epoch", *scalars()]
    assert len(table) == 2 * 3 + 2 + 2 * 2
    vae = table[(table.variant == "vae") & (table.split == "validation")]
    assert vae[["seed", "epoch", "loss"]].to_numpy().tolist() == [
        [0, 0, 0.0],
        [0, 1, 1.0],
        [0, 2, 2.0],
        [1, 0, 10.0],
        [1, 1, 11.0],
    ]
    assert stored.rows(store, measured.id, 7).empty


def test_results_are_the_last_epoch_and_the_test_images_beside_the_settings(store, measured):
    params = {0: {"beta": 0.5, "reconstruction": "bce"}, 1: {"beta": 1.0, "reconstruction": "sse"}, 2: {"beta": 9.0}}
    table = stored.results(store, measured.id, params)
    assert list(table.columns[:3]) == ["number", "beta", "reconstruction_setting"]
    vae = table[table.variant == "vae"]
    assert vae[["number", "beta", "seed", "status", "split", "loss"]].to_numpy().tolist() == [
        [0, 0.5, 0, "done", "test", 1000.0],
        [0, 0.5, 0, "done", "validation", 2.0],
        [0, 0.5, 1, "running", "validation", 11.0],
        [1, 1.0, 0, "done", "test", 1000.0],
        [1, 1.0, 0, "done", "validation", 102.0],
    ]
    assert vae["reconstruction_setting"].tolist() == ["bce"] * 3 + ["sse"] * 2
    assert np.isnan(table[(table.variant == "ae") & (table.split == "validation")]["kl"].astype(float)).all()


def test_results_of_nothing_are_an_empty_table(store, sweep):
    table = stored.results(store, sweep.id, {})
    assert table.empty
    assert {"number", "seed", "loss"} <= set(table.columns)
