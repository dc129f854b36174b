"""Yardsticks, the tab Samples: as Streamlit's own test runner sees it, and its sentences from made-up numbers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest
from lessons import CONFIGS, done, notices, numbers_missing, press, until
from paging import open_page, open_tab, texts
from streamlit.testing.v1 import AppTest

from pages.sections.yardsticks import samples
from pages.sections.yardsticks.samples import cells, notice, summary
from vae.figures.in_words import in_words
from vae.figures.style import VARIANT_SHORT
from vae.figures.yardsticks.sample_scores import SCORE_TITLES, WAY_TITLES, sample_score
from vae.measuring import KINDS, MEASUREMENTS
from vae.store.measurements import keep_measurement, measurement
from vae.store.runs import Store

SCORES = list(SCORE_TITLES)
AE, VAE = VARIANT_SHORT["ae"], VARIANT_SHORT["vae"]


def judged_of(app: AppTest) -> pd.DataFrame | None:
    return next((element.value for element in app.dataframe if "Pictures" in element.value.columns), None)


def test_samples_are_judged_when_asked_for_and_kept(stocked: Store, runs: dict[str, str]) -> None:
    app = open_tab(open_page("yardsticks.py", run=runs["3-D"]), "Samples")
    assert judged_of(app) is None
    press(app, "Judge samples")
    until(app, lambda app: judged_of(app) is not None)
    table, shown = measurement(stocked, runs["3-D"], 2, KINDS["samples"]), judged_of(app)
    assert list(shown["Pictures"]) == [f"{name}, {way}" for name in (AE, VAE) for way in WAY_TITLES.values()] + [
        "Real images in their place"
    ]
    first = table.iloc[0]["value"]
    assert shown["Fréchet distance"][0].startswith(f"{first:.2f} ± ")
    assert numbers_missing(app) == []
    said = texts(app)
    assert "5 draws of 297 pictures each. Intervals: 95 %, over draws of pictures from this one run (seed 0)." in said
    assert f"No term of the loss makes codes follow N(0, I): {AE}." in said
    assert "there are 297 of both" in said and "Of the networks at epoch 2." in said
    (told,) = notices(app)
    assert f"{AE} {first:.2f}; {VAE} " in told
    assert told.count("Only one seed: not enough to conclude.") == 1
    assert "Train 2 more seeds for a verdict" in [button.label for button in app.button]


@pytest.mark.slow
def test_other_seeds_are_measured_on_request_and_then_there_is_a_verdict(
    stocked: Store, runs: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [done(stocked, CONFIGS["3-D"].model_copy(update={"seed": seed})) for seed in (1, 2)]
    for run_id, table in ((runs["3-D"], made()), (others[0], made(ae_prior_frechet_distance=3.0))):
        keep_measurement(stocked, run_id, 2, KINDS["samples"], table.drop(columns="seed"))
    app = open_tab(open_page("yardsticks.py", run=runs["3-D"]), "Samples")
    assert "Only 2 seeds: not enough to conclude." in notices(app)[0]
    assert judged_of(app)["Fréchet distance"][0] == "1.00 ± 0.28", "this run alone"
    with monkeypatch.context() as context:
        context.setitem(MEASUREMENTS, "samples", lambda *_: 1 / 0)
        press(app, "Measure 1 more seed")
        until(app, lambda app: app.error)
        assert app.error[0].value == "Seed 2: Measuring broke off: ZeroDivisionError: division by zero."
    press(app, "Try again")
    until(app, lambda app: "mean over 3 seeds" in notices(app)[0])
    app.run()
    third = measurement(stocked, others[1], 2, KINDS["samples"]).iloc[0]["value"]
    values = [1.0, 3.0, third]
    assert judged_of(app)["Fréchet distance"][0].startswith(f"{np.mean(values):.2f} ± ")
    assert "Intervals: 95 %, over 3 seeds." in texts(app)
    assert not app.error and not [button for button in app.button if "more seed" in button.label]
    keep_measurement(stocked, runs["3-D"], 1, KINDS["samples"], made().drop(columns="seed"))
    earlier = open_tab(open_page("yardsticks.py", run=runs["3-D"], epoch="1"), "Samples")
    assert "over draws of pictures from this one run" in texts(earlier), "others are measured at their end"


def test_grey_pictures_beside_black_and_white_images_are_told(stocked: Store, runs: dict[str, str]) -> None:
    run = stocked.run(runs["3-D"])
    assert "black and white" not in samples.how(run, 2, made())
    binary = run.config.model_copy(update={"binarisation": "static"})
    assert "black and white" in samples.how(dataclasses.replace(run, config=binary), 2, made())


def made(seed: int = 0, draws: int = 5, error: float = 0.1, **values: float) -> pd.DataFrame:
    """A table of one run: for each score and way `values` of ae_, vae_ and real_, 1 unless given."""
    rows = []
    for name in ("ae", "vae"):
        for way in WAY_TITLES:
            rows += [(name, way, score, values.get(f"{name}_{way}_{score}", 1.0)) for score in SCORES]
    rows += [("", "real", score, values.get(f"real_{score}", 1.0)) for score in SCORES]
    table = pd.DataFrame(rows, columns=["variant", "way", "score", "value"])
    return table.assign(measure=table["score"], seed=seed, draws=draws, error=error, n=50)


def of_seeds(*tables: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(tables, ignore_index=True)


def row(table: pd.DataFrame, variant: str = "ae", way: str = "prior", score: str = "frechet_distance") -> pd.Series:
    return table[(table["variant"] == variant) & (table["way"] == way) & (table["score"] == score)].iloc[0]


def test_intervals_are_over_draws_of_one_run_and_over_seeds_of_three() -> None:
    one = row(summary(made()))
    assert (one["value"], one["seeds"]) == (1.0, 1) and round(one["half"], 4) == 0.2776  # t₄ = 2.776
    values = [1.0, 2.0, 6.0]
    three = [made(seed=seed, ae_prior_frechet_distance=value) for seed, value in enumerate(values)]
    two = row(summary(of_seeds(*three[1:])))
    assert (two["value"], two["seeds"]) == (2.0, 1), "of the first, which is the chosen run"
    all_three = row(summary(of_seeds(*three)))
    half = 4.302653 * np.std(values, ddof=1) / 3**0.5
    assert (all_three["value"], all_three["seeds"]) == (3.0, 3) and round(all_three["half"] - half, 4) == 0
    assert np.isnan(row(summary(made(draws=1, error=np.nan)))["half"])


def test_the_table_shows_what_is_known() -> None:
    table = cells(summary(made(ae_prior_frechet_distance=12.344, vae_mixture_sample_recall=np.nan)))
    assert table.iloc[0]["Fréchet distance"] == "12.34 ± 0.28"
    assert table.iloc[5]["Recall"] == "–"
    assert cells(summary(made(draws=1, error=np.nan))).iloc[0]["Precision"] == "1.000"


def test_what_to_notice_follows_the_numbers() -> None:
    apart = notice(made(ae_prior_frechet_distance=60.0, vae_prior_frechet_distance=20.0, ae_mixture_frechet_distance=9))
    assert f"Fréchet distance, codes from N(0, I) (mean over 5 draws): {AE} 60.00; {VAE} 20.00." in apart
    assert f"{VAE} is lower than {AE} by 40.00" in apart
    assert f"{AE} 9.00; {VAE} 1.00. In this one run: {VAE} is lower than {AE} by 8.00" in apart
    turned = notice(made(ae_prior_frechet_distance=20.0, vae_prior_frechet_distance=60.0))
    assert f"{VAE} is higher than {AE} by 40.00" in turned
    same = notice(made())
    assert f"no clear difference between {AE} and {VAE}" in same and "lower" not in same and "higher" not in same
    for told in (apart, turned, same):
        assert told.count("Only one seed: not enough to conclude.") == 1


def test_what_to_notice_concludes_from_three_seeds_on() -> None:
    tables = [made(seed=seed, ae_prior_frechet_distance=60 + seed) for seed in range(3)]
    two, three = notice(of_seeds(*tables[:2])), notice(of_seeds(*tables))
    assert "Only 2 seeds: not enough to conclude." in two and "is lower" not in two
    assert "(mean over 3 seeds)" in three and "not enough" not in three
    assert f"Over 3 seeds, seed by seed: {VAE} is lower than {AE} by 60.00" in three


def test_a_precision_above_that_of_real_images_is_no_praise() -> None:
    low = {"ae_prior_sample_precision": 0.8, "ae_gaussian_sample_precision": 0.91, "error": 0.01}
    above = notice(made(real_sample_precision=0.9, **low))
    assert "Precision is clearly above that of real images, 0.900: " in above
    said = above.partition("real images, 0.900:")[2]
    assert f" {AE} from a fitted mixture" in said and f" {AE} from N(0, I)" not in said
    assert f" {AE} from a fitted Gaussian" not in said, "by chance"
    assert "No precision is clearly above that of real images, 1.000." in notice(made())
    unknown = notice(made(draws=1, error=np.nan, real_sample_precision=0.1))
    assert "No precision is clearly above" in unknown
    without = notice(made()[lambda table: table["variant"] != ""])
    assert "real images" not in without


def test_a_precision_above_that_of_real_images_is_judged_seed_by_seed() -> None:
    tables = [
        made(seed=seed, real_sample_precision=0.9, ae_prior_sample_precision=0.91 + 0.01 * seed * (-1) ** seed)
        for seed in range(3)
    ]
    said = notice(of_seeds(*tables)).partition("real images, 0.900:")[2]
    assert f" {VAE} from N(0, I)" in said and f" {AE} from N(0, I)" not in said
    assert "clearly" not in notice(of_seeds(*tables[:2])), "two seeds tell nothing"


def test_the_floor_is_named_or_missed() -> None:
    assert samples.real_images(made(draws=3)) == ("Dashed: 3 sets of as many training images in the pictures' place.")
    lacking = samples.real_images(made()[lambda table: table["variant"] != ""])
    assert "fewer training images than test images" in lacking


def test_the_figure_has_a_dot_for_each_model_and_way_and_a_line_for_real_images() -> None:
    scores = summary(made(ae_prior_frechet_distance=60.0, real_frechet_distance=2.0, vae_mixture_frechet_distance=9.0))
    given = scores.copy()
    drawing = sample_score(scores, "frechet_distance")
    pd.testing.assert_frame_equal(scores, given)
    assert [trace.name for trace in drawing.data] == [AE, VAE, "Real images"]
    assert list(drawing.data[0].x) == list(WAY_TITLES.values()) and list(drawing.data[0].y) == [60, 1, 1]
    assert list(drawing.data[1].y) == [1, 1, 9] and round(drawing.data[1].error_y.array[2], 3) == 0.278
    assert [(line.y0, line.y1) for line in drawing.layout.shapes] == [(2.0, 2.0)]
    assert f"{AE}: 60 at N(0, I), 1 at a fitted mixture." in in_words(drawing)
    assert drawing.layout.shapes[0].name == "Real images" and drawing.layout.shapes[0].showlegend
    bare = sample_score(scores[scores["variant"] != ""], "sample_recall")
    assert len(bare.layout.shapes) == 0 and len(bare.data) == 2
