"""A stored run with patience: where it ends, whatever happens to it on the way, and what is told of it afterwards."""

from __future__ import annotations

import html
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load
from sqlalchemy import update as changed
from sweeps_by_hand import begin, runs_by_point, train_all

from vae import measuring
from vae.config import RunConfig
from vae.errors import InputError
from vae.exports import report, run_folder
from vae.exports.capsule import capsule, dumps, read, record
from vae.exports.rerun import REPRODUCED, reproduce
from vae.learning import early_stopping
from vae.runs.execution import execute
from vae.runs.time_estimates import Pace, wall
from vae.settings import Settings
from vae.store import uploaded_images
from vae.store.runs import Run, Store
from vae.store.schema import checkpoints
from vae.store.tensor_bytes import unpack
from vae.sweeps.driver import points
from vae.sweeps.spec import SweepSpec

OVERFITS = RunConfig(
    hidden=(16,),
    latent_dim=3,
    train_limit=20,
    batch_size=20,
    validation_size=50,
    learning_rate=0.1,
    epochs=60,
    patience=2,
    device="cpu",
)


def trained(store: Store, settings: Settings, **update: Any) -> Run:
    run_id = store.create(OVERFITS.model_copy(update=update), "test")
    assert execute(store, run_id, settings) == "done"
    return store.run(run_id)


def numbers(store: Store, run: Run) -> str:
    return store.history(run.id).drop(columns=["run_id", "seconds"]).to_json(orient="records", double_precision=15)


def losses(history: pd.DataFrame) -> dict[str, list[float]]:
    watched = history[history["split"] == "validation"].sort_values("epoch")
    return {name: rows["loss"].tolist() for name, rows in watched.groupby("variant")}


def test_it_ends_where_its_stored_history_says_and_is_tested_there(store: Store, settings: Settings) -> None:
    run = trained(store, settings)
    history = store.history(run.id)
    seen = losses(history)
    assert 2 < run.epoch < 60 and run.last_epoch == run.epoch and run.ended_early
    assert early_stopping.over(run.config, seen)
    assert not early_stopping.over(run.config, {name: values[:-1] for name, values in seen.items()})
    last_gain = max(early_stopping.best_epoch(values) for values in seen.values())
    assert run.epoch == last_gain + 2, "two epochs after the last model that got better"
    assert set(history[history["split"] == "test"]["epoch"]) == {run.epoch}
    assert measuring.last_epoch(store, run) == run.epoch
    assert measuring.epoch_in_words(run, run.epoch) == f"epoch {run.epoch} of {run.epoch}"
    assert run.ending == (
        f"Ended after epoch {run.epoch} of 60: for 2 epochs no model had a new lowest objective on the validation "
        "images."
    )


def test_a_run_that_goes_through_says_nothing(store: Store, settings: Settings) -> None:
    through = trained(store, settings, patience=50, epochs=3)
    assert (through.epoch, through.last_epoch, through.ended_early, through.ending) == (3, 3, False, None)
    assert "ended" not in capsule(store, [through.id])["runs"][0]


def test_its_last_weights_are_kept_even_where_few_are(store: Store, settings: Settings) -> None:
    run = trained(store, replace(settings, max_weights_mb=0))
    assert store.weight_epochs(run.id)[-1] == run.epoch


@pytest.mark.parametrize("way", ["stopped in between", "killed in between", "killed before its test"])
def test_whatever_happens_on_the_way_it_ends_at_the_same_epoch(store: Store, settings: Settings, way: str) -> None:
    whole = trained(store, settings)
    run_id = store.create(OVERFITS, "test")

    def happen(epoch: Any) -> None:
        if epoch.epoch == (whole.epoch if way == "killed before its test" else whole.epoch - 1):
            if way == "stopped in between":
                raise KeyboardInterrupt
            store.interrupt(run_id, store.run(run_id).pulse, "Its server died.")

    assert execute(store, run_id, settings, happen) != "done"
    broken = store.run(run_id)
    assert broken.ending is None and broken.last_epoch == 60, "nobody knows yet that it would have ended"
    assert store.requeue(run_id, "test")
    assert execute(store, run_id, settings) == "done"
    again = store.run(run_id)
    assert again.epoch == whole.epoch and numbers(store, again) == numbers(store, whole)


def test_a_damaged_checkpoint_makes_it_start_again_to_the_same_end(store: Store, settings: Settings) -> None:
    whole = trained(store, settings)
    run_id = store.create(OVERFITS, "test")

    def die(epoch: Any) -> None:
        if epoch.epoch == whole.epoch - 1:
            store.interrupt(run_id, store.run(run_id).pulse, "Its server died.")

    execute(store, run_id, settings, die)
    with store.write() as connection:
        connection.execute(changed(checkpoints).where(checkpoints.c.run_id == run_id).values(payload=b"no tensors"))
    store.requeue(run_id, "test")
    assert execute(store, run_id, settings) == "done"
    assert numbers(store, store.run(run_id)) == numbers(store, whole)


def test_exports_are_of_its_last_epoch_and_say_why_it_ended(store: Store, settings: Settings) -> None:
    run = trained(store, settings)
    files = run_folder.files(store, run.id)
    assert run.ending in run_folder.readme(run) and f"on digits, {run.epoch} epochs." in run_folder.readme(run)
    final = unpack(store.weights(run.id, run.epoch)["vae"])
    arrays = load(files["weights.safetensors"])
    assert all(np.array_equal(arrays[f"vae.{name}"], array) for name, array in final.items())
    assert "images/vae_from_mean.png" in files
    page = html.unescape(report.comparison(store, [run.id]))
    assert f"after epoch {run.epoch}. {run.ending}" in page


def test_a_capsule_says_where_and_why_and_its_rerun_ends_there_too(store: Store, settings: Settings) -> None:
    run = trained(store, settings)
    text = dumps(capsule(store, [run.id]))
    assert json.loads(text)["runs"][0]["ended"] == run.ending
    sealed = read(text)
    assert not sealed.altered and sealed.runs[0].last_epoch == run.epoch
    (outcome,) = reproduce(store, sealed, settings)
    assert outcome.verdict == REPRODUCED
    assert record(store, outcome.run_id).weights == sealed.runs[0].weights


def test_times_are_learnt_from_the_epochs_that_were_trained(store: Store, settings: Settings) -> None:
    """A run that ended early took as long as one that was asked for so few epochs."""
    run = trained(store, settings)
    known = {"digits": uploaded_images.lookup(store, "digits")}
    short = run.config.model_copy(update={"epochs": run.epoch})
    assert Pace.learnt([run], known).seconds(short) == pytest.approx(wall(run), rel=1e-6)


def test_a_sweep_judges_each_run_by_its_own_last_epoch(store: Store, settings: Settings) -> None:
    spec = SweepSpec.parse(OVERFITS, {"patience": ["1", "3"]}, seeds=3)
    sweep = train_all(store, begin(store, spec), settings)
    assert sweep.status == "done"
    apart = []
    for trial in points(store, sweep):
        runs = [store.run(member.run_id) for member in runs_by_point(store, sweep)[trial.number]]
        apart.append(len({run.epoch for run in runs}) > 1)
        ends = [store.history(run.id).query(f"variant == 'vae' and epoch == {run.epoch}") for run in runs]
        last = [rows[rows["split"] == "validation"]["reconstruction"].item() for rows in ends]
        assert trial.value == pytest.approx(sum(last) / 3)
    assert any(apart), "seeds end apart, or nothing is told here"


@pytest.mark.parametrize(
    ("field", "values", "update"),
    [
        ("patience", ["0", "5"], {"validation_size": 0, "patience": 0}),
        ("validation_size", ["0", "40"], {}),
        ("kl_cycles", ["0", "4"], {}),
    ],
)
def test_points_that_cannot_be_are_told_in_the_words_of_the_setting(
    field: str, values: list[str], update: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match="patience is"):
        SweepSpec.parse(OVERFITS.model_copy(update=update), {field: values})
