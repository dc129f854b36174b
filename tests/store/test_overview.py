"""All runs at a glance: the numbers are those of the store, read once, and what changes is seen."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import event, update
from stocking import config, stock
from test_store import METRICS, record

from vae.config import RunConfig
from vae.metrics import scalars
from vae.store import overview
from vae.store.overview import CURVE_POINTS, POINT_COLUMNS, RUN_COLUMNS, Overview, group, histories
from vae.store.runs import Run, Store
from vae.store.schema import runs


def table(store: Store) -> pd.DataFrame:
    return Overview(store).tables()[0].set_index("id")


@pytest.mark.parametrize("epochs", [1, 2, 23, 24, 25, 60, 100])
def test_numbers_and_curves_are_those_of_the_history(store: Store, epochs: int) -> None:
    run_id = stock(store, 1, epochs)[0]
    row, history = table(store).loc[run_id], store.history(run_id)
    for variant in ("ae", "vae"):
        rows = history[history.variant == variant]
        watched, test = rows[rows.split == "validation"].set_index("epoch"), rows[rows.split == "test"].iloc[0]
        for measure in scalars():
            for name, value in (("watched", watched.loc[epochs, measure]), ("test", test[measure])):
                found = row[f"{variant}_{name}_{measure}"]
                assert found == value or (np.isnan(found) and pd.isna(value)), f"{variant} {name} {measure}"
        curve, losses = row[f"{variant}_curve"], watched.loc[1:, "loss"].tolist()
        assert 0 < len(curve) <= CURVE_POINTS
        assert curve[-1] == losses[-1], "the last epoch is drawn"
        stride = -(-epochs // CURVE_POINTS)
        assert curve == losses[::-1][::stride][::-1], "evenly thinned, without the untrained epoch"
    assert np.isnan(row.ae_test_kl), "an autoencoder has no KL"


def started(store: Store, settings: RunConfig) -> Run:
    """A claimed run whose data are known."""
    run = store.claim(store.create(settings, "test"))
    data = {"hash": "h", "watched_split": "validation"}
    store.record_start(run, {}, data, ("split", 1, b"rows"), b"images")
    return run


def test_a_row_says_what_the_run_is(store: Store) -> None:
    settings = RunConfig(hidden=(64, 32), beta=0.5, variants=("vae",), seed=3)
    run_id = store.create(settings, "test")
    store.describe(run_id, name="<b>mine</b>", tags=["b", "a"], note="why")
    run = store.run(run_id)
    row = table(store).loc[run_id]
    assert (row["name"], row.tags, row.note, row.status) == ("<b>mine</b>", ("a", "b"), "why", "queued")
    assert (row.hidden, row.variants, row.beta, row.seed) == ("64,32", "vae", 0.5, 3)
    assert row.created_at == run.created_at
    assert row.group == "" and row.epoch == -1 and row.vae_curve == []
    assert np.isnan(row.vae_watched_loss)


def test_an_empty_store_has_empty_tables_with_all_columns(store: Store) -> None:
    runs, points = Overview(store).tables()
    assert (len(runs), list(runs), len(points), list(points)) == (0, list(RUN_COLUMNS), 0, list(POINT_COLUMNS))
    assert histories(store, []).empty


def test_what_changes_is_seen_and_what_does_not_is_not_read_again(store: Store) -> None:
    stock(store, 3, 2)
    run, seen = started(store, RunConfig(epochs=3)), Overview(store)
    statements: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    first = seen.tables()
    assert any("metrics" in statement for statement in statements)
    statements.clear()
    assert seen.tables()[0] is first[0], "nothing has changed: the same table"
    assert not any("metrics" in statement or "config" in statement for statement in statements)

    store.record_epoch(run, record(0))
    untrained = seen.tables()[0].set_index("id").loc[run.id]
    assert (untrained.epoch, untrained.vae_watched_kl, untrained.vae_curve) == (0, METRICS["kl"], [])
    store.record_epoch(run, record(1))
    statements.clear()
    after = seen.tables()[0].set_index("id").loc[run.id]
    assert (after.epoch, after.vae_curve) == (1, [METRICS["loss"]])
    assert sum("metrics" in statement for statement in statements) == 2
    store.finish(run, "done", test={"vae": METRICS | {"loss": 77.0}})
    assert seen.tables()[0].set_index("id").loc[run.id].vae_test_loss == 77.0
    store.describe(run.id, name="n", tags=["t"], note="")
    assert seen.tables()[0].set_index("id").loc[run.id].tags == ("t",)


def test_deleted_runs_are_out_of_sight_until_they_are_restored(store: Store) -> None:
    ids, seen = stock(store, 3, 2), Overview(store)
    store.delete(ids[:2])
    runs, points = seen.tables()
    assert list(runs.id) == ids[2:] and set(points.id) == set(ids[2:])
    store.restore(ids)
    assert list(seen.tables()[0].id) == ids[::-1], "newest first"


def test_points_hold_every_variant(store: Store) -> None:
    run = started(store, RunConfig(epochs=3, variants=("vae", "kl_only")))
    both = {"vae": METRICS, "kl_only": METRICS | {"kl": 1.0}}
    written = record(1)
    store.record_epoch(run, type(written)(**{**vars(written), "metrics": both}))
    _, points = Overview(store).tables()
    assert points[["id", "variant", "epoch", "kl"]].to_numpy().tolist() == [
        [run.id, "kl_only", 1, 1.0],
        [run.id, "vae", 1, METRICS["kl"]],
    ]


def test_settings_are_equal_for_seeds_alone_and_groups_for_what_may_be_compared(store: Store) -> None:
    stock(store, 160, 1)
    runs = table(store)
    for number, row in enumerate(runs.iloc[::-1].itertuples()):
        first = config(number - number % 5)
        assert row.settings == first.model_copy(update={"seed": 0, "epochs": 1}).model_dump_json()
    assert runs.groupby("group")[["dataset"]].nunique().max().item() == 1
    base, data = RunConfig(), {"hash": "h", "watched_split": "validation"}
    here = group(base, data)
    same = [{"beta": 9.0}, {"seed": 4}, {"train_limit": 100}, {"latent_dim": 9}]
    other = [{"reconstruction": "sse"}, {"validation_size": 5}, {"dataset": "mnist"}, {"held_out_class": "8"}]
    assert all(group(base.model_copy(update=change), data) == here for change in same)
    assert all(group(base.model_copy(update=change), data) != here for change in other)
    assert group(base, data | {"hash": "other"}) != here != group(base, data | {"watched_split": "train"})
    trained_on = data | {"watched_split": "train"}
    assert group(base.model_copy(update={"train_limit": 9}), trained_on) != group(base, trained_on)
    assert group(base, None) == ""
    assert here == "digits h validation 200 bce", "what other places take apart, and what it was before there were more"
    assert group(base.model_copy(update={"held_out_class": "a b"}), data) == "digits h validation 200 without a b bce"


def test_more_runs_than_one_query_may_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    stock(store, 7, 2)
    whole = table(store)
    monkeypatch.setattr(overview, "IN_A_QUERY", 3)
    pd.testing.assert_frame_equal(table(store), whole)


def test_histories_are_those_of_the_store(store: Store) -> None:
    ids = stock(store, 3, 4)
    found = histories(store, ids[:2])
    expected = pd.concat([store.history(run_id) for run_id in ids[:2]]).query("split != 'test'")
    order = ["id", "variant", "epoch"]
    expected = expected.rename(columns={"run_id": "id"}).sort_values(order)[[*order, *scalars()]].reset_index(drop=True)
    got = found.sort_values(order).reset_index(drop=True)
    pd.testing.assert_frame_equal(got, expected, check_dtype=False)


@pytest.mark.slow
def test_a_thousand_runs_are_read_in_a_blink(store: Store) -> None:
    stock(store, 1000)
    seen, times = Overview(store), []
    for _ in range(4):
        before = time.perf_counter()
        runs, _ = seen.tables()
        times.append(time.perf_counter() - before)
    print(f"1,000 runs read in {1000 * times[0]:.0f} ms, looked at again in {1000 * min(times[1:]):.0f} ms")
    assert len(runs) == 1000
    assert min(times[1:]) < times[0] / 3, "what is known is not read again"


def test_runs_that_an_earlier_version_named_by_less_are_named_by_all(store: Store) -> None:
    """Before names told everything, a score function's run bore the name of the trick's. What is stored stays."""
    settings = RunConfig(estimator="score_function", epochs=3)
    earlier, given = store.create(settings, "me"), store.create(settings, "me")
    with store.write() as connection:
        named = update(runs).values(name="digits · 2-D · 128 · β 1 · seed 0")
        connection.execute(named.where(runs.c.id == earlier))
    store.describe(given, name="mine", tags=[], note="")
    name = "digits · 2-D · 128 · β 1 · 3 epochs · score function · seed 0"
    assert {run_id: store.run(run_id).name for run_id in (earlier, given)} == {earlier: name, given: "mine"}
    assert table(store)["name"].to_dict() == {earlier: name, given: "mine"}
