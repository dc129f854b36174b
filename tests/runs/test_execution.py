"""One run from its config to its last row: finished, stopped and gone on with, failed, superseded, killed."""

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from types import SimpleNamespace

import numpy as np
import oracle
import pytest
import torch
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from vae import datasets
from vae.config import RunConfig
from vae.errors import InputError
from vae.learning.learner import Learner
from vae.learning.training import Training
from vae.runs.execution import check, execute, weights_stride
from vae.settings import ROOT
from vae.store import schema
from vae.store.runs import Store
from vae.store.tensor_bytes import unpack, unpack_tensors

QUICK = RunConfig(hidden=(16,), latent_dim=3, train_limit=200, validation_size=50, epochs=3, device="cpu")
LONG = QUICK.model_copy(update={"epochs": 40})


def queue(store, config=QUICK):
    return store.create(config, "test")


def numbers(store, run_id):
    """A run's metrics, without what differs between two runs of the same config."""
    return store.history(run_id).drop(columns=["run_id", "seconds"])


def uninterrupted(store, settings, config):
    run_id = queue(store, config)
    assert execute(store, run_id, settings) == "done"
    return numbers(store, run_id)


def assert_equal(one, other):
    assert one.to_json(orient="records", double_precision=15) == other.to_json(orient="records", double_precision=15)


def slowly(epoch):
    time.sleep(0.1)


def wait_for(condition):
    """Until it holds; a test that waits in vain fails here instead of hanging."""
    for _ in range(3000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("waited in vain")


# Done


def test_a_run_ends_with_all_of_its_epochs_and_one_test(store, settings):
    run_id, seen = queue(store), []
    assert execute(store, run_id, settings, lambda epoch: seen.append(epoch.epoch)) == "done"
    run, history = store.run(run_id), store.history(run_id)
    assert (run.status, run.error, run.epoch, seen) == ("done", None, 3, [0, 1, 2, 3])
    watched = [[v, "validation", e] for v in ("ae", "vae") for e in range(4)]
    tested = [[v, "test", 3] for v in ("ae", "vae")]
    keys = history[["variant", "split", "epoch"]].to_numpy().tolist()
    assert sorted(keys) == sorted(watched + tested)
    assert store.weight_epochs(run_id) == [0, 1, 2, 3]
    assert all(store.snapshots(run_id, epoch).keys() == {"ae", "vae"} for epoch in range(4))
    assert store.checkpoint(run_id) is None
    assert run.seconds == pytest.approx(history[history.variant == "vae"].seconds.sum())
    assert torch.__version__.startswith(run.versions["torch"])  # which leaves out the build, such as +cpu


def test_what_is_stored_is_what_training_alone_gives(store, settings):
    run_id = queue(store)
    execute(store, run_id, settings)
    images = datasets.load("digits", settings.data_dir)
    training = Training(QUICK, images, datasets.split(images, 50, 200))
    expected = [{"variant": v, "epoch": e.epoch} | vars(m) for e in training.run() for v, m in e.metrics.items()]
    expected += [{"variant": v, "epoch": 3} | vars(metrics) for v, metrics in training.test().items()]
    stored = numbers(store, run_id)
    for row in expected:
        tested = row in expected[-2:]
        same = (stored.variant == row["variant"]) & (stored.epoch == row["epoch"])
        (found,) = stored[same & ((stored.split == "test") == tested)].to_dict("records")
        for name in ("loss", "reconstruction", "kl_per_dim", "mse_from_mean", "active_units"):
            assert found[name] == row[name]


def test_stored_weights_and_data_are_enough_to_measure_again(store, settings):
    """From the database alone, in numpy."""
    run_id = queue(store)
    execute(store, run_id, settings)
    images, run = datasets.load("digits", settings.data_dir), store.run(run_id)
    history = store.history(run_id).set_index(["variant", "split", "epoch"])
    with store.engine.connect() as connection:
        hashes = select(schema.runs.c.split_hash).where(schema.runs.c.id == run_id).scalar_subquery()
        rows = unpack(connection.scalar(select(schema.splits.c.rows).where(schema.splits.c.hash == hashes)))
    assert run.data["hash"] == images.hash
    assert (run.data["train_size"], run.data["validation_size"]) == (len(rows["train"]), len(rows["validation"]))
    validation = images.train_x[rows["validation"]] / images.white
    shown = unpack(store.originals(run_id))
    np.testing.assert_allclose(shown["images"] / 255, validation[:32], atol=0.5 / 255)
    np.testing.assert_array_equal(shown["labels"], images.train_y[rows["validation"]])
    for variant, payload in store.weights(run_id, 3).items():
        weights = oracle.as_float64(unpack_tensors(payload))
        for split, x in (("validation", validation), ("test", images.test_x / images.white)):
            x_hat = oracle.sigmoid(oracle.decode(weights, oracle.encode(weights, x, "relu")[0], "relu"))
            stored = history.loc[(variant, split, 3), "mse_from_mean"]
            assert stored == pytest.approx(((x_hat - x) ** 2).mean(), rel=1e-4)


def test_without_validation_images_the_rows_say_train(store, settings):
    run_id = queue(store, QUICK.model_copy(update={"validation_size": 0}))
    execute(store, run_id, settings)
    assert set(store.history(run_id).split) == {"train", "test"}
    assert store.run(run_id).data["watched_split"] == "train"


def test_an_ended_run_is_not_run_again(store, settings):
    run_id = queue(store)
    execute(store, run_id, settings)
    before = store.run(run_id)
    assert execute(store, run_id, settings) == "done"
    assert store.run(run_id) == before


# Stopped, and gone on with


def test_a_stop_from_elsewhere_is_honoured_and_the_run_goes_on_to_the_same_numbers(store, settings):
    run_id = queue(store, LONG)
    worker = threading.Thread(target=execute, args=(store, run_id, settings, slowly))
    worker.start()
    wait_for(lambda: store.run(run_id).epoch >= 2)
    Store(settings.database_url).request_stop(run_id)
    worker.join(5)
    assert not worker.is_alive()
    stopped = store.run(run_id)
    assert stopped.status == "stopped"
    assert 2 <= stopped.epoch < 40
    history = store.history(run_id)
    assert history[history.variant == "vae"].epoch.tolist() == list(range(stopped.epoch + 1))
    assert "test" not in set(history.split)  # the test set is touched once, at the end

    assert store.requeue(run_id, "test")
    assert execute(store, run_id, settings) == "done"
    assert_equal(numbers(store, run_id), uninterrupted(store, settings, LONG))


def test_a_stop_is_honoured_within_an_epoch_and_a_long_epoch_gives_signs_of_life(store, settings, monkeypatch):
    """200 batches of one image, each slowed down: an epoch takes longer than this test waits."""
    step = Learner.step

    def slow(*arguments):
        time.sleep(0.2)
        step(*arguments)

    monkeypatch.setattr(Learner, "step", slow)
    run_id = queue(store, QUICK.model_copy(update={"batch_size": 1}))
    worker = threading.Thread(target=execute, args=(store, run_id, settings))
    worker.start()
    wait_for(lambda: store.run(run_id).epoch == 0)
    pulse = store.run(run_id).pulse
    wait_for(lambda: store.run(run_id).pulse > pulse)
    store.request_stop(run_id)
    worker.join(5)
    assert not worker.is_alive()
    assert (store.run(run_id).status, store.run(run_id).epoch) == ("stopped", 0)
    assert store.history(run_id).epoch.max() == 0


@pytest.mark.slow
def test_a_killed_process_costs_the_unfinished_epoch_and_nothing_else(store, settings):
    """kill -9, then another worker takes the run over, as Dask hands it to one."""
    run_id = queue(store, LONG)
    code = (
        "import sys, time; from vae.runs.execution import execute; from vae.store.runs import Store\n"
        "from vae.settings import Settings; settings = Settings.from_environment()\n"
        "execute(Store(settings.database_url), sys.argv[1], settings, lambda epoch: time.sleep(0.1))"
    )
    command = [sys.executable, "-c", code, run_id]
    worker = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings.environment())
    try:
        wait_for(lambda: store.run(run_id).epoch >= 2)
    finally:
        os.kill(worker.pid, signal.SIGKILL)
        worker.wait()
    assert (store.run(run_id).status, store.run(run_id).attempt) == ("running", 1)
    assert execute(store, run_id, settings) == "done"
    assert store.run(run_id).attempt == 2
    assert_equal(numbers(store, run_id), uninterrupted(store, settings, LONG))


def test_a_run_that_died_between_its_last_epoch_and_its_test_can_go_on(store, settings):
    run_id = queue(store)

    def die(epoch):
        if epoch.epoch == 3:
            store.interrupt(run_id, store.run(run_id).pulse, "Its server died.")

    assert execute(store, run_id, settings, die) == "interrupted"
    assert "test" not in set(store.history(run_id).split)
    assert store.run(run_id).resumable
    assert store.requeue(run_id, "test")
    assert execute(store, run_id, settings) == "done"
    assert_equal(numbers(store, run_id), uninterrupted(store, settings, QUICK))


def test_the_keyboard_stops_a_run_that_can_go_on(store, settings):
    run_id = queue(store)

    def interrupt(epoch):
        if epoch.epoch == 1:
            raise KeyboardInterrupt

    assert execute(store, run_id, settings, interrupt) == "stopped"
    assert store.run(run_id).resumable
    assert store.requeue(run_id, "test")
    assert execute(store, run_id, settings) == "done"
    assert_equal(numbers(store, run_id), uninterrupted(store, settings, QUICK))


# Failed


def test_missing_data_fail_the_run_with_the_sentence(store, settings):
    run_id = queue(store, QUICK.model_copy(update={"dataset": "mnist"}))
    assert execute(store, run_id, settings) == "failed"
    error = store.run(run_id).error
    assert str(settings.data_dir) in error
    assert "Download it" in error
    assert store.history(run_id).empty


@pytest.mark.filterwarnings("ignore:overflow encountered in cast:RuntimeWarning")
def test_a_diverging_run_fails_with_the_epoch_and_keeps_those_before(store, settings):
    config = QUICK.model_copy(update={"learning_rate": 1.0, "hidden": (256,) * 4, "latent_dim": 2, "train_limit": 0})
    run_id = queue(store, config)
    assert execute(store, run_id, settings) == "failed"
    assert "diverged in epoch 1:" in store.run(run_id).error
    assert "learning rate below 1" in store.run(run_id).error
    assert set(store.history(run_id).epoch) == {0}
    assert store.queue() == []


def test_an_unforeseen_error_ends_in_the_run_and_not_in_the_worker(store, settings):
    run_id = queue(store)

    def fail(epoch):
        raise RuntimeError("no more room")

    assert execute(store, run_id, settings, fail) == "failed"
    assert store.run(run_id).error == "Training broke off: RuntimeError: no more room"


def test_a_superseded_attempt_ends_quietly(store, settings):
    run_id = queue(store)

    def lose(epoch):
        if epoch.epoch == 1:
            store.claim(run_id)

    assert execute(store, run_id, settings, lose) == "running"  # it is, elsewhere
    assert (store.run(run_id).epoch, store.run(run_id).attempt, store.run(run_id).error) == (1, 2, None)


def test_a_superseded_attempt_that_fails_leaves_its_successor_alone(store, settings):
    run_id = queue(store)

    def lose(epoch):
        store.claim(run_id)
        raise RuntimeError("too late to matter")

    assert execute(store, run_id, settings, lose) == "running"
    assert (store.run(run_id).attempt, store.run(run_id).error) == (2, None)


def test_a_database_that_is_away_for_a_moment_does_not_end_the_run(store, settings, monkeypatch):
    """The look at the stop flag fails twice; later looks still see it."""
    look, looks = Store.stop_requested, []

    def sometimes(self, *arguments):
        looks.append(arguments)
        if len(looks) <= 2:
            raise OperationalError("SELECT", {}, Exception("server closed the connection"))
        return look(self, *arguments)

    monkeypatch.setattr(Store, "stop_requested", sometimes)
    run_id = queue(store, LONG)

    def stop_later(epoch):
        time.sleep(0.1)
        if len(looks) == 3:
            store.request_stop(run_id)

    assert execute(store, run_id, settings, stop_later) == "stopped"
    assert len(looks) > 3


# Before training, and how much is kept


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epochs": 1000}, "epochs is 1,000, but this server allows 500"),
        ({"validation_size": 1500}, "validation_size is 1,500"),
        ({"dataset": "mnist"}, "Download"),
        ({"dataset": "cats"}, "no dataset called 'cats'"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_can_be_told_before_training_is(store, settings, changes, sentence):
    settings = dataclasses.replace(settings, max_epochs=500)
    check(store, QUICK, settings)
    with pytest.raises(InputError, match=sentence):
        check(store, QUICK.model_copy(update=changes), settings)


@pytest.mark.parametrize("epochs", [1, 3, 10, 11, 60, 200, 999])
@pytest.mark.parametrize("parameters", [1_000, 100_000, 700_000, 5_000_000])
def test_kept_weights_stay_below_the_limit(epochs, parameters):
    """Every k-th epoch's and the last: at most 64 MB; fewer would do no good, so also at least half of what fits."""
    weights = [torch.empty(parameters, device="meta")]
    learner = SimpleNamespace(model=SimpleNamespace(parameters=lambda: weights))
    k = weights_stride(SimpleNamespace(learners=[learner], config=QUICK.model_copy(update={"epochs": epochs})), 64)
    kept = {epoch for epoch in range(epochs + 1) if epoch % k == 0} | {epochs}
    fit = 64 * 2**20 // (4 * parameters)
    assert min(epochs + 1, fit // 2) <= len(kept) <= fit


def test_a_large_run_keeps_the_weights_of_some_epochs_and_the_last(store, settings):
    config = QUICK.model_copy(update={"hidden": (200,), "epochs": 11})
    run_id = queue(store, config)
    execute(store, run_id, dataclasses.replace(settings, max_weights_mb=1))
    kept = store.weight_epochs(run_id)
    assert {0, 11} < set(kept) < set(range(12))
    size = sum(len(payload) for epoch in kept for payload in store.weights(run_id, epoch).values())
    assert size < 2**20
