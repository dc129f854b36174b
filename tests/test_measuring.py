"""Stored runs, measured: once, kept and read back; what can't be measured is told in a sentence."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import postgres
import pytest
import torch
from sqlalchemy import delete, update

from vae import datasets
from vae.analysis import sensitivity
from vae.config import RunConfig
from vae.errors import InputError
from vae.measuring import (
    images_of,
    last_epoch,
    models_of,
    reference_classifier_of,
    sensitivity_of,
    stored_runs,
)
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store import measurements, schema
from vae.store.configurations import by_configuration, same_but_for_seed
from vae.store.runs import Run, Store
from vae.store.tensor_bytes import unpack, unpack_tensors

CONFIG = RunConfig(epochs=2, latent_dim=3, hidden=(16,), device="cpu")


@dataclasses.dataclass
class Measured:
    store: Store
    settings: Settings
    run: Run
    table: pd.DataFrame
    progress: list[tuple[float, str]]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """One run, measured once for all tests that only read it."""
    with postgres.settings_for(tmp_path_factory.mktemp("measured")) as settings:
        store, calls = Store(settings.database_url), []
        run = finished(store, settings)
        table = sensitivity_of(store, run.id, 2, settings, lambda share, what: calls.append((share, what)))
        yield Measured(store, settings, run, table, calls)


def finished(store: Store, settings: Settings, config: RunConfig = CONFIG) -> Run:
    run_id = store.create(config, "test")
    assert execute(store, run_id, settings) == "done"
    return store.run(run_id)


def never(*arguments: Any, **options: Any) -> None:
    raise AssertionError("this was kept, and need not be done again")


def refused(work: Callable[[], Any], *words: str) -> None:
    with pytest.raises(InputError) as error:
        work()
    message = str(error.value)
    assert all(word in message for word in words), message
    assert message.endswith(".")
    assert ". " not in message, "one sentence"
    assert "\n" not in message


# Measured once


def test_the_table_is_that_of_the_analysis_on_all_test_images(measured: Measured) -> None:
    images, run = datasets.load("digits", measured.settings.data_dir), measured.run
    models = models_of(measured.store, run, 2)
    x = images.test_x.astype(np.float32) / 16
    reference = reference_classifier_of(measured.store, images)
    train = unpack(measured.store.split_rows(run.id))["train"]
    real = sensitivity.RealImages.of(images, train)
    expected = sensitivity.measure(models, x, seed=run.config.seed, classifier=reference.classifier, real=real)
    pd.testing.assert_frame_equal(measured.table[sensitivity.SENSITIVITY_COLUMNS], expected)
    assert set(measured.table.n) == {297}
    assert measured.table[["rmse_q25", "rmse_q75"]].notna().all(axis=None)
    assert (measured.table.rmse_q25 < measured.table.rmse_q75).all()


def test_a_second_look_reads_the_kept_table(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensitivity, "perturb_all", never)
    again = sensitivity_of(measured.store, measured.run.id, 2, measured.settings)
    pd.testing.assert_frame_equal(again, measured.table)


def test_progress_is_told_from_nothing_to_all(measured: Measured) -> None:
    shares, words = zip(*measured.progress, strict=True)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert list(shares) == sorted(shares)
    assert words[0] == "Training the reference classifier"
    assert words[-1] == "Nudging 297 test images"


def test_the_classifier_is_kept_once_for_a_data_set(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    images = datasets.load("digits", measured.settings.data_dir)
    fresh = stored_runs.train_classifier(images)
    monkeypatch.setattr(stored_runs, "train_classifier", never)
    reference = reference_classifier_of(measured.store, images)
    assert all(
        torch.equal(value, fresh.state_dict()[name]) for name, value in reference.classifier.state_dict().items()
    )
    assert reference.accuracy == stored_runs.accuracy(fresh, images) > 0.95
    assert not any(parameter.requires_grad for parameter in reference.classifier.parameters())
    calls = []
    sensitivity_of(measured.store, measured.run.id, 1, measured.settings, lambda *call: calls.append(call))
    assert calls[0][1] == "Nudging 297 test images", "and not trained again"


def test_images_without_classes_have_no_reference_classifier(store: Store, settings: Settings) -> None:
    images = dataclasses.replace(datasets.load("digits", settings.data_dir), classes=("any",))
    assert reference_classifier_of(store, images) is None


def test_models_are_those_of_the_kept_epoch(measured: Measured) -> None:
    stored = measured.store.weights(measured.run.id, 1)
    for name, model in models_of(measured.store, measured.run, 1).items():
        weights = unpack_tensors(stored[name])
        assert all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())


# What can't be measured


def test_what_is_not_there_is_told_in_a_sentence(store: Store, settings: Settings) -> None:
    refused(lambda: sensitivity_of(store, "ffff", 2, settings), "no run 'ffff'")
    run = finished(store, settings)
    refused(lambda: sensitivity_of(store, run.id, 3, settings), "epoch 3", run.id)
    with store.write() as connection:
        connection.execute(update(schema.runs).values(data=run.data | {"hash": "another"}))
    refused(lambda: images_of(store, store.run(run.id), settings), "digits", run.id)
    refused(lambda: sensitivity_of(store, run.id, 2, settings), "digits", run.id)
    with store.write() as connection:
        connection.execute(delete(schema.weights).where(schema.weights.c.epoch == 2))
    assert last_epoch(store, run) == 1
    refused(lambda: sensitivity_of(store, run.id, 2, settings), "epoch 2", run.id)
    waiting = store.run(store.create(CONFIG, "test"))
    refused(lambda: last_epoch(store, waiting), waiting.id, "queued")
    refused(lambda: sensitivity_of(store, waiting.id, 0, settings), "epoch 0", waiting.id)


# Runs that belong together


def with_status(store: Store, status: str, **changes: Any) -> Run:
    run_id = store.create(CONFIG.model_copy(update=changes), "test")
    with store.write() as connection:
        connection.execute(update(schema.runs).where(schema.runs.c.id == run_id).values(status=status))
    return store.run(run_id)


def test_seeds_of_one_configuration_belong_together(store: Store) -> None:
    one, two, three = (with_status(store, "done", seed=seed) for seed in (1, 2, 3))
    same_but_for_seed([one])
    same_but_for_seed([one, two, three])
    other = with_status(store, "done", seed=4, beta=2.0, epochs=5)
    refused(lambda: same_but_for_seed([one, two, other]), one.id, other.id, "beta, epochs")
    twin = with_status(store, "done", seed=2)
    refused(lambda: same_but_for_seed([one, two, three, twin]), two.id, twin.id, "seed, 2")


def test_siblings_are_done_or_else_under_way(store: Store) -> None:
    done = {seed: with_status(store, "done", seed=seed) for seed in (0, 1)}
    running, queued = with_status(store, "running", seed=2), with_status(store, "queued", seed=3)
    with_status(store, "running", seed=1)  # newer, but it has nothing to show yet
    with_status(store, "failed", seed=4)
    with_status(store, "stopped", seed=5)
    with_status(store, "done", seed=6, beta=2.0)
    found = by_configuration(store.runs())[CONFIG.model_copy(update={"seed": 0})]
    assert found == {**done, 2: running, 3: queued}
    again = with_status(store, "done", seed=0)
    assert by_configuration(store.runs())[CONFIG][0] == again, "the first in the given order, which is the newest"
    assert by_configuration([]) == {}


# What is kept


@pytest.mark.parametrize("missing", [[1], [0, 1]])
def test_a_table_comes_back_as_it_was_kept(store: Store, missing: list[int]) -> None:
    """With a number that was not measured, and with a whole column of them."""
    run_id = store.create(CONFIG, "test")
    table = pd.DataFrame({"unit": ["a", "b"], "size": [1.0, 0.1], "change": [0.25, 1 / 3], "n": [297, 297]})
    table.loc[missing, "change"] = np.nan
    assert measurements.measurement(store, run_id, 2, "kind") is None
    for kept in (table.assign(n=1), table):  # the second takes the first one's place
        measurements.keep_measurement(store, run_id, 2, "kind", kept)
    pd.testing.assert_frame_equal(measurements.measurement(store, run_id, 2, "kind"), table)
    assert (
        measurements.measurement(store, run_id, 1, "kind")
        is measurements.measurement(store, run_id, 2, "other")
        is None
    )
    with store.write() as connection:
        connection.execute(delete(schema.runs).where(schema.runs.c.id == run_id))
    assert measurements.measurement(store, run_id, 2, "kind") is None, "gone with its run"


def test_a_classifier_kept_twice_is_the_second(store: Store) -> None:
    assert measurements.classifier(store, "hash") is None
    measurements.keep_classifier(store, "hash", 0.5, b"first")
    measurements.keep_classifier(store, "hash", 0.75, b"second")
    assert measurements.classifier(store, "hash") == (0.75, b"second")
