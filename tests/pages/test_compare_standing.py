"""Compare with runs that wait or are under way, with one setting, and in words instead of codes."""

from __future__ import annotations

from lessons import done, labels, press
from paging import open_page, open_tab, texts
from sqlalchemy import update
from streamlit.testing.v1 import AppTest

from pages.shared import similar_runs
from pages.state import resources
from pages.state.run_index import forget
from vae.analysis.comparing import differing
from vae.config import RunConfig
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store import schema
from vae.store.runs import Store

SMALL = RunConfig(epochs=2, train_limit=100, validation_size=50)


def compare(*run_ids: str) -> AppTest:
    return open_page("compare.py", runs=",".join(run_ids))


def headers(app: AppTest) -> list[str]:
    return [header.value for header in app.header]


def badges(app: AppTest) -> str:
    return " ".join(element.value for element in app.markdown if "badge" in element.value)


def test_runs_that_wait_have_nothing_to_download(shared: Store) -> None:
    ids = [shared.create(SMALL.model_copy(update={"seed": seed}), "test") for seed in (0, 1)]
    assert "Download" not in headers(open_tab(compare(*ids), "Files"))
    assert execute(shared, ids[0], Settings.from_environment()) == "done"
    forget()
    app = open_tab(compare(*ids), "Files")
    assert "Download" in headers(app) and "Only runs with the status done: 1 of these 2." in texts(app)


def test_the_table_and_what_is_below_it_agree_on_how_a_run_stands(shared: Store) -> None:
    """The two look by themselves, each in its own time: whichever sees a change first has both drawn anew."""
    run_id = shared.create(SMALL, "test")
    app = compare(run_id)
    assert app.dataframe[0].value["status"].tolist() == ["queued"] and "queued" in badges(app)
    with shared.write() as connection:
        connection.execute(update(schema.runs).values(status="running"))
    resources.forget()  # the runs' own pages have seen it, the table has not
    app.run()
    assert app.dataframe[0].value["status"].tolist() == ["running 0/2"] and "running" in badges(app)


def test_one_setting_is_no_curve_and_what_makes_one_is_offered(shared: Store) -> None:
    run_id = done(shared, SMALL)
    app = open_tab(compare(run_id), "Rate and distortion")
    assert "one point, not a curve" in texts(app)
    assert "Pareto front" not in texts(app)
    press(app, "Train with every β")
    queued = {run.config for run in shared.runs(status=("queued",))}
    assert queued == {SMALL.model_copy(update={"variants": ("vae",), "beta": beta}) for beta in similar_runs.BETAS}


def test_two_settings_are_drawn(shared: Store) -> None:
    ids = [done(shared, SMALL), done(shared, SMALL.model_copy(update={"beta": 4.0}))]
    app = open_tab(compare(*ids), "Rate and distortion")
    assert "Pareto front" in texts(app) and "Train with every β" not in labels(app)


def test_what_differs_is_in_words() -> None:
    other = {"reconstruction": "sse", "train_limit": 0, "variants": ("vae",), "hidden": (), "estimator": "detached"}
    table = differing({"A": SMALL, "B": SMALL.model_copy(update=other)}).set_index("setting")
    assert table.to_dict("index") == {
        "Training images": {"A": "100", "B": "all"},
        "Hidden layers": {"A": "128", "B": "none"},
        "Reconstruction loss": {"A": "BCE", "B": "squared error"},
        "Variants": {"A": "AE, VAE", "B": "VAE"},
        "Gradient estimator": {"A": "pathwise", "B": "detached"},
    }


def test_the_table_of_runs_is_in_words(shared: Store) -> None:
    shared.create(
        SMALL.model_copy(update={"estimator": "score_function", "hidden": (), "variants": ("ae", "kl_only")}), "x"
    )
    row = open_page("compare.py").dataframe[0].value.iloc[0]
    assert (row["estimator"], row["hidden"], row["variants"]) == ("score function", "none", "AE, KL only")
    assert row["reconstruction"] == "BCE"


def test_the_form_offers_titles_and_keeps_codes(shared: Store) -> None:
    app = open_page("train.py")
    loss = app.selectbox(key="config.reconstruction")
    assert (loss.value, list(loss.options)[:2]) == ("bce", ["BCE", "Squared error"])
    assert list(app.multiselect(key="config.variants").options)[:4] == ["AE", "Noise only", "KL only", "VAE"]
    assert list(app.selectbox(key="config.activation").options)[:4] == ["ReLU", "LeakyReLU", "tanh", "ELU"]
    loss.set_value("sse").run()
    assert app.session_state["config.reconstruction"] == "sse"
