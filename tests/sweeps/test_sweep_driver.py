"""Sweeps moved on by hand, their runs trained in this process: values, points, pruning, room, adoption."""

import threading

import numpy as np
import pytest
from optuna.trial import TrialState
from sweeps_by_hand import (
    ONE_FIELD,
    TINY,
    begin,
    finish_points,
    restarted,
    runs_by_point,
    train_all,
    write,
)

from vae.analysis import sensitivity
from vae.errors import InputError
from vae.measuring import images_of, lessons, models_of, sensitivity_ratio
from vae.runs import heartbeats
from vae.runs.execution import execute
from vae.runs.heartbeats import BLIND, SILENCE
from vae.store.tensor_bytes import unpack
from vae.sweeps import driver, stored, study
from vae.sweeps.driver import HOPELESS, Sweeper, advance, points
from vae.sweeps.spec import Range, SweepSpec

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
            validation, test = (
                np.mean([last(history, "vae", split, name) for history in histories]) for split in SPLITS
            )
            assert trial.values[place] == pytest.approx(validation, rel=1e-12)
            assert trial.values[place] != pytest.approx(test, rel=1e-6)
    assert [trial.params for trial in points(store, sweep)] == [{"beta": 0.5}, {"beta": 2.0}]


def test_another_variant_may_be_judged_also_on_training_images(store, settings):
    base = TINY.model_copy(update={"validation_size": 0})
    sweep = begin(store, SweepSpec.parse(base, {"latent_dim": [2]}, seeds=2, of="ae", objectives=("loss",)))
    train_all(store, sweep, settings)
    (trial,) = points(store, sweep)
    histories = [store.history(member.run_id) for member in stored.members(store, sweep.id)]
    losses = [last(history, "ae", "train", "loss") for history in histories]
    assert trial.values == [pytest.approx(np.mean(losses), rel=1e-12)]


def test_the_ratio_is_that_of_the_nudges_of_the_validation_images(store, settings):
    sweep = begin(store, SweepSpec.parse(TINY, {"beta": [1.0]}, seeds=2, objectives=("ratio", "kl")))
    train_all(store, sweep, settings)
    (trial,) = points(store, sweep)
    logs = []
    for member in stored.members(store, sweep.id):
        run = store.run(member.run_id)
        images = images_of(store, run, settings)
        rows = unpack(store.split_rows(run.id))["validation"]
        assert len(rows) == 20
        table = sensitivity.measure(models_of(store, run, 2), images.train_x[rows] / np.float32(16), seed=member.seed)
        moved = table.query("unit == 'latent_std' and size == 0.1").set_index("variant")["rmse"]
        logs.append(np.log(moved["ae"] / moved["vae"]))
        assert sensitivity_ratio(store, run, settings) == pytest.approx(np.exp(logs[-1]), rel=1e-5)
    assert trial.values[0] == pytest.approx(np.exp(np.mean(logs)), rel=1e-5)


def test_the_ratio_takes_a_limited_number_of_images_and_training_images_where_no_others_are(
    store, settings, monkeypatch
):
    monkeypatch.setattr(lessons, "RATIO_IMAGES", 7)
    seen, real = [], sensitivity.measure

    def watched(models, x, **options):
        seen.append(x)
        return real(models, x, **options)

    monkeypatch.setattr(sensitivity, "measure", watched)
    run_id = store.create(TINY.model_copy(update={"validation_size": 0}), "me")
    execute(store, run_id, settings)
    run = store.run(run_id)
    assert sensitivity_ratio(store, run, settings) > 0
    images, rows = images_of(store, run, settings), unpack(store.split_rows(run_id))["train"]
    assert np.array_equal(seen[0], images.train_x[rows[:7]] / np.float32(16))
    with pytest.raises(InputError, match="has no weights to measure"):
        sensitivity_ratio(store, store.run(store.create(TINY, "me")), settings)


def test_a_point_that_cannot_be_measured_fails_with_its_reason(store, settings, monkeypatch):
    monkeypatch.setattr("vae.measuring.sensitivity_ratio", lambda *_: float("nan"))
    sweep = begin(store, SweepSpec.parse(TINY, {"beta": [1.0]}, seeds=1, objectives=("ratio",)))
    assert train_all(store, sweep, settings).status == "failed", "nothing succeeded"
    (trial,) = points(store, sweep)
    assert trial.state == TrialState.FAIL
    assert trial.user_attrs["reason"].startswith("Change ratio AE ÷ VAE can't be measured")
    assert stored.find(store, sweep.id).error == f"No point ended well. {trial.user_attrs['reason']}"


# Points


DRAWN = {"beta": Range(low=0.1, high=10, log=True), "latent_dim": Range(low=1, high=64), "activation": ["relu", "tanh"]}


def drawn(store, settings, sampler, count, restart=False, seed=0, wanted=1):
    """Params of points whose values are told at once: by a made-up rule, so that nothing is trained."""
    spec = SweepSpec.parse(TINY.model_copy(update={"seed": seed}), DRAWN, sampler=sampler, points=count, seeds=1)
    sweep = begin(store, spec)
    for i in range(count):
        advance(store, sweep, settings, room=1)
        optuna_study = study.study_of(store, sweep)
        trial = optuna_study.get_trials(deepcopy=False)[i]
        optuna_study.tell(trial.number, wanted * (np.log(trial.params["beta"]) + trial.params["latent_dim"] / 10))
        for run_id in store.queue():
            store.request_stop(run_id)
        if restart:
            store = restarted(settings)
    return [trial.params for trial in points(store, sweep)]


@pytest.mark.parametrize(("sampler", "count"), [("random", 4), pytest.param("tpe", 12, marks=pytest.mark.slow)])
def test_the_same_sweep_draws_the_same_points_also_when_restarted_between_them(store, settings, sampler, count):
    found = drawn(store, settings, sampler, count)
    assert drawn(store, settings, sampler, count, restart=True) == found
    assert len({params["beta"] for params in found}) == count
    assert {type(params["latent_dim"]) for params in found} == {int}
    assert all(0.1 <= params["beta"] <= 10 and 1 <= params["latent_dim"] <= 64 for params in found)
    assert drawn(store, settings, sampler, 1, seed=1) != found[:1]


def test_tpe_learns_from_what_it_is_told_after_ten_points_at_random(store, settings):
    one, other = (drawn(store, settings, "tpe", 12, wanted=wanted) for wanted in (1, -1))
    assert one[:10] == other[:10]
    assert all(mine != others for mine, others in zip(one[10:], other[10:], strict=True))


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


# Pruning


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
        self.owner, self.woken, self.workers = owner, 0, 1

    def wake(self):
        self.woken += 1


def test_a_silent_sweep_is_adopted_after_the_silence_and_not_before(store, settings, monkeypatch):
    moment = [100.0]
    monkeypatch.setattr(heartbeats.time, "monotonic", lambda: moment[0])
    sweep, heir = begin(store, owner="dead"), Sweeper(store, settings, Queue("heir"))

    def owner_after(seconds, beat=False, looks=10):
        if beat:
            stored.beat(store, "dead")
        for _ in range(looks):
            moment[0] += seconds / looks
            heir.look()
        return stored.find(store, sweep.id).owner

    assert owner_after(0) == "dead"
    assert owner_after(SILENCE - 0.1) == "dead"
    assert owner_after(0, beat=True) == "dead"
    assert owner_after(SILENCE - 0.1) == "dead", "its silence began anew with the beat"
    assert owner_after(BLIND + 0.1, looks=1) == "dead", "nothing was seen meanwhile: the database was away"
    assert owner_after(SILENCE - 0.1) == "dead", "and its silence began anew"
    assert stored.members(store, sweep.id) == []
    assert owner_after(0.2, looks=1) == "heir"
    assert heir.jobs.woken == 0
    heir.look()
    assert store.owned("heir", "queued") and heir.jobs.woken == 1


def test_a_living_sweeper_beats_also_while_a_look_takes_long(store, settings, monkeypatch):
    monkeypatch.setattr(driver, "BEAT", 0.05)
    monkeypatch.setattr(driver, "TICK", 0.01)
    looking, over = threading.Event(), threading.Event()

    def slow(*_):
        looking.set()
        over.wait(20)

    monkeypatch.setattr(driver, "advance", slow)
    sweep = begin(store)
    sweeper = Sweeper(store, settings, Queue("me")).start()
    try:
        assert looking.wait(20)
        before = stored.find(store, sweep.id).pulse
        for _ in range(200):
            if stored.find(store, sweep.id).pulse >= before + 2:
                break
            over.wait(0.05)
        assert stored.find(store, sweep.id).pulse >= before + 2
    finally:
        over.set()
        sweeper.close()


def test_a_broken_sweep_does_not_hold_up_the_others(store, settings, monkeypatch):
    fine, refused, broken = (begin(store) for _ in range(3))
    real = driver.advance

    def trouble(store, sweep, *rest):
        if sweep.id == broken.id:
            raise RuntimeError("the study is damaged")
        if sweep.id == refused.id:
            raise driver.InputError("No such images.")
        return real(store, sweep, *rest)

    monkeypatch.setattr(driver, "advance", trouble)
    Sweeper(store, settings, Queue("me")).look()
    assert stored.members(store, fine.id) != []
    assert [(known.status, known.error) for known in (stored.find(store, known.id) for known in (refused, broken))] == [
        ("failed", "No such images."),
        ("running", None),
    ]


def test_a_sweeper_that_never_started_can_be_closed(store, settings):
    Sweeper(store, settings, Queue("me")).close()
