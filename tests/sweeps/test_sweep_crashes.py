"""Sweeps in trouble, without a cluster: programs that die at any step, stops, lost runs, many writers at once."""

import itertools
import threading
from types import SimpleNamespace

import optuna
import postgres
import pytest
from optuna.trial import TrialState
from sqlalchemy.engine import make_url
from sweeps_by_hand import (
    GRID,
    ONE_FIELD,
    TINY,
    assert_whole,
    begin,
    finish_points,
    metrics,
    outcome,
    restarted,
    runs_by_point,
    train_all,
    train_queued,
    write,
)
from thorough import thorough

from vae.config import RunConfig
from vae.runs.dispatcher import KEPT_DYING
from vae.runs.execution import execute
from vae.store.runs import EpochRecord, Store
from vae.sweeps import driver, stored, study
from vae.sweeps.driver import HOPELESS, advance, points
from vae.sweeps.spec import SweepSpec


class Killed(BaseException):
    """Nobody catches it: the program ends here."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Params and values of GRID, swept without any trouble."""
    settings = SimpleNamespace(
        data_dir=tmp_path_factory.mktemp("data"), threads=1, workers=1, max_weights_mb=64, max_epochs=1000
    )
    with postgres.database(settings.data_dir) as url:
        store = Store(url)
        sweep = begin(store)
        assert train_all(store, sweep, settings).status == "done"
        assert_whole(store, sweep)
        return outcome(store, sweep)


# Crashes


STEPS = {  # a function between two steps, and after how many calls of it the program dies
    "the study is made": (optuna, "create_study", 1),
    "a point is asked for": (optuna.Study, "ask", 2),
    "a setting is drawn": (optuna.Trial, "suggest_categorical", 3),
    "all settings are drawn": (study, "suggest", 2),
    "the runs are queued": (stored, "add_runs", 2),
    "a point is judged": (driver, "objective_values", 1),
    "a point is told": (optuna.Study, "tell", 1),
    "another point is told": (optuna.Study, "tell", 3),
    "the sweep is ended": (stored, "settle", 1),
}


@pytest.mark.parametrize("when", thorough(["before", "after"], ("after",)))
@pytest.mark.parametrize("step", STEPS)
def test_a_program_that_dies_at_any_step_loses_no_point_and_counts_none_twice(
    store, settings, undisturbed, monkeypatch, step, when
):
    where, name, calls = STEPS[step]
    real, left = getattr(where, name), itertools.count(1)

    def dies(*arguments, **options):
        last = next(left) == calls
        if last and when == "before":
            raise Killed
        result = real(*arguments, **options)
        if last:
            raise Killed
        return result

    sweep = begin(store)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(where, name, dies)
        if where is study:
            patched.setattr(driver, name, dies)
        train_all(store, sweep, settings)
    store = restarted(settings)
    assert stored.adopt(store, stored.find(store, sweep.id), "heir") == (
        step != "the sweep is ended" or when == "before"
    )
    sweep = train_all(store, stored.find(store, sweep.id), settings)
    assert sweep.status == "done"
    assert_whole(store, sweep)
    assert outcome(store, sweep) == undisturbed


@pytest.mark.parametrize("step", ["set_user_attr", "request_stop", "tell"])
@pytest.mark.parametrize("why", thorough(["failed", "hopeless"], ("hopeless",)))
def test_a_point_is_given_up_whole_also_after_a_crash(store, settings, monkeypatch, step, why):
    sweep = begin(store, ONE_FIELD.model_copy(update={"seeds": 2}))
    finish_points(store, sweep, settings, count=5)
    advance(store, sweep, settings, room=1)
    first, second = runs_by_point(store, sweep)[5]
    losses = [900.0] if why == "hopeless" else [1.0]
    write(store, first.run_id, losses, end="failed" if why == "failed" else None)
    write(store, second.run_id, losses)

    def dies(*_, **__):
        raise Killed

    where = {"set_user_attr": optuna.Trial, "request_stop": Store, "tell": optuna.Study}[step]
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(where, step, dies)
        advance(store, sweep, settings, room=0)
    store = restarted(settings)
    advance(store, sweep, settings, room=0)
    trial = points(store, sweep)[5]
    assert trial.state == (TrialState.FAIL if why == "failed" else TrialState.PRUNED)
    assert trial.user_attrs["reason"] == ("Seed 0: It diverged." if why == "failed" else HOPELESS)
    assert store.run(second.run_id).stop_requested


# Two programs at once


def test_two_programs_that_move_the_same_sweep_on_train_and_count_everything_once(
    store, settings, undisturbed, monkeypatch
):
    """Worse than may happen: both think they own it, for all its life."""
    sweep, start, troubles, own = begin(store), threading.Barrier(2), [], threading.local()

    def storage(url):  # each program has one of its own, and remembers on its own
        if not hasattr(own, "storage"):
            own.storage = study._storage.__wrapped__(url)
        return own.storage

    monkeypatch.setattr(study, "storage", storage)

    def move():
        mine = Store(settings.database_url)
        start.wait()
        for _ in range(200):
            try:
                if advance(mine, sweep, settings, 100) != "running":
                    return
            except Exception as trouble:  # as the Sweeper does: look again
                troubles.append(trouble)

    def train():
        mine = Store(settings.database_url)
        while stored.find(mine, sweep.id).status == "running":
            train_queued(mine, settings)

    threads = [threading.Thread(target=work, daemon=True) for work in (move, move, train)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert stored.find(store, sweep.id).status == "done"
    assert_whole(store, sweep)
    assert outcome(store, sweep) == undisturbed
    assert {type(trouble).__name__ for trouble in troubles} <= {"UpdateFinishedTrialError"}


def test_an_owner_that_sleeps_through_an_adoption_begins_nothing(store, settings):
    sweep = begin(store)
    assert stored.adopt(store, sweep, "heir")
    advance(store, sweep, settings, room=100)
    assert stored.members(store, sweep.id) == []
    heirs = train_all(store, stored.find(store, sweep.id), settings)
    assert heirs.status == "done"
    assert_whole(store, heirs)


def test_one_point_too_many_is_no_point_of_the_sweep(store, settings):
    sweep = begin(store)
    optuna_study = study.study_of(store, sweep)
    for _ in range(GRID.size + 1):
        optuna_study.ask()
    assert train_all(store, sweep, settings).status == "done"
    assert_whole(store, sweep)


# Stopping


def test_a_stopped_sweep_goes_on_where_it_was(store, settings, undisturbed):
    sweep = begin(store)
    advance(store, sweep, settings, room=3)
    execute(store, store.queue()[0], settings)
    stored.stop(store, sweep.id)
    assert store.queue() == []
    assert advance(store, sweep, settings, room=3) == "stopped", "who hasn't heard of it yet changes nothing"
    assert store.queue() == []
    assert not any(trial.state.is_finished() for trial in points(store, sweep))
    store = restarted(settings)
    assert stored.resume(store, sweep.id, "heir")
    sweep = train_all(store, stored.find(store, sweep.id), settings)
    assert_whole(store, sweep)
    assert outcome(store, sweep) == undisturbed


def test_a_sweep_that_is_resumed_before_its_workers_have_let_go_loses_nothing(store, settings, undisturbed):
    sweep = begin(store)
    advance(store, sweep, settings, room=1)
    asked = []

    def stop_and_resume(epoch):
        if epoch.epoch == 1 and not asked:
            asked.append(epoch)
            stored.stop(store, sweep.id)
            stored.resume(store, sweep.id, "me")
            advance(store, sweep, settings, room=1)

    first = store.queue()[0]
    assert execute(store, first, settings, stop_and_resume) == "queued"
    sweep = train_all(store, stored.find(store, sweep.id), settings)
    assert_whole(store, sweep)
    assert store.run(first).attempt == 2
    assert outcome(store, sweep) == undisturbed


def test_a_stop_in_the_midst_of_a_look_closes_no_point(store, settings, monkeypatch):
    sweep = begin(store)
    advance(store, sweep, settings, room=3)
    real = stored.members

    def stopped_meanwhile(*arguments):
        stored.stop(store, sweep.id)
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(stored, "members", stopped_meanwhile)
        advance(store, sweep, settings, room=3)
    assert {trial.state for trial in points(store, sweep)} == {TrialState.RUNNING}
    assert store.queue() == []


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_run_that_is_stopped_by_hand_takes_its_point_along_and_no_other(store, settings, status):
    sweep = begin(store)
    advance(store, sweep, settings, room=3)
    by_hand, sibling = [member.run_id for member in runs_by_point(store, sweep)[1]]
    run = store.claim(by_hand) if status == "running" else None
    store.request_stop(by_hand)
    if run:
        store.finish(run, "stopped")
    sweep = train_all(store, sweep, settings)
    assert [trial.state.name for trial in points(store, sweep)] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert points(store, sweep)[1].user_attrs["reason"] == "Seed 0: Stopped by hand."
    assert store.run(sibling).status == "stopped"
    assert sweep.status == "done"


def test_a_resumed_sweep_leaves_points_alone_that_were_given_up(store, settings):
    sweep = begin(store)
    advance(store, sweep, settings, room=3)
    store.request_stop(runs_by_point(store, sweep)[0][0].run_id)
    advance(store, sweep, settings, room=0)
    stored.stop(store, sweep.id)
    stored.resume(store, sweep.id, "heir")
    advance(store, stored.find(store, sweep.id), settings, room=0)
    assert [member.status for member in runs_by_point(store, sweep)[0]] == ["stopped", "stopped"]
    assert [member.status for member in runs_by_point(store, sweep)[1]] == ["queued", "queued"]


def test_a_run_of_a_point_that_was_given_up_is_not_queued_again(store, settings):
    sweep = begin(store)
    advance(store, sweep, settings, room=1)
    first, second = runs_by_point(store, sweep)[0]
    store.request_stop(first.run_id)
    store.interrupt(second.run_id, second.pulse, "gone")
    advance(store, sweep, settings, room=0)
    advance(store, sweep, settings, room=0)
    assert store.queue() == []


# Runs that come to grief


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_a_run_that_diverges_fails_its_point_and_the_others_go_on(store, settings):
    base = RunConfig(hidden=(256, 256, 256, 256), epochs=1, validation_size=20, device="cpu")
    sweep = begin(store, SweepSpec.parse(base, {"learning_rate": [1, 0.001]}, seeds=1))
    sweep = train_all(store, sweep, settings)
    diverged, fine = points(store, sweep)
    assert (diverged.state, fine.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert diverged.user_attrs["reason"].startswith("Seed 0: ")
    assert "diverged in epoch 1" in diverged.user_attrs["reason"]
    assert sweep.status == "done"


def test_a_run_that_is_deleted_counts_and_one_that_is_purged_is_trained_again(store, settings, undisturbed):
    sweep = begin(store)
    advance(store, sweep, settings, room=1)
    train_queued(store, settings)
    hidden, gone = [member.run_id for member in stored.members(store, sweep.id)]
    store.delete([gone])
    store.purge(stored.now())
    store.delete([hidden])
    sweep = train_all(store, sweep, settings)
    members = [member.run_id for member in stored.members(store, sweep.id)]
    assert members[0] == hidden
    assert gone not in members
    assert outcome(store, sweep) == undisturbed


def test_a_run_that_is_purged_after_its_point_was_judged_changes_nothing(store, settings):
    sweep = begin(store)
    advance(store, sweep, settings, room=1)
    train_queued(store, settings)
    advance(store, sweep, settings, room=0)
    store.delete([member.run_id for member in stored.members(store, sweep.id)])
    store.purge(stored.now())
    advance(store, sweep, settings, room=0)
    assert store.queue() == []
    assert points(store, sweep)[0].state == TrialState.COMPLETE


def test_a_run_whose_workers_keep_dying_is_tried_again_but_not_for_ever(store, settings):
    sweep = begin(store)
    advance(store, sweep, settings, room=1)
    victim = store.queue()[0]
    while run := store.claim(victim):
        store.interrupt(victim, run.pulse, KEPT_DYING)
        advance(store, sweep, settings, room=0)
    assert store.run(victim).attempt == driver.MOST_ATTEMPTS
    assert points(store, sweep)[0].user_attrs["reason"] == f"Seed 0: {KEPT_DYING}"


# Optuna's tables


@pytest.mark.parametrize("password", ["p@ss:w/rd", "100%", "{braces}", "a b+c", "ümlaut"])
def test_a_password_reaches_optuna_as_it_is(monkeypatch, password):
    """Optuna reads the URL as a format string: neither may its braces be lost, nor anything be filled in."""
    opened = []

    class Listening(optuna.storages.InMemoryStorage):
        def __init__(self, url, **_):
            super().__init__()
            opened.append(make_url(url.format(SCHEMA_VERSION=1)))

    monkeypatch.setattr(optuna.storages, "RDBStorage", Listening)
    url = make_url("postgresql+psycopg://me@host:5432/db").set(password=password)
    study._storage.__wrapped__(study._url(SimpleNamespace(engine=SimpleNamespace(url=url))))
    assert opened == [url]
    assert opened[0].password == password


def test_a_folder_may_have_any_name(tmp_path):
    """SQLAlchemy 2.1 escapes braces in a URL, 2.0 does not."""
    folder = tmp_path / "50% {of} my runs"
    store = Store(f"sqlite:///{folder / 'runs.db'}")
    assert study.study_of(store, begin(store)).trials == []
    study._storage.__wrapped__(f"sqlite:///{folder}/more.db")
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]
    assert {"runs.db", "more.db"} <= {path.name for path in folder.iterdir()}


def test_many_who_open_a_new_database_at_once_all_find_their_study(store, settings):
    sweep, found, start = begin(store), [], threading.Barrier(6)

    def open_it():
        start.wait()
        tables = study._storage.__wrapped__(settings.database_url)  # as programs of their own do
        found.append(optuna.create_study(storage=tables, study_name=sweep.id, load_if_exists=True).study_name)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [sweep.id] * 6
    assert len(optuna.get_all_study_names(study.storage(settings.database_url))) == 1


def test_asking_and_telling_get_along_with_workers_that_write(store, settings):
    """SQLite has one writer at a time: whoever comes second waits, and nobody fails."""
    spec = SweepSpec.parse(TINY, {"beta": [0, 1, 2, 3, 4, 5], "latent_dim": [1, 2]}, seeds=2, prune=True)
    sweep, troubles, over = begin(store, spec), [], threading.Event()

    def work(share):
        mine = Store(settings.database_url)
        try:
            while not over.wait(0.01):
                for run_id in [run_id for run_id in mine.queue() if int(run_id, 16) % 4 == share]:
                    run = mine.claim(run_id)
                    mine.record_start(run, {}, {"hash": "h"}, ("split", 1, b"rows"), b"images")
                    for epoch in range(3):
                        rows = dict.fromkeys(("ae", "vae"), metrics(10.0 - epoch))
                        mine.record_epoch(run, EpochRecord(epoch, "validation", 0.1, rows, {}, {}, b"c" * 50_000))
                    mine.finish(run, "done")
        except Exception as trouble:
            troubles.append(trouble)

    workers = [threading.Thread(target=work, args=(share,), daemon=True) for share in range(4)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(400):
            if advance(store, sweep, settings, room=8) != "running":
                break
    finally:
        over.set()
        for worker in workers:
            worker.join(30)
    assert troubles == []
    assert stored.find(store, sweep.id).status == "done"
    assert {trial.state for trial in points(store, sweep)} == {TrialState.COMPLETE}
