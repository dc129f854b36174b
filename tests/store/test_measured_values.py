"""Metrics that somebody asks for: kept with a run's test metrics, seen everywhere, and nothing where nobody asked."""

from __future__ import annotations

import math
import threading

import pandas as pd
import pytest
from sqlalchemy import delete
from stocking import stock
from test_overview import started as begun
from test_store import METRICS, record, started

from vae.config import RunConfig
from vae.errors import InputError
from vae.metrics import METRICS as ALL
from vae.metrics import asked_of
from vae.settings import Settings
from vae.store import overview, schema
from vae.store.measurements import keep_measurement, keep_test_values, measurement
from vae.store.runs import Run, Store

ASKED = [name for name, metric in ALL.items() if metric.asked]


def done(store: Store, **extra: float) -> Run:
    run = begun(store, RunConfig(epochs=3))
    store.record_epoch(run, record(3))
    test = {"ae": METRICS | {"kl": None, "extra": None}, "vae": METRICS | {"extra": extra or None}}
    store.finish(run, "done", test=test)
    return store.run(run.id)


def on_test(store: Store, run_id: str) -> pd.DataFrame:
    history = store.history(run_id)
    return history[history["split"] == "test"].set_index("variant")


def test_they_are_added_to_what_training_has_measured(store: Store) -> None:
    run, before = done(store, mutual_information=1.5), done(store)
    keep_test_values(store, run.id, {"vae": {"nll": 90.25}})
    keep_test_values(store, run.id, {"vae": {"probe_accuracy": 0.0}, "ae": {"probe_accuracy": 0.75}})
    test = on_test(store, run.id)
    found = test.loc["vae", ["nll", "probe_accuracy", "mutual_information", "loss"]].tolist()
    assert found == [90.25, 0.0, 1.5, METRICS["loss"]], "a measured 0 is a number"
    assert test.loc["ae", "probe_accuracy"] == 0.75 and math.isnan(test.loc["ae", "nll"])
    watched = store.history(run.id).query("split != 'test'")
    assert watched[ASKED].isna().all(axis=None), "of no epoch"
    assert on_test(store, before.id)[ASKED].isna().all(axis=None), "of no other run"
    assert overview.tested(store, [run.id]).set_index("variant").loc["vae", "nll"] == 90.25
    keep_test_values(store, run.id, {"vae": {"nll": 89.0}})
    assert on_test(store, run.id).loc["vae", ["nll", "mutual_information"]].tolist() == [89.0, 1.5]


def test_a_table_that_has_been_read_before_shows_what_is_measured_later(store: Store) -> None:
    stock(store, 3, 2)
    run, seen = done(store), overview.Overview(store)
    first = seen.tables()[0].set_index("id")
    columns = [f"{variant}_test_{name}" for variant in ("ae", "vae") for name in ASKED]
    assert first[columns].isna().all(axis=None), "not measured is nothing, and not 0"
    keep_test_values(store, run.id, {"vae": {"nll": 90.25}})
    again = seen.tables()[0].set_index("id")
    assert again.loc[run.id, "vae_test_nll"] == 90.25
    assert again[columns].notna().to_numpy().sum() == 1
    keep_test_values(store, run.id, {"vae": {"nll": 90.25}})
    assert seen.tables()[0].set_index("id").equals(again) and seen.tables()[0] is seen.tables()[0], "nothing is news"


def test_two_who_measure_at_once_lose_none_of_each_other(settings: Settings) -> None:
    """Each with a store of its own, as a dashboard and a command have: all numbers of both are there."""
    stores = [Store(settings.database_url) for _ in range(2)]
    run = done(stores[0], mutual_information=1.5)
    names = [asked_of("codes"), [*asked_of("samples"), *asked_of("likelihood")]]
    problems: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for turn in range(15):
                order = ("vae", "ae")[:: 1 if number else -1]
                given = {variant: {name: float(turn) for name in names[number]} for variant in order}
                keep_test_values(stores[number], run.id, given)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    test = on_test(stores[0], run.id)
    assert (test[[name for part in names for name in part]] == 14.0).all(axis=None)
    assert test.loc["vae", "mutual_information"] == 1.5


def test_a_run_that_is_gone_is_said_to_be_and_one_that_was_only_deleted_keeps_its_numbers(store: Store) -> None:
    run, purged = done(store), done(store)
    store.delete([run.id, purged.id])
    keep_test_values(store, run.id, {"vae": {"nll": 90.0}})
    store.restore([run.id])
    assert on_test(store, run.id).loc["vae", "nll"] == 90.0
    with store.write() as connection:
        connection.execute(delete(schema.runs).where(schema.runs.c.id == purged.id))
    table = pd.DataFrame({"variant": ["vae"], "measure": ["nll"], "value": [90.0]})
    with pytest.raises(InputError, match=f"Run {purged.id} was removed while it was measured"):
        keep_test_values(store, purged.id, {"vae": {"nll": 90.0}})
    with pytest.raises(InputError, match="the result is not kept"):
        keep_measurement(store, purged.id, 3, "likelihood 1", table)
    assert measurement(store, purged.id, 3, "likelihood 1") is None


def test_a_run_that_is_not_done_gets_no_numbers_of_test_images(store: Store) -> None:
    run = started(store)
    store.record_epoch(run, record(0))
    pulse = store.run(run.id).pulse
    keep_test_values(store, run.id, {"vae": {"nll": 90.0}})
    assert store.history(run.id)["nll"].isna().all()
    assert store.run(run.id).pulse == pulse, "that would be a sign of life"


def test_a_variant_that_a_run_lacks_is_left_out(store: Store) -> None:
    run = done(store)
    keep_test_values(store, run.id, {"denoising": {"probe_accuracy": 0.5}, "vae": {"probe_accuracy": 0.25}})
    assert on_test(store, run.id)["probe_accuracy"].to_dict()["vae"] == 0.25
    assert set(store.history(run.id)["variant"]) == {"ae", "vae"}
