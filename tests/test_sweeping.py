"""Sweeps moved on by hand, their runs trained in this process: values, crashes at every step, pruning, room."""

import itertools
import threading
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from sqlalchemy.engine import make_url
from sweeps_by_hand import (
    GRID,
    TINY,
    assert_whole,
    begin,
    metrics,
    outcome,
    restarted,
    runs_by_point,
    train_all,
    train_queued,
    write,
)

from vae import studies, sweeping
from vae.analysis import sensitivity
from vae.config import RunConfig
from vae.measuring import images_of, models_of, ratio_of
from vae.runs import jobs as jobs_module
from vae.runs import sweeps
from vae.runs.execution import execute
from vae.runs.payloads import unpack
from vae.runs.store import EpochRecord, Store
from vae.runs.sweep_spec import Range, SweepSpec
from vae.sweeping import HOPELESS, Sweeper, advance, points

ONE_FIELD = SweepSpec.parse(TINY, {"beta": [0, 0.5, 1, 2, 3, 4, 5, 6]}, seeds=1, prune=True)


class Killed(BaseException):
    """Nobody catches it: the program ends here."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Params and values of GRID, swept without any trouble."""
    settings = SimpleNamespace(
        data_dir=tmp_path_factory.mktemp("data"), threads=1, workers=1, max_weights_mb=64, max_epochs=1000
    )
    store = Store(f"sqlite:///{settings.data_dir / 'runs.db'}")
    sweep = begin(store)
    assert train_all(store, sweep, settings).status == "done"
    assert_whole(store, sweep)
    return outcome(store, sweep)


# Values

SPLITS = ("validation", "test")


def last(history, variant, split, name):
    """A metric after the last epoch."""
    rows = history[(history.variant == variant) & (history.split == split) & (history.epoch == TINY.epochs)]
    return rows[name].item()


def test_a_points_value_is_the_mean_over_its_seeds_on_the_validation_images(store, settings):
    spec = SweepSpec.parse(TINY, {"beta": [0.5, 2.0]}, seeds=3, objectives=("kl", "reconstruction"))
    sweep = begin(store, spec)
    assert train_all(store, sweep, settings).status == "done"
    for trial in points(store, sweep):
        histories = [store.history(member.run_id) for member in runs_by_point(store, sweep)[trial.number]]
        assert len(histories) == 3
        for place, name in enumerate(spec.objectives):
            validation, test = (np.mean([last(it, "vae", split, name) for it in histories]) for split in SPLITS)
            assert trial.values[place] == pytest.approx(validation, rel=1e-12)
            assert trial.values[place] != pytest.approx(test, rel=1e-6)
    assert [trial.params for trial in points(store, sweep)] == [{"beta": 0.5}, {"beta": 2.0}]


def test_another_variant_may_be_judged_also_on_training_images(store, settings):
    base = TINY.model_copy(update={"validation_size": 0})
    sweep = begin(store, SweepSpec.parse(base, {"latent_dim": [2]}, seeds=2, of="ae", objectives=("loss",)))
    train_all(store, sweep, settings)
    (trial,) = points(store, sweep)
    histories = [store.history(member.run_id) for member in sweeps.members(store, sweep.id)]
    losses = [last(history, "ae", "train", "loss") for history in histories]
    assert trial.values == [pytest.approx(np.mean(losses), rel=1e-12)]


def test_the_ratio_is_that_of_the_nudges_of_the_validation_images(store, settings):
    sweep = begin(store, SweepSpec.parse(TINY, {"beta": [1.0]}, seeds=2, objectives=("ratio", "kl")))
    train_all(store, sweep, settings)
    (trial,) = points(store, sweep)
    logs = []
    for member in sweeps.members(store, sweep.id):
        run = store.run(member.run_id)
        images = images_of(store, run, settings)
        rows = unpack(store.split_rows(run.id))["validation"]
        assert len(rows) == 20
        table = sensitivity.measure(models_of(store, run, 2), images.train_x[rows] / np.float32(16), seed=member.seed)
        moved = table.query("unit == 'latent_std' and size == 0.1").set_index("variant")["rmse"]
        logs.append(np.log(moved["ae"] / moved["vae"]))
        assert ratio_of(store, run, settings) == pytest.approx(np.exp(logs[-1]), rel=1e-5)
    assert trial.values[0] == pytest.approx(np.exp(np.mean(logs)), rel=1e-5)


def test_a_point_that_cannot_be_measured_fails_with_its_reason(store, settings, monkeypatch):
    monkeypatch.setattr("vae.measuring.ratio_of", lambda *_: float("nan"))
    sweep = begin(store, SweepSpec.parse(TINY, {"beta": [1.0]}, seeds=1, objectives=("ratio",)))
    assert train_all(store, sweep, settings).status == "done"
    (trial,) = points(store, sweep)
    assert trial.state == TrialState.FAIL
    assert trial.user_attrs["reason"].startswith("Its ratio can't be measured")


# Points


DRAWN = {"beta": Range(low=0.1, high=10, log=True), "latent_dim": Range(low=1, high=64), "activation": ["relu", "tanh"]}


def drawn(store, settings, sampler, count, restart=False, seed=0):
    """Params of points whose values are told at once: by a made-up rule, so that nothing is trained."""
    spec = SweepSpec.parse(TINY.model_copy(update={"seed": seed}), DRAWN, sampler=sampler, points=count, seeds=1)
    sweep = begin(store, spec)
    for i in range(count):
        advance(store, sweep, settings, room=1)
        study = studies.study_of(store, sweep)
        trial = study.trials[i]
        study.tell(trial.number, abs(np.log(trial.params["beta"])) + trial.params["latent_dim"] / 100)
        for run_id in store.queue():
            store.request_stop(run_id)
        if restart:
            store = restarted(settings)
    return [trial.params for trial in points(store, sweep)]


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_the_same_sweep_draws_the_same_points_also_when_restarted_between_them(store, settings, sampler):
    count = 13  # TPE draws ten at random before it learns
    found = drawn(store, settings, sampler, count)
    assert drawn(store, settings, sampler, count, restart=True) == found
    assert len({params["beta"] for params in found}) == count
    assert {type(params["latent_dim"]) for params in found} == {int}
    assert all(0.1 <= params["beta"] <= 10 and 1 <= params["latent_dim"] <= 64 for params in found)
    assert drawn(store, settings, sampler, 2, seed=1) != found[:2]


def test_tpe_learns_and_random_does_not(store, settings):
    random, tpe = (drawn(store, settings, sampler, 14) for sampler in ("random", "tpe"))
    assert random[:10] != random[10:]
    assert random[10:] != tpe[10:]


def test_a_combination_that_makes_no_run_fails_with_the_reason_and_the_sweep_goes_on(store, settings):
    over = {"epochs": Range(low=1, high=4), "kl_warmup_epochs": Range(low=0, high=4)}
    sweep = begin(store, SweepSpec.parse(TINY, over, sampler="random", points=8, seeds=1))
    assert train_all(store, sweep, settings).status == "done"
    for trial in points(store, sweep):
        possible = trial.params["kl_warmup_epochs"] <= trial.params["epochs"]
        assert trial.state == (TrialState.COMPLETE if possible else TrialState.FAIL)
        assert possible or "longer than the" in trial.user_attrs["reason"]
    assert {trial.state for trial in points(store, sweep)} == {TrialState.COMPLETE, TrialState.FAIL}


def test_room_is_left_to_others(store, settings):
    sweep = begin(store)
    advance(store, sweep, settings, room=1)
    assert len(store.queue()) == 2, "one point with its two seeds"
    advance(store, sweep, settings, room=2)
    assert len(store.queue()) == 2
    advance(store, sweep, settings, room=3)
    assert len(store.queue()) == 4
    execute(store, store.queue()[0], settings)
    advance(store, sweep, settings, room=3)
    assert len(store.queue()) == 3
    execute(store, store.queue()[0], settings)
    advance(store, sweep, settings, room=0)
    assert [trial.state for trial in points(store, sweep)] == [TrialState.COMPLETE, TrialState.RUNNING]


def test_runs_that_are_queued_again_count_as_well(store, settings):
    sweep = begin(store)
    advance(store, sweep, settings, room=2)
    for run_id in store.queue():
        store.interrupt(run_id, 0, "gone")
    advance(store, sweep, settings, room=2)
    assert len(store.queue()) == 2


# Crashes


STEPS = {  # a function between two steps, and after how many calls of it the program dies
    "the study is made": (optuna, "create_study", 1),
    "a point is asked for": (optuna.Study, "ask", 2),
    "a setting is drawn": (optuna.Trial, "suggest_categorical", 3),
    "all settings are drawn": (studies, "suggest", 2),
    "the runs are queued": (sweeps, "add_runs", 2),
    "a point is judged": (sweeping, "judge", 1),
    "a point is told": (optuna.Study, "tell", 1),
    "another point is told": (optuna.Study, "tell", 3),
    "the sweep is ended": (sweeps, "settle", 1),
}


@pytest.mark.parametrize("when", ["before", "after"])
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
        if where is studies:
            patched.setattr(sweeping, name, dies)
        train_all(store, sweep, settings)
    store = restarted(settings)
    assert sweeps.adopt(store, sweeps.find(store, sweep.id), "heir") == (
        step != "the sweep is ended" or when == "before"
    )
    sweep = train_all(store, sweeps.find(store, sweep.id), settings)
    assert sweep.status == "done"
    assert_whole(store, sweep)
    assert outcome(store, sweep) == undisturbed


@pytest.mark.parametrize("step", ["set_user_attr", "request_stop", "tell"])
@pytest.mark.parametrize("why", ["failed", "hopeless"])
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
            own.storage = studies._storage.__wrapped__(url)
        return own.storage

    monkeypatch.setattr(studies, "storage", storage)

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
        while sweeps.find(mine, sweep.id).status == "running":
            train_queued(mine, settings)

    threads = [threading.Thread(target=it, daemon=True) for it in (move, move, train)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sweeps.find(store, sweep.id).status == "done"
    assert_whole(store, sweep)
    assert outcome(store, sweep) == undisturbed
    assert {type(trouble).__name__ for trouble in troubles} <= {"UpdateFinishedTrialError"}


def test_an_owner_that_sleeps_through_an_adoption_begins_nothing(store, settings):
    sweep = begin(store)
    assert sweeps.adopt(store, sweep, "heir")
    advance(store, sweep, settings, room=100)
    assert sweeps.members(store, sweep.id) == []
    heirs = train_all(store, sweeps.find(store, sweep.id), settings)
    assert heirs.status == "done"
    assert_whole(store, heirs)


def test_one_point_too_many_is_no_point_of_the_sweep(store, settings):
    sweep = begin(store)
    study = studies.study_of(store, sweep)
    for _ in range(GRID.size + 1):
        study.ask()
    assert train_all(store, sweep, settings).status == "done"
    assert_whole(store, sweep)


# Stopping


def test_a_stopped_sweep_goes_on_where_it_was(store, settings, undisturbed):
    sweep = begin(store)
    advance(store, sweep, settings, room=3)
    execute(store, store.queue()[0], settings)
    sweeps.stop(store, sweep.id)
    assert store.queue() == []
    assert advance(store, sweep, settings, room=3) == "stopped", "who hasn't heard of it yet changes nothing"
    assert store.queue() == []
    assert not any(trial.state.is_finished() for trial in points(store, sweep))
    store = restarted(settings)
    assert sweeps.resume(store, sweep.id, "heir")
    sweep = train_all(store, sweeps.find(store, sweep.id), settings)
    assert_whole(store, sweep)
    assert outcome(store, sweep) == undisturbed


def test_a_sweep_that_is_resumed_before_its_workers_have_let_go_loses_nothing(store, settings, undisturbed):
    sweep = begin(store)
    advance(store, sweep, settings, room=1)
    asked = []

    def stop_and_resume(epoch):
        if epoch.epoch == 1 and not asked:
            asked.append(epoch)
            sweeps.stop(store, sweep.id)
            sweeps.resume(store, sweep.id, "me")
            advance(store, sweep, settings, room=1)

    first = store.queue()[0]
    assert execute(store, first, settings, stop_and_resume) == "queued"
    sweep = train_all(store, sweeps.find(store, sweep.id), settings)
    assert_whole(store, sweep)
    assert store.run(first).attempt == 2
    assert outcome(store, sweep) == undisturbed


def test_a_stop_in_the_midst_of_a_look_closes_no_point(store, settings, monkeypatch):
    sweep = begin(store)
    advance(store, sweep, settings, room=3)
    real = sweeps.members

    def stopped_meanwhile(*arguments):
        sweeps.stop(store, sweep.id)
        return real(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(sweeps, "members", stopped_meanwhile)
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
    sweeps.stop(store, sweep.id)
    sweeps.resume(store, sweep.id, "heir")
    advance(store, sweeps.find(store, sweep.id), settings, room=0)
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
    hidden, gone = [member.run_id for member in sweeps.members(store, sweep.id)]
    store.delete([gone])
    store.purge(sweeps.now())
    store.delete([hidden])
    sweep = train_all(store, sweep, settings)
    members = [member.run_id for member in sweeps.members(store, sweep.id)]
    assert members[0] == hidden
    assert gone not in members
    assert outcome(store, sweep) == undisturbed


def test_a_run_that_is_purged_after_its_point_was_judged_changes_nothing(store, settings):
    sweep = begin(store)
    advance(store, sweep, settings, room=1)
    train_queued(store, settings)
    advance(store, sweep, settings, room=0)
    store.delete([member.run_id for member in sweeps.members(store, sweep.id)])
    store.purge(sweeps.now())
    advance(store, sweep, settings, room=0)
    assert store.queue() == []
    assert points(store, sweep)[0].state == TrialState.COMPLETE


def test_a_run_whose_workers_keep_dying_is_tried_again_but_not_for_ever(store, settings):
    sweep = begin(store)
    advance(store, sweep, settings, room=1)
    victim = store.queue()[0]
    while run := store.claim(victim):
        store.interrupt(victim, run.pulse, jobs_module.KEPT_DYING)
        advance(store, sweep, settings, room=0)
    assert store.run(victim).attempt == sweeping.MOST_ATTEMPTS
    assert points(store, sweep)[0].user_attrs["reason"] == f"Seed 0: {jobs_module.KEPT_DYING}"


# Pruning


def finish_points(store, sweep, settings, count):
    """Points that end before anybody has looked at their epochs; five have a median loss of 12 after one epoch."""
    for number in range(count):
        advance(store, sweep, settings, room=1)
        for run_id in store.queue():
            write(store, run_id, [10.0 + number, float(number)], end="done")
    advance(store, sweep, settings, room=0)


def test_a_hopeless_point_is_stopped_and_a_good_one_goes_on(store, settings):
    sweep = begin(store, ONE_FIELD)
    finish_points(store, sweep, settings, count=5)
    assert [trial.values for trial in points(store, sweep)] == [[number - 1.0] for number in range(5)]
    advance(store, sweep, settings, room=2)
    good, bad = [runs_by_point(store, sweep)[number][0].run_id for number in (5, 6)]
    write(store, good, [11.9])
    write(store, bad, [12.1])
    advance(store, sweep, settings, room=0)
    assert [trial.state.name for trial in points(store, sweep)[5:]] == ["RUNNING", "PRUNED"]
    assert points(store, sweep)[6].user_attrs["reason"] == HOPELESS
    assert (store.run(good).stop_requested, store.run(bad).stop_requested) == (False, True)
    for _ in range(3):
        advance(store, sweep, settings, room=0)
    assert points(store, sweep)[5].state == TrialState.RUNNING


def test_nothing_is_hopeless_before_some_points_are_finished(store, settings):
    sweep = begin(store, ONE_FIELD)
    finish_points(store, sweep, settings, count=4)
    advance(store, sweep, settings, room=1)
    write(store, store.queue()[0], [1e5])
    advance(store, sweep, settings, room=0)
    assert points(store, sweep)[4].state == TrialState.RUNNING


def test_a_point_is_hopeless_by_the_mean_of_its_seeds_where_all_have_arrived(store, settings):
    sweep = begin(store, ONE_FIELD.model_copy(update={"seeds": 2}))
    finish_points(store, sweep, settings, count=5)
    advance(store, sweep, settings, room=1)
    first, second = [member.run_id for member in runs_by_point(store, sweep)[5]]
    write(store, first, [1e5])
    advance(store, sweep, settings, room=0)
    assert points(store, sweep)[5].state == TrialState.RUNNING, "the other seed has no epoch yet"
    write(store, second, [-1e5])
    advance(store, sweep, settings, room=0)
    assert points(store, sweep)[5].state == TrialState.RUNNING, "their mean is good"
    assert points(store, sweep)[5].intermediate_values == {1: -1.0}


def test_a_point_that_has_seen_its_last_epoch_is_not_stopped_any_more(store, settings):
    sweep = begin(store, ONE_FIELD)
    finish_points(store, sweep, settings, count=5)
    advance(store, sweep, settings, room=1)
    write(store, store.queue()[0], [1e5, 1e5])
    advance(store, sweep, settings, room=0)
    assert points(store, sweep)[5].state == TrialState.RUNNING


def test_without_pruning_nothing_is_stopped(store, settings):
    sweep = begin(store, ONE_FIELD.model_copy(update={"prune": False}))
    finish_points(store, sweep, settings, count=5)
    advance(store, sweep, settings, room=1)
    write(store, store.queue()[0], [1e5])
    advance(store, sweep, settings, room=0)
    assert points(store, sweep)[5].state == TrialState.RUNNING


# The Sweeper


class Queue:
    """What a Sweeper needs of Jobs."""

    def __init__(self, owner):
        self.owner, self.woken = owner, 0

    def wake(self):
        self.woken += 1


def test_a_silent_sweep_is_adopted_after_the_silence_and_not_before(store, settings, monkeypatch):
    moment = [100.0]
    monkeypatch.setattr(sweeping.time, "monotonic", lambda: moment[0])
    sweep, heir = begin(store, owner="dead"), Sweeper(store, settings, Queue("heir"))

    def owner_after(seconds, beat=False):
        moment[0] += seconds
        if beat:
            sweeps.beat(store, "dead")
        heir.look()
        return sweeps.find(store, sweep.id).owner

    assert owner_after(0) == "dead"
    assert owner_after(jobs_module.SILENCE - 0.1) == "dead"
    assert owner_after(0, beat=True) == "dead"
    assert owner_after(jobs_module.SILENCE - 0.1) == "dead", "its silence began anew with the beat"
    assert sweeps.members(store, sweep.id) == []
    assert owner_after(0.2) == "heir"
    assert heir.jobs.woken == 0
    heir.look()
    assert store.owned("heir", "queued") and heir.jobs.woken == 1


def test_a_living_sweeper_beats_also_while_a_look_takes_long(store, settings, monkeypatch):
    monkeypatch.setattr(sweeping, "BEAT", 0.05)
    monkeypatch.setattr(sweeping, "TICK", 0.01)
    looking, over = threading.Event(), threading.Event()

    def slow(*_):
        looking.set()
        over.wait(20)

    monkeypatch.setattr(sweeping, "advance", slow)
    sweep = begin(store)
    sweeper = Sweeper(store, settings, Queue("me")).start()
    try:
        assert looking.wait(20)
        before = sweeps.find(store, sweep.id).pulse
        for _ in range(200):
            if sweeps.find(store, sweep.id).pulse >= before + 2:
                break
            over.wait(0.05)
        assert sweeps.find(store, sweep.id).pulse >= before + 2
    finally:
        over.set()
        sweeper.close()


def test_a_broken_sweep_does_not_hold_up_the_others(store, settings, monkeypatch):
    fine, refused, broken = (begin(store) for _ in range(3))
    real = sweeping.advance

    def trouble(store, sweep, *rest):
        if sweep.id == broken.id:
            raise RuntimeError("the study is damaged")
        if sweep.id == refused.id:
            raise sweeping.InputError("No such images.")
        return real(store, sweep, *rest)

    monkeypatch.setattr(sweeping, "advance", trouble)
    Sweeper(store, settings, Queue("me")).look()
    assert sweeps.members(store, fine.id) != []
    assert [(it.status, it.error) for it in (sweeps.find(store, it.id) for it in (refused, broken))] == [
        ("failed", "No such images."),
        ("running", None),
    ]


def test_a_sweeper_that_never_started_can_be_closed(store, settings):
    Sweeper(store, settings, Queue("me")).close()


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
    studies._storage.__wrapped__(studies._url(SimpleNamespace(engine=SimpleNamespace(url=url))))
    assert opened == [url]
    assert opened[0].password == password


def test_a_folder_may_have_any_name(tmp_path, settings):
    folder = tmp_path / "50% {of} my runs"
    store = Store(f"sqlite:///{folder / 'runs.db'}")
    sweep = begin(store)
    advance(store, sweep, settings, room=1)
    assert len(store.queue()) == 2
    assert [path.name for path in tmp_path.iterdir() if path.is_dir() and path != settings.data_dir] == [folder.name]


def test_many_who_open_a_new_database_at_once_all_find_their_study(store, settings):
    sweep, found, start = begin(store), [], threading.Barrier(6)

    def open_it():
        start.wait()
        tables = studies._storage.__wrapped__(settings.database_url)  # as programs of their own do
        found.append(optuna.create_study(storage=tables, study_name=sweep.id, load_if_exists=True).study_name)

    threads = [threading.Thread(target=open_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [sweep.id] * 6
    assert len(optuna.get_all_study_names(studies.storage(settings.database_url))) == 1


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
    assert sweeps.find(store, sweep.id).status == "done"
    assert {trial.state for trial in points(store, sweep)} == {TrialState.COMPLETE}
