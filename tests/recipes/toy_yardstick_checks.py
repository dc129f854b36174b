"""What test_add_a_yardstick.py runs in a process of its own, where toy_yardstick.py is a plugin."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from paging import open_page, open_tab
from sweeps_by_hand import begin, train_all

from pages.sections.compare import paired_difference
from pages.state.run_index import every_run, forget
from vae import datasets
from vae.cli import main
from vae.config import RunConfig
from vae.exports.capsule import capsule, dumps, read, record
from vae.exports.report import comparison
from vae.exports.rerun import REPRODUCED, compare
from vae.exports.trackers.told import points
from vae.measuring import MEASUREMENTS
from vae.measuring.yardsticks import YARDSTICKS, Yardstick
from vae.settings import Settings
from vae.store.runs import Run, Store
from vae.sweeps.driver import points as points_of
from vae.sweeps.driver import values_of
from vae.sweeps.spec import OBJECTIVES, SweepSpec

NAME, COLUMN, HEADING = "brightness", "vae_test_brightness", "Brightness of pictures (levels)"


def test_asked_for_it_is_everywhere_and_before_that_nowhere(
    train: Callable[..., Run], shared: Store, capsys: pytest.CaptureFixture[str]
) -> None:
    run, settings = train(), Settings.from_environment()
    assert COLUMN not in every_run().table.column_names and HEADING not in comparison(shared, [run.id])
    assert HEADING not in open_page("train.py", run=run.id).dataframe[0].value.columns
    before = record(shared, run.id)

    assert main(["evaluate", run.id, "--yardstick", NAME, "--json", "-"]) == 0
    told = json.loads(capsys.readouterr().out)["yardsticks"][NAME]
    values = {row["variant"]: row["value"] for row in told}
    images = datasets.load("digits", settings.data_dir)
    assert values[""] == pytest.approx((images.test_x / images.white).mean(), rel=1e-5), "on the test images"
    test = shared.history(run.id).query("split == 'test'").set_index("variant")[NAME].to_dict()
    assert test == {name: value for name, value in values.items() if name}, "what is no model's is no run's"

    forget()
    every = every_run()
    assert every.table.column(COLUMN).to_pylist() == [values["vae"]] and every.runs[COLUMN].item() == values["vae"]
    assert HEADING in comparison(shared, [run.id])
    assert HEADING in open_page("train.py", run=run.id).dataframe[0].value.columns
    (now,) = read(dumps(capsule(shared, [run.id]))).runs
    assert getattr(now.metrics["vae"].test, NAME) == values["vae"]
    judged = compare(now, before)
    assert judged.verdict == REPRODUCED and judged.sentence.endswith("not compared: Brightness of pictures.")
    assert f"vae/test/{NAME}" in {point.name for point in points(shared, run)}


def test_it_is_measured_once_and_a_table_of_before_the_run_s_end_counts_for_it(
    train: Callable[..., Run], shared: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vae.measuring import KINDS
    from vae.store.measurements import keep_measurement

    run, settings, calls = train(), Settings.from_environment(), []
    toy = YARDSTICKS[NAME]
    monkeypatch.setitem(
        YARDSTICKS, NAME, Yardstick("", "", lambda *asked, **more: calls.append(1) or toy.measure(*asked, **more))
    )
    table = MEASUREMENTS[NAME](shared, run.id, 2, settings)
    again = MEASUREMENTS[NAME](shared, run.id, 2, settings)
    pd.testing.assert_frame_equal(again, table)
    assert len(calls) == 1
    other = train(seed=7)
    keep_measurement(shared, other.id, 2, KINDS[NAME], table)  # as if its program had ended before it told the run
    MEASUREMENTS[NAME](shared, other.id, 2, settings)
    assert shared.history(other.id).query("split == 'test'")[NAME].notna().all() and len(calls) == 1


def test_settings_are_subtracted_by_it_where_both_have_it(train: Callable[..., Run], shared: Store) -> None:
    runs = [train(seed=seed, beta=beta) for beta in (1.0, 2.0) for seed in (0, 1)]
    settings, ids = Settings.from_environment(), ",".join(run.id for run in runs)
    MEASUREMENTS[NAME](shared, runs[0].id, 2, settings)

    def rows() -> pd.DataFrame:
        forget()
        page = open_tab(open_page("compare.py", runs=ids), "Difference")
        (table,) = [frame.value for frame in page.dataframe if "Measure" in frame.value]
        return table[table["Measure"].str.startswith("Brightness of pictures")]

    assert rows().empty, "one side alone is no pair"
    MEASUREMENTS[NAME](shared, runs[2].id, 2, settings)
    found = rows()
    assert set(found["Measure"]) == {"Brightness of pictures, higher is better"} and set(found["Pairs"]) == {1}
    assert NAME in paired_difference.TEST_MEASURES


def test_a_sweep_judges_by_it_on_validation_images(shared: Store) -> None:
    settings = Settings.from_environment()
    assert OBJECTIVES[NAME].direction == "maximize"
    base = {"hidden": (8,), "train_limit": 100, "validation_size": 20, "epochs": 2, "device": "cpu"}
    spec = SweepSpec.parse(RunConfig(**base), {"beta": [0, 4.0]}, seeds=2, objectives=(NAME,))
    sweep = train_all(shared, begin(shared, spec), settings)
    assert sweep.status == "done", sweep.error
    values = [values_of(trial, spec)[NAME] for trial in points_of(shared, sweep)]
    assert len(values) == 2 and np.isfinite(values).all() and values[0] != values[1]
