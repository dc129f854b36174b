"""The page that compares runs, without a browser: what it says is what the store holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from lessons import labels, notices, press
from paging import open_page, open_tab, texts
from scipy import stats
from sqlalchemy import update
from stocking import config, stock
from streamlit.testing.v1 import AppTest

from pages.sections.compare import compared_runs, paired_difference, rate_distortion, run_curves, run_table
from pages.sections.compare.compared_runs import ComparedSetting
from pages.state import run_index
from pages.state.run_index import MARKS, EveryRun
from pages.state.shared_reads import shared_for
from pages.text import words
from vae.config import RunConfig
from vae.store import schema
from vae.store.overview import Overview
from vae.store.runs import Store

PAGE = "compare.py"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Figures by key, and what the download buttons would make, by file name, as the page made them last."""
    found: dict[str, Any] = {}

    def figure(drawing: go.Figure, *, key: str, alt: str) -> None:
        assert alt
        found[key] = drawing

    def csv(table: Callable[[], pd.DataFrame], name: str, *_: Any) -> None:
        found[name] = table

    for module in ("run_curves", "paired_difference", "rate_distortion", "side_by_side"):
        monkeypatch.setattr(f"pages.sections.compare.{module}.figure", figure)
    for module in ("run_curves", "paired_difference", "rate_distortion", "run_table", "comparison_panel"):
        monkeypatch.setattr(f"pages.sections.compare.{module}.csv", csv)
    return found


def compare(*run_ids: str) -> AppTest:
    return open_page(PAGE, runs=",".join(run_ids)) if run_ids else open_page(PAGE)


def tabs(app: AppTest) -> list[str]:
    return [tab.label for tab in app.tabs]


def html(app: AppTest) -> str:
    return "\n".join(element.proto.body for element in app.get("html"))


def rows(app: AppTest) -> pd.DataFrame:
    return app.dataframe[0].value


# The table


def test_without_runs_it_says_so_and_leads_to_the_first_page(shared: Store) -> None:
    app = compare()
    assert "Nothing is trained yet" in texts(app)
    assert not app.dataframe


def test_every_run_is_in_the_table_newest_first(shared: Store, made: dict) -> None:
    ids = stock(shared, 45, 3)
    app = compare()
    shown = rows(app)
    assert list(shown["id"]) == ids[::-1]
    test = shared.history(ids[-1]).query("split == 'test' and variant == 'vae'").iloc[0]
    assert shown.loc[0, ["vae_test_reconstruction", "vae_test_kl"]].tolist() == pytest.approx(
        [test.reconstruction, test.kl]
    )
    assert "**45 runs**" in texts(app)
    assert list(made["runs"]()["id"]) == ids[::-1]


def test_filters_leave_what_was_asked_for(shared: Store) -> None:
    ids = stock(shared, 45, 2)
    every = EveryRun(*Overview(shared).tables())

    def found(words: str = "", **wanted: list[str]) -> set[str]:
        return set(every.ids[run_table.matching(every, words, wanted)])

    assert found() == set(ids)
    assert found("NOTE  lecture") == {ids[14], ids[21], ids[42]}, "all words, in any case and order"
    assert found(ids[3]) == {ids[3]}
    assert found("β lecture") == {ids[i] for i in range(45) if i % 4 == 2 or i % 4 == 1}
    assert found(tag=["sweep"]) == {ids[i] for i in range(45) if i % 4 == 3}
    assert found(tag=["sweep", "β"]) == {ids[i] for i in range(45) if i % 4 in (2, 3)}
    assert found(status=["failed"]) == set()
    assert found(dataset=["digits"], reconstruction=["bce"], status=["done"]) == set(ids)
    assert found("nothing like it") == set()


def test_a_filter_keeps_what_was_chosen(shared: Store) -> None:
    ids = stock(shared, 12, 2)
    app = compare(ids[2], ids[7])
    assert app.session_state["compare.table"]["selection"]["rows"] == [4, 9], "the newest is on top"
    app.text_input(key="compare.search").set_value("a note").run()
    assert rows(app)["id"].tolist() == [ids[7], ids[0]]
    assert "2 chosen, 1 of them hidden by the filter" in texts(app)
    assert app.session_state["compare.runs"] == [ids[2], ids[7]]
    assert app.session_state["compare.table"]["selection"]["rows"] == [0]


def test_the_best_are_marked_within_what_may_be_compared(shared: Store) -> None:
    stock(shared, 640, 1)  # both data sets, both losses
    shown = EveryRun(*Overview(shared).tables())
    table, runs = shown.table.to_pandas(), shown.runs
    bound = runs.vae_watched_reconstruction + runs.vae_watched_kl
    for title, column in MARKS.items():
        values = (bound if column == "vae_bound" else runs[column]).round(2)  # as they are shown
        least = values.groupby([runs.dataset, runs.reconstruction]).transform("min")
        assert ((values == least) == [title in marks for marks in table["best"]]).all()
        assert (values == least).sum() >= 4


def test_numbers_of_different_images_or_losses_are_in_different_groups(shared: Store) -> None:
    stock(shared, 640, 1)
    titles = EveryRun(*Overview(shared).tables()).groups.values()
    assert set(titles) == {"digits · BCE", "digits · squared error", "mnist · BCE", "mnist · squared error"}


# Choosing


def test_the_link_opens_the_comparison(shared: Store, made: dict) -> None:
    ids = stock(shared, 20, 3)
    app = compare(ids[0], ids[7], ids[1])
    assert "3 chosen (2 settings)" in texts(app)
    differ = open_tab(app, "Settings").dataframe[1].value
    assert differ.to_dict("records") == [{"setting": "β, the weight of the KL", "A": "0.1", "B": "0.25"}]
    assert app.query_params["runs"] == ",".join([ids[0], ids[7], ids[1]])


def test_a_link_to_runs_that_are_not_there_is_told(shared: Store) -> None:
    ids = stock(shared, 2, 2)
    app = compare(ids[0], "nope", "**`x`**")
    assert app.warning[0].value.endswith("deleted: nope and ???x???.")
    assert app.session_state["compare.runs"] == [ids[0]]


def test_a_run_that_is_younger_than_a_shared_read_is_found(shared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = stock(shared, 1)
    monkeypatch.setattr(run_index, "every_run", shared_for(60)(lambda: EveryRun(*Overview(shared).tables())))
    assert list(run_index.every_run().ids) == ids
    new = shared.create(config(50), "test")
    app = compare(ids[0], new)
    assert "2 chosen" in texts(app)
    assert not any("Not among" in told for told in notices(app))


def test_one_run_alone_is_shown_and_compared_with_nothing(shared: Store, made: dict) -> None:
    ids = stock(shared, 2, 3)
    app = compare(ids[0])
    assert "1 chosen (1 setting)" in texts(app)
    assert tabs(app) == ["Curves", "Images", "Settings", "Rate and distortion", "Files"]
    assert "Tick another run to compare." in texts(open_tab(app, "Settings"))


def test_more_settings_than_can_be_told_apart_are_told(shared: Store, made: dict) -> None:
    ids = stock(shared, 55, 2)
    app = compare(*ids[::5])
    assert "3 chosen runs left out" in app.warning[0].value
    assert "11 chosen (8 settings)" in texts(app)


def test_text_from_visitors_is_text(shared: Store, made: dict) -> None:
    ids = stock(shared, 6, 2)
    name, tag, note = "**bold** <b>html</b> [link](http://x)", "<i>tag</i> `code`", "# note <script>"
    shared.describe(ids[5], name=name, tags=[tag], note=note)
    app = compare(ids[0], ids[5])
    for text in (name, tag, note):
        assert text not in texts(app), "nothing interprets it as markdown"
        assert text not in html(app)
    assert "**bold** &lt;b&gt;html&lt;/b&gt;" in html(app)
    assert rows(app)["name"].tolist()[0] == name
    open_tab(app, "Rate and distortion")
    hover = [
        said
        for trace in made["compare.plane"].data
        for said in (trace.customdata if trace.customdata is not None else [])
    ]
    assert any("&lt;b&gt;html" in said for said in hover) and not any("<b>html" in said for said in hover)


# Side by side


def test_curves_fold_seeds_and_are_those_of_the_store(shared: Store, made: dict) -> None:
    ids = stock(shared, 10, 4)
    compare(*ids)
    table = made["curves-reconstruction"]()
    of_a = pd.concat([shared.history(run_id) for run_id in ids[:5]]).query("split == 'validation' and variant == 'vae'")
    for epoch in range(1, 5):
        values = of_a[of_a.epoch == epoch].reconstruction
        row = table.query("name == 'A' and variant == 'vae' and epoch == @epoch").iloc[0]
        assert row[["value", "low", "high", "seeds"]].tolist() == pytest.approx(
            [values.mean(), values.min(), values.max(), 5]
        )
    assert 0 not in set(table.epoch)
    drawn = [trace.name for trace in made["compare.curves.0"].data if trace.name]
    assert drawn == ["A Autoencoder", "B Autoencoder", "A Variational autoencoder", "B Variational autoencoder"]


def test_what_ends_where_is_said_for_each_pair_of_axes() -> None:
    columns = ["name", "variant", "epoch", "value"]
    bce = pd.DataFrame([("A", "vae", 1, 9.0), ("A", "vae", 2, 5.0), ("B", "vae", 2, 4.0)], columns=columns).assign(
        seeds=1
    )
    sse = pd.DataFrame([("C", "ae", 2, 1.5), ("D", "ae", 1, 0.5)], columns=columns).assign(seeds=3)
    said = run_curves.notice([("x", bce), ("y", sse)], "reconstruction")
    assert "x: Variational autoencoder A 5, B 4." in said
    assert "y: Autoencoder C 1.5 (epoch 2), D 0.5 (epoch 1)." in said
    assert "Variational autoencoder A 5, B 4." in run_curves.notice(
        [("x", bce)], "kl"
    ) and "not good by itself" in run_curves.notice([], "kl")


def settings(letter: str, group: str, **changes: Any) -> ComparedSetting:
    run = type("Run", (), {"config": RunConfig(**changes)})()
    return ComparedSetting(letter, (run,), group)


def test_different_quantities_never_share_axes() -> None:
    groups = {"digits h validation 200 bce": "digits · BCE", "digits h validation 200 sse": "digits · squared error"}
    bce, sse = groups
    found = [
        settings("A", bce),
        settings("B", bce, beta=4.0),
        settings("C", sse, reconstruction="sse"),
        settings("D", bce, variants=("vae",)),
        settings("E", ""),
    ]
    assert run_curves.panels(found, "reconstruction", groups) == {
        "digits · BCE": {("A", "ae"), ("A", "vae"), ("B", "ae"), ("B", "vae"), ("D", "vae")},
        "digits · squared error": {("C", "ae"), ("C", "vae")},
    }
    assert len(run_curves.panels(found, "mse_from_mean", groups)) == 1, "grey levels are grey levels under either loss"
    objectives = run_curves.panels(found, "loss", groups)
    assert {("A", "ae"), ("B", "ae")} in objectives.values(), "an autoencoder's loss has no β in it"
    assert {("A", "vae"), ("D", "vae")} in objectives.values()
    assert {("B", "vae")} in objectives.values(), "another β is another objective"
    assert all(len({variant for _, variant in pairs}) == 1 for pairs in objectives.values())


def test_images_of_the_same_name_that_differ_never_share_axes() -> None:
    groups = {"digits h validation 200 bce": "digits · BCE", "digits h validation 500 sse": "digits · squared error"}
    found = [settings(letter, group) for letter, group in zip("AB", groups, strict=True)]
    for measure in run_curves.CURVE_MEASURES:
        assert all(
            len({letter for letter, _ in pairs}) == 1 for pairs in run_curves.panels(found, measure, groups).values()
        )


def test_the_paired_difference_is_a_paired_t_test_on_the_test_images(shared: Store, made: dict) -> None:
    ids = stock(shared, 10, 3)
    app = open_tab(compare(*ids), "Difference")
    table = made["difference-B-A"]().set_index(["variant", "measure"])
    test = pd.concat([shared.history(run_id) for run_id in ids]).query("split == 'test' and variant == 'vae'")
    a, b = test.reconstruction[:5].to_numpy(), test.reconstruction[5:].to_numpy()
    interval = stats.ttest_rel(b, a).confidence_interval(0.95)
    row = table.loc[("vae", "reconstruction")]
    assert row[["difference", "low", "high"]].tolist() == pytest.approx([(b - a).mean(), interval.low, interval.high])
    assert row.says == ("B is higher" if interval.low > 0 else "B is lower" if interval.high < 0 else "open")
    assert ("ae", "kl") not in table.index, "an autoencoder has no KL"
    assert table.loc[("ae", "reconstruction"), "says"] == "equal", "β is nothing to an autoencoder"
    said = next(text for text in notices(app) if "B − A" in text)
    assert "the same in every pair" in said and "Over 5 pairs" in said


def test_one_seed_is_not_enough_to_conclude(shared: Store, made: dict) -> None:
    ids = stock(shared, 10, 3)
    app = open_tab(compare(ids[0], ids[5]), "Difference")
    assert any("Only one seed: not enough to conclude." in text and "B − A" in text for text in notices(app))
    assert np.isnan(made["difference-B-A"]()["low"]).all()
    shown = next(element.value for element in app.dataframe if "What it says" in element.value)
    assert set(shown["What it says"]) == {"only one seed"} and set(shown["95 % interval"]) == {"–"}


def test_no_common_seed_is_told(shared: Store, made: dict) -> None:
    ids = stock(shared, 10, 3)
    assert "No seed is done in both A and B" in texts(open_tab(compare(ids[0], ids[6]), "Difference"))
    assert "difference-B-A" not in made


def test_different_reconstruction_losses_are_not_subtracted_but_grey_levels_are(shared: Store, made: dict) -> None:
    ids = stock(shared, 401, 1)
    assert config(0).differences(config(400)).keys() == {"reconstruction"}
    app = compare(ids[0], ids[400])
    assert {"compare.curves.0", "compare.curves.1"} <= set(made), "each in axes of its own"
    assert "reconstruction losses differ" in texts(open_tab(app, "Difference"))
    assert set(made["difference-B-A"]()["measure"]) == {"kl", "mse_from_mean", "mse_from_sample", "active_units"}
    assert "compare.difference" not in made


def test_different_data_are_not_subtracted(shared: Store, made: dict) -> None:
    ids = stock(shared, 2, 2)
    with shared.write() as connection:
        data = shared.run(ids[1]).data | {"hash": "other"}
        connection.execute(
            update(schema.runs)
            .where(schema.runs.c.id == ids[1])
            .values(data=data, config=config(7).model_dump(mode="json"))
        )
    assert "learn from different data" in texts(open_tab(compare(*ids), "Difference"))


def test_runs_without_a_class_are_apart_from_others_and_say_so(shared: Store, made: dict) -> None:
    ids = stock(shared, 2, 2)
    with shared.write() as connection:
        for run_id, settings in zip(
            ids, (config(0), config(0).model_copy(update={"held_out_class": "a b"})), strict=True
        ):
            of_run = update(schema.runs).where(schema.runs.c.id == run_id)
            connection.execute(of_run.values(config=settings.model_dump(mode="json")))
    assert sorted(EveryRun(*Overview(shared).tables()).groups.values()) == [
        "digits · BCE",
        "digits · BCE · without class a b",
    ]
    assert "tested on images of different classes" in texts(open_tab(compare(*ids), "Difference"))


def test_runs_without_pictures_or_numbers_are_no_error(shared: Store, made: dict) -> None:
    ids = stock(shared, 1, 2)
    waiting = shared.create(RunConfig(), "test")
    failed = shared.create(RunConfig(latent_dim=9), "test")
    run = shared.claim(failed)
    shared.finish(run, "failed", "It <b>diverged</b>.")
    app = compare(waiting, failed, ids[0])
    assert "It &lt;b&gt;diverged&lt;/b&gt;." in html(app)
    assert "One of the two has not finished an epoch yet." in texts(open_tab(app, "Difference"))
    only = compare(waiting)
    assert "None of these runs has finished an epoch yet." in texts(only)
    assert "None of these runs has pictures yet." in texts(open_tab(only, "Images"))


def test_pictures_of_the_same_images_stand_side_by_side(stocked: Store, runs: dict[str, str], made: dict) -> None:
    app = open_tab(compare(runs["2-D"], runs["3-D"], runs["all four"]), "Images")
    drawn = {key for key in made if key.startswith("compare.codes")}
    assert {
        "compare.codes.vae.A",
        "compare.codes.ae.B",
        "compare.codes.noise_only.C",
        "compare.codes.kl_only.C",
    } <= drawn
    assert "compare.codes.kl_only.A" not in drawn
    assert {"A, from the mean", "B, from a sample"} <= set(re.findall(r'alt="([^"]*)"', html(app)))
    assert "PCA plane of the 3-D code" in texts(app), "a slice says that it is a slice"


# The plane of rate and distortion


def test_the_plane_draws_the_front_over_means_of_seeds(shared: Store, made: dict) -> None:
    stock(shared, 80, 2)
    app = compare()
    table = made["rate-distortion"]()
    vae = table[table.variant == "vae"]
    assert len(vae) == 16 and set(vae.seeds) == {5}
    points = vae[["rate", "distortion"]].to_numpy()
    undominated = [not any((q <= p).all() and (q < p).any() for q in points) for p in points]
    assert vae.front.tolist() == undominated
    assert not table[table.variant == "ae"].front.any()
    front = next(trace for trace in made["compare.plane"].data if trace.name == "Pareto front")
    assert np.allclose(np.sort(front.x), np.sort(vae.rate[undominated])), "drawn as computed"
    edge = [trace for trace in made["compare.plane"].data if trace.name == "Autoencoder"]
    assert {trace.xaxis for trace in edge} == {"x2"}, "an autoencoder has no rate"
    said = next(text for text in notices(app) if "on the front" in text)
    assert f"{sum(undominated)} of 16 points" in said
    assert f"{(vae.rate + vae.distortion).min():.2f}" in said


def test_autoencoders_alone_have_no_front(shared: Store, made: dict) -> None:
    stock(shared, 3, 2)
    with shared.write() as connection:
        connection.execute(schema.metrics.delete().where(schema.metrics.c.variant == "vae"))
    app = compare()
    assert any("none has a rate" in text for text in notices(app))
    assert not made["rate-distortion"]()["front"].any()


# What can be done with runs


def test_deleting_is_undone(shared: Store, made: dict) -> None:
    ids = stock(shared, 3, 2)
    app = press(compare(*ids[:2]), "Delete")
    assert [run.id for run in shared.runs()] == [ids[2]]
    assert rows(app)["id"].tolist() == [ids[2]] and "runs" not in app.query_params
    assert "2 runs deleted" in texts(app)
    press(app, "Undo")
    assert len(shared.runs()) == 3
    assert set(app.session_state["compare.runs"]) == set(ids[:2])
    assert "Undo" not in labels(app)


def test_a_run_under_way_is_not_deleted(shared: Store, made: dict) -> None:
    waiting = shared.create(RunConfig(), "test")
    app = press(compare(waiting), "Delete")
    assert shared.run(waiting).deleted_at is None
    assert "Stop it in Train" in app.toast[0].value
    assert "Undo" not in labels(app)


def form(*run_ids: str) -> AppTest:
    """The dialog's form by itself: the test runner forgets a dialog when something in it is clicked."""

    def script(run_ids: tuple[str, ...]) -> None:
        from pages.sections.compare import run_actions
        from pages.state import resources
        from pages.state.run_index import every_run

        run_actions.describe_form(every_run(), [resources.run(run_id) for run_id in run_ids])

    return AppTest.from_function(script, args=(run_ids,), default_timeout=60).run()


def test_the_form_opens_over_the_page(shared: Store, made: dict) -> None:
    ids = stock(shared, 1, 2)
    app = press(compare(ids[0]), "Rename, tag, note")
    assert app.text_input(key=f"compare.name.{ids[0]}").value == shared.run(ids[0]).name


def test_a_run_is_renamed_tagged_and_noted(shared: Store) -> None:
    ids = stock(shared, 2, 2)
    app = form(ids[1])
    app.text_input(key=f"compare.name.{ids[1]}").set_value("Mine")
    app.text_area(key=f"compare.note.{ids[1]}").set_value("Because")
    app.multiselect(key=f"compare.tags.{ids[1]}").set_value([])
    press(app, "Save")
    run = shared.run(ids[1])
    assert (run.name, run.note, run.tags) == ("Mine", "Because", ())


def test_several_runs_get_a_tag_and_keep_the_rest(shared: Store) -> None:
    ids = stock(shared, 3, 2)
    before = [shared.run(run_id) for run_id in ids]
    app = form(*ids)
    app.selectbox[0].set_value("all").run()
    app.multiselect(key="compare.tags.all").set_value(["lecture"])
    press(app, "Save")
    for was in before:
        now = shared.run(was.id)
        assert set(now.tags) == {*was.tags, "lecture"}
        assert (now.name, now.note) == (was.name, was.note)


def test_a_name_that_cannot_be_is_told(shared: Store) -> None:
    ids = stock(shared, 1, 2)
    app = form(ids[0])
    app.text_input(key=f"compare.name.{ids[0]}").set_value("   ")
    press(app, "Save")
    assert "1 to 200 characters" in app.error[0].value
    assert shared.run(ids[0]).name.strip()


def test_training_again_takes_seeds_that_are_free_or_the_same(shared: Store, made: dict) -> None:
    ids = stock(shared, 7, 2)
    app = press(compare(ids[0], ids[1], ids[5]), "Queue 4 runs")
    queued = shared.runs(status=("queued",))
    assert sorted((run.config.beta, run.config.seed) for run in queued) == [(0.1, 5), (0.1, 6), (0.25, 2), (0.25, 3)]
    assert {run.id for run in queued} < set(app.session_state["compare.runs"])
    app.radio(key="compare.again").set_value("same").run()
    press(app, "Queue 7 runs")
    assert len(shared.runs(status=("queued",))) == 11


@pytest.mark.parametrize(
    ("ae", "seeds", "said", "warns"),
    [
        ([9.0], 3, "is 9.00: 1.00 above the lowest with a rate.", False),
        ([7.5], 3, "is 7.50: 0.50 below the lowest with a rate.", False),
        ([8.001], 3, "is 8.00: equal to the lowest with a rate.", False),
        ([9.0], 1, "is 9.00: 1.00 above the lowest with a rate. Some of these have 1 seed only: not enough", True),
        ([9.0], 2, "is 9.00: 1.00 above the lowest with a rate. Some of these have 2 seeds only: not enough", True),
    ],
)
def test_the_plane_in_words_whichever_way_it_comes_out(ae: list[float], seeds: int, said: str, warns: bool) -> None:
    rows = [("a", "vae", 2.0, 8.0, True, True), *(("b", "ae", np.nan, value, False, False) for value in ae)]
    columns = ["settings", "variant", "rate", "distortion", "samples", "front"]
    folded = pd.DataFrame(rows, columns=columns).assign(seeds=seeds)
    whole = rate_distortion.notice(folded, {"a": "2-D, β 1"})
    assert said in whole and ("not enough to conclude." in whole) == warns
    assert "best" not in whole


def test_a_difference_that_nobody_sees_is_no_ranking(shared: Store) -> None:
    """In each of five seeds B is higher, by less than the table shows."""
    measured = [name for name in paired_difference.TEST_MEASURES if name != "bound"]
    columns = ["name", "variant", "seed", *measured]
    rows = [
        (name, "vae", seed, *[10.0 + shift] * len(measured))
        for name, shift in (("A", 0.0), ("B", 1e-4))
        for seed in range(5)
    ]
    table = paired_difference.differences(
        pd.DataFrame(rows, columns=columns), settings("A", "g"), settings("B", "g", beta=2.0)
    )
    assert (table["low"] > 0).all() and set(table["says"]) == {"open"}
    assert set(paired_difference._in_words(table, "A", "B")["What it says"]) == {"no clear difference"}


def test_words() -> None:
    assert [words.signed(value) for value in (0.0, 0.25, -3.0)] == ["0", "+0.25", "−3"]
    assert words.plural(1, "run") == "1 run" and words.plural(1000, "run") == "1,000 runs"
    assert words.listed(["a"]) == "a" and words.listed(["a", "b", "c"]) == "a, b and c"
    assert paired_difference._says("too few seeds", 2, "C") == "only 2 seeds"
    assert paired_difference._says("B is lower", 3, "C") == "C is lower"
    assert rate_distortion.notice(pd.DataFrame({"samples": [False], "rate": [np.nan]}), {}).startswith(
        "No variant here"
    )
    assert compared_runs.MOST_SETTINGS == 8
