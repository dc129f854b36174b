"""What is measured on request, on the pages that compare: no columns for it before, all of it afterwards."""

from __future__ import annotations

import math
from typing import Any

import pytest
from lessons import press
from paging import open_page, open_tab
from stocking import stock
from streamlit.testing.v1 import AppTest

from pages.sections.compare import paired_difference
from pages.state import run_index
from vae.exports.csv_tables import as_csv
from vae.metrics import METRICS, compared
from vae.store.measurements import keep_test_values
from vae.store.runs import Store
from vae.sweeps import stored
from vae.sweeps.spec import OBJECTIVES


def to_yardsticks(app: AppTest) -> list[Any]:
    return [link for link in app.page_link if "Yardsticks: " in link.proto.label]


def test_the_table_of_runs_has_columns_for_what_somebody_asked(shared: Store) -> None:
    ids = stock(shared, 3, 2)
    app = open_page("compare.py")
    asked = {column for column, (_, name) in run_index.TEST_COLUMNS.items() if METRICS[name].asked}
    assert asked and not asked & set(app.dataframe[0].value.columns)
    (link,) = to_yardsticks(app)
    assert link.proto.page == "yardsticks" and "likelihood, samples, codes, anomalies" in link.proto.label
    assert "So far of no run." in link.proto.help

    keep_test_values(shared, ids[1], {"vae": {"nll": 40.5}, "ae": {"probe_accuracy": 0.0}})
    run_index.forget()
    app = open_page("compare.py", runs=ids[1])
    table = app.dataframe[0].value.set_index("id")
    assert asked & set(table.columns) == {"vae_test_nll", "ae_test_probe_accuracy"}
    assert table["vae_test_nll"].to_dict()[ids[1]] == 40.5 and table["vae_test_nll"].notna().sum() == 1
    assert table.loc[ids[1], "ae_test_probe_accuracy"] == 0.0, "a measured 0 is no empty cell"
    (link,) = to_yardsticks(app)
    assert "So far of 1 of 3 runs." in link.proto.help and ids[1] in link.proto.query_string


@pytest.mark.slow  # recipes/toy_yardstick_checks.py sees it, too
def test_a_run_s_own_table_has_them_once_they_are_measured(shared: Store, finished: str) -> None:
    heading = METRICS["probe_accuracy"].heading("")
    assert heading not in open_page("train.py", run=finished).dataframe[0].value.columns
    keep_test_values(shared, finished, {"vae": {"probe_accuracy": 0.625}})
    run_index.forget()
    shown = open_page("train.py", run=finished).dataframe[0].value
    assert shown[heading].tolist() == ["–", "0.625"]


def test_settings_are_subtracted_seed_by_seed_where_both_have_them(shared: Store) -> None:
    ids = stock(shared, 10, 2)  # two settings, five seeds each
    for number, run_id in enumerate(ids[:3] + ids[5:9]):
        keep_test_values(shared, run_id, {"vae": {"nll": 40.0 + number}})
    keep_test_values(shared, ids[0], {"vae": {"knn_accuracy": 0.5}})
    app = open_tab(open_page("compare.py", runs=",".join(ids)), "Difference")
    (table,) = [frame.value for frame in app.dataframe if "Measure" in frame.value]
    rows = table[table["Measure"] == METRICS["nll"].title]
    assert rows["Pairs"].tolist() == [3] and rows["B − A"].tolist() == ["+3"], "of seeds that both sides have"
    assert not table["Measure"].str.contains(METRICS["knn_accuracy"].title).any(), "of one side alone nothing is said"
    said = next(element.value for element in app.markdown if "B − A" in element.value)
    assert "Over 5 pairs" in said and "not enough" not in said, "the losses have as many pairs as before"


def test_where_more_is_better_the_table_says_so() -> None:
    telling = {name: paired_difference._direction(name) for name in [*compared(), paired_difference.BOUND]}
    assert telling["probe_accuracy"] == ", higher is better" and telling["nll"] == telling["bound"] == ""


@pytest.mark.parametrize("beside", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_sweep_may_be_judged_by_what_takes_longer(shared: Store, beside: bool) -> None:
    """Two rows of the form: what comes with training, and what is measured when a point's runs are done."""
    app = open_page("sweeps.py")
    groups = [group for group in app.get("button_group") if "udged" in group.label or "seconds more" in group.label]
    titles = {
        every: [told.title for told in OBJECTIVES.values() if told.every_epoch == every] for every in (True, False)
    }
    assert [group.options for group in groups] == [titles[True], titles[False]]
    if not beside:
        groups[0].set_value([])
    groups[1].set_value(["nll"]).run()
    press(app, "Run this sweep")
    (sweep,) = stored.listed(shared)
    assert sweep.spec.objectives == (("reconstruction", "nll") if beside else ("nll",))


def test_the_file_of_all_runs_has_what_was_measured_and_no_empty_columns(
    shared: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, made = stock(shared, 2, 2), {}
    monkeypatch.setattr("pages.sections.compare.run_table.csv", lambda table, name, *_: made.update({name: table()}))
    open_page("compare.py")
    assert not [column for column in made["runs"] if "nll" in column]
    keep_test_values(shared, ids[0], {"vae": {"nll": 40.5}})
    run_index.forget()
    open_page("compare.py")
    table = made["runs"].set_index("id")
    assert [column for column in table if column.endswith("nll")] == ["vae_test_nll"]
    assert table.loc[ids[0], "vae_test_nll"] == 40.5 and math.isnan(table.loc[ids[1], "vae_test_nll"])
    assert ",40.5," in as_csv(table) and "vae_test_mutual_information" in table
