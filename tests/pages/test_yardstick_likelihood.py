"""The tab Likelihood as Streamlit's own test runner sees it, and its sentences with numbers that turn them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import postgres
import pytest
from lessons import done, labels, notices, numbers_missing, press, until
from paging import open_page, open_tab, texts
from streamlit.testing.v1 import AppTest

from pages.sections.yardsticks import likelihood
from pages.state import resources
from vae.config import RunConfig
from vae.figures.yardsticks.likelihood import nll_by_samples
from vae.measuring import KINDS
from vae.measuring.yardsticks import judged
from vae.store.measurements import measurement
from vae.store.runs import Store

TINY = RunConfig(
    epochs=1, hidden=(8,), latent_dim=2, train_limit=100, reconstruction="bernoulli", binarisation="static"
)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """In the place of that of lessons.py, for the fixtures there."""
    with postgres.settings_for(tmp_path_factory.mktemp("library")) as settings:
        store = Store(settings.database_url)
        configs = {
            "both": TINY,
            "seed 1": TINY.model_copy(update={"seed": 1}),
            "seed 2": TINY.model_copy(update={"seed": 2}),
            "grey": RunConfig(epochs=1, hidden=(8,), train_limit=100),
            "ae only": TINY.model_copy(update={"variants": ("ae",)}),
        }
        yield settings.database_url, {kind: done(store, config, settings) for kind, config in configs.items()}


def likelihood_of(run_id: str) -> AppTest:
    return open_tab(open_page("yardsticks.py", run=run_id), "Likelihood")


def results(app: AppTest) -> pd.DataFrame | None:
    return next((element.value for element in app.dataframe if "−log p(x)" in element.value.columns), None)


def test_it_is_measured_when_asked_for_and_its_other_seeds_too(stocked: Store, runs: dict[str, str]) -> None:
    app = likelihood_of(runs["both"])
    assert results(app) is None and "importance samples" in texts(app)
    app = until(press(app, "Measure the likelihood"), lambda app: results(app) is not None)
    kept = measurement(stocked, runs["both"], 1, KINDS["likelihood"])
    values = kept.set_index(["measure", "samples"])["value"]
    row = results(app).iloc[0]
    assert len(results(app)) == 1 and row["Model"] == "VAE", "the autoencoder has none"
    assert row["−log p(x)"].startswith(f"{values['nll', 200]:.2f} ± ")
    assert (row["Bound"], row["Bound too high by"]) == (f"{values['bound', 200]:.2f}", f"{values['gap', 200]:.2f}")
    said = texts(app)
    assert "The AE has no likelihood: it draws no codes" in said
    assert "binarised in the same way (here: static)" in said
    assert f"seed 0 {values['nll', 200]:.2f}. Only one seed: not enough to conclude." in said
    assert numbers_missing(app) == [] and len(notices(app)) == 1

    app = press(app, "Measure 2 more seeds")
    until(app, lambda app: "95 % interval over 3 seeds" in texts(app))
    assert not any("more seed" in label for label in labels(app))
    for kind in ("seed 1", "seed 2"):
        nll = measurement(stocked, runs[kind], 1, KINDS["likelihood"]).set_index("measure")["value"]["nll"]
        assert f"{kind} {nll:.2f}" in texts(app)


@pytest.mark.parametrize(
    ("kind", "words"),
    [("grey", "binary cross-entropy of grey pixels is a cost"), ("ae only", "The AE has no likelihood")],
)
def test_a_run_without_one_says_why_before_anybody_asks(
    stocked: Store, runs: dict[str, str], kind: str, words: str
) -> None:
    app = likelihood_of(runs[kind])
    assert words in texts(app) and "Measure the likelihood" not in labels(app) and not app.error


def test_seeds_by_another_number_of_samples_are_left_out(stocked: Store, runs: dict[str, str]) -> None:
    tables = {
        seed: judged("likelihood", stocked, runs[kind], 1, resources.settings(), samples=count)
        for seed, (kind, count) in enumerate((("both", 10), ("seed 1", 10), ("seed 2", 30)))
    }
    said = likelihood.seeds_in_words(tables, 0)
    assert "seed 1" in said and "Only 2 seeds: not enough to conclude." in said
    assert said.endswith("Left out, as measured by another number of samples: seed 2.")
    assert "seed 0, 1." in likelihood.seeds_in_words(tables, 2)


# The figure and the sentences


def table(last_fall: float = 0.5, heavy: float = 0.3, nll: float = 100.0) -> pd.DataFrame:
    blank = {"error": np.nan, "monte_carlo": np.nan, "bias": np.nan}
    shared = {"variant": "vae", "n": 100, "samples": 20}
    rows = [
        shared | {"measure": "nll", "value": nll, "error": 1.0, "monte_carlo": 0.01, "bias": 0.02},
        shared | blank | {"measure": "bound", "value": nll + 5, "error": 1.0},
        shared | blank | {"measure": "gap", "value": 5.0, "error": 0.1},
        shared | blank | {"measure": "effective_samples", "value": 7.25},
        shared | blank | {"measure": "heavy_tails", "value": heavy},
        shared | blank | {"measure": "nll_by_samples", "samples": 20, "value": nll},
        shared | blank | {"measure": "nll_by_samples", "samples": 1, "value": nll + 5},
        shared | blank | {"measure": "nll_by_samples", "samples": 10, "value": nll + last_fall},
    ]
    return pd.DataFrame(rows)


def test_what_to_notice_follows_the_numbers() -> None:
    said = likelihood.notice(table())
    assert "−log p(x) is 100.00 nats (95 % interval over 100 test images 98.04 to 101.96)" in said
    assert "the bound is 5.00 nats higher" in said
    assert "From 10 samples to 20 the estimate fell by 0.50 nats: more would lower it further" in said
    assert "For 30% of the images" in said
    calm = likelihood.notice(table(last_fall=0.01, heavy=0.0))
    assert "fell by 0.01 nats: more would change little" in calm and "of the images a few" not in calm
    assert "of the images a few" not in likelihood.notice(table(heavy=np.nan)), "nobody knows"


def test_a_model_that_never_paid_a_kl_is_told_apart() -> None:
    assert likelihood.without_prior(table()) == []
    (said,) = likelihood.without_prior(table().assign(variant="noise_only"))
    assert "The model with noise only was trained without a KL" in said


def test_seeds_get_an_interval_from_three_on() -> None:
    tables = {seed: table(nll=value) for seed, value in enumerate((99.0, 100.0, 101.0))}
    assert "Mean 100.00, 95 % interval over 3 seeds 97.52 to 102.48." in likelihood.seeds_in_words(tables, 0)
    del tables[1]
    assert "interval" not in likelihood.seeds_in_words(tables, 0)
    both = {
        seed: pd.concat([one, one.assign(variant="noise_only", value=one["value"] + 9)]) for seed, one in tables.items()
    }
    assert "not enough to conclude" in likelihood.seeds_in_words(both, 0)


def test_the_figure_draws_estimates_in_the_order_of_their_samples() -> None:
    given = table()
    drawing = nll_by_samples(given[given["measure"] == "nll_by_samples"])
    (line,) = drawing.data
    assert list(line.x) == [1, 10, 20] and list(line.y) == [0.0, -4.5, -5.0]
    assert list(line.customdata) == [105.0, 100.5, 100.0]
    assert drawing.layout.xaxis.type == "log"
