"""Settings that are folded away, and a run whose patience has come to an end, on the pages."""

from __future__ import annotations

import pytest
from paging import open_page, texts, unescaped
from unpacking import unpacked

from pages.sections.compare.compared_runs import ComparedSetting
from pages.sections.compare.paired_difference import _trained
from pages.shared import similar_runs
from pages.stage.film import film
from pages.state.run_index import every_run
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Run, Store

OVERFITS = RunConfig(
    hidden=(16,), train_limit=20, batch_size=20, validation_size=50, learning_rate=0.1, patience=2, device="cpu"
)


def test_what_few_need_is_folded_and_all_else_is_not(shared: Store) -> None:
    app = open_page("train.py")
    data, network, training = [expander for expander in app.expander if expander.label == "More"]
    assert [box.key for box in (*data.text_input, *data.number_input)] == ["config.held_out_class"]
    assert [box.key for box in (*network.selectbox, *network.number_input)] == [
        "config.normalisation",
        "config.dropout",
    ]
    assert [box.key for box in training.number_input] == [
        "config.weight_decay",
        "config.gradient_clip",
        "config.patience",
    ]
    assert not network.proto.expanded and not training.proto.expanded
    assert app.selectbox(key="config.schedule").options == [
        "Constant",
        "Cosine decay",
        "Decay in steps",
        "Decay in small steps",
    ]
    assert "Set under" not in texts(app)


def test_what_is_set_there_is_told_and_trained(shared: Store) -> None:
    app = open_page("train.py")
    app.number_input(key="config.weight_decay").set_value(0.05).run()
    app.number_input(key="config.patience").set_value(7).run()
    assert "Set under *More*: weight decay 0.05, patience 7." in texts(app)
    next(button for button in app.button if button.label == "Train").click().run()
    (run,) = shared.runs()
    assert run.config == RunConfig(weight_decay=0.05, patience=7)
    assert run.name == "digits · 2-D · 128 · β 1 · patience 7 · weight decay 0.05 · seed 0"


def test_patience_without_images_to_watch_is_refused_in_a_sentence(shared: Store) -> None:
    app = open_page("train.py")
    app.number_input(key="config.patience").set_value(7).run()
    app.number_input(key="config.validation_size").set_value(0).run()
    assert "early stopping needs a validation_size above 0" in unescaped(app.error[0].value)
    assert next(button for button in app.button if button.label == "Train").disabled


def trained(store: Store, **update: object) -> Run:
    run_id = store.create(OVERFITS.model_copy(update=update), "test")
    assert execute(store, run_id, Settings.from_environment()) == "done"
    return store.run(run_id)


@pytest.fixture
def early(shared: Store) -> Run:
    return trained(shared)


def test_a_page_says_where_a_run_ended_and_why(shared: Store, early: Run) -> None:
    assert early.ending and early.ending in texts(open_page("train.py", run=early.id))
    through = trained(shared, patience=0, epochs=2)
    assert "Ended after epoch" not in texts(open_page("train.py", run=through.id))


def test_its_film_its_row_and_its_length_end_where_it_did(shared: Store, early: Run) -> None:
    meta, _ = unpacked(film(early.id, -1))
    assert meta["planned"] == meta["newest"] == early.epoch
    through = trained(shared, patience=0, epochs=2)
    every = every_run()
    statuses = dict(zip(every.table["id"].to_pylist(), every.table["status"].to_pylist(), strict=True))
    assert statuses == {early.id: f"done {early.epoch}/60", through.id: "done"}
    assert _trained(ComparedSetting("A", (early, early), "")) == f"{early.epoch} epochs"
    assert _trained(ComparedSetting("A", (early, through), "")) == f"2 to {early.epoch} epochs"


def test_other_seeds_are_laid_beside_it_at_their_own_ends(shared: Store, early: Run) -> None:
    other = next(run for seed in range(1, 9) if (run := trained(shared, seed=seed)).epoch != early.epoch)
    assert similar_runs.epoch_of(other, early, early.epoch) == other.epoch
    assert similar_runs.epoch_of(early, other, other.epoch) == early.epoch
    assert similar_runs.epoch_of(other, early, 1) == 1
    through = trained(shared, patience=50, epochs=2)
    assert similar_runs.epoch_of(through, through, 2) == 2
