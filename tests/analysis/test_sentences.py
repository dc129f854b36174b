"""Sentences about comparisons: intervals against scipy's own tests, and every way the numbers may come out."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy import stats

from vae.analysis import sentences
from vae.analysis.comparing import Difference
from vae.analysis.sentences import Mean, Quantity, conclusion, images, over_drawn, over_images, over_seeds

MSE = Quantity("Squared error per pixel", "200 validation images", ".4f")
NATS = Quantity("Loss, nats per image", "297 test images")
RANKS = re.compile(r"\b(best|worst|least|most|highest|lowest)\b")
HARD = np.random.default_rng(0).normal(0.04, 0.01, 200)  # how hard each image is: the same for all models


def test_which_images_is_said_with_their_number() -> None:
    assert images(200, "validation") == images(200, "validation", 200) == "200 validation images"
    assert images(2000, "validation", 5000) == "2,000 of 5,000 validation images"
    assert images(1, "test") == "1 test image"


def test_images_are_compared_one_by_one() -> None:
    """Images differ by far more than models: the intervals of the means overlap, that of the pairs holds no 0."""
    noise = np.random.default_rng(1).normal(0.001, 0.001, 200)
    a, b = HARD, HARD + noise
    interval = stats.ttest_rel(b, a).confidence_interval(0.95)
    spread = 1.96 * HARD.std(ddof=1) / np.sqrt(200)
    assert b.mean() - spread < a.mean() + spread, "drawn as bars, they overlap"
    assert over_images(MSE, {"AE": a, "VAE": b}) == (
        f"Squared error per pixel (mean over 200 validation images): AE {a.mean():.4f}; VAE {b.mean():.4f}. In this "
        f"one run, image by image: VAE is higher than AE by {noise.mean():.4f} (95 % interval {interval.low:.4f} to "
        f"{interval.high:.4f}). Only one seed: not enough to conclude."
    )
    assert "VAE is lower than AE" in over_images(MSE, {"AE": b, "VAE": a})


def test_an_interval_that_holds_0_is_no_clear_difference() -> None:
    noise = np.random.default_rng(2).normal(0, 0.01, 200)
    assert stats.ttest_rel(HARD + noise, HARD).pvalue > 0.05
    said = over_images(MSE, {"AE": HARD, "VAE": HARD + noise})
    assert "no clear difference between AE and VAE" in said and "higher" not in said and "lower" not in said


def test_ties_in_the_digits_shown_are_no_ranking() -> None:
    """Every image a little worse, by less than a reader can see."""
    said = over_images(MSE, {"AE": np.full(50, 0.04350), "VAE": np.full(50, 0.04351)})
    assert said.startswith("Squared error per pixel (mean over 200 validation images): AE 0.0435; VAE 0.0435. ")
    assert "no clear difference between AE and VAE" in said


def test_each_is_compared_with_the_first_only() -> None:
    said = over_images(MSE, {"AE": HARD, "from the mean": HARD.copy(), "from a sample": HARD + 0.01})
    assert "no clear difference between AE and from the mean; from a sample is higher than AE by 0.0100" in said


def test_one_way_to_rebuild_is_compared_with_nothing() -> None:
    said = over_images(MSE, {"AE": HARD})
    assert said == f"Squared error per pixel (mean over 200 validation images): AE {HARD.mean():.4f}."


@pytest.mark.parametrize("count", [1, 2])
def test_two_images_tell_nothing(count: int) -> None:
    said = over_images(MSE, {"AE": HARD[:count], "VAE": HARD[:count] + 1})
    assert "image by image" not in said and said.endswith("Only one seed: not enough to conclude.")


def test_seeds_are_compared_seed_by_seed() -> None:
    a, b = {0: 25.0, 1: 30.0, 2: 20.0}, {0: 25.5, 1: 30.6, 2: 20.4}
    interval = stats.ttest_rel(list(b.values()), list(a.values())).confidence_interval(0.95)
    assert over_seeds(NATS, {"trick": a, "score": b}) == (
        "Loss, nats per image (mean over 297 test images): trick 25.00; score 25.50. Over 3 seeds, seed by seed: "
        f"score is higher than trick by 0.50 (95 % interval {interval.low:.2f} to {interval.high:.2f})."
    )
    assert "score is lower than trick by 0.50" in over_seeds(NATS, {"trick": b, "score": a})


@pytest.mark.parametrize(("seeds", "end"), [(1, "Only one seed"), (2, "Only 2 seeds")])
def test_few_seeds_conclude_nothing(seeds: int, end: str) -> None:
    values = {"trick": dict.fromkeys(range(seeds), 25.0), "score": dict.fromkeys(range(seeds), 35.0)}
    said = over_seeds(NATS, values)
    assert said.endswith(f": trick 25.00; score 35.00. {end}: not enough to conclude.")


def test_only_seeds_that_all_have_are_compared() -> None:
    values = {"a": {0: 1.0, 1: 2.0, 2: 3.0, 9: 100.0}, "b": {0: 2.0, 1: 3.0, 2: 4.0, 3: float("nan"), 9: float("nan")}}
    assert "a 2.00; b 3.00. Over 3 seeds" in over_seeds(NATS, values)
    assert "no seed has a value of each" in over_seeds(NATS, {"a": {0: 1.0}, "b": {1: 1.0}})


def test_what_is_drawn_is_compared_as_welch_has_it() -> None:
    random = np.random.default_rng(3)
    a, b = random.normal(1, 1, 40), random.normal(2, 3, 60)
    found = sentences.welch(*(Mean(x.mean(), x.std(ddof=1) / len(x) ** 0.5, len(x)) for x in (a, b)))
    interval = stats.ttest_ind(b, a, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), rel=1e-9)
    assert sentences.welch(Mean(1, 0, 5), Mean(1, 0, 5)).judgement == "equal"


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (Mean(1.5, 0.05, 100), "VAE is higher than AE by 0.50"),
        (Mean(0.5, 0.05, 100), "VAE is lower than AE by 0.50"),
        (Mean(1.05, 0.05, 100), "no clear difference between AE and VAE"),
    ],
)
def test_drawn_pictures_in_words(other: Mean, said: str) -> None:
    whole = over_drawn(NATS, {"AE": Mean(1.0, 0.05, 100), "VAE": other})
    assert f"In this one run: {said}" in whole and whole.endswith(conclusion(1))


@pytest.mark.parametrize("scale", [-0.01, 0.0, 0.01])
def test_one_seed_never_calls_anything_best_or_worst(scale: float) -> None:
    said = [
        over_images(MSE, {"AE": HARD, "VAE": HARD + scale}),
        over_seeds(NATS, {"AE": {0: 1.0}, "VAE": {0: 1 + scale}}),
        over_drawn(NATS, {"AE": Mean(1, 0.1, 9), "VAE": Mean(1 + scale, 0.1, 9)}),
        sentences.listed(NATS, {"AE": 1.0, "VAE": 1 + scale}, 1),
    ]
    for text in said:
        assert not RANKS.search(text), text
        assert text.endswith("Only one seed: not enough to conclude.")
        assert "(mean over " in text


def test_values_listed_over_enough_seeds_need_no_warning() -> None:
    assert sentences.listed(NATS, {"AE": 1.0, "VAE": 2.0}, 3).endswith("AE 1.00; VAE 2.00.")
    assert sentences.listed(NATS, {"AE": -1.0}, 1).endswith(": AE −1.00.")


def test_a_tied_difference_decides_nothing() -> None:
    assert Difference(0.1, 0.05, 0.15, 3, tied=True).judgement == "open"
    assert Difference(-0.1, -0.15, -0.05, 3, tied=True).judgement == "open"


def test_a_paragraph_warns_once_and_at_its_end() -> None:
    one, two = conclusion(1), conclusion(2)
    assert sentences.together(f"A. {one}", "", f"B. {one}", "C.") == f"A. B. {one} C."
    assert sentences.together("A.", f"B. {two}", f"C. {two}") == f"A. B. C. {two}"
    assert sentences.together("A.", conclusion(3)) == "A."
