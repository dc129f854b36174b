"""How long runs take and wait: runs made by hand, whose answers can be worked out on paper."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from vae.config import PRESETS, RunConfig
from vae.datasets import DATASETS
from vae.runs.time_estimates import Pace, counted, starts, waits, wall
from vae.store.queue_order import Turns, Waiting, fair_order
from vae.store.runs import Run, Store
from vae.store.schema import runs

BEGUN = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)
CONFIG = RunConfig(epochs=10)


@pytest.fixture
def run(store: Store) -> Run:
    """Done: 4 s in its epochs, 12 s from begin to end."""
    made = store.run(store.create(CONFIG, "test"))
    ended = BEGUN + dt.timedelta(seconds=12)
    return replace(made, status="done", attempt=1, epoch=10, seconds=4.0, started_at=BEGUN, finished_at=ended)


def test_the_time_of_a_run_is_what_a_visitor_waits_for_it(run: Run) -> None:
    """Not the sum of its epochs, which leaves out what is recorded between them."""
    assert wall(run) == 12
    pace = Pace.learnt([run], DATASETS)
    assert pace.seconds(CONFIG) == pytest.approx(12)
    assert pace.recording == pytest.approx(3)
    assert pace.seconds(RunConfig(epochs=20)) == pytest.approx(24)


@pytest.mark.parametrize(
    "change",
    [
        {"attempt": 2},  # it was resumed, and lay idle between
        {"finished_at": BEGUN},
        {"finished_at": BEGUN - dt.timedelta(hours=1)},  # the clock was set back
        {"finished_at": BEGUN + dt.timedelta(seconds=3)},  # by a little
        {"finished_at": BEGUN + dt.timedelta(days=3)},  # or forward
        {"finished_at": None},
        {"started_at": None},
        {"seconds": 0.0},
        {"status": "stopped"},
    ],
    ids=str,
)
def test_what_cannot_be_true_teaches_nothing(run: Run, change: dict) -> None:
    odd = replace(run, **change)
    assert wall(odd) is None
    assert Pace.learnt([odd, run, odd], DATASETS) == Pace.learnt([run], DATASETS)
    assert Pace.learnt([odd], DATASETS).seconds(CONFIG) == counted(CONFIG, DATASETS["digits"])


def test_the_middle_of_the_newest_counts(run: Run) -> None:
    def of(seconds: float) -> Run:
        return replace(run, finished_at=BEGUN + dt.timedelta(seconds=seconds))

    assert Pace.learnt([of(10), of(60), of(20)], DATASETS).seconds(CONFIG) == pytest.approx(20)
    assert Pace.learnt([of(10)] * 12 + [of(60)] * 40, DATASETS).seconds(CONFIG) == pytest.approx(10)


def test_images_that_are_gone_are_told_apart_from_those_that_are_there(run: Run) -> None:
    gone = replace(run, config=RunConfig(dataset="own-abc"))
    pace = Pace.learnt([gone], DATASETS)
    assert pace.seconds(gone.config) == 0
    assert pace.factors == {}


def test_what_is_left_goes_by_the_run_s_own_epochs(run: Run) -> None:
    pace = Pace.learnt([run], DATASETS)
    assert pace.left(replace(run, status="queued", epoch=-1, seconds=0.0)) == pytest.approx(12)
    # Epochs 0 to 4 have taken 10 s, 2 s each; with what is recorded between them (× 3) the other six take 36 s.
    assert pace.left(replace(run, status="running", epoch=4, seconds=10.0)) == pytest.approx(36)
    assert pace.left(run) == 0
    assert pace.left(replace(run, epoch=11)) == 0, "never negative"


def waiting(*names: str) -> list[Waiting]:
    return [Waiting(name, name[0], place + 1) for place, name in enumerate(names)]


def test_begins_as_worked_out_by_hand() -> None:
    """Two workers: A's run takes 5 s more, C's 20 s. a1, a2, b1 wait and take 10 s each."""
    turns = Turns.of(waiting("a1", "a2", "b1"), {"A": 1, "C": 1}, {})
    # At 5 s A's is over. Both a and b (whoever they are) have nothing under way; a asked first: a1 from 5 to 15, then
    # b1 from 15 to 25 as a has just had a turn; C's worker is free at 20 and takes a2.
    found = starts(turns, {"a1": 10, "a2": 10, "b1": 10}, [("A", 5), ("C", 20)], 2)
    assert found == {"a1": 5, "b1": 15, "a2": 20}


def test_whose_run_was_over_first_is_served_first() -> None:
    """a1 and b1 begin together; b1 is over at 3 s (c1 begins), a1 at 10 s: b has waited since 3 s, a has not waited."""
    turns = Turns.of(waiting("a1", "b1", "c1", "a2", "b2"), {}, {})
    found = starts(turns, {"a1": 10, "b1": 3, "c1": 20, "a2": 1, "b2": 1}, [], 2)
    assert found == {"a1": 0, "b1": 0, "c1": 3, "b2": 10, "a2": 11}


def test_free_workers_begin_at_once() -> None:
    found = starts(Turns.of(waiting("a1", "b1", "c1"), {}, {}), {"a1": 4, "b1": 2, "c1": 1}, [], 2)
    assert found == {"a1": 0, "b1": 0, "c1": 2}
    assert starts(Turns.of([], {}, {}), {}, [("A", 3)], 2) == {}


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(-5, 100)), max_size=20),
    st.lists(st.tuples(st.sampled_from("abc"), st.floats(-5, 100)), max_size=4),
    st.integers(0, 4),
)
def test_no_wait_is_negative_and_everybody_gets_one(asked, running, workers) -> None:
    """Also where more is under way than there are workers: another dashboard trains, too."""
    queue = waiting(*(f"{who}{place}" for place, (who, _) in enumerate(asked)))
    lengths = {run.id: seconds for run, (_, seconds) in zip(queue, asked, strict=True)}
    load = {who: sum(owner == who for owner, _ in running) for who in "abc"}
    found = starts(Turns.of(queue, load, {}), lengths, running, workers)
    assert set(found) == {run.id for run in queue}
    assert all(seconds >= 0 for seconds in found.values())
    begun = [found[name] for name in found]
    assert begun == sorted(begun), "who begins later waits longer"
    if queue:
        assert next(iter(found)) == fair_order(queue, load, {})[0] or len(running) >= max(1, workers)


def test_waits_of_the_store_s_queue(store: Store) -> None:
    first, second, third = (store.create(RunConfig(epochs=10, seed=seed), "d", who) for seed, who in enumerate("AAB"))
    store.claim(first)
    with store.write() as connection:
        under_way = {"epoch": 4, "seconds": 10.0}
        connection.execute(update(runs).where(runs.c.id == first).values(**under_way))
    pace = Pace(DATASETS, {"digits": 7 / counted(CONFIG, DATASETS["digits"])})
    assert waits(store, pace, 1) == pytest.approx({third: 12, second: 19})  # 6 epochs of 2 s, then one run of 7 s
    assert waits(store, pace, 2) == pytest.approx({third: 0, second: 7})


@pytest.mark.parametrize(
    ("preset", "change", "least", "most"),
    [
        ("conv_2d", {"dropout": 0.2}, 1.4, 1.7),
        ("conv_2d", {"normalisation": "batch"}, 1.05, 1.25),
        ("conv_2d", {"normalisation": "layer"}, 1.05, 1.25),
        ("two_d", {"dropout": 0.2}, 1.05, 1.25),
        ("two_d", {"normalisation": "batch"}, 1.0, 1.1),
    ],
)
def test_what_lies_between_layers_takes_time(preset: str, change: dict, least: float, most: float) -> None:
    """Measured: 1.59, 1.16 and 1.12 of the time of convolutions, 1.13 and 1.04 of an MLP's."""
    config = PRESETS[preset].config
    dataset = DATASETS[config.dataset]
    assert least < counted(config.model_copy(update=change), dataset) / counted(config, dataset) < most


@pytest.mark.parametrize(("preset", "least", "most"), [("quick", 1.1, 1.3), ("pytorch_example", 1.01, 1.1)])
def test_clipping_takes_the_more_time_the_smaller_the_network(preset: str, least: float, most: float) -> None:
    """Measured: 1.24 of a step of the quick preset, 1.05 of PyTorch's example. Weight decay takes none."""
    config = PRESETS[preset].config.model_copy(update={"epochs": 1000})
    clipped, decayed = (config.model_copy(update=update) for update in ({"gradient_clip": 5.0}, {"weight_decay": 0.1}))
    dataset = DATASETS[config.dataset]
    assert least < counted(clipped, dataset) / counted(config, dataset) < most
    assert counted(decayed, dataset) == counted(config, dataset)
