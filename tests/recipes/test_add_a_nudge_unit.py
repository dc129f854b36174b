"""CONTRIBUTING.md, "a unit of nudges": one entry of choices/nudge_units.py."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from lessons import until
from paging import open_page, open_tab

from pages.shared import nudges
from vae.choices.nudge_units import NUDGE_UNITS, NudgeUnit
from vae.measuring import sensitivity_of
from vae.settings import Settings
from vae.store.runs import Run, Store

RANGE = NudgeUnit(
    "× range of the codes",
    "1 is each dimension's range.",
    "relative to the range of the codes",
    (0.001, 1),
    lambda mu, std: mu.max(axis=0) - mu.min(axis=0),
)


@pytest.fixture(autouse=True)
def _added(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NUDGE_UNITS, "range", RANGE)


def test_people_find_it(
    train: Callable[..., Run], shared: Store, downloads: dict[str, Callable], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train()
    table = sensitivity_of(shared, run.id, 2, Settings.from_environment(), lambda share, what: None)
    rows = table[table["unit"] == "range"]
    assert set(rows["variant"]) == {"ae", "vae"} and (rows["rmse"] > 0).all()
    page = open_page("perturbation.py", run=run.id)
    until(page, lambda app: any("× range of the codes" in frame.value.index for frame in app.dataframe))
    open_tab(page, "Every size")
    assert "range" in set(downloads["sensitivity"]()["unit"]), "and so does the CSV"


def test_the_strips_and_the_servers_slider_offer_it(train: Callable[..., Run], monkeypatch: pytest.MonkeyPatch) -> None:
    run = train()
    found = nudges.nudges(run.id, 2, 0, "random", 0)
    assert np.isfinite(found["vae"].steps["range"]).all()
