"""Yardsticks, anomalies, as Streamlit's own test runner sees it: how to train such a run, and what is told of one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import postgres
import pytest
import torch
from lessons import done, labels, notices, numbers_missing, press, until
from paging import open_page, open_tab, texts, unescaped
from sklearn.metrics import roc_auc_score
from streamlit.testing.v1 import AppTest

from pages.sections.yardsticks import anomalies, class_learnt, stranger_images
from vae import datasets
from vae.config import RunConfig
from vae.figures.style import VARIANT_SHORT
from vae.measuring import KINDS, models_of
from vae.store.measurements import measurement
from vae.store.runs import Store

TINY = RunConfig(epochs=1, hidden=(8,), train_limit=200, validation_size=50)
WITHOUT = TINY.model_copy(update={"held_out_class": "8"})


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """In the place of that of lessons.py: a run that has learnt every class, and three seeds that have never seen 8."""
    with postgres.settings_for(tmp_path_factory.mktemp("library")) as settings:
        store = Store(settings.database_url)
        configs = {"every class": TINY} | {
            f"seed {seed}": WITHOUT.model_copy(update={"seed": seed}) for seed in range(3)
        }
        yield settings.database_url, {kind: done(store, config, settings) for kind, config in configs.items()}


def page(run_id: str) -> AppTest:
    return open_tab(open_page("yardsticks.py", run=run_id), "Anomalies")


def table_of(app: AppTest) -> pd.DataFrame | None:
    return next((element.value for element in app.dataframe if "By" in element.value.columns), None)


def test_a_run_that_learnt_every_class_says_how_to_train_one_that_has_not(stocked: Store, runs: dict[str, str]) -> None:
    app = page(runs["every class"])
    assert "there is none that could surprise it" in texts(app)
    (choice,) = (box for box in app.selectbox if box.label == "Class to keep from training")
    assert choice.options == list("0123456789") and choice.value == "9"
    press(app, "Train it without class 9")
    assert stocked.runs()[0].config == TINY.model_copy(update={"held_out_class": "9"})
    app = page(runs["every class"])
    next(box for box in app.selectbox if box.label == "Class to keep from training").set_value("8").run()
    app = press(app, "Look at the run without class 8")
    assert app.query_params["run"] == [runs["seed 0"]] or app.query_params["run"] == runs["seed 0"]


def test_areas_of_one_run_and_then_over_seeds(stocked: Store, runs: dict[str, str]) -> None:
    app = page(runs["seed 1"])
    assert "This run has never seen class **8**" in texts(app) and table_of(app) is None
    app = until(press(app, "Measure"), lambda app: table_of(app) is not None)
    kept = measurement(stocked, runs["seed 1"], 1, KINDS["anomalies"])
    areas = kept.dropna(subset="value").set_index(["variant", "measure"])
    shown = table_of(app).set_index("By")
    assert list(shown.columns) == ["AE", "VAE"]
    row = areas.loc[("vae", "anomaly_auc")]
    assert shown.loc["Squared error", "VAE"] == f"{row['value']:.3f} ± {1.96 * row['error']:.3f}"
    assert shown.loc["KL", "AE"] == shown.loc["Negative ELBO", "AE"] == "–"
    assert shown.loc["PCA, no network", "AE"].startswith(f"{areas.loc[('', 'anomaly_auc_pca'), 'value']:.3f}")
    (notice,) = (text for text in notices(app) if "Area" in text)
    assert "Only one seed: not enough to conclude." in notice
    assert "Of this one run, ± half of the 95 % interval over its images." in texts(app)

    app = until(press(app, "Measure 2 more seeds"), lambda app: "Mean over 3 seeds" in texts(app))
    found = [measurement(stocked, runs[f"seed {seed}"], 1, KINDS["anomalies"]) for seed in range(3)]
    values = [
        table[(table["variant"] == "ae") & (table["measure"] == "anomaly_auc")]["value"].item() for table in found
    ]
    half = 4.302653 * np.std(values, ddof=1) / np.sqrt(3)
    assert table_of(app).set_index("By").loc["Squared error", "AE"] == f"{np.mean(values):.3f} ± {half:.3f}"
    (notice,) = (text for text in notices(app) if "Area" in text)
    assert "Over 3 seeds, seed by seed:" in notice and "not enough" not in notice
    assert numbers_missing(app) == []
    assert "Measure 2 more seeds" not in labels(app)
    digits = datasets.load("digits", None)
    eights = (digits.test_y == 8).sum()
    assert f"on {eights} test images of class 8" in unescaped(texts(app))
    assert f"and on {297 - eights} test images of the other classes" in unescaped(texts(app))


def test_the_images_rebuilt_best_and_worst_are_those(stocked: Store, runs: dict[str, str]) -> None:
    found = stranger_images.best_and_worst(runs["seed 0"], 1, "8")
    digits = datasets.load("digits", None)
    x = digits.test_x[digits.test_y == 8].astype(np.float32) / 16
    for name, model in models_of(stocked, stocked.run(runs["seed 0"]), 1).items():
        errors = []
        for image in x:
            mu, _ = model.encoder(torch.from_numpy(image[None]))
            errors.append(float(((model.picture(mu).numpy()[0] - image) ** 2).sum()))
        best, rebuilt, worst, _ = found[name]
        np.testing.assert_array_equal(best[0], x[np.argmin(errors)])
        np.testing.assert_array_equal(worst[-1], x[np.argmax(errors)])
        assert ((best[0] - rebuilt[0]) ** 2).sum() == pytest.approx(min(errors), rel=1e-4)


def made(ae: float, vae: float, kl: float, pca: float = 0.6, error: float = 0.02) -> pd.DataFrame:
    rows = [("ae", "anomaly_auc", ae), ("vae", "anomaly_auc", vae), ("vae", "anomaly_auc_kl", kl)]
    rows += [("", "anomaly_auc_pca", pca), ("", "anomaly_auc_mean_image", 0.5)]
    return pd.DataFrame(rows, columns=["variant", "measure", "value"]).assign(error=error)


def test_the_sentence_follows_the_numbers() -> None:
    three = {seed: made(0.7 + seed / 100, 0.9 + seed / 100, 0.1) for seed in range(3)}
    said = anomalies.notice(three, 2, "8")
    assert "Area by squared error (mean over 3 seeds): PCA with 2 numbers 0.600; AE 0.710; VAE 0.910." in said
    assert "VAE is higher than AE by 0.200" in said and "AE is higher than PCA with 2 numbers by 0.110" in said
    assert "KL of the VAE (0.10)" in said and "more familiar" in said

    turned = anomalies.notice({seed: made(0.9 - seed / 100, 0.7 + seed / 100, 0.6) for seed in range(3)}, 1, "8")
    assert "VAE is lower than AE" in turned and "PCA with 1 number " in turned and "familiar" not in turned

    alike = anomalies.notice({seed: made(0.6 + seed / 10, 0.8 - seed / 10, 0.47) for seed in range(3)}, 2, "8")
    assert "no clear difference between AE and VAE" in alike
    assert "familiar" not in alike, "0.47 ± 0.04 may be a guess"

    one = anomalies.notice({4: made(0.9, 0.7, 0.1)}, 2, "8")
    assert "not enough to conclude" in one and "higher" not in one
    assert anomalies.notice({4: made(0.9, 0.7, 0.1)}, 2, "8").count("0.900") == 1


def test_what_an_area_owes_to_the_class_being_new_follows_the_numbers() -> None:
    mine, learnt = {"ae": (0.9, 0.02), "vae": (0.7, 0.02)}, {"ae": (0.6, 0.03), "vae": (0.68, 0.03)}
    new = class_learnt.strange_or_hard(mine, learnt, "8", 4)
    assert "AE 0.600, against 0.900; VAE 0.680, against 0.700." in new and "where the class is new: AE." in new
    hard = class_learnt.strange_or_hard({"ae": (0.7, 0.02)}, {"ae": (0.9, 0.02)}, "8", 4)
    assert "no area is clearly higher" in hard


@pytest.mark.slow
def test_a_run_that_has_learnt_the_class_is_laid_beside(stocked: Store, runs: dict[str, str]) -> None:
    app = until(press(page(runs["seed 0"]), "Measure"), lambda app: table_of(app) is not None)
    (told,) = (text.value for text in app.markdown if "Strange, or just hard?" in text.value)
    digits = datasets.load("digits", None)
    x, eight = torch.from_numpy(digits.test_x.astype(np.float32) / 16), digits.test_y == 8
    for name, model in models_of(stocked, stocked.run(runs["every class"]), 1).items():
        errors = (model.picture(model.encoder(x)[0]) - x).square().sum(dim=1)
        assert f"{VARIANT_SHORT[name]} {roc_auc_score(eight, errors.numpy()):.3f}, against" in told
    app = until(press(page(runs["seed 1"]), "Measure"), lambda app: table_of(app) is not None)
    press(app, "Train the same with class 8: is it strange, or just hard?")
    assert stocked.runs()[0].config == TINY.model_copy(update={"seed": 1})
