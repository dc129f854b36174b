"""Runs without an activation and without a sigmoid, on every page."""

from __future__ import annotations

import pytest
from lessons import LESSONS
from paging import every_tab, open_page, open_tab, texts

from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

LINEAR = RunConfig(
    epochs=1,
    train_limit=60,
    validation_size=20,
    hidden=(),
    activation="identity",
    reconstruction="sse_linear",
    schedule="cosine",
)


@pytest.mark.parametrize("name", [*LESSONS, "train.py", "reconstructions.py", "the_trick.py"])
def test_every_page_shows_a_linear_run(shared: Store, name: str) -> None:
    run_id = shared.create(LINEAR, "test")
    execute(shared, run_id, Settings.from_environment())
    for shown in every_tab(open_page(name, run=run_id)):
        assert not shown.exception and not shown.error


@pytest.mark.parametrize("reconstruction", ["sse_linear", "gaussian_per_pixel"])
def test_losses_that_take_other_outputs_are_not_compared(shared: Store, reconstruction: str) -> None:
    run_id = shared.create(LINEAR.model_copy(update={"reconstruction": reconstruction}), "test")
    execute(shared, run_id, Settings.from_environment())
    app = open_tab(open_page("two_losses.py", run=run_id), "BCE or squared error")
    assert "so they can't be compared on its pictures" in texts(app)
