"""Scores of hand-made codes with known answers, against scikit-learn and a plain loop; and of a stored run."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import log

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import mutual_info_score

from vae.analysis import disentangle
from vae.analysis.codes import Codes
from vae.analysis.disentangle import (
    entropies,
    factor_vae_score,
    mig_by_chance,
    mutual_information,
    mutual_information_gap,
    scores,
)
from vae.config import RunConfig
from vae.errors import InputError
from vae.measuring import disentanglement_of, grid_of, images_of, models_of
from vae.runs.execution import execute
from vae.settings import Settings
from vae.store.runs import Store

SIZES = (6, 6, 8, 8)
FACTORS = np.array(list(product(*map(range, SIZES))))  # (2304, 4), every combination once
ROTATION = np.array([[1, -1], [1, 1]]) / np.sqrt(2)


def standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(axis=0)) / values.std(axis=0)


PERFECT = standard(FACTORS)


def in_pairs() -> np.ndarray:
    """Dimensions 1 and 2 turned by 45° against the factors, and 3 and 4 likewise."""
    return np.hstack([PERFECT[:, :2] @ ROTATION, PERFECT[:, 2:] @ ROTATION])


def random(latent_dim: int = 4, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(FACTORS), latent_dim))


def votes(codes: np.ndarray, factors: np.ndarray = FACTORS, seed: int = 0, **options: int) -> float:
    return factor_vae_score(codes, factors, torch.Generator().manual_seed(seed), **options)


# A dimension for each factor


def test_perfect_codes_score_one() -> None:
    """Exactly: each of a factor's few values has a bin to itself."""
    for codes in (PERFECT, -3 * PERFECT + 7, PERFECT[:, [2, 0, 3, 1]]):
        assert mutual_information_gap(codes, FACTORS) == pytest.approx(1, abs=1e-12)
        assert votes(codes) == 1


def test_a_factor_with_more_values_than_bins_can_not_score_one() -> None:
    """40 values in 20 bins: of ln 40 nats ln 20 are left."""
    factors = np.array(list(product(range(40), range(10))))
    information = mutual_information(factors, factors)
    assert information[0, 0] == pytest.approx(log(20))
    assert mutual_information_gap(factors, factors) == pytest.approx((log(20) / log(40) + 1) / 2)
    assert mutual_information_gap(factors, factors, bins=40) == pytest.approx(1)


def test_an_uneven_scale_costs_information() -> None:
    """Bins are equally wide: 2ⁿ for n = 0 … 7 leaves 1, 2, 4 (of 0 … 127, in bins of 6.4) in one bin."""
    factors = FACTORS[:, [3]]
    bins_of = np.array([0, 0, 0, 1, 2, 4, 9, 19])
    share = np.unique(bins_of, return_counts=True)[1] / 8
    assert mutual_information(2.0**factors, factors)[0, 0] == pytest.approx(-(share * np.log(share)).sum())


# Turned codes


def test_codes_turned_by_45_degrees_in_pairs_have_no_gap() -> None:
    """Both dimensions of a pair know as much of a factor: nothing is known less than by the perfect codes, in all."""
    assert abs(mutual_information_gap(in_pairs(), FACTORS)) < 0.02


def test_the_votes_of_turned_codes_are_right_half_of_the_time() -> None:
    """Of a pair's two factors a vote can't tell which was fixed: both dimensions then vary half as much."""
    assert votes(in_pairs(), votes=8000) == pytest.approx(0.5, abs=0.03)
    assert votes(PERFECT) - votes(in_pairs()) > 0.4


# Codes that know nothing


def test_random_codes_score_what_chance_gives() -> None:
    values, by_chance = [], []
    for seed in range(4):
        codes = random(6, seed)
        values.append(mutual_information_gap(codes, FACTORS))
        by_chance.append(mig_by_chance(codes, FACTORS, torch.Generator().manual_seed(seed)))
        assert votes(codes, seed=seed) == pytest.approx(1 / 4, abs=0.06)  # ± 4 standard errors of 800 votes
    assert 0 < np.mean(by_chance) < 0.005
    assert np.mean(values) == pytest.approx(np.mean(by_chance), abs=0.003)


def test_chance_is_that_of_these_codes_with_the_factors_of_other_images() -> None:
    """It does not see what the codes know."""
    assert mig_by_chance(PERFECT, FACTORS, torch.Generator().manual_seed(0)) < 0.005


# Dimensions that are dead, alone or all there is


def test_a_dead_dimension_casts_no_votes() -> None:
    """By itself it would win every vote on chance alone, had its noise no variance to be compared with."""
    dead = np.column_stack([PERFECT, 1e-3 * random(1)])
    assert votes(dead) == 1
    flat = np.column_stack([np.zeros(len(FACTORS)), PERFECT])
    assert votes(flat) == 1, "0 / 0 would have won every vote"
    assert mutual_information_gap(flat, FACTORS) == pytest.approx(1, abs=1e-12)
    noise = np.column_stack([in_pairs(), 0.06 * random(1)])
    assert disentangle.LEAST_STD == 0.05 and noise[:, 4].std() > 0.05
    without = np.column_stack([in_pairs(), 0.04 * random(1)])
    assert votes(without) == votes(in_pairs()), "nothing of it is left in the count"


def test_the_only_dimension_has_a_second_best_that_knows_nothing() -> None:
    """One of four factors is known whole, the others not at all: 1/4 of the gap, and of the votes."""
    assert mutual_information_gap(PERFECT[:, [1]], FACTORS) == pytest.approx(1 / 4, abs=1e-12)
    assert votes(PERFECT[:, [1]]) == pytest.approx(1 / 4, abs=0.06)


def test_two_dimensions_for_one_factor_are_punished_by_one_score_only() -> None:
    twice = np.column_stack([PERFECT, PERFECT[:, 0]])
    assert mutual_information_gap(twice, FACTORS) == pytest.approx(3 / 4, abs=1e-12)
    assert votes(twice) == 1


def test_constant_codes_score_nothing() -> None:
    flat = np.full((len(FACTORS), 3), 0.7)
    assert mutual_information_gap(flat, FACTORS) == 0
    assert votes(flat) == 0, "no dimension is left to vote"


def test_a_factor_with_one_value_does_not_count() -> None:
    fixed = FACTORS[FACTORS[:, 1] == 4]
    codes = standard(fixed[:, [0, 2, 3]])
    assert entropies(fixed)[1] == 0
    assert mutual_information_gap(codes, fixed) == pytest.approx(1, abs=1e-12)
    assert votes(codes, fixed) == 1
    table = scores(Codes(random(2)[: len(fixed)].astype(np.float32), None), fixed, seed=0)
    assert table.set_index("score").chance["factor_vae"] == pytest.approx(1 / 3)
    alone = np.zeros((5, 2), dtype=int)
    assert np.isnan(mutual_information_gap(np.eye(5), alone))
    assert np.isnan(votes(np.eye(5), alone))
    assert scores(Codes(np.eye(5, dtype=np.float32), None), alone, seed=0)[["value", "chance"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("codes", "factors"),
    [
        (np.zeros((4, 2)), np.zeros((5, 2), dtype=int)),
        (np.zeros(4), np.zeros((4, 2), dtype=int)),
        (np.zeros((4, 2)), np.zeros(4, dtype=int)),
        (np.zeros((0, 2)), np.zeros((0, 2), dtype=int)),
    ],
)
def test_codes_that_do_not_fit_their_factors_are_refused(codes: np.ndarray, factors: np.ndarray) -> None:
    for score in (mutual_information, mutual_information_gap, votes):
        with pytest.raises(ValueError, match="don't fit"):
            score(codes, factors)


# Against others


def entangled() -> np.ndarray:
    mixed = PERFECT @ np.random.default_rng(5).normal(size=(4, 3)) + 0.5 * random(3)
    return np.column_stack([np.tanh(mixed), PERFECT[:, 2] + 0.3 * random(1)[:, 0]])


def test_mutual_information_is_scikit_learns_of_the_binned_codes() -> None:
    codes, found = entangled(), mutual_information(entangled(), FACTORS)
    for j, k in product(range(4), range(4)):
        binned = np.digitize(codes[:, j], np.histogram_bin_edges(codes[:, j], 20)[1:-1])
        assert found[j, k] == pytest.approx(mutual_info_score(binned, FACTORS[:, k]), abs=1e-9)
    first, second = np.sort(found, axis=0)[[-1, -2]]
    assert mutual_information_gap(codes, FACTORS) == pytest.approx(((first - second) / np.log(SIZES)).mean())


def test_votes_are_those_of_a_plain_loop() -> None:
    codes, rng = entangled(), np.random.default_rng(7)

    def half(count: int) -> np.ndarray:
        table = np.zeros((4, 4))
        for _ in range(count):
            k = rng.integers(4)
            value = rng.integers(SIZES[k])
            rows = rng.choice(np.flatnonzero(FACTORS[:, k] == value), disentangle.VOTE_BATCH)
            table[np.argmin(codes[rows].var(axis=0) / codes.var(axis=0)), k] += 1
        return table

    learnt, scored = half(2000), half(2000)
    expected = sum(scored[j, learnt[j].argmax()] for j in range(4)) / 2000
    assert 0.3 < expected < 0.95, "neither chance nor certain"
    assert votes(codes, votes=4000) == pytest.approx(expected, abs=0.05)


def test_votes_are_learnt_from_one_half_and_scored_on_the_other() -> None:
    """With as many dimensions as votes, each vote could name its own factor if it were scored on itself."""
    assert votes(random(200), votes=200) < 0.5


# All scores of one code


def test_the_table_names_scores_and_codes() -> None:
    codes = Codes(PERFECT.astype(np.float32), np.full(PERFECT.shape, 0.4, dtype=np.float32))
    table = scores(codes, FACTORS, seed=3)
    assert list(table.columns) == disentangle.SCORE_COLUMNS
    assert list(zip(table.score, table.codes, strict=True)) == [
        ("mig", "mean"),
        ("mig", "sample"),
        ("factor_vae", "mean"),
    ]
    mean, sample, factor_vae = table.value
    assert (mean, factor_vae) == (pytest.approx(1), 1)
    assert 0.2 < sample < 0.9, "noise that hides neighbouring values costs samples, not means"
    assert table.chance.iloc[2] == 1 / 4
    pd.testing.assert_frame_equal(table, scores(codes, FACTORS, seed=3))
    assert scores(codes, FACTORS, seed=4).value[1] != sample
    assert list(scores(Codes(codes.mu, None), FACTORS, seed=3).codes) == ["mean", "mean"]


# Of stored runs

TINY = RunConfig(dataset="shapes", epochs=1, hidden=(8,), latent_dim=3, train_limit=64, validation_size=16)


@pytest.fixture
def run_id(store: Store, settings: Settings) -> Iterator[str]:
    run_id = store.create(TINY.model_copy(update={"variants": ("ae", "kl_only", "vae")}), "test")
    assert execute(store, run_id, settings) == "done"
    return run_id


def test_a_run_is_scored_on_the_whole_grid_once(
    store: Store, settings: Settings, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares: list[float] = []
    table = disentanglement_of(store, run_id, 1, settings, lambda share, what: shares.append(share))
    assert (shares[0], shares[-1]) == (0.0, 1.0) and shares == sorted(shares)
    assert set(table.n) == {6144} and set(table.seed) == {0}
    sampled = table[table.codes == "sample"].variant
    assert list(sampled) == ["vae"], "the others never sample"
    run = store.run(run_id)
    x, factors = grid_of(images_of(store, run, settings))
    assert (x.shape, factors.shape) == ((6144, 1024), (6144, 5))
    with torch.inference_mode():
        mu = models_of(store, run, 1)["ae"].encoder(torch.from_numpy(x))[0].numpy()
    of_ae = table[(table.variant == "ae") & (table.score == "mig")].value.item()
    assert of_ae == pytest.approx(mutual_information_gap(mu, factors), abs=1e-6)
    monkeypatch.setattr(disentangle, "scores", lambda *_: pytest.fail("this was kept"))
    pd.testing.assert_frame_equal(disentanglement_of(store, run_id, 1, settings), table)


def test_what_can_not_be_scored_is_told_in_a_sentence(store: Store, settings: Settings, run_id: str) -> None:
    with pytest.raises(InputError, match="epoch 7"):
        disentanglement_of(store, run_id, 7, settings)
    digits = store.create(TINY.model_copy(update={"dataset": "digits"}), "test")
    assert execute(store, digits, settings) == "done"
    with pytest.raises(InputError, match=r"^What the images of digits .* known for strokes, shapes, shapes_colour\.$"):
        disentanglement_of(store, digits, 1, settings)
