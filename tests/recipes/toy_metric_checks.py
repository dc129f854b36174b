"""What test_add_a_metric.py runs in a process of its own, where toy_metric.py is a plugin."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from paging import open_page, open_tab

from pages.state.run_index import every_run
from vae import datasets
from vae.exports.capsule import capsule, dumps, read
from vae.exports.report import comparison
from vae.exports.rerun import REPRODUCED, compare
from vae.exports.run_folder import files
from vae.measuring import models_of
from vae.settings import Settings
from vae.store.runs import Run, Store

NAME, HEADING = "largest_error", "Largest error (levels)"


def test_it_is_everywhere_that_metrics_are(train: Callable[..., Run], shared: Store) -> None:
    run = train()
    history = shared.history(run.id)
    test = history[history.split == "test"].set_index("variant")
    assert history[history.split != "test"][NAME].isna().all(), "on the test images alone"
    images = datasets.load("digits", Settings.from_environment().data_dir)
    x = np.float32(images.test_x) / images.white
    for name, model in models_of(shared, run, 2).items():
        from vae.analysis.reconstructions import reconstruct
        from vae.learning.randomness import stream

        by_hand = np.abs(reconstruct(model, name, x, stream(0, "any")).from_mean - x).max(axis=1).mean()
        assert test.loc[name, NAME] == pytest.approx(by_hand, rel=1e-5)
    assert HEADING in open_page("train.py", run=run.id).dataframe[0].value.columns
    every = every_run()
    assert f"vae_test_{NAME}" in every.table.column_names and f"ae_test_{NAME}" in every.runs
    assert HEADING in comparison(shared, [run.id])
    assert f",{NAME}" in files(shared, run.id)["history.csv"].decode().splitlines()[0]


def test_settings_are_compared_by_it(train: Callable[..., Run], shared: Store) -> None:
    from pages.sections.compare import compared_runs, paired_difference, run_curves

    ids = [train(seed=seed, beta=beta).id for beta in (1.0, 2.0) for seed in (0, 1)]
    page = open_tab(open_page("compare.py", runs=",".join(ids)), "Difference")
    assert any("Largest error" in frame.value.get("Measure", pd.Series(dtype=str)).tolist() for frame in page.dataframe)
    assert NAME in paired_difference.TEST_MEASURES and NAME not in run_curves.CURVE_MEASURES
    assert compared_runs.MOST_SETTINGS


def test_a_capsule_holds_it_and_one_of_before_still_reads(train: Callable[..., Run], shared: Store) -> None:
    run = train()
    (now,) = read(dumps(capsule(shared, [run.id]))).runs
    assert getattr(now.metrics["vae"].test, NAME) > 0
    raw = json.loads((Path(__file__).parent.parent / "earlier" / "schema_4" / "capsule.json").read_text())
    sealed = read(json.dumps(raw).encode())
    assert not sealed.altered and all(getattr(told.test, NAME) is None for told in sealed.runs[0].metrics.values())
    before = now.model_copy(
        update={
            "metrics": {
                name: told.model_copy(update={"test": told.test.model_copy(update={NAME: None})})
                for name, told in now.metrics.items()
            }
        }
    )
    assert compare(before, now).verdict == REPRODUCED, "what one of the two did not know is no difference"
